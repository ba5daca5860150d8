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

#endif
