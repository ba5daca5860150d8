/* Log loss of a block for one floating type; included twice by log_loss.c.
 *
 * Two classes, y the probability of class 1, z the raw prediction:
 *
 *     u = exp(-|z|)
 *     value = log(1 + u) + y max(-z, 0) + (1 - y) max(z, 0)
 *     p = (z >= 0 ? 1 : u) / (1 + u),   q = (z >= 0 ? u : 1) / (1 + u)
 *     gradient = (1 - y) p - y q
 *     hessian = u / (1 + u)^2
 *
 * K classes, a the first class with the largest raw prediction m:
 *
 *     e_k = exp(z_k - m),   R = sum of e_k over k != a,   S = 1 + R
 *     value = log(1 + R) + sum_k y_k (m - z_k)
 *     p_k = e_k / S,   q_k = k == a ? R / S : 1 - p_k, where p_k <= 1/2
 *     gradient_k = p_k - y_k  (for a class index t: -q_k where k == t, else p_k)
 *     diagonal of the Hessian = x (1 - x), x = min(p_k, q_k)
 *     curvature_k = p_k
 *
 * No two large numbers are subtracted, so nothing cancels. softmax_chunk.h says how the
 * exponentials are computed.
 */
#include "simd_math.h"
#include "softmax_chunk.h"

SKL_INLINE void NAME(binary_chunk)(
    ptrdiff_t rows, const real *restrict y, const real *restrict z, real smallest,
    real *restrict value, real *restrict gradient, real *restrict second,
    int want_value, int want_gradient, int want_second)
{
    const real one = 1;
    real exponential[CHUNK_ROWS];
    NAME(exp_of_minus_size)(rows, z, smallest, exponential);
    for (ptrdiff_t i = 0; i < rows; i++) {
        const real u = exponential[i];
        const bits z_bits = NAME(to_bits)(z[i]);
        const real minus_size = NAME(from_bits)(z_bits | SIGN_BIT);
        const real unlikely = (signed_bits)z_bits < 0 ? y[i] : one - y[i];
        if (want_value) {
            value[i] = NAME(log1p_core)(u) - unlikely * minus_size;
        }
        if (want_gradient) {
            const real sum = one + u;
            const real larger = want_second ? NAME(reciprocal_1p)(u) : one / sum;
            const real size = larger * (unlikely * sum - u);
            gradient[i] = NAME(from_bits)(NAME(to_bits)(size) ^ (z_bits & SIGN_BIT));
            if (want_second) {
                second[i] = u * larger * larger;
            }
        }
    }
}

SKL_CLONES SKL_LOSS_BLOCK(NAME(skl_log_loss_binary))
{
    (void)n_columns, (void)stride, (void)target_stride, (void)parameters, (void)curvature_stride;
    const real *y = target, *z = raw_prediction;
    const real smallest = NAME(opaque)((real)EXP_SMALLEST);
    real *second = hessian != NULL ? hessian : curvature;
#define CHUNKS(want_value, want_gradient, want_second)                                           \
    for (ptrdiff_t start = 0; start < n_rows; start += CHUNK_ROWS) {                             \
        const ptrdiff_t rows = n_rows - start < CHUNK_ROWS ? n_rows - start : CHUNK_ROWS;        \
        NAME(binary_chunk)(                                                                      \
            rows, y + start, z + start, smallest,                                                \
            want_value ? (real *)value + start : NULL,                                           \
            want_gradient ? (real *)gradient + start : NULL,                                     \
            want_second ? second + start : NULL, want_value, want_gradient, want_second);        \
    }
    if (second != NULL && value != NULL) {
        CHUNKS(1, 1, 1)
    } else if (second != NULL) {
        CHUNKS(0, 1, 1)
    } else if (gradient == NULL) {
        CHUNKS(1, 0, 0)
    } else if (value != NULL) {
        CHUNKS(1, 1, 0)
    } else {
        CHUNKS(0, 1, 0)
    }
#undef CHUNKS
}

/* Turn the exponentials of a class, in `gradient`, into the gradient; write the diagonal of the
 * Hessian or the curvature where wanted. */
SKL_INLINE void NAME(finish_class)(
    ptrdiff_t rows, ptrdiff_t k, const NAME(softmax_chunk) *restrict chunk,
    const real *restrict y, const real *restrict reciprocal, const real *restrict rest,
    const real *restrict at_target, real *restrict gradient, real *restrict hessian,
    real *restrict curvature, int soft, int want_hessian, int want_curvature)
{
    const real one = 1, class_k = (real)k;
    for (ptrdiff_t i = 0; i < rows; i++) {
        const real e = gradient[i];
        const real rounded_p = e * reciprocal[i];
        const real p = rounded_p > one ? one : rounded_p; /* as in skl_multiclass_link */
        if (soft) {
            gradient[i] = p - y[i];
        } else {
            gradient[i] = y[i] == class_k ? at_target[i] : p;
        }
        if (want_hessian) {
            /* The smaller of p and 1 - p: its rounding error hardly counts. */
            const real smaller = e == chunk->top[i] && rest[i] < p ? rest[i] : p;
            hessian[i] = smaller - smaller * smaller;
        }
        if (want_curvature) {
            curvature[i] = p;
        }
    }
}

