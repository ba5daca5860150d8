/* Focal loss of K classes for a target that is a class index t, for one floating type. G and H are
 * those of focal_parameters_template.h. With r_k = p_k / q for k != t, r_t = 0 and v = r - e_t,
 *
 *     gradient = G v
 *     Hessian = G (diag(r) - r r') + H v v'
 *
 * whose terms are all of the size of the result or smaller. The curvature has the columns G, H and
 * v_k. For Q to be right to the last digits, s has a few digits more than a real, and its product
 * with g is not rounded.
 */

/* power = exp(-gamma (a + b + c)): b has half the digits, c is small. */
SKL_INLINE void NAME(power)(
    const NAME(focal) *focal, ptrdiff_t rows, const real *restrict a, const real *restrict b,
    const real *restrict c, real *restrict power)
{
    const NAME(focal) f = *focal;
    const real zero = 0, shift = (real)ROUND_TO_INTEGER + (real)(EXPONENT_BIAS + 64);
    real r[CHUNK_ROWS];
    bits scale[CHUNK_ROWS];
    for (ptrdiff_t i = 0; i < rows; i++) {
        const real x = -(f.gamma * (a[i] + (b[i] + c[i])));
        const real x_used = x < f.exp_smallest ? f.exp_smallest : x;
        const real shifted = x_used * (real)LOG2_E + shift;
        const real n = shifted - shift;
        const real a_high = NAME(high_half)(a[i]), a_low = a[i] - a_high;
        const real small = n * (real)LN2_LOW + (f.high * a_low + f.low * a[i])
                           + (f.gamma * c[i] + f.low * b[i]);
        const real reduced = ((-(f.high * a_high) - n * (real)LN2_HIGH) - f.high * b[i]) - small;
        r[i] = x < f.exp_smallest ? zero : reduced;
        scale[i] = NAME(to_bits)(shifted) << MANTISSA_BITS;
    }
    for (ptrdiff_t i = 0; i < rows; i++) {
        const real scaled = NAME(expm1_core)(r[i]) * (real)0x1p-64 + (real)0x1p-64;
        power[i] = scaled * NAME(from_bits)(scale[i]);
    }
}

/* G and H. p and p l come divided by `unit`, so that small ones keep their digits; p l is 0 where p
 * is 0, however large l is. */
SKL_INLINE void NAME(derivatives)(
    const NAME(focal) *focal, real power, real unit, real p, real q, real pl, real *G, real *H)
{
    const real one = 1, two = 2, gamma = focal->gamma, gamma_p = gamma * (unit * p);
    const real doubtful = power * (gamma * (two * (p * q) + (gamma_p - one) * pl));
    *G = power * (q + gamma * (unit * pl));
    *H = unit * (power * (p * q + gamma_p * pl)
                 + (doubtful < focal->smallest ? focal->smallest : doubtful));
}

/* Sums over the classes other than the target, by Knuth's two-sums. `rest` leaves out one of the
 * largest, too; others + others_low has more digits than a real. */
SKL_INLINE void NAME(sum_others)(
    const NAME(softmax_chunk) *restrict chunk, ptrdiff_t i, real *rest, real *others,
    real *others_low)
{
    const real zero = 0, one = 1;
    const real top = chunk->top[i];
    const int is_top = chunk->value[i] == chunk->largest[i];
    const real elsewhere = NAME(from_bits)(chunk->ties[i] + 1) - (real)TWO_TO_MANTISSA_BITS;
    const real ties = is_top ? elsewhere : elsewhere - one;
    const real tied = ties * top;
    const real sum = chunk->others[i] + tied;
    const real added = sum - chunk->others[i];
    const real low = ((chunk->others[i] - (sum - added)) + (tied - added))
                     + (ties * chunk->top_low[i] - chunk->excess[i]);
    const real last = is_top ? zero : top;
    const real total = sum + last;
    const real last_added = total - sum;
    const real total_low = ((sum - (total - last_added)) + (last - last_added))
                           + (low + (is_top ? zero : chunk->top_low[i]));
    *rest = sum + low;
    *others = total + total_low;
    *others_low = total_low - (*others - total);
}

/* What is kept for each row. */
typedef struct {
    real top[CHUNK_ROWS];      /* exponential of the class with the largest raw prediction */
    real inverse[CHUNK_ROWS];  /* 1 / (sum of the exponentials of the other classes) */
    real rest[CHUNK_ROWS];     /* 1 - r of the class with the largest, -1 if that is the target */
    real p[CHUNK_ROWS], q[CHUNK_ROWS]; /* of the target; p is times 2^64 */
    real surprise[CHUNK_ROWS]; /* -ln p */
    real power[CHUNK_ROWS];    /* q^gamma */
    real G[CHUNK_ROWS], H[CHUNK_ROWS];
} NAME(index_chunk);

