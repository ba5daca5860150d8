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
 * The curvature has the columns s, t and a pair p_k, v_k for each class. The convex kernel takes
 * the Hessian of Gauss and Newton: r is 0 in the formulas of the Hessian.
 *
 * log_loss_template.h has the formulas of the probabilities.
 */
#include "simd_math.h"
#include "softmax_chunk.h"

/* Weight of r in the formulas of the Hessian. */
SKL_INLINE real NAME(weight_of_r)(const void *parameters)
{
    return ((const skl_brier_parameters *)parameters)->convex ? 0 : 1;
}

SKL_INLINE void NAME(binary_chunk)(
    ptrdiff_t rows, const real *restrict y, const real *restrict z, real weight_of_r, real smallest,
    real *restrict value, real *restrict gradient, real *restrict second)
{
    const real one = 1, two = 2;
    /* Of the likely class: its probability, and its probability minus its target. */
    real exponential[CHUNK_ROWS], likely[CHUNK_ROWS], r[CHUNK_ROWS];
    NAME(exp_of_minus_size)(rows, z, smallest, exponential);
    for (ptrdiff_t i = 0; i < rows; i++) {
        const real u = exponential[i], p = NAME(reciprocal_1p)(u);
        const real unlikely = NAME(to_bits)(z[i]) & SIGN_BIT ? y[i] : one - y[i];
        likely[i] = p;
        r[i] = p * (unlikely * (one + u) - u);
    }
    for (ptrdiff_t i = 0; i < rows && value != NULL; i++) {
        value[i] = r[i] * r[i];
    }
    for (ptrdiff_t i = 0; i < rows && gradient != NULL; i++) {
        const real pq = exponential[i] * likely[i] * likely[i];
        const bits sign = NAME(to_bits)(z[i]) & SIGN_BIT;
        gradient[i] = NAME(from_bits)(NAME(to_bits)(two * pq * r[i]) ^ sign);
    }
    for (ptrdiff_t i = 0; i < rows && second != NULL; i++) {
        const real u = exponential[i], pq = u * likely[i] * likely[i];
        second[i] = two * pq * (pq + weight_of_r * ((u - one) * likely[i] * r[i]));
    }
}

SKL_CLONES SKL_LOSS_BLOCK(NAME(skl_brier_loss_binary))
{
    (void)n_columns, (void)stride, (void)target_stride, (void)curvature_stride;
    const real *y = target, *z = raw_prediction;
    const real smallest = NAME(opaque)((real)EXP_SMALLEST);
    const real weight_of_r = NAME(weight_of_r)(parameters);
    real *second = hessian != NULL ? hessian : curvature;
    for (ptrdiff_t start = 0; start < n_rows; start += CHUNK_ROWS) {
        const ptrdiff_t rows = n_rows - start < CHUNK_ROWS ? n_rows - start : CHUNK_ROWS;
        NAME(binary_chunk)(
            rows, y + start, z + start, weight_of_r, smallest,
            value != NULL ? (real *)value + start : NULL,
            gradient != NULL ? (real *)gradient + start : NULL,
            second != NULL ? second + start : NULL);
    }
}

/* What the K-class formulas need for each row. */
typedef struct {
    real largest[CHUNK_ROWS]; /* raw prediction */
    real top_q[CHUNK_ROWS];   /* 1 - p of the class with the largest */
    real at_target[CHUNK_ROWS]; /* r of the target, if that is a class index */
    real value[CHUNK_ROWS], s[CHUNK_ROWS], used_s[CHUNK_ROWS], t[CHUNK_ROWS];
    real elsewhere[CHUNK_ROWS]; /* sum of p^2 without the target */
} NAME(brier_chunk);

