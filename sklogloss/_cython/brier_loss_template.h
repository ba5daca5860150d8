/* Brier loss of a block for one floating type; included twice by brier_loss.c.
 *
 * Two classes, y the probability of class 1, p = sigmoid(z), q = 1 - p, r = p - y:
 *
 *     value = r^2
 *     gradient = 2 p q r
 *     hessian = 2 p q (p q + (q - p) r)
 *
 * K classes, r_k = p_k - y_k, v_k = p_k + r_k, s = sum_k p_k r_k, t = sum_k p_k v_k:
 *
 *     value = sum_k r_k^2
 *     gradient_k = 2 p_k (r_k - s)
 *     Hessian_kl = 2 (k == l ? p_k (v_k - s) : 0) - 2 p_k p_l (v_k + v_l - s - t)
 *
 * The convex kernel's Hessian is that of Gauss and Newton: with r = 0 it is what is written here.
 *
 * Formulas of the probabilities: log_loss_template.h.
 */
#include "simd_math.h"
#include "softmax_template.h"

#define BLOCK_NAME(kind, quantity) NAME(skl_brier_loss_##kind##_##quantity)

SKL_INLINE void NAME(binary)(
    ptrdiff_t n_rows, const real *restrict y, const real *restrict z, real share_of_r,
    real *restrict value, real *restrict gradient, real *restrict hessian,
    int want_value, int want_gradient, int want_hessian)
{
    const real one = 1, two = 2, smallest = NAME(opaque)((real)EXP_SMALLEST);
    real exponential[CHUNK_ROWS];
    for (ptrdiff_t start = 0; start < n_rows; start += CHUNK_ROWS) {
        const ptrdiff_t rows = n_rows - start < CHUNK_ROWS ? n_rows - start : CHUNK_ROWS;
        NAME(exp_of_minus_size)(rows, z + start, exponential, NULL, smallest, 0);
        for (ptrdiff_t j = 0; j < rows; j++) {
            const ptrdiff_t i = start + j;
            const real u = exponential[j], larger = NAME(reciprocal_1p)(u), pq = u * larger * larger;
            const bits sign = NAME(to_bits)(z[i]) & SIGN_BIT;
            /* Of the likely class: its probability less its target, away from zero. */
            const real unlikely = sign ? y[i] : one - y[i];
            const real r = larger * (unlikely * (one + u) - u);
            if (want_value) {
                value[i] = r * r;
            }
            if (want_gradient) {
                gradient[i] = NAME(from_bits)(NAME(to_bits)(two * pq * r) ^ sign);
            }
            if (want_hessian) {
                hessian[i] = two * pq * (pq + share_of_r * ((u - one) * larger * r));
            }
        }
    }
}