/* Fill the chunk but for G and H; write the exponentials into `exponential` unless it is NULL. */
SKL_INLINE void NAME(start_index)(
    const NAME(focal) *focal, ptrdiff_t rows, ptrdiff_t n_columns, ptrdiff_t stride,
    const real *restrict target, const real *restrict z, real *restrict exponential,
    NAME(index_chunk) *restrict chunk)
{
    const real zero = 0, one = 1, two = 2;
    real a[CHUNK_ROWS], b[CHUNK_ROWS], c[CHUNK_ROWS], ratio[CHUNK_ROWS], low[CHUNK_ROWS];
    real one_and_ratio[CHUNK_ROWS], extra[CHUNK_ROWS], is_far[CHUNK_ROWS];
    NAME(softmax_chunk) sums;
    NAME(skl_softmax_apart)(rows, n_columns, stride, z, target, exponential, stride, &sums);
    for (ptrdiff_t i = 0; i < rows; i++) {
        const int is_top = sums.value[i] == sums.largest[i];
        const real e = sums.target[i];
        real rest, others, others_low;
        NAME(sum_others)(&sums, i, &rest, &others, &others_low);
        const real of_top = is_top ? rest : rest + e;
        chunk->surprise[i] = (sums.largest[i] - sums.value[i])
                             + NAME(log1p_nonnegative)(of_top / sums.top[i]);
        /* ratio + low = e / others. Where that is huge it is scaled, and the 1 of log(1 + ratio) is
         * left out. */
        const int is_huge = e * (real)0x1p-64 > others;
        const real scale = is_huge ? (real)0x1p-64 : one;
        const real scaled = e * scale, inverse = one / others;
        const real others_high = NAME(high_half)(others);
        ratio[i] = NAME(high_half)(scaled * inverse);
        low[i] = (((scaled - ratio[i] * others_high) - ratio[i] * (others - others_high))
                  + (sums.target_low[i] * scale - ratio[i] * others_low)) * inverse;
        one_and_ratio[i] = is_huge ? ratio[i] : one + ratio[i];
        extra[i] = is_huge ? (real)64 : zero;
        is_far[i] = is_huge ? zero : one;
        const real reciprocal = NAME(reciprocal_of_sum)(e, others);
        chunk->p[i] = e * ((real)0x1p64 * reciprocal);
        chunk->q[i] = others * reciprocal;
        chunk->inverse[i] = inverse;
        chunk->rest[i] = is_top ? -one : rest * inverse;
        chunk->top[i] = sums.top[i];
    }
    for (ptrdiff_t i = 0; i < rows; i++) {
        const bits biased = (NAME(to_bits)(one_and_ratio[i]) - (bits)SQRT2_BITS
                             + ((bits)(EXPONENT_BIAS + 1) << MANTISSA_BITS)) >> MANTISSA_BITS;
        const real n = NAME(from_bits)(biased | NAME(to_bits)((real)TWO_TO_MANTISSA_BITS))
                       - ((real)TWO_TO_MANTISSA_BITS + (real)EXPONENT_BIAS) + extra[i];
        const real two_to_n = NAME(from_bits)(biased << MANTISSA_BITS);
        const real inverse_power = NAME(from_bits)((2 * EXPONENT_BIAS - biased) << MANTISSA_BITS);
        const real f_high = (ratio[i] - (two_to_n - is_far[i])) * inverse_power;
        const real f_low = low[i] * inverse_power;
        const real f = f_high + f_low;
        NAME(log1p_parts)(f, (f_high - f) + f_low, one / (two + f), &b[i], &c[i]);
        a[i] = n * (real)LN2_HIGH;
        c[i] += n * (real)LN2_LOW;
    }
    NAME(power)(focal, rows, a, b, c, chunk->power);
}

/* Turn the exponentials of a class, in `gradient`, into the gradient; write the diagonal of the
 * Hessian or the curvature where wanted. */
SKL_INLINE void NAME(finish_index_class)(
    ptrdiff_t rows, ptrdiff_t k, const real *restrict target,
    const NAME(index_chunk) *restrict chunk, real *restrict gradient, real *restrict hessian,
    real *restrict curvature, int want_hessian, int want_curvature)
{
    const real zero = 0, one = 1, class_k = (real)k;
    for (ptrdiff_t i = 0; i < rows; i++) {
        const int is_target = target[i] == class_k;
        const real e = gradient[i], G = chunk->G[i];
        const real rounded = e * chunk->inverse[i];
        const real r = rounded > one ? one : rounded;
        const real v = is_target ? -one : r;
        gradient[i] = G * v;
        if (want_hessian) {
            const real rest = chunk->rest[i];
            const real complement = e == chunk->top[i] && rest >= zero ? rest : one - r;
            hessian[i] = chunk->H[i] * (v * v) + (is_target ? zero : G * r * complement);
        }
        if (want_curvature) {
            curvature[i] = v;
        }
    }
}

