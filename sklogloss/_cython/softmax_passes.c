#include "softmax_passes.h"

#include "target_clones.h"

/* Four numbers, which any processor with vectors has registers for. */
#ifdef __GNUC__
typedef float quad __attribute__((vector_size(16), aligned(4), may_alias));
#else
typedef struct {
    float lane[QUAD];
} quad;
#endif

/* Numbers of a sample or feature for which sums stay in registers. */
#define MAX_QUADS 8

SKL_INLINE void add_multiple(quad *sum, float x, const float *row)
{
#ifdef __GNUC__
    *sum += x * *(const quad *)row;
#else
    for (int lane = 0; lane < QUAD; lane++)
        sum->lane[lane] += x * row[lane];
#endif
}

SKL_INLINE void gather_quads(const int n_quads, ptrdiff_t n_entries, const int32_t *indices,
                             const float *data, const float *matrix, ptrdiff_t n_packed,
                             float *out)
{
    quad sums[MAX_QUADS];
    for (int v = 0; v < n_quads; v++)
        sums[v] = ((const quad *)out)[v];
    for (ptrdiff_t q = 0; q < n_entries; q++) {
        const float *row = matrix + indices[q] * n_packed;
#pragma GCC unroll 8
        for (int v = 0; v < n_quads; v++)
            add_multiple(&sums[v], data[q], row + QUAD * v);
    }
    for (int v = 0; v < n_quads; v++)
        ((quad *)out)[v] = sums[v];
}

/* out (n_packed) += the rows of matrix at indices, times data */
SKL_INLINE void gather(ptrdiff_t n_entries, const int32_t *indices, const float *data,
                       const float *matrix, ptrdiff_t n_packed, float *out)
{
    for (ptrdiff_t k = 0; k < n_packed; k += QUAD * MAX_QUADS) {
        ptrdiff_t n_quads = (n_packed - k) / QUAD;
#define CASE(n)                                                                                   \
    case n:                                                                                       \
        gather_quads(n, n_entries, indices, data, matrix + k, n_packed, out + k);                 \
        break;
        switch (n_quads) {
            CASE(1)
            CASE(2)
            CASE(3)
            CASE(4)
            CASE(5)
            CASE(6)
            CASE(7)
        default:
            gather_quads(MAX_QUADS, n_entries, indices, data, matrix + k, n_packed, out + k);
        }
#undef CASE
    }
}

SKL_CLONES
void softmax_rows(ptrdiff_t first, ptrdiff_t end, ptrdiff_t n_packed, const int64_t *indptr,
                  const int32_t *indices, const float *data, const float *search,
                  const float *shift, const float *proba, const float *weight,
                  float *restrict image, double *restrict total, double *restrict curvature)
{
    for (ptrdiff_t i = first; i < end; i++) {
        float *restrict z = image + i * n_packed;
        const float *p = proba + i * n_packed;
        float mean = 0, product = 0;
        for (ptrdiff_t k = 0; k < n_packed; k++)
            z[k] = shift[k];
        gather(indptr[i + 1] - indptr[i], indices + indptr[i], data + indptr[i], search, n_packed,
               z);
#pragma omp simd reduction(+ : mean)
        for (ptrdiff_t k = 0; k < n_packed; k++)
            mean += p[k] * z[k];
        /* z' image = sum of p (z - mean)^2 */
#pragma omp simd reduction(+ : product)
        for (ptrdiff_t k = 0; k < n_packed; k++) {
            float away = z[k] - mean;
            float x = weight[i] * p[k] * away;
            product += x * away;
            z[k] = x;
        }
        for (ptrdiff_t k = 0; k < n_packed; k++)
            total[k] += z[k];
        *curvature += product;
    }
}

SKL_CLONES
void softmax_columns(ptrdiff_t first, ptrdiff_t end, ptrdiff_t n_packed, const int64_t *indptr,
                     const int32_t *indices, const float *data, const float *image,
                     const float *center, const float *total, const float *penalty,
                     const float *inverse, float step, const float *search_, float *residual_,
                     float *direction_, float *restrict product, double *restrict norm)
{
    for (ptrdiff_t j = first; j < end; j++) {
        const float *restrict search = search_ + j * n_packed;
        float *restrict residual = residual_ + j * n_packed;
        float *restrict direction = direction_ + j * n_packed;
        float square = 0;
        for (ptrdiff_t k = 0; k < n_packed; k++)
            product[k] = penalty[j] * search[k] - center[j] * total[k];
        gather(indptr[j + 1] - indptr[j], indices + indptr[j], data + indptr[j], image, n_packed,
               product);
#pragma omp simd reduction(+ : square)
        for (ptrdiff_t k = 0; k < n_packed; k++) {
            float left = residual[k] - step * product[k];
            residual[k] = left;
            direction[k] += step * search[k];
            square += left * left;
        }
        *norm += inverse[j] * square;
    }
}

SKL_CLONES
void softmax_search(ptrdiff_t first, ptrdiff_t end, ptrdiff_t n_packed, const float *residual_,
                    const float *inverse, float ratio, const float *center, const float *penalty,
                    float *search_, double *restrict moved, double *restrict curvature)
{
    for (ptrdiff_t j = first; j < end; j++) {
        const float *restrict residual = residual_ + j * n_packed;
        float *restrict search = search_ + j * n_packed;
        float square = 0;
#pragma omp simd reduction(+ : square)
        for (ptrdiff_t k = 0; k < n_packed; k++) {
            float x = inverse[j] * residual[k] + ratio * search[k];
            search[k] = x;
            square += x * x;
        }
        for (ptrdiff_t k = 0; k < n_packed; k++)
            moved[k] += center[j] * search[k];
        *curvature += penalty[j] * square;
    }
}