SKL_INLINE void NAME(multiclass_chunk)(
    ptrdiff_t rows, ptrdiff_t n_columns, ptrdiff_t stride,
    const real *restrict target, ptrdiff_t target_stride, const real *restrict z,
    real *restrict value, real *restrict gradient, real *restrict hessian,
    real *restrict curvature, ptrdiff_t curvature_stride, int soft)
{
    const real one = 1;
    NAME(softmax_chunk) chunk;
    if (!soft) {
        NAME(skl_softmax_index)(rows, n_columns, stride, z, target, gradient, stride, &chunk);
    } else if (value != NULL) {
        NAME(skl_softmax_soft)(rows, n_columns, stride, z, target, target_stride, gradient, stride,
                               &chunk);
    } else {
        NAME(skl_softmax)(rows, n_columns, stride, z, gradient, stride, &chunk);
    }
    if (value != NULL) {
        for (ptrdiff_t i = 0; i < rows; i++) {
            value[i] = NAME(log1p_nonnegative)(chunk.others[i] / chunk.top[i])
                       + (soft ? chunk.value[i] : chunk.largest[i] - chunk.value[i]);
        }
    }
    if (gradient == NULL) {
        return;
    }
    real reciprocal[CHUNK_ROWS], rest[CHUNK_ROWS], at_target[CHUNK_ROWS];
    for (ptrdiff_t i = 0; i < rows; i++) {
        reciprocal[i] = NAME(reciprocal_of_sum)(chunk.top[i], chunk.others[i]);
        rest[i] = chunk.others[i] * reciprocal[i];
        if (!soft) {
            at_target[i] = chunk.target[i] == chunk.top[i]
                               ? -rest[i]
                               : chunk.target[i] * reciprocal[i] - one;
        }
    }
#define FINISH(want_hessian, want_curvature)                                                     \
    for (ptrdiff_t k = 0; k < n_columns; k++) {                                                  \
        NAME(finish_class)(                                                                      \
            rows, k, &chunk, soft ? target + k * target_stride : target, reciprocal, rest,       \
            at_target, gradient + k * stride, want_hessian ? hessian + k * stride : NULL,        \
            want_curvature ? curvature + k * curvature_stride : NULL, soft, want_hessian,        \
            want_curvature);                                                                     \
    }
    if (hessian != NULL) {
        FINISH(1, 0)
    } else if (curvature != NULL) {
        FINISH(0, 1)
    } else {
        FINISH(0, 0)
    }
#undef FINISH
}

SKL_INLINE void NAME(multiclass)(
    ptrdiff_t n_rows, ptrdiff_t n_columns, ptrdiff_t stride,
    const real *target, ptrdiff_t target_stride, const real *z,
    real *value, real *gradient, real *hessian, real *curvature, ptrdiff_t curvature_stride,
    int soft)
{
    for (ptrdiff_t start = 0; start < n_rows; start += CHUNK_ROWS) {
        const ptrdiff_t rows = n_rows - start < CHUNK_ROWS ? n_rows - start : CHUNK_ROWS;
        NAME(multiclass_chunk)(
            rows, n_columns, stride, target + start, target_stride, z + start,
            value != NULL ? value + start : NULL, gradient != NULL ? gradient + start : NULL,
            hessian != NULL ? hessian + start : NULL,
            curvature != NULL ? curvature + start : NULL, curvature_stride, soft);
    }
}

SKL_CLONES SKL_LOSS_BLOCK(NAME(skl_log_loss_index))
{
    (void)parameters;
    NAME(multiclass)(n_rows, n_columns, stride, target, target_stride, raw_prediction, value,
                     gradient, hessian, curvature, curvature_stride, 0);
}

SKL_CLONES SKL_LOSS_BLOCK(NAME(skl_log_loss_soft))
{
    (void)parameters;
    NAME(multiclass)(n_rows, n_columns, stride, target, target_stride, raw_prediction, value,
                     gradient, hessian, curvature, curvature_stride, 1);
}

SKL_CLONES SKL_CURVATURE_PRODUCT_BLOCK(NAME(skl_binary_curvature_product))
{
    (void)n_columns, (void)stride, (void)curvature_stride;
    const real *restrict h = curvature;
    real *restrict d = direction;
    for (ptrdiff_t i = 0; i < n_rows; i++) {
        d[i] *= h[i];
    }
}

/* d_k <- p_k (d_k - sum_l p_l d_l) */
SKL_CLONES SKL_CURVATURE_PRODUCT_BLOCK(NAME(skl_log_loss_curvature_product))
{
    for (ptrdiff_t start = 0; start < n_rows; start += CHUNK_ROWS) {
        const ptrdiff_t rows = n_rows - start < CHUNK_ROWS ? n_rows - start : CHUNK_ROWS;
        real mean[CHUNK_ROWS] = {0};
        for (ptrdiff_t k = 0; k < n_columns; k++) {
            const real *restrict p = (const real *)curvature + start + k * curvature_stride;
            const real *restrict d = (const real *)direction + start + k * stride;
            for (ptrdiff_t i = 0; i < rows; i++) {
                mean[i] += p[i] * d[i];
            }
        }
        for (ptrdiff_t k = 0; k < n_columns; k++) {
            const real *restrict p = (const real *)curvature + start + k * curvature_stride;
            real *restrict d = (real *)direction + start + k * stride;
            for (ptrdiff_t i = 0; i < rows; i++) {
                d[i] = p[i] * (d[i] - mean[i]);
            }
        }
    }
}

SKL_CURVATURE_ENTRY_BLOCK(NAME(skl_binary_curvature_entry))
{
    (void)k, (void)l, (void)curvature_stride;
    memcpy(pair, curvature, (size_t)n_rows * sizeof(real));
}

/* p_k (1 - p_k) on the diagonal, -p_k p_l elsewhere */
SKL_CLONES SKL_CURVATURE_ENTRY_BLOCK(NAME(skl_log_loss_curvature_entry))
{
    const real *restrict p_k = (const real *)curvature + k * curvature_stride;
    const real *restrict p_l = (const real *)curvature + l * curvature_stride;
    const real delta = k == l;
    real *restrict out = pair;
    for (ptrdiff_t i = 0; i < n_rows; i++) {
        out[i] = p_k[i] * (delta - p_l[i]);
    }
}
