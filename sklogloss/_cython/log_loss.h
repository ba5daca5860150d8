/* Log loss. Formulas: log_loss_template.h. */
#ifndef SKLOGLOSS_LOG_LOSS_H
#define SKLOGLOSS_LOG_LOSS_H

#include "loss_functions.h"

/* [0] is for float64, [1] for float32. Log loss has no parameters. The curvature is the second
 * derivative for two classes, else the probabilities. */
extern const skl_loss_functions skl_log_loss_binary[2]; /* target: probability of class 1 */
extern const skl_loss_functions skl_log_loss_index[2];  /* K classes, target: class index */
extern const skl_loss_functions skl_log_loss_soft[2];   /* K classes, target: probabilities */

/* For every loss of two classes whose curvature is the second derivative. */
SKL_CURVATURE_PRODUCT_BLOCK(skl_binary_curvature_product_f64);
SKL_CURVATURE_PRODUCT_BLOCK(skl_binary_curvature_product_f32);
SKL_CURVATURE_ENTRY_BLOCK(skl_binary_curvature_entry_f64);
SKL_CURVATURE_ENTRY_BLOCK(skl_binary_curvature_entry_f32);

#endif
