/* The C functions of a loss. loss_kernel.pxd describes the arguments. */
#ifndef SKLOGLOSS_LOSS_FUNCTIONS_H
#define SKLOGLOSS_LOSS_FUNCTIONS_H

#include <stddef.h>

/* Each macro makes a function type of a name: for the pointers below and for the definitions. */
#define SKL_LOSS_BLOCK(name)                                                                    \
    void name(ptrdiff_t n_rows, ptrdiff_t n_columns, ptrdiff_t stride,                          \
              const void *target, ptrdiff_t target_stride, const void *raw_prediction,          \
              const void *parameters, void *value, void *gradient, void *hessian,               \
              void *curvature, ptrdiff_t curvature_stride)

#define SKL_CURVATURE_PRODUCT_BLOCK(name)                                                       \
    void name(ptrdiff_t n_rows, ptrdiff_t n_columns, ptrdiff_t stride,                          \
              const void *curvature, ptrdiff_t curvature_stride, void *direction)

#define SKL_CURVATURE_ENTRY_BLOCK(name)                                                         \
    void name(ptrdiff_t n_rows, ptrdiff_t k, ptrdiff_t l,                                       \
              const void *curvature, ptrdiff_t curvature_stride, void *pair)

#define SKL_LINK_BLOCK(name)                                                                    \
    void name(ptrdiff_t n_rows, ptrdiff_t n_columns, ptrdiff_t stride,                          \
              const void *raw_prediction, int logarithm, void *out, ptrdiff_t out_stride)

typedef struct {
    SKL_LOSS_BLOCK((*loss));
    SKL_CURVATURE_PRODUCT_BLOCK((*curvature_product));
    SKL_CURVATURE_ENTRY_BLOCK((*curvature_entry));
} skl_loss_functions;

/* The functions of a loss for one kind of target, [0] for float64 and [1] for float32. `curvature`
 * names the functions that read what the loss writes as curvature. */
#define SKL_FUNCTIONS_OF_TYPE(loss_name, curvature, type)                                       \
    {                                                                                           \
        .loss = loss_name##_##type,                                                             \
        .curvature_product = curvature##_curvature_product_##type,                              \
        .curvature_entry = curvature##_curvature_entry_##type,                                  \
    }

#define SKL_FUNCTIONS(loss_name, curvature)                                                     \
    {SKL_FUNCTIONS_OF_TYPE(loss_name, curvature, f64),                                          \
     SKL_FUNCTIONS_OF_TYPE(loss_name, curvature, f32)}

#endif
