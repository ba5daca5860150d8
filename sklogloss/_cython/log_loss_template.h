/* Log loss of a block for one floating type; included twice by log_loss.c.
 *
 * Two classes, y the probability of class 1, z the raw prediction:
 *
 *     u = exp(-|z|)
 *     value = log(1 + u) + y max(-z, 0) + (1 - y) max(z, 0)
 *     gradient = (1 - y) p - y q,   p = (z >= 0 ? 1 : u) / (1 + u),   q = (z >= 0 ? u : 1) / (1 + u)
 *     hessian = u / (1 + u)^2
 *
 * K classes, a the first class with the largest raw prediction m:
 *
 *     e_k = exp(z_k - m),   R = sum of e_k over k != a,   S = 1 + R
 *     value = log(1 + R) + sum_k y_k (m - z_k)
 *     p_k = e_k / S,   q_k = k == a ? R / S : 1 - p_k, where p_k <= 1/2
 *     gradient_k = p_k - y_k  (for a class index t: -q_k where k == t, else p_k)
 *     diagonal of the Hessian = x (1 - x), x = min(p_k, q_k)
 *
 * No two large numbers are subtracted, so nothing cancels. The rounding error of z_k - m enters
 * the exponential: at |z| = 700 it would cost hundreds of units in the last place.
 */
#include "simd_math.h"
#include "softmax_template.h"

#define BLOCK_NAME(kind, quantity) NAME(skl_log_loss_##kind##_##quantity)

SKL_INLINE void NAME(binary_chunk)(
    ptrdiff_t rows, const real *restrict y, const real *restrict z,
    real *restrict value, real *restrict gradient, real *restrict hessian, real smallest,
    int want_value, int want_gradient, int want_hessian)
{
    const real one = 1;
    real exponential[CHUNK_ROWS];
    NAME(exp_of_minus_size)(rows, z, exponential, NULL, smallest, 0);
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
            const real larger = want_hessian ? NAME(reciprocal_1p)(u) : one / sum;
            const real size = larger * (unlikely * sum - u);
            gradient[i] = NAME(from_bits)(NAME(to_bits)(size) ^ (z_bits & SIGN_BIT));
            if (want_hessian) {
                hessian[i] = u * larger * larger;
            }
        }
    }
}

SKL_INLINE void NAME(binary)(
    ptrdiff_t n_rows, const real *y, const real *z, real *value, real *gradient, real *hessian,
    int want_value, int want_gradient, int want_hessian)
{
    const real smallest = NAME(opaque)((real)EXP_SMALLEST);
    for (ptrdiff_t start = 0; start < n_rows; start += CHUNK_ROWS) {
        const ptrdiff_t rows = n_rows - start < CHUNK_ROWS ? n_rows - start : CHUNK_ROWS;
        NAME(binary_chunk)(
            rows, y + start, z + start, want_value ? value + start : value,
            want_gradient ? gradient + start : gradient, want_hessian ? hessian + start : hessian,
            smallest, want_value, want_gradient, want_hessian);
    }
}

/* The K-class formulas for at most CHUNK_ROWS rows. `soft` says what target holds; `curvature`
 * that hessian takes the probabilities instead of the Hessian's diagonal. */