/* Add a class to the sums over classes. */
SKL_INLINE void NAME(add_class)(
    ptrdiff_t rows, ptrdiff_t k, const real *restrict y, const real *restrict p, real weight_of_r,
    NAME(brier_chunk) *restrict chunk, int soft)
{
    const real zero = 0, class_k = (real)k;
    for (ptrdiff_t i = 0; i < rows; i++) {
        const int is_target = !soft && y[i] == class_k;
        const real r = soft ? p[i] - y[i] : (is_target ? chunk->at_target[i] : p[i]);
        chunk->value[i] += r * r;
        chunk->s[i] += p[i] * r;
        chunk->t[i] += p[i] * (p[i] + weight_of_r * r);
        chunk->elsewhere[i] += is_target ? zero : p[i] * p[i];
    }
}

/* Turn the probabilities of a class, in `gradient`, into the gradient; write the diagonal of the
 * Hessian or the curvature, p then v, where wanted. */
SKL_INLINE void NAME(finish_class)(
    ptrdiff_t rows, ptrdiff_t k, const real *restrict y, const real *restrict z, real weight_of_r,
    const NAME(brier_chunk) *restrict chunk, real *restrict gradient, real *restrict hessian,
    real *restrict curvature, ptrdiff_t curvature_stride, int soft, int want_hessian,
    int want_curvature)
{
    const real one = 1, two = 2, class_k = (real)k;
    for (ptrdiff_t i = 0; i < rows; i++) {
        const int is_target = !soft && y[i] == class_k;
        const real p = gradient[i], at_target = chunk->at_target[i];
        const real r = soft ? p - y[i] : (is_target ? at_target : p);
        /* r - s of the target, where that would cancel */
        const real direction =
            is_target ? -(at_target * at_target + chunk->elsewhere[i]) : r - chunk->s[i];
        const real v = p + weight_of_r * r;
        gradient[i] = two * (p * direction);
        if (want_hessian) {
            const real q = z[i] == chunk->largest[i] ? chunk->top_q[i] : one - p;
            hessian[i] = two * (p * ((v - chunk->used_s[i]) * q - p * (v - chunk->t[i])));
        }
        if (want_curvature) {
            curvature[i] = p;
            curvature[i + curvature_stride] = v;
        }
    }
}

SKL_INLINE void NAME(multiclass_chunk)(
    ptrdiff_t rows, ptrdiff_t n_columns, ptrdiff_t stride,
    const real *restrict target, ptrdiff_t target_stride, const real *restrict z, real weight_of_r,
    real *restrict value, real *restrict gradient, real *restrict hessian,
    real *restrict curvature, ptrdiff_t curvature_stride, int soft)
{
    const real one = 1;
    real reciprocal[CHUNK_ROWS], kept[KEPT_CLASSES][CHUNK_ROWS];
    NAME(softmax_chunk) exponentials;
    NAME(brier_chunk) chunk;
    /* The columns that take exponentials, then probabilities. */
    const int is_kept = gradient != NULL || n_columns <= KEPT_CLASSES;
    real *restrict p_0 = gradient != NULL ? gradient : kept[0];
    const ptrdiff_t p_stride = gradient != NULL ? stride : (is_kept ? CHUNK_ROWS : 0);
    real *e = is_kept ? p_0 : NULL;
    if (soft) {
        NAME(skl_softmax)(rows, n_columns, stride, z, e, p_stride, &exponentials);
    } else {
        NAME(skl_softmax_index)(rows, n_columns, stride, z, target, e, p_stride, &exponentials);
    }
    for (ptrdiff_t i = 0; i < rows; i++) {
        const real top = exponentials.top[i], of_target = exponentials.target[i];
        reciprocal[i] = NAME(reciprocal_of_sum)(top, exponentials.others[i]);
        chunk.largest[i] = exponentials.largest[i];
        chunk.top_q[i] = exponentials.others[i] * reciprocal[i];
        chunk.at_target[i] = of_target == top ? -chunk.top_q[i] : of_target * reciprocal[i] - one;
        /* These are 0, but GCC makes slow calls of memset of constants. */
        chunk.value[i] = chunk.s[i] = reciprocal[i] - reciprocal[i];
        chunk.t[i] = chunk.elsewhere[i] = reciprocal[i] - reciprocal[i];
    }
    for (ptrdiff_t k = 0; k < n_columns; k++) {
        real *restrict p = p_0 + k * p_stride;
        if (is_kept) {
            for (ptrdiff_t i = 0; i < rows; i++) {
                const real rounded = p[i] * reciprocal[i];
                p[i] = rounded > one ? one : rounded;
            }
        } else {
            NAME(skl_softmax_probability)(&exponentials, rows, z + k * stride, reciprocal, p);
        }
        NAME(add_class)(rows, k, soft ? target + k * target_stride : target, p, weight_of_r, &chunk,
                        soft);
    }
    if (value != NULL) {
        memcpy(value, chunk.value, (size_t)rows * sizeof(real));
    }
    if (gradient == NULL) {
        return;
    }
    for (ptrdiff_t i = 0; i < rows; i++) {
        chunk.used_s[i] = weight_of_r * chunk.s[i];
    }
#define FINISH(want_hessian, want_curvature)                                                     \
    for (ptrdiff_t k = 0; k < n_columns; k++) {                                                  \
        NAME(finish_class)(                                                                      \
            rows, k, soft ? target + k * target_stride : target, z + k * stride, weight_of_r,    \
            &chunk, gradient + k * stride, want_hessian ? hessian + k * stride : NULL,           \
            want_curvature ? curvature + (2 * k + 2) * curvature_stride : NULL,                  \
            curvature_stride, soft, want_hessian, want_curvature);                               \
    }
    if (hessian != NULL) {
        FINISH(1, 0)
    } else if (curvature != NULL) {
        memcpy(curvature, chunk.used_s, (size_t)rows * sizeof(real));
        memcpy(curvature + curvature_stride, chunk.t, (size_t)rows * sizeof(real));
        FINISH(0, 1)
    } else {
        FINISH(0, 0)
    }
#undef FINISH
}