/* `curvature` that hessian takes s, t and pairs p_k, v_k, 2 K + 2 columns. */
SKL_INLINE void NAME(multiclass_chunk)(
    ptrdiff_t rows, ptrdiff_t n_columns, ptrdiff_t stride,
    const real *restrict target, ptrdiff_t target_stride, const real *restrict z, real share_of_r,
    real *restrict value, real *restrict gradient, real *restrict hessian,
    int soft, int want_value, int want_gradient, int want_hessian, int curvature)
{
    const real one = 1, two = 2;
    real reciprocal[CHUNK_ROWS], top_q[CHUNK_ROWS], at_target[CHUNK_ROWS], p[CHUNK_ROWS];
    real sum[CHUNK_ROWS], s[CHUNK_ROWS], s_used[CHUNK_ROWS], t[CHUNK_ROWS], elsewhere[CHUNK_ROWS];
    NAME(chunk) chunk;
    NAME(add_all_classes)(rows, n_columns, stride, z, target, 0, &chunk, NULL, 0, 0, 0, !soft, 0, 0);
    for (ptrdiff_t i = 0; i < rows; i++) {
        reciprocal[i] = NAME(reciprocal_of_sum)(chunk.top[i], chunk.others[i]);
        top_q[i] = chunk.others[i] * reciprocal[i];
        at_target[i] = chunk.target[i] == chunk.top[i] ? -top_q[i]
                                                       : chunk.target[i] * reciprocal[i] - one;
        sum[i] = s[i] = t[i] = elsewhere[i] = reciprocal[i] - reciprocal[i];
    }
    for (ptrdiff_t k = 0; k < n_columns; k++) {
        const real *restrict y_k = target + (soft ? k * target_stride : 0);
        const real class_k = (real)k;
        NAME(class_probability)(&chunk, rows, z + k * stride, reciprocal, p);
        for (ptrdiff_t i = 0; i < rows; i++) {
            const int is_target = !soft && y_k[i] == class_k;
            const real r = soft ? p[i] - y_k[i] : (is_target ? at_target[i] : p[i]);
            sum[i] += r * r;
            s[i] += p[i] * r;
            t[i] += p[i] * (p[i] + share_of_r * r);
            elsewhere[i] += is_target ? reciprocal[i] - reciprocal[i] : p[i] * p[i];
        }
    }
    for (ptrdiff_t i = 0; i < rows; i++) {
        s_used[i] = share_of_r * s[i];
    }
    if (want_value) {
        memcpy(value, sum, (size_t)rows * sizeof(real));
    }
    if (curvature) {
        memcpy(hessian, s_used, (size_t)rows * sizeof(real));
        memcpy(hessian + stride, t, (size_t)rows * sizeof(real));
    }
    for (ptrdiff_t k = 0; k < n_columns && want_gradient; k++) {
        const real *restrict y_k = target + (soft ? k * target_stride : 0);
        const real *restrict z_k = z + k * stride;
        real *restrict gradient_k = gradient + k * stride;
        real *restrict hessian_k =
            hessian + (want_hessian ? (curvature ? 2 * k + 2 : k) * stride : 0);
        const real class_k = (real)k;
        NAME(class_probability)(&chunk, rows, z_k, reciprocal, p);
        for (ptrdiff_t i = 0; i < rows; i++) {
            const int is_target = !soft && y_k[i] == class_k;
            const real r = soft ? p[i] - y_k[i] : (is_target ? at_target[i] : p[i]);
            /* r - s of the target, where that would cancel */
            const real direction =
                is_target ? -(at_target[i] * at_target[i] + elsewhere[i]) : r - s[i];
            const real v = p[i] + share_of_r * r;
            gradient_k[i] = two * (p[i] * direction);
            if (curvature) {
                hessian_k[i] = p[i];
                hessian_k[i + stride] = v;
            } else if (want_hessian) {
                const real q = z_k[i] == chunk.largest[i] ? top_q[i] : one - p[i];
                hessian_k[i] = two * (p[i] * ((v - s_used[i]) * q - p[i] * (v - t[i])));
            }
        }
    }
}

SKL_INLINE void NAME(multiclass)(
    ptrdiff_t n_rows, ptrdiff_t n_columns, ptrdiff_t stride,
    const real *target, ptrdiff_t target_stride, const real *z, real share_of_r,
    real *value, real *gradient, real *hessian,
    int soft, int want_value, int want_gradient, int want_hessian, int curvature)
{
    for (ptrdiff_t start = 0; start < n_rows; start += CHUNK_ROWS) {
        const ptrdiff_t rows = n_rows - start < CHUNK_ROWS ? n_rows - start : CHUNK_ROWS;
        NAME(multiclass_chunk)(
            rows, n_columns, stride, target + start, target_stride, z + start, share_of_r,
            want_value ? value + start : value, want_gradient ? gradient + start : gradient,
            want_hessian ? hessian + start : hessian,
            soft, want_value, want_gradient, want_hessian, curvature);
    }
}