SKL_INLINE void NAME(multiclass_chunk)(
    ptrdiff_t rows, ptrdiff_t n_columns, ptrdiff_t stride,
    const real *restrict target, ptrdiff_t target_stride, const real *restrict z,
    real *restrict value, real *restrict gradient, real *restrict hessian,
    int soft, int want_value, int want_gradient, int want_hessian, int curvature)
{
    const real one = 1;
    NAME(chunk) chunk;
    NAME(add_all_classes)(rows, n_columns, stride, z, target, target_stride, &chunk,
                          gradient, stride, soft, want_value, want_gradient && !soft,
                          want_gradient, 0);
    if (want_value) {
        for (ptrdiff_t i = 0; i < rows; i++) {
            value[i] = NAME(log1p_nonnegative)(chunk.others[i] / chunk.top[i])
                       + (soft ? chunk.value[i] : chunk.largest[i] - chunk.value[i]);
        }
    }
    if (!want_gradient) {
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
    for (ptrdiff_t k = 0; k < n_columns; k++) {
        const real *restrict y_k = target + (soft ? k * target_stride : 0);
        real *restrict gradient_k = gradient + k * stride;
        real *restrict hessian_k = hessian + (want_hessian ? k * stride : 0);
        const real class_k = (real)k;
        for (ptrdiff_t i = 0; i < rows; i++) {
            const real e = gradient_k[i];
            const real rounded_p = e * reciprocal[i];
            const real p = rounded_p > one ? one : rounded_p; /* as in multiclass_link */
            if (soft) {
                gradient_k[i] = p - y_k[i];
            } else {
                gradient_k[i] = y_k[i] == class_k ? at_target[i] : p;
            }
            if (want_hessian) {
                /* p (1 - p), of p or 1 - p the smaller: its rounding error hardly counts. */
                const real smaller = e == chunk.top[i] && rest[i] < p ? rest[i] : p;
                hessian_k[i] = curvature ? p : smaller - smaller * smaller;
            }
        }
    }
}

SKL_INLINE void NAME(multiclass)(
    ptrdiff_t n_rows, ptrdiff_t n_columns, ptrdiff_t stride,
    const real *target, ptrdiff_t target_stride, const real *z,
    real *value, real *gradient, real *hessian,
    int soft, int want_value, int want_gradient, int want_hessian, int curvature)
{
    for (ptrdiff_t start = 0; start < n_rows; start += CHUNK_ROWS) {
        const ptrdiff_t rows = n_rows - start < CHUNK_ROWS ? n_rows - start : CHUNK_ROWS;
        NAME(multiclass_chunk)(
            rows, n_columns, stride, target + start, target_stride, z + start,
            want_value ? value + start : value, want_gradient ? gradient + start : gradient,
            want_hessian ? hessian + start : hessian,
            soft, want_value, want_gradient, want_hessian, curvature);
    }
}

#define LOSS_BLOCKS(quantity, want_value, want_gradient, want_hessian, curvature)                \
    SKL_CLONES SKL_LOSS_BLOCK(BLOCK_NAME(binary, quantity))                                      \
    {                                                                                            \
        (void)n_columns, (void)stride, (void)target_stride, (void)parameter;                     \
        NAME(binary)(n_rows, target, raw_prediction, value, gradient, hessian,                   \
                     want_value, want_gradient, want_hessian);                                   \
    }                                                                                            \
    SKL_CLONES SKL_LOSS_BLOCK(BLOCK_NAME(index, quantity))                                       \
    {                                                                                            \
        (void)parameter;                                                                         \
        NAME(multiclass)(n_rows, n_columns, stride, target, target_stride, raw_prediction,       \
                         value, gradient, hessian,                                               \
                         0, want_value, want_gradient, want_hessian, curvature);                 \
    }                                                                                            \
    SKL_CLONES SKL_LOSS_BLOCK(BLOCK_NAME(soft, quantity))                                        \
    {                                                                                            \
        (void)parameter;                                                                         \
        NAME(multiclass)(n_rows, n_columns, stride, target, target_stride, raw_prediction,       \
                         value, gradient, hessian,                                               \
                         1, want_value, want_gradient, want_hessian, curvature);                 \
    }

LOSS_BLOCKS(value, 1, 0, 0, 0)
LOSS_BLOCKS(gradient, 0, 1, 0, 0)
LOSS_BLOCKS(value_gradient, 1, 1, 0, 0)
LOSS_BLOCKS(gradient_hessian, 0, 1, 1, 0)
LOSS_BLOCKS(value_gradient_curvature, 1, 1, 1, 1)

SKL_CLONES SKL_CURVATURE_PRODUCT_BLOCK(BLOCK_NAME(binary, curvature_product))
{
    (void)n_columns, (void)stride, (void)curvature_stride;
    const real *restrict h = curvature;
    real *restrict d = direction;
    for (ptrdiff_t i = 0; i < n_rows; i++) {
        d[i] *= h[i];
    }
}

/* d_k <- p_k (d_k - sum_l p_l d_l) */
SKL_CLONES SKL_CURVATURE_PRODUCT_BLOCK(BLOCK_NAME(multiclass, curvature_product))
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

SKL_CLONES SKL_CURVATURE_ENTRY_BLOCK(BLOCK_NAME(binary, curvature_entry))
{
    (void)k, (void)l, (void)curvature_stride;
    memcpy(pair, curvature, (size_t)n_rows * sizeof(real));
}

/* p_k (1 - p_k) on the diagonal, -p_k p_l elsewhere */
SKL_CLONES SKL_CURVATURE_ENTRY_BLOCK(BLOCK_NAME(multiclass, curvature_entry))
{
    const real *restrict p_k = (const real *)curvature + k * curvature_stride;
    const real *restrict p_l = (const real *)curvature + l * curvature_stride;
    const real delta = k == l;
    real *restrict out = pair;
    for (ptrdiff_t i = 0; i < n_rows; i++) {
        out[i] = p_k[i] * (delta - p_l[i]);
    }
}

/* Both columns of a two-class link. */
SKL_INLINE void NAME(binary_link)(
    ptrdiff_t n_rows, const real *restrict z, real *restrict class_0, real *restrict class_1,
    int logarithm)
{
    const real smallest = NAME(opaque)((real)EXP_SMALLEST);
    real exponential[CHUNK_ROWS];
    for (ptrdiff_t start = 0; start < n_rows; start += CHUNK_ROWS) {
        const ptrdiff_t rows = n_rows - start < CHUNK_ROWS ? n_rows - start : CHUNK_ROWS;
        NAME(exp_of_minus_size)(rows, z + start, exponential, NULL, smallest, 0);
        for (ptrdiff_t j = 0; j < rows; j++) {
            const ptrdiff_t i = start + j;
            const real u = exponential[j];
            const bits z_bits = NAME(to_bits)(z[i]);
            real larger, smaller;
            if (logarithm) {
                larger = -NAME(log1p_core)(u);
                smaller = larger + NAME(from_bits)(z_bits | SIGN_BIT);
            } else {
                larger = NAME(reciprocal_1p)(u);
                smaller = u * larger;
            }
            class_0[i] = (signed_bits)z_bits < 0 ? larger : smaller;
            class_1[i] = (signed_bits)z_bits < 0 ? smaller : larger;
        }
    }
}

SKL_CLONES SKL_LINK_BLOCK(BLOCK_NAME(binary, link))
{
    (void)n_columns, (void)stride;
    NAME(binary_link)(n_rows, raw_prediction, out, (real *)out + out_stride, 0);
}

SKL_CLONES SKL_LINK_BLOCK(BLOCK_NAME(binary, log_link))
{
    (void)n_columns, (void)stride;
    NAME(binary_link)(n_rows, raw_prediction, out, (real *)out + out_stride, 1);
}

SKL_INLINE void NAME(multiclass_link)(
    ptrdiff_t n_rows, ptrdiff_t n_columns, ptrdiff_t stride, const real *raw_prediction,
    ptrdiff_t out_stride, real *out, int logarithm)
{
    NAME(chunk) chunk;
    real scale[CHUNK_ROWS];
    for (ptrdiff_t start = 0; start < n_rows; start += CHUNK_ROWS) {
        const ptrdiff_t rows = n_rows - start < CHUNK_ROWS ? n_rows - start : CHUNK_ROWS;
        NAME(add_all_classes)(rows, n_columns, stride, raw_prediction + start, NULL, 0, &chunk,
                              out + start, out_stride, 0, 0, 0, !logarithm, 0);
        for (ptrdiff_t i = 0; i < rows; i++) {
            scale[i] = logarithm
                           ? NAME(log1p_nonnegative)(chunk.others[i] / chunk.top[i])
                           : NAME(reciprocal_of_sum)(chunk.top[i], chunk.others[i]);
        }
        for (ptrdiff_t k = 0; k < n_columns; k++) {
            const real *restrict z_k = raw_prediction + start + k * stride;
            real *restrict out_k = out + start + k * out_stride;
            for (ptrdiff_t i = 0; i < rows; i++) {
                if (logarithm) { /* the difference of two finite numbers may be infinite */
                    const real log_p = (z_k[i] - chunk.largest[i]) - scale[i];
                    out_k[i] = log_p < -(real)LARGEST ? -(real)LARGEST : log_p;
                } else {
                    const real p = out_k[i] * scale[i];
                    out_k[i] = p > 1 ? 1 : p; /* without fused multiply-add, scale may round up */
                }
            }
        }
    }
}

SKL_CLONES SKL_LINK_BLOCK(BLOCK_NAME(multiclass, link))
{
    NAME(multiclass_link)(n_rows, n_columns, stride, raw_prediction, out_stride, out, 0);
}

SKL_CLONES SKL_LINK_BLOCK(BLOCK_NAME(multiclass, log_link))
{
    NAME(multiclass_link)(n_rows, n_columns, stride, raw_prediction, out_stride, out, 1);
}
