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
 *     diagonal of the Hessian = p_k q_k
 *
 * No two large numbers are subtracted, so nothing cancels. The rounding error of z_k - m enters
 * the exponential: at |z| = 700 it would cost hundreds of units in the last place.
 */
#include "simd_math.h"

/* Rows of K-class blocks handled together, so that their columns stay in L1 cache. */
#undef CHUNK_ROWS
#define CHUNK_ROWS 64

#define BLOCK_NAME(kind, quantity) NAME(skl_log_loss_##kind##_##quantity)

SKL_INLINE void NAME(binary)(
    ptrdiff_t n_rows, const real *restrict y, const real *restrict z,
    real *restrict value, real *restrict gradient, real *restrict hessian,
    int want_value, int want_gradient, int want_hessian)
{
    const real zero = 0, one = 1, two = 2;
    for (ptrdiff_t i = 0; i < n_rows; i++) {
        const real positive = z[i] < zero ? zero : z[i];
        const real negative = z[i] < zero ? -z[i] : zero;
        const real u = NAME(exp_nonpositive)(-(positive + negative), zero);
        real reciprocal_1, reciprocal_2; /* of 1 + u and 2 + u */
        if (want_value && want_gradient) {
            NAME(reciprocals_1p_2p)(u, &reciprocal_1, &reciprocal_2);
        } else if (want_value) {
            reciprocal_2 = one / (two + u);
        } else {
            reciprocal_1 = NAME(reciprocal_1p)(u, zero);
        }
        if (want_value) {
            value[i] = NAME(log1p_core)(u, reciprocal_2)
                       + (y[i] * negative + (one - y[i]) * positive);
        }
        if (want_gradient) {
            const real smaller = u * reciprocal_1;
            const real p = z[i] < zero ? smaller : reciprocal_1;
            const real q = z[i] < zero ? reciprocal_1 : smaller;
            gradient[i] = (one - y[i]) * p - y[i] * q;
            if (want_hessian) {
                hessian[i] = smaller * reciprocal_1;
            }
        }
    }
}

/* Classes are taken four at a time where there are as many, which saves loads and stores of what
 * is kept per row. */
#define FOR_GROUPS_OF_CLASSES(first, n_classes, call_with_count)        \
    {                                                                   \
        ptrdiff_t k = (first);                                          \
        for (; k + 4 <= (n_classes); k += 4) {                          \
            call_with_count(4);                                         \
        }                                                               \
        for (; k < (n_classes); k++) {                                  \
            call_with_count(1);                                         \
        }                                                               \
    }

SKL_INLINE void NAME(largest_of)(
    int count, ptrdiff_t rows, ptrdiff_t k, ptrdiff_t stride, const real *restrict z,
    real *restrict largest, real *restrict at)
{
    const real *restrict z_k = z + k * stride;
    for (ptrdiff_t i = 0; i < rows; i++) {
        real m = largest[i], a = at[i];
        for (int j = 0; j < count; j++) {
            const real z_j = z_k[i + j * stride];
            a = z_j > m ? (real)(k + j) : a;
            m = z_j > m ? z_j : m;
        }
        largest[i] = m;
        at[i] = a;
    }
}

/* The largest raw prediction of each row, and its first class. */
SKL_INLINE void NAME(find_largest)(
    ptrdiff_t rows, ptrdiff_t n_columns, ptrdiff_t stride, const real *restrict z,
    real *restrict largest, real *restrict at)
{
    for (ptrdiff_t i = 0; i < rows; i++) {
        largest[i] = z[i];
        at[i] = 0;
    }
#define CALL(count) NAME(largest_of)(count, rows, k, stride, z, largest, at)
    FOR_GROUPS_OF_CLASSES(1, n_columns, CALL)
#undef CALL
}

/* exp(z - m) for z <= m, with the rounding error of z - m (Knuth's two-sum) put back. */
SKL_INLINE real NAME(exp_difference)(real z, real m)
{
    const real difference = z - m;
    const real subtracted = difference - z;
    const real low = (z - (difference - subtracted)) - (m + subtracted);
    return NAME(exp_nonpositive)(difference, low);
}

/* What a chunk of rows keeps per row. others = R: what has been added is others - excess, excess
 * being the rounding errors (Kahan's summation). shift = sum_k y_k (m - z_k). */
typedef struct {
    real largest[CHUNK_ROWS];
    real at[CHUNK_ROWS];
    real others[CHUNK_ROWS];
    real excess[CHUNK_ROWS];
    real shift[CHUNK_ROWS];
} NAME(chunk);

/* Add `count` classes from k on to R and shift; keep the exponentials if wanted. */
SKL_INLINE void NAME(add_classes)(
    int count, ptrdiff_t rows, ptrdiff_t k, ptrdiff_t stride, const real *restrict z,
    const real *restrict target, ptrdiff_t target_stride, NAME(chunk) *restrict chunk,
    real *restrict exponential, ptrdiff_t exponential_stride,
    int soft, int want_shift, int want_exponential)
{
    const real half = (real)0.5, one = 1, two = 2;
    const real *restrict z_k = z + k * stride;
    const real *restrict y_k = target + (soft ? k * target_stride : 0);
    real *restrict e_k = exponential + (want_exponential ? k * exponential_stride : 0);
    for (ptrdiff_t i = 0; i < rows; i++) {
        const real m = chunk->largest[i], a = chunk->at[i];
        real sum = 0, shift = want_shift ? chunk->shift[i] : 0;
        for (int j = 0; j < count; j++) {
            const real z_j = z_k[i + j * stride];
            const real class_j = (real)(k + j);
            const real e = NAME(exp_difference)(z_j, m);
            sum += a == class_j ? e - one : e;
            if (want_shift && soft) { /* halved: the difference may overflow */
                shift += (two * y_k[i + j * target_stride]) * (half * m - half * z_j);
            } else if (want_shift) {
                shift = y_k[i] == class_j ? m - z_j : shift;
            }
            if (want_exponential) {
                e_k[i + j * exponential_stride] = e;
            }
        }
        const real wanted = sum - chunk->excess[i];
        const real others = chunk->others[i] + wanted;
        chunk->excess[i] = (others - chunk->others[i]) - wanted;
        chunk->others[i] = others;
        if (want_shift) {
            chunk->shift[i] = shift;
        }
    }
}