#define LOSS_BLOCKS(quantity, want_value, want_gradient, want_hessian, curvature)                \
    SKL_CLONES SKL_LOSS_BLOCK(BLOCK_NAME(binary, quantity))                                      \
    {                                                                                            \
        (void)n_columns, (void)stride, (void)target_stride;                                      \
        NAME(binary)(n_rows, target, raw_prediction, (real)parameter[0], value, gradient,        \
                     hessian, want_value, want_gradient, want_hessian);                          \
    }                                                                                            \
    SKL_CLONES SKL_LOSS_BLOCK(BLOCK_NAME(index, quantity))                                       \
    {                                                                                            \
        NAME(multiclass)(n_rows, n_columns, stride, target, target_stride, raw_prediction,       \
                         (real)parameter[0], value, gradient, hessian,                           \
                         0, want_value, want_gradient, want_hessian, curvature);                 \
    }                                                                                            \
    SKL_CLONES SKL_LOSS_BLOCK(BLOCK_NAME(soft, quantity))                                        \
    {                                                                                            \
        NAME(multiclass)(n_rows, n_columns, stride, target, target_stride, raw_prediction,       \
                         (real)parameter[0], value, gradient, hessian,                           \
                         1, want_value, want_gradient, want_hessian, curvature);                 \
    }

LOSS_BLOCKS(value, 1, 0, 0, 0)
LOSS_BLOCKS(gradient, 0, 1, 0, 0)
LOSS_BLOCKS(value_gradient, 1, 1, 0, 0)
LOSS_BLOCKS(gradient_hessian, 0, 1, 1, 0)
LOSS_BLOCKS(value_gradient_curvature, 1, 1, 1, 1)

/* With mean = sum_l p_l x_l and share = sum_l p_l (v_l - t) (x_l - mean):
 * x_k <- 2 p_k ((v_k - s) (x_k - mean) - share) */
SKL_CLONES SKL_CURVATURE_PRODUCT_BLOCK(BLOCK_NAME(multiclass, curvature_product))
{
    const real two = 2;
    for (ptrdiff_t start = 0; start < n_rows; start += CHUNK_ROWS) {
        const ptrdiff_t rows = n_rows - start < CHUNK_ROWS ? n_rows - start : CHUNK_ROWS;
        const real *restrict s = (const real *)curvature + start;
        const real *restrict t = s + curvature_stride;
        real mean[CHUNK_ROWS] = {0}, share[CHUNK_ROWS] = {0};
        for (ptrdiff_t k = 0; k < n_columns; k++) {
            const real *restrict p = s + (2 * k + 2) * curvature_stride;
            const real *restrict x = (const real *)direction + start + k * stride;
            for (ptrdiff_t i = 0; i < rows; i++) {
                mean[i] += p[i] * x[i];
            }
        }
        for (ptrdiff_t k = 0; k < n_columns; k++) {
            const real *restrict p = s + (2 * k + 2) * curvature_stride;
            const real *restrict v = p + curvature_stride;
            const real *restrict x = (const real *)direction + start + k * stride;
            for (ptrdiff_t i = 0; i < rows; i++) {
                share[i] += p[i] * ((v[i] - t[i]) * (x[i] - mean[i]));
            }
        }
        for (ptrdiff_t k = 0; k < n_columns; k++) {
            const real *restrict p = s + (2 * k + 2) * curvature_stride;
            const real *restrict v = p + curvature_stride;
            real *restrict x = (real *)direction + start + k * stride;
            for (ptrdiff_t i = 0; i < rows; i++) {
                x[i] = two * (p[i] * ((v[i] - s[i]) * (x[i] - mean[i]) - share[i]));
            }
        }
    }
}

SKL_CLONES SKL_CURVATURE_ENTRY_BLOCK(BLOCK_NAME(multiclass, curvature_entry))
{
    const real *restrict s = curvature;
    const real *restrict t = s + curvature_stride;
    const real *restrict p_k = s + (2 * k + 2) * curvature_stride;
    const real *restrict p_l = s + (2 * l + 2) * curvature_stride;
    const real *restrict v_k = p_k + curvature_stride;
    const real *restrict v_l = p_l + curvature_stride;
    const real two = 2, delta = k == l;
    real *restrict out = pair;
    for (ptrdiff_t i = 0; i < n_rows; i++) {
        out[i] = two * (p_k[i] * ((v_k[i] - s[i]) * (delta - p_l[i]) - p_l[i] * (v_l[i] - t[i])));
    }
}
