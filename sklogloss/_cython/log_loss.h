/* Log loss. Formulas: log_loss_template.h. */
#ifndef SKLOGLOSS_LOG_LOSS_H
#define SKLOGLOSS_LOG_LOSS_H

#include "loss_functions.h"

/* [0] is for float64, [1] for float32. */
extern const skl_loss_functions skl_log_loss_binary[2]; /* target: probability of class 1 */
extern const skl_loss_functions skl_log_loss_index[2];  /* K classes, target: class index */
extern const skl_loss_functions skl_log_loss_soft[2];   /* K classes, target: probabilities */

/* Other losses of the same links share these. */
#define SKL_DECLARE_SHARED_FUNCTIONS(type)                                           \
    SKL_CURVATURE_PRODUCT_BLOCK(skl_log_loss_binary_curvature_product_##type);       \
    SKL_CURVATURE_ENTRY_BLOCK(skl_log_loss_binary_curvature_entry_##type);           \
    SKL_LINK_BLOCK(skl_log_loss_binary_link_##type);                                 \
    SKL_LINK_BLOCK(skl_log_loss_binary_log_link_##type);                             \
    SKL_LINK_BLOCK(skl_log_loss_multiclass_link_##type);                             \
    SKL_LINK_BLOCK(skl_log_loss_multiclass_log_link_##type);

SKL_DECLARE_SHARED_FUNCTIONS(f64)
SKL_DECLARE_SHARED_FUNCTIONS(f32)

#endif