SKL_INLINE void NAME(multiclass)(
    ptrdiff_t n_rows, ptrdiff_t n_columns, ptrdiff_t stride,
    const real *target, ptrdiff_t target_stride, const real *z, const void *parameters,
    real *value, real *gradient, real *hessian, real *curvature, ptrdiff_t curvature_stride,
    int soft)
{
    const real weight_of_r = NAME(weight_of_r)(parameters);
    for (ptrdiff_t start = 0; start < n_rows; start += CHUNK_ROWS) {
        const ptrdiff_t rows = n_rows - start < CHUNK_ROWS ? n_rows - start : CHUNK_ROWS;
        NAME(multiclass_chunk)(
            rows, n_columns, stride, target + start, target_stride, z + start, weight_of_r,
            value != NULL ? value + start : NULL, gradient != NULL ? gradient + start : NULL,
            hessian != NULL ? hessian + start : NULL,
            curvature != NULL ? curvature + start : NULL, curvature_stride, soft);
    }
}

SKL_CLONES SKL_LOSS_BLOCK(NAME(skl_brier_loss_index))
{
    NAME(multiclass)(n_rows, n_columns, stride, target, target_stride, raw_prediction, parameters,
                     value, gradient, hessian, curvature, curvature_stride, 0);
}

SKL_CLONES SKL_LOSS_BLOCK(NAME(skl_brier_loss_soft))
{
    NAME(multiclass)(n_rows, n_columns, stride, target, target_stride, raw_prediction, parameters,
                     value, gradient, hessian, curvature, curvature_stride, 1);
}

/* With mean = sum_l p_l x_l and share = sum_l p_l (v_l - t) (x_l - mean):
 * x_k <- 2 p_k ((v_k - s) (x_k - mean) - share) */
SKL_CLONES SKL_CURVATURE_PRODUCT_BLOCK(NAME(skl_brier_loss_curvature_product))
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

SKL_CLONES SKL_CURVATURE_ENTRY_BLOCK(NAME(skl_brier_loss_curvature_entry))
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