SKL_INLINE void NAME(fill_index_chunk)(
    const NAME(focal) *focal, ptrdiff_t rows, ptrdiff_t n_columns, ptrdiff_t stride,
    const real *restrict target, const real *restrict z, real *restrict value,
    real *restrict gradient, real *restrict hessian, real *restrict curvature,
    ptrdiff_t curvature_stride)
{
    const real zero = 0;
    NAME(index_chunk) chunk;
    NAME(start_index)(focal, rows, n_columns, stride, target, z, gradient, &chunk);
    for (ptrdiff_t i = 0; i < rows && value != NULL; i++) {
        value[i] = chunk.power[i] * chunk.surprise[i];
    }
    if (gradient == NULL) {
        return;
    }
    for (ptrdiff_t i = 0; i < rows; i++) {
        const int is_impossible = -chunk.surprise[i] < focal->exp_smallest;
        const real pl = is_impossible ? zero : chunk.p[i] * chunk.surprise[i];
        NAME(derivatives)(focal, chunk.power[i], (real)0x1p-64, chunk.p[i], chunk.q[i], pl,
                          &chunk.G[i], &chunk.H[i]);
    }
#define FINISH(want_hessian, want_curvature)                                                    \
    for (ptrdiff_t k = 0; k < n_columns; k++) {                                                 \
        NAME(finish_index_class)(                                                               \
            rows, k, target, &chunk, gradient + k * stride,                                     \
            want_hessian ? hessian + k * stride : NULL,                                         \
            want_curvature ? curvature + (k + 2) * curvature_stride : NULL, want_hessian,       \
            want_curvature);                                                                    \
    }
    if (hessian != NULL) {
        FINISH(1, 0)
    } else if (curvature != NULL) {
        memcpy(curvature, chunk.G, (size_t)rows * sizeof(real));
        memcpy(curvature + curvature_stride, chunk.H, (size_t)rows * sizeof(real));
        FINISH(0, 1)
    } else {
        FINISH(0, 0)
    }
#undef FINISH
}

SKL_CLONES SKL_LOSS_BLOCK(NAME(skl_focal_loss_index))
{
    (void)target_stride;
    const NAME(focal) focal = NAME(make_focal)(parameters);
    for (ptrdiff_t start = 0; start < n_rows; start += CHUNK_ROWS) {
        const ptrdiff_t rows = n_rows - start < CHUNK_ROWS ? n_rows - start : CHUNK_ROWS;
        NAME(fill_index_chunk)(
            &focal, rows, n_columns, stride, (const real *)target + start,
            (const real *)raw_prediction + start, value != NULL ? (real *)value + start : NULL,
            gradient != NULL ? (real *)gradient + start : NULL,
            hessian != NULL ? (real *)hessian + start : NULL,
            curvature != NULL ? (real *)curvature + start : NULL, curvature_stride);
    }
}

/* With w = sum_l v_l d_l and mean = sum_l r_l d_l: d_k <- G r_k (d_k - mean) + H w v_k */
SKL_CLONES SKL_CURVATURE_PRODUCT_BLOCK(NAME(skl_focal_loss_index_curvature_product))
{
    for (ptrdiff_t start = 0; start < n_rows; start += CHUNK_ROWS) {
        const ptrdiff_t rows = n_rows - start < CHUNK_ROWS ? n_rows - start : CHUNK_ROWS;
        const real *restrict G = (const real *)curvature + start;
        const real *restrict H = G + curvature_stride;
        real mean[CHUNK_ROWS] = {0}, w[CHUNK_ROWS] = {0};
        for (ptrdiff_t k = 0; k < n_columns; k++) {
            const real *restrict v = G + (k + 2) * curvature_stride;
            const real *restrict d = (const real *)direction + start + k * stride;
            for (ptrdiff_t i = 0; i < rows; i++) {
                mean[i] += (v[i] > 0 ? v[i] : 0) * d[i];
                w[i] += v[i] * d[i];
            }
        }
        for (ptrdiff_t k = 0; k < n_columns; k++) {
            const real *restrict v = G + (k + 2) * curvature_stride;
            real *restrict d = (real *)direction + start + k * stride;
            for (ptrdiff_t i = 0; i < rows; i++) {
                const real r = v[i] > 0 ? v[i] : 0;
                d[i] = G[i] * (r * (d[i] - mean[i])) + H[i] * (w[i] * v[i]);
            }
        }
    }
}

SKL_CLONES SKL_CURVATURE_ENTRY_BLOCK(NAME(skl_focal_loss_index_curvature_entry))
{
    const real *restrict G = curvature;
    const real *restrict H = G + curvature_stride;
    const real *restrict v_k = G + (k + 2) * curvature_stride;
    const real *restrict v_l = G + (l + 2) * curvature_stride;
    const real delta = k == l;
    real *restrict out = pair;
    for (ptrdiff_t i = 0; i < n_rows; i++) {
        const real r_k = v_k[i] > 0 ? v_k[i] : 0, r_l = v_l[i] > 0 ? v_l[i] : 0;
        out[i] = G[i] * (r_k * (delta - r_l)) + H[i] * (v_k[i] * v_l[i]);
    }
}