SKL_INLINE void NAME(add_all_classes)(
    ptrdiff_t rows, ptrdiff_t n_columns, ptrdiff_t stride, const real *restrict z,
    const real *restrict target, ptrdiff_t target_stride, NAME(chunk) *restrict chunk,
    real *restrict exponential, ptrdiff_t exponential_stride,
    int soft, int want_shift, int want_exponential)
{
    NAME(find_largest)(rows, n_columns, stride, z, chunk->largest, chunk->at);
    for (ptrdiff_t i = 0; i < rows; i++) {
        chunk->others[i] = chunk->excess[i] = chunk->shift[i] = 0;
    }
#define CALL(count)                                                                    \
    NAME(add_classes)(count, rows, k, stride, z, target, target_stride, chunk,         \
                      exponential, exponential_stride, soft, want_shift, want_exponential)
    FOR_GROUPS_OF_CLASSES(0, n_columns, CALL)
#undef CALL
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
    real reciprocal[CHUNK_ROWS];
    NAME(add_all_classes)(rows, n_columns, stride, z, target, target_stride, &chunk,
                          gradient, stride, soft, want_value, want_gradient);
    if (want_value) {
        for (ptrdiff_t i = 0; i < rows; i++) {
            value[i] = NAME(log1p_nonnegative)(chunk.others[i]) + chunk.shift[i];
        }
    }
    if (!want_gradient) {
        return;
    }
    for (ptrdiff_t i = 0; i < rows; i++) {
        reciprocal[i] = NAME(reciprocal_1p)(chunk.others[i], -chunk.excess[i]);
    }
    for (ptrdiff_t k = 0; k < n_columns; k++) {
        const real *restrict y_k = target + (soft ? k * target_stride : 0);
        real *restrict gradient_k = gradient + k * stride;
        real *restrict hessian_k = hessian + (want_hessian ? k * stride : 0);
        const real class_k = (real)k;
        for (ptrdiff_t i = 0; i < rows; i++) {
            const real p = gradient_k[i] * reciprocal[i];
            const real q =
                chunk.at[i] == class_k ? chunk.others[i] * reciprocal[i] : one - p;
            if (soft) {
                gradient_k[i] = p - y_k[i];
            } else {
                gradient_k[i] = y_k[i] == class_k ? -q : p;
            }
            if (want_hessian) {
                hessian_k[i] = curvature ? p : p * q;
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

SKL_CLONES SKL_LINK_BLOCK(BLOCK_NAME(binary, link))
{
    (void)n_columns, (void)stride;
    const real zero = 0;
    const real *restrict z = raw_prediction;
    real *restrict class_0 = out;
    real *restrict class_1 = (real *)out + out_stride;
    for (ptrdiff_t i = 0; i < n_rows; i++) {
        const real u = NAME(exp_nonpositive)(z[i] < zero ? z[i] : -z[i], zero);
        const real larger = NAME(reciprocal_1p)(u, zero);
        const real smaller = u * larger;
        class_0[i] = z[i] < zero ? larger : smaller;
        class_1[i] = z[i] < zero ? smaller : larger;
    }
}

SKL_CLONES SKL_LINK_BLOCK(BLOCK_NAME(binary, log_link))
{
    (void)n_columns, (void)stride;
    const real zero = 0, one = 1, two = 2;
    const real *restrict z = raw_prediction;
    real *restrict class_0 = out;
    real *restrict class_1 = (real *)out + out_stride;
    for (ptrdiff_t i = 0; i < n_rows; i++) {
        const real positive = z[i] < zero ? zero : z[i];
        const real negative = z[i] < zero ? -z[i] : zero;
        const real u = NAME(exp_nonpositive)(-(positive + negative), zero);
        const real log1p_u = NAME(log1p_core)(u, one / (two + u));
        class_0[i] = -(log1p_u + positive);
        class_1[i] = -(log1p_u + negative);
    }
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
                              out + start, out_stride, 0, 0, !logarithm);
        for (ptrdiff_t i = 0; i < rows; i++) {
            scale[i] = logarithm ? NAME(log1p_nonnegative)(chunk.others[i])
                                 : NAME(reciprocal_1p)(chunk.others[i], -chunk.excess[i]);
        }
        for (ptrdiff_t k = 0; k < n_columns; k++) {
            const real *restrict z_k = raw_prediction + start + k * stride;
            real *restrict out_k = out + start + k * out_stride;
            for (ptrdiff_t i = 0; i < rows; i++) {
                if (logarithm) { /* the difference of two finite numbers may be infinite */
                    const real log_p = (z_k[i] - chunk.largest[i]) - scale[i];
                    out_k[i] = log_p < -(real)LARGEST ? -(real)LARGEST : log_p;
                } else {
                    out_k[i] *= scale[i];
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
