/* What the data pass does to the rows of a CSR matrix.
 *
 * A block has n_rows rows: row i has the entries indptr[i] to indptr[i + 1] of indices and data.
 * Arrays over rows are class-major: entry (i, k) lies at [i + k * stride]. coef and out are
 * C-ordered (n_features, n_columns). Data are float64 or float32, indices and indptr int32 or
 * int64, as csr_functions says; sums are float64. The indices of a row ascend, without duplicates.
 */
#ifndef SKLOGLOSS_SPARSE_BLOCK_H
#define SKLOGLOSS_SPARSE_BLOCK_H

#include <stddef.h>

typedef struct {
    /* raw += X coef. row_scratch has room for n_columns. */
    void (*times)(ptrdiff_t n_rows, const void *indptr, const void *indices, const void *data,
                  ptrdiff_t n_columns, const void *coef, void *raw, ptrdiff_t stride,
                  void *row_scratch);
    /* out += X' g. row_scratch has room for n_columns. */
    void (*add_transposed_times)(ptrdiff_t n_rows, const void *indptr, const void *indices,
                                 const void *data, ptrdiff_t n_columns, const void *g,
                                 ptrdiff_t stride, double *out, void *row_scratch);
    /* Lower triangle of out (size, size) += (X scale, 1)' diag(weight) (X scale, 1), the column
     * of ones only if size is n_features + 1. row_scratch has room for n_features. */
    void (*add_gram)(ptrdiff_t n_rows, const void *indptr, const void *indices, const void *data,
                     ptrdiff_t n_features, const void *scale, const void *weight, ptrdiff_t size,
                     double *out, void *row_scratch);
    /* out[j] += sum of weight * ((x_j - center_j)^2 - center_j^2) */
    void (*add_squares)(ptrdiff_t n_rows, const void *indptr, const void *indices,
                        const void *data, const void *weight, const void *center,
                        double *out);
    /* The rows start to start + n_rows of a CSC matrix, as indices and out of a CSR matrix whose
     * indptr is given. cursor[j] is the first entry of column j in these rows, on return the first
     * after them. next_place has room for n_rows. */
    void (*csc_rows)(ptrdiff_t start, ptrdiff_t n_rows, ptrdiff_t n_features,
                     const void *column_indptr, const void *row_indices, const void *data,
                     void *cursor, const void *indptr, void *next_place, void *indices, void *out);
} CsrFunctions;

extern const CsrFunctions csr_functions[2][2]; /* [data is float32][indices are int64] */

#endif
