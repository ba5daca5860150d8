/* The passes of conjugate gradients on a Newton step of the log loss of K classes, for sparse X.
 *
 * Arrays are float32, with n_packed numbers per sample or feature: K, and zeros up to a multiple of
 * QUAD. X is given twice, as CSR and as CSC, with entries that are scaled but not centred. Sums
 * over samples or features are float64; they are added to what is there.
 */
#ifndef SKLOGLOSS_SOFTMAX_PASSES_H
#define SKLOGLOSS_SOFTMAX_PASSES_H

#include <stddef.h>
#include <stdint.h>

/* n_packed is a multiple of this. */
#define QUAD 4

/* image = curvature of the loss times (X search + shift), of the rows from first to end; total
 * (n_packed) += image, curvature += (X search + shift) image. */
void softmax_rows(ptrdiff_t first, ptrdiff_t end, ptrdiff_t n_packed, const int64_t *indptr,
                  const int32_t *indices, const float *data, const float *search,
                  const float *shift, const float *proba, const float *weight, float *image,
                  double *total, double *curvature);

/* residual -= step * ((X - center)' image + penalty * search), total being the sum of image over
 * all rows, and direction += step * search, of the features from first to end; norm += residual^2 *
 * inverse. product is scratch of n_packed numbers. */
void softmax_columns(ptrdiff_t first, ptrdiff_t end, ptrdiff_t n_packed, const int64_t *indptr,
                     const int32_t *indices, const float *data, const float *image,
                     const float *center, const float *total, const float *penalty,
                     const float *inverse, float step, const float *search, float *residual,
                     float *direction, float *product, double *norm);

/* search = residual * inverse + ratio * search, of the features from first to end; moved (n_packed)
 * += center * search, curvature += penalty * search^2. */
void softmax_search(ptrdiff_t first, ptrdiff_t end, ptrdiff_t n_packed, const float *residual,
                    const float *inverse, float ratio, const float *center, const float *penalty,
                    float *search, double *moved, double *curvature);

#endif
