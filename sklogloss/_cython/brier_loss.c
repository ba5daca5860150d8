#include "brier_loss.h"
#include "log_loss.h"

#define SKL_FLOAT32 0
#include "brier_loss_template.h"
#undef SKL_FLOAT32
#define SKL_FLOAT32 1
#include "brier_loss_template.h"

/* Links, and for two classes what is made of the curvature, are those of log loss. */
#define FUNCTIONS(target_kind, curvature_kind, classes, type)                    \
    {                                                                            \
        .value = skl_brier_loss_##target_kind##_value_##type,                    \
        .gradient = skl_brier_loss_##target_kind##_gradient_##type,              \
        .value_gradient = skl_brier_loss_##target_kind##_value_gradient_##type,  \
        .gradient_hessian = skl_brier_loss_##target_kind##_gradient_hessian_##type, \
        .value_gradient_curvature =                                              \
            skl_brier_loss_##target_kind##_value_gradient_curvature_##type,      \
        .curvature_product = skl_##curvature_kind##_curvature_product_##type,    \
        .curvature_entry = skl_##curvature_kind##_curvature_entry_##type,        \
        .link = skl_log_loss_##classes##_link_##type,                            \
        .log_link = skl_log_loss_##classes##_log_link_##type,                    \
    }

#define FUNCTIONS_OF_BOTH_TYPES(target_kind, curvature_kind, classes) \
    {FUNCTIONS(target_kind, curvature_kind, classes, f64),            \
     FUNCTIONS(target_kind, curvature_kind, classes, f32)}

const skl_loss_functions skl_brier_loss_binary[2] =
    FUNCTIONS_OF_BOTH_TYPES(binary, log_loss_binary, binary);
const skl_loss_functions skl_brier_loss_index[2] =
    FUNCTIONS_OF_BOTH_TYPES(index, brier_loss_multiclass, multiclass);
const skl_loss_functions skl_brier_loss_soft[2] =
    FUNCTIONS_OF_BOTH_TYPES(soft, brier_loss_multiclass, multiclass);
