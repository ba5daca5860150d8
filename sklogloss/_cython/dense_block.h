/* What the data pass does to the rows of a dense X beside calling BLAS.
 *
 * Entry (i, j) of a block X lies at [i * row_stride + j * column_stride]; one of the two strides
 * is 1. Functions end in the type of the arrays they take: _f64 or _f32. Sums are float64.
 */
#ifndef SKLOGLOSS_DENSE_BLOCK_H
#define SKLOGLOSS_DENSE_BLOCK_H

#include <stddef.h>

#define SKL_DECLARE_DENSE_BLOCK(real, T)                                                          \
    /* packed = (X - center) * scale, with a last column of ones if ones is set, each row times   \
     * the square root of weight where that is not NULL. packed has the order of X and no gaps. */ \
    void block_pack_##T(ptrdiff_t n_rows, ptrdiff_t n_features, const real *X,                    \
                        ptrdiff_t row_stride, ptrdiff_t column_stride, const real *center,        \
                        const real *scale, const real *weight, int ones, real *packed);           \
    /* out = each row of packed times its weight; by_rows tells the order of both. */             \
    void block_weight_rows_##T(ptrdiff_t n_rows, ptrdiff_t n_columns, int by_rows,                \
                               const real *weight, const real *packed, real *out);                \
    /* sums[j] += sum of weight * (x - center), sums[p + j] += sum of weight * (x - center)^2 */    \
    void block_moments_##T(ptrdiff_t n_rows, ptrdiff_t n_features, const real *X,                 \
                           ptrdiff_t row_stride, ptrdiff_t column_stride, const real *weight,     \
                           const real *center, double *sums);                                      \
    /* out[j * out_stride] += sum of weight * (x - center)^2 */                                   \
    void block_squares_##T(ptrdiff_t n_rows, ptrdiff_t n_features, const real *X,                 \
                           ptrdiff_t row_stride, ptrdiff_t column_stride, const real *weight,     \
                           const real *center, ptrdiff_t out_stride, double *out);                \
    /* sum of X */                                                                                \
    double block_total_##T(ptrdiff_t n_rows, ptrdiff_t n_features, const real *X,                 \
                           ptrdiff_t row_stride, ptrdiff_t column_stride);                        \
    void block_add_##T(ptrdiff_t n, const real *x, double *out);                                  \
    /* out = square roots of x */                                                                 \
    void block_root_##T(ptrdiff_t n, const real *x, real *out);

SKL_DECLARE_DENSE_BLOCK(double, f64)
SKL_DECLARE_DENSE_BLOCK(float, f32)

#endif
