/* Weights and sums of one number per row. Functions end in the type of their arrays: _f64 or _f32.
 * Sums are float64.
 */
#ifndef SKLOGLOSS_ROW_WEIGHTS_H
#define SKLOGLOSS_ROW_WEIGHTS_H

#include <stddef.h>

#define SKL_DECLARE_ROW_WEIGHTS(real, T)                                                          \
    /* Sum of weight * value, of value where weight is NULL. A row of weight zero adds nothing,   \
     * even if its value is infinite. */                                                          \
    double block_sum_##T(ptrdiff_t n_rows, const real *weight, const real *value);                \
    /* x *= weight in place; zero where weight is zero, even if x is infinite. */                 \
    void block_weight_##T(ptrdiff_t n_rows, const real *weight, real *x);

SKL_DECLARE_ROW_WEIGHTS(double, f64)
SKL_DECLARE_ROW_WEIGHTS(float, f32)

#endif
