/* The C functions of a loss for one floating type. Argument meanings: loss_kernel.pxd. */
#ifndef SKLOGLOSS_LOSS_FUNCTIONS_H
#define SKLOGLOSS_LOSS_FUNCTIONS_H

#include <stddef.h>

/* Each macro makes a function type of a name: for the pointers below and for the definitions. */
#define SKL_LOSS_BLOCK(name)                                                                    \
    void name(ptrdiff_t n_rows, ptrdiff_t n_columns, ptrdiff_t stride,                          \
              const void *target, ptrdiff_t target_stride, const void *raw_prediction,          \
              const double *parameter, void *value, void *gradient, void *hessian)

#define SKL_CURVATURE_PRODUCT_BLOCK(name)                                                       \
    void name(ptrdiff_t n_rows, ptrdiff_t n_columns, ptrdiff_t stride,                          \
              const void *curvature, ptrdiff_t curvature_stride, void *direction)

#define SKL_CURVATURE_ENTRY_BLOCK(name)                                                         \
    void name(ptrdiff_t n_rows, ptrdiff_t k, ptrdiff_t l,                                       \
              const void *curvature, ptrdiff_t curvature_stride, void *pair)

#define SKL_LINK_BLOCK(name)                                                                    \
    void name(ptrdiff_t n_rows, ptrdiff_t n_columns, ptrdiff_t stride,                          \
              const void *raw_prediction, ptrdiff_t out_stride, void *out)

typedef struct {
    SKL_LOSS_BLOCK((*value));
    SKL_LOSS_BLOCK((*gradient));
    SKL_LOSS_BLOCK((*value_gradient));
    SKL_LOSS_BLOCK((*gradient_hessian));
    SKL_LOSS_BLOCK((*value_gradient_curvature));
    SKL_CURVATURE_PRODUCT_BLOCK((*curvature_product));
    SKL_CURVATURE_ENTRY_BLOCK((*curvature_entry));
    SKL_LINK_BLOCK((*link));
    SKL_LINK_BLOCK((*log_link));
} skl_loss_functions;

/* The table of a loss for one kind of target, [0] for float64 and [1] for float32: its own functions
 * of the target, what it makes of the curvature, and the links of log loss for `classes`. */
#define SKL_FUNCTIONS_OF_TYPE(loss, target_kind, curvature_kind, classes, type)                 \
    {                                                                                           \
        .value = skl_##loss##_##target_kind##_value_##type,                                     \
        .gradient = skl_##loss##_##target_kind##_gradient_##type,                               \
        .value_gradient = skl_##loss##_##target_kind##_value_gradient_##type,                   \
        .gradient_hessian = skl_##loss##_##target_kind##_gradient_hessian_##type,               \
        .value_gradient_curvature =                                                             \
            skl_##loss##_##target_kind##_value_gradient_curvature_##type,                       \
        .curvature_product = skl_##curvature_kind##_curvature_product_##type,                   \
        .curvature_entry = skl_##curvature_kind##_curvature_entry_##type,                       \
        .link = skl_log_loss_##classes##_link_##type,                                           \
        .log_link = skl_log_loss_##classes##_log_link_##type,                                   \
    }

#define SKL_FUNCTIONS(loss, target_kind, curvature_kind, classes)                               \
    {SKL_FUNCTIONS_OF_TYPE(loss, target_kind, curvature_kind, classes, f64),                    \
     SKL_FUNCTIONS_OF_TYPE(loss, target_kind, curvature_kind, classes, f32)}

#endif
