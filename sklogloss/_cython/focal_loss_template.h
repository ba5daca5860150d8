/* Focal loss of a block for one floating type; included twice by focal_loss.c.
 *
 * One class t that happened, p its probability, q = 1 - p, l = -ln p, s = -ln q, g = gamma:
 *
 *     Q = q^g = exp(-g s)
 *     value = Q l
 *     G = Q (q + g p l)
 *     H = Q (p q + g p^2 l) + max(smallest, g Q (2 p q + (g p - 1) p l))
 *
 * smallest is minus infinity, or 0 for the convex kernel, which leaves out what may be negative.
 * For two classes -G and H are the derivatives in the margin. For K classes, with
 * r_k = p_k / q for k != t, r_t = 0 and v = r - e_t,
 *
 *     gradient = G v
 *     Hessian = G (diag(r) - r r') + H v v'
 *
 * whose terms are all of the size of the result or less. So that Q is right to the last digits, s
 * has some digits more than a real, and its product with g is not rounded.
 *
 * Two soft targets mix the losses of both classes. K of them, with phi_k = G_k / q_k, weights y_k,
 * c_k = y_k (H_k - phi_k p_k q_k) / q_k^2 and B = sum of y_k phi_k, have
 *
 *     gradient_k = B p_k - y_k phi_k
 *     Hessian = B (diag(p) - p p') + sum_k c_k (p - e_k) (p - e_k)'
 *
 * c_k is large where p_k is close to 1: the part of a class a with p_a > 1/2 is kept apart as
 * d = c_a and w = p - e_a (w = p if there is none), whose entry at a is -q_a. C = sum of the other c.
 *
 * Formulas of the exponentials: log_loss_template.h.
 */
#include "simd_math.h"
#include "softmax_template.h"

#define BLOCK_NAME(kind, quantity) NAME(skl_focal_loss_##kind##_##quantity)

typedef struct {
    real gamma, high, low; /* gamma = high + low */
    real smallest;         /* of the second part of H */
    real exp_smallest;     /* EXP_SMALLEST, which the compiler may not know */
    real log_smallest;     /* exp of it is a normal number */
    real largest_margin;   /* gamma times it is finite */
    int is_short;          /* gamma is 0, 1 or 2: q^gamma = constant + q (linear + q square) */
    real constant, linear, square;
    int has_factors;       /* 2 gamma is one of 1, ..., 5: q^gamma is the product of those of */
    real with[3];          /* sqrt(q), q and q^2 where `with` is 1, else `without` */
    real without[3];
} NAME(focal);

SKL_INLINE NAME(focal) NAME(make_focal)(const double *parameter)
{
    /* A gamma so large leaves a loss only where q is about 1, and its square does not overflow. */
    const double limit = SKL_FLOAT32 ? 1e7 : 1e15;
    const double gamma = parameter[0] < limit ? parameter[0] : limit;
    NAME(focal) focal;
    focal.gamma = (real)gamma;
    focal.high = NAME(high_half)(focal.gamma);
    focal.low = (real)(gamma - (double)focal.high);
    focal.smallest = parameter[1] < 0 ? -(real)LARGEST : 0;
    focal.exp_smallest = NAME(opaque)((real)EXP_SMALLEST);
    focal.log_smallest = NAME(opaque)((real)(SKL_FLOAT32 ? -87.0 : -708.0));
    focal.largest_margin = NAME(opaque)((real)(SKL_FLOAT32 ? 1e30 : 1e290));
    focal.constant = gamma == 0;
    focal.linear = gamma == 1;
    focal.square = gamma == 2;
    focal.is_short = gamma == 0 || gamma == 1 || gamma == 2;
    /* A larger power would multiply the error of q too often. */
    const int halves = gamma <= 2.5 ? (int)(2 * gamma) : 0;
    focal.has_factors = halves == 2 * gamma;
    for (int j = 0; j < 3; j++) {
        focal.with[j] = (real)(halves >> j & 1);
        focal.without[j] = 1 - focal.with[j];
    }
    return focal;
}

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

/* q^gamma of the likely and of the unlikely class, from `near` = -ln of the likely one's
 * probability. They need no more digits than a real has: large exponents belong to small terms. */
SKL_INLINE void NAME(soft_powers)(
    const NAME(focal) *focal, ptrdiff_t rows, const real *restrict z, const real *restrict near,
    real *restrict power, real *restrict other_power)
{
    const real one = 1, gamma = focal->gamma, shift = (real)ROUND_TO_INTEGER;
    const real smallest = focal->log_smallest, limit = focal->largest_margin;
    real r[CHUNK_ROWS], other_r[CHUNK_ROWS];
    bits scale[CHUNK_ROWS], other_scale[CHUNK_ROWS];
    for (ptrdiff_t i = 0; i < rows; i++) {
        const real z_size = NAME(from_bits)(NAME(to_bits)(z[i]) & ~SIGN_BIT);
        const real far = z_size > limit ? limit : z_size;
        const real other_x = -(gamma * near[i]), x = other_x - gamma * far;
        NAME(exp_reduce)(x < smallest ? smallest : x, shift, &r[i], &scale[i]);
        NAME(exp_reduce)(other_x < smallest ? smallest : other_x, shift,
                         &other_r[i], &other_scale[i]);
    }
    for (ptrdiff_t i = 0; i < rows; i++) {
        const real e = one + NAME(expm1_core)(r[i]);
        const real other_e = one + NAME(expm1_core)(other_r[i]);
        power[i] = NAME(from_bits)(NAME(to_bits)(e) + scale[i]);
        other_power[i] = NAME(from_bits)(NAME(to_bits)(other_e) + other_scale[i]);
    }
}

/* G and H. p and p l are given divided by `unit`, so that small ones keep their digits; p l is 0
 * where p is 0, however large l. */
SKL_INLINE void NAME(derivatives)(
    const NAME(focal) *focal, real power, real unit, real p, real q, real pl, real *G, real *H)
{
    const real one = 1, two = 2, gamma = focal->gamma, gamma_p = gamma * (unit * p);
    const real doubtful = power * (gamma * (two * (p * q) + (gamma_p - one) * pl));
    *G = power * (q + gamma * (unit * pl));
    *H = unit * (power * (p * q + gamma_p * pl)
                 + (doubtful < focal->smallest ? focal->smallest : doubtful));
}

/* How q^gamma is had. */
#undef EXPONENTIAL
#undef SHORT
#undef FACTORS
#define EXPONENTIAL 0
#define SHORT 1
#define FACTORS 2

/* q^gamma by multiplications. */
SKL_INLINE real NAME(short_power)(const NAME(focal) *focal, real q, int kind)
{
    if (kind == SHORT) {
        return focal->constant + q * (focal->linear + q * focal->square);
    }
    const real *with = focal->with, *without = focal->without;
    return ((without[0] + with[0] * SQUARE_ROOT(q)) * (without[1] + with[1] * q))
           * (without[2] + with[2] * (q * q));
}

SKL_INLINE void NAME(binary_chunk)(
    const NAME(focal) *focal, ptrdiff_t rows, const real *restrict y, const real *restrict z,
    real *restrict value, real *restrict gradient, real *restrict hessian,
    int soft, int kind, int want_value, int want_gradient, int want_hessian)
{
    const real zero = 0, one = 1, two = 2, half = (real)0.5;
    const real biggest = NAME(opaque)((real)LARGEST);
    real exponential[CHUNK_ROWS], exponential_low[CHUNK_ROWS], larger_p[CHUNK_ROWS];
    real high[CHUNK_ROWS], low[CHUNK_ROWS], margin[CHUNK_ROWS];
    real power[CHUNK_ROWS], other_power[CHUNK_ROWS];
    const int want_low = !soft, needs_digits = !soft && kind == EXPONENTIAL;
    NAME(exp_of_minus_size)(rows, z, exponential, exponential_low, focal->exp_smallest, want_low);
    for (ptrdiff_t i = 0; i < rows; i++) {
        const real u = exponential[i];
        const real reciprocal = one / ((one + u) * (two + u));
        larger_p[i] = NAME(refined_1p)(u, reciprocal * (two + u));
        if (needs_digits) {
            const bits z_bits = NAME(to_bits)(z[i]);
            const real z_size = NAME(from_bits)(z_bits & ~SIGN_BIT);
            const real size = z_size > biggest ? biggest : z_size;
            const int is_unlikely = (y[i] > half) == ((signed_bits)z_bits < 0);
            margin[i] = is_unlikely ? zero : size;
            NAME(log1p_parts)(u, exponential_low[i], reciprocal + reciprocal * u,
                              &high[i], &low[i]);
        } else {
            high[i] = NAME(log1p_given)(u, reciprocal + reciprocal * u);
        }
    }
    if (needs_digits) {
        NAME(power)(focal, rows, margin, high, low, power);
    } else if (kind == EXPONENTIAL) {
        NAME(soft_powers)(focal, rows, z, high, power, other_power);
    }
    for (ptrdiff_t i = 0; i < rows; i++) {
        const real u = exponential[i];
        const bits z_bits = NAME(to_bits)(z[i]);
        const real z_size = NAME(from_bits)(z_bits & ~SIGN_BIT);
        const real size = z_size > biggest ? biggest : z_size;
        const real larger = larger_p[i], near = needs_digits ? high[i] + low[i] : high[i];
        /* A short power multiplies the error of q. */
        const real smaller = u * larger + (want_low ? exponential_low[i] * larger : zero);
        if (soft) {
            const real unlikely = (signed_bits)z_bits < 0 ? y[i] : one - y[i];
            const real likely = (signed_bits)z_bits < 0 ? one - y[i] : y[i];
            const real near_power = kind ? NAME(short_power)(focal, smaller, kind) : power[i];
            const real far_power = kind ? NAME(short_power)(focal, larger, kind) : other_power[i];
            const real far = size + near;
            real near_G, near_H, far_G, far_H;
            NAME(derivatives)(focal, near_power, one, larger, smaller, larger * near,
                              &near_G, &near_H);
            NAME(derivatives)(focal, far_power, one, smaller, larger, smaller * far,
                              &far_G, &far_H);
            if (want_value) {
                value[i] = likely * (near_power * near) + unlikely * (far_power * far);
            }
            if (want_gradient) {
                const real away = unlikely * far_G - likely * near_G;
                gradient[i] = NAME(from_bits)(NAME(to_bits)(away) ^ (z_bits & SIGN_BIT));
            }
            if (want_hessian) {
                hessian[i] = likely * near_H + unlikely * far_H;
            }
        } else {
            const bits flip = NAME(to_bits)(half - y[i]) & SIGN_BIT; /* set for class 1 */
            const int is_likely = (signed_bits)(z_bits ^ flip) < 0;
            const real p = is_likely ? larger : smaller, q = is_likely ? smaller : larger;
            const real surprise = near + (is_likely ? zero : size);
            const real q_power = kind ? NAME(short_power)(focal, q, kind) : power[i];
            if (want_value) {
                value[i] = q_power * surprise;
            }
            if (want_gradient) {
                real G, H;
                NAME(derivatives)(focal, q_power, one, p, q, p * surprise, &G, &H);
                gradient[i] = NAME(from_bits)(NAME(to_bits)(G) ^ flip);
                if (want_hessian) {
                    hessian[i] = H;
                }
            }
        }
    }
}

SKL_INLINE void NAME(binary)(
    ptrdiff_t n_rows, const real *y, const real *z, const double *parameter,
    real *value, real *gradient, real *hessian,
    int want_value, int want_gradient, int want_hessian)
{
    const NAME(focal) focal = NAME(make_focal)(parameter);
    for (ptrdiff_t start = 0; start < n_rows; start += CHUNK_ROWS) {
        const ptrdiff_t rows = n_rows - start < CHUNK_ROWS ? n_rows - start : CHUNK_ROWS;
        const real *restrict y_chunk = y + start;
        bits is_soft = 0;
        for (ptrdiff_t i = 0; i < rows; i++) {
            is_soft |= (bits)((y_chunk[i] != (real)0) & (y_chunk[i] != (real)1));
        }
#define CALL(soft, kind)                                                                         \
    NAME(binary_chunk)(&focal, rows, y_chunk, z + start, want_value ? value + start : value,     \
                       want_gradient ? gradient + start : gradient,                              \
                       want_hessian ? hessian + start : hessian,                                 \
                       soft, kind, want_value, want_gradient, want_hessian)
        if (is_soft && focal.is_short) {
            CALL(1, SHORT);
        } else if (is_soft && focal.has_factors) {
            CALL(1, FACTORS);
        } else if (is_soft) {
            CALL(1, EXPONENTIAL);
        } else if (focal.is_short) {
            CALL(0, SHORT);
        } else if (focal.has_factors) {
            CALL(0, FACTORS);
        } else {
            CALL(0, EXPONENTIAL);
        }
#undef CALL
    }
}

/* What the K-class formulas need of the classes other than the target, by Knuth's two-sums. */
SKL_INLINE void NAME(sum_others)(
    const NAME(chunk) *restrict chunk, ptrdiff_t i, real *rest, real *others, real *others_low)
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

/* A class index as target; `curvature` that hessian takes G, H and v, K + 2 columns. */
SKL_INLINE void NAME(index_chunk)(
    const NAME(focal) *focal, ptrdiff_t rows, ptrdiff_t n_columns, ptrdiff_t stride,
    const real *restrict target, const real *restrict z,
    real *restrict value, real *restrict gradient, real *restrict hessian,
    int want_value, int want_gradient, int want_hessian, int curvature)
{
    const real zero = 0, one = 1, two = 2;
    real a[CHUNK_ROWS], b[CHUNK_ROWS], c[CHUNK_ROWS], power[CHUNK_ROWS], surprise[CHUNK_ROWS];
    real p[CHUNK_ROWS], q[CHUNK_ROWS], inverse[CHUNK_ROWS], ratio[CHUNK_ROWS], low[CHUNK_ROWS];
    real rest[CHUNK_ROWS], one_and_ratio[CHUNK_ROWS], extra[CHUNK_ROWS], is_far[CHUNK_ROWS];
    NAME(chunk) chunk;
    NAME(add_all_classes)(rows, n_columns, stride, z, target, 0, &chunk, gradient, stride,
                          0, 1, 1, want_gradient, 1);
    for (ptrdiff_t i = 0; i < rows; i++) {
        const int is_top = chunk.value[i] == chunk.largest[i];
        const real e = chunk.target[i];
        real others, others_low;
        NAME(sum_others)(&chunk, i, &rest[i], &others, &others_low);
        const real of_top = is_top ? rest[i] : rest[i] + e;
        surprise[i] = (chunk.largest[i] - chunk.value[i])
                      + NAME(log1p_nonnegative)(of_top / chunk.top[i]);
        /* ratio + low = e / others; scaled and without the 1 of log(1 + ratio) where it is huge. */
        const int is_huge = e * (real)0x1p-64 > others;
        const real scale = is_huge ? (real)0x1p-64 : one;
        const real scaled = e * scale;
        inverse[i] = one / others;
        const real others_high = NAME(high_half)(others);
        ratio[i] = NAME(high_half)(scaled * inverse[i]);
        low[i] = (((scaled - ratio[i] * others_high) - ratio[i] * (others - others_high))
                  + (chunk.target_low[i] * scale - ratio[i] * others_low)) * inverse[i];
        one_and_ratio[i] = is_huge ? ratio[i] : one + ratio[i];
        extra[i] = is_huge ? (real)64 : zero;
        is_far[i] = is_huge ? zero : one;
        const real reciprocal = NAME(reciprocal_of_sum)(e, others);
        p[i] = e * ((real)0x1p64 * reciprocal);
        q[i] = others * reciprocal;
        /* 1 - r_k of the largest: the other classes' part of `others` */
        rest[i] = is_top ? -one : rest[i] * inverse[i];
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
    NAME(power)(focal, rows, a, b, c, power);
    if (want_value) {
        for (ptrdiff_t i = 0; i < rows; i++) {
            value[i] = power[i] * surprise[i];
        }
    }
    if (!want_gradient) {
        return;
    }
    real G[CHUNK_ROWS], H[CHUNK_ROWS];
    for (ptrdiff_t i = 0; i < rows; i++) {
        const int is_impossible = -surprise[i] < focal->exp_smallest;
        const real pl = is_impossible ? zero : p[i] * surprise[i];
        NAME(derivatives)(focal, power[i], (real)0x1p-64, p[i], q[i], pl, &G[i], &H[i]);
        if (curvature) {
            hessian[i] = G[i];
            hessian[i + stride] = H[i];
        }
    }
    for (ptrdiff_t k = 0; k < n_columns; k++) {
        real *restrict gradient_k = gradient + k * stride;
        real *restrict hessian_k = hessian + (want_hessian ? (k + 2 * curvature) * stride : 0);
        const real class_k = (real)k;
        for (ptrdiff_t i = 0; i < rows; i++) {
            const int is_target = target[i] == class_k;
            const real e = gradient_k[i];
            const real rounded = e * inverse[i];
            const real r = rounded > one ? one : rounded;
            const real v = is_target ? -one : r;
            gradient_k[i] = G[i] * v;
            if (want_hessian && curvature) {
                hessian_k[i] = v;
            } else if (want_hessian) {
                const real is_largest = e == chunk.top[i] && rest[i] >= zero;
                const real complement = is_largest ? rest[i] : one - r;
                hessian_k[i] = H[i] * (v * v) + (is_target ? zero : G[i] * r * complement);
            }
        }
    }
}

/* Probabilities as target; `curvature` that hessian takes B, C, d and pairs w_k, c_k, 2 K + 3
 * columns. The powers here need fewer digits: large exponents belong to small terms of the sum. */
SKL_INLINE void NAME(soft_chunk)(
    const NAME(focal) *focal, ptrdiff_t rows, ptrdiff_t n_columns, ptrdiff_t stride,
    const real *restrict target, ptrdiff_t target_stride, const real *restrict z,
    real *restrict value, real *restrict gradient, real *restrict hessian,
    int want_value, int want_gradient, int want_hessian, int curvature)
{
    const real zero = 0, one = 1, half = (real)0.5, two = 2;
    const real largest = NAME(opaque)((real)LARGEST);
    const real shift = (real)ROUND_TO_INTEGER + (real)(EXPONENT_BIAS + 64);
    const NAME(focal) f = *focal;
    real reciprocal[CHUNK_ROWS], top_q[CHUNK_ROWS], top_s[CHUNK_ROWS], scale[CHUNK_ROWS];
    real p[CHUNK_ROWS], r[CHUNK_ROWS], sum[CHUNK_ROWS];
    real top_inverse[CHUNK_ROWS], inverse[CHUNK_ROWS];
    real B[CHUNK_ROWS], C[CHUNK_ROWS], d[CHUNK_ROWS];
    bits power[CHUNK_ROWS];
    NAME(chunk) chunk;
    NAME(add_all_classes)(rows, n_columns, stride, z, NULL, 0, &chunk, gradient, stride,
                          0, 0, 0, want_gradient, 0);
    for (ptrdiff_t i = 0; i < rows; i++) {
        const real q = chunk.others[i] * (reciprocal[i] = NAME(reciprocal_of_sum)(
            chunk.top[i], chunk.others[i]));
        const real smallest = (real)SMALLEST_NORMAL;
        const real ratio = chunk.top[i] * ((real)0x1p-12 / chunk.others[i]);
        const real limit = largest * (real)0x1p-14;
        top_q[i] = q < smallest ? smallest : q;
        top_inverse[i] = one / top_q[i];
        top_s[i] = NAME(log1p_nonnegative)((ratio > limit ? limit : ratio) * (real)0x1p12);
        scale[i] = NAME(log1p_nonnegative)(chunk.others[i] / chunk.top[i]);
        sum[i] = B[i] = C[i] = d[i] = q - q;
    }
    for (ptrdiff_t k = 0; k < n_columns; k++) {
        const real *restrict z_k = z + k * stride;
        const real *restrict y_k = target + k * target_stride;
        real *restrict gradient_k = gradient + (want_gradient ? k * stride : 0);
        real *restrict c_k = hessian + (want_hessian ? (curvature ? 2 * k + 4 : k) * stride : 0);
        if (want_gradient) {
            for (ptrdiff_t i = 0; i < rows; i++) {
                const real rounded = gradient_k[i] * reciprocal[i];
                p[i] = rounded > one ? one : rounded;
            }
        } else {
            NAME(class_probability)(&chunk, rows, z_k, reciprocal, p);
        }
        for (ptrdiff_t i = 0; i < rows; i++) {
            const real minus_p = -(p[i] > half ? half : p[i]);
            real log_q;
            if (want_gradient) {
                const real others = one + minus_p, divisor = two + minus_p;
                const real both = one / (others * divisor);
                log_q = NAME(log1p_given)(minus_p, both * others);
                inverse[i] = z_k[i] == chunk.largest[i] ? top_inverse[i] : both * divisor;
            } else {
                log_q = NAME(log1p_core)(minus_p);
            }
            const real x = f.gamma * (z_k[i] == chunk.largest[i] ? -top_s[i] : log_q);
            const real x_used = x < f.exp_smallest ? f.exp_smallest : x;
            NAME(exp_reduce)(x_used, shift, &r[i], &power[i]);
        }
        for (ptrdiff_t i = 0; i < rows; i++) {
            const real Q = (NAME(expm1_core)(r[i]) * (real)0x1p-64 + (real)0x1p-64)
                           * NAME(from_bits)(power[i]);
            /* Halved: the difference may overflow. */
            const real surprise = half * chunk.largest[i] - half * z_k[i] + half * scale[i];
            if (want_value) {
                sum[i] += (two * (y_k[i] * Q)) * surprise;
            }
            if (want_gradient) {
                const real pl = two * (p[i] * surprise);
                const real q = z_k[i] == chunk.largest[i] ? top_q[i] : one - p[i];
                const real inverse_q = inverse[i];
                const real phi = y_k[i] * (Q * (one + f.gamma * (pl * inverse_q)));
                gradient_k[i] = phi;
                B[i] += phi;
                if (want_hessian) {
                    const real doubtful = (Q * inverse_q)
                        * (f.gamma * (two * p[i] + (f.gamma * p[i] - one) * (pl * inverse_q)));
                    const real c = y_k[i] * (doubtful < f.smallest ? f.smallest : doubtful);
                    c_k[i] = p[i] > half ? zero : c;
                    C[i] += p[i] > half ? zero : c;
                    d[i] += p[i] > half ? c : zero;
                    if (curvature) {
                        hessian[i + (2 * k + 3) * stride] = p[i] > half ? -q : p[i];
                    }
                }
            }
        }
    }
    if (want_value) {
        memcpy(value, sum, (size_t)rows * sizeof(real));
    }
    if (curvature) {
        memcpy(hessian, B, (size_t)rows * sizeof(real));
        memcpy(hessian + stride, C, (size_t)rows * sizeof(real));
        memcpy(hessian + 2 * stride, d, (size_t)rows * sizeof(real));
    }
    for (ptrdiff_t k = 0; k < n_columns && want_gradient; k++) {
        const real *restrict z_k = z + k * stride;
        real *restrict gradient_k = gradient + k * stride;
        real *restrict hessian_k = hessian + (want_hessian && !curvature ? k * stride : 0);
        if (curvature) {
            const real *restrict w = hessian + (2 * k + 3) * stride;
            for (ptrdiff_t i = 0; i < rows; i++) {
                p[i] = w[i] < zero ? one + w[i] : w[i];
            }
        } else {
            NAME(class_probability)(&chunk, rows, z_k, reciprocal, p);
        }
        for (ptrdiff_t i = 0; i < rows; i++) {
            const real q = z_k[i] == chunk.largest[i] ? top_q[i] : one - p[i];
            const real phi = gradient_k[i];
            gradient_k[i] = (B[i] - phi) * p[i] - phi * q;
            if (want_hessian && !curvature) {
                const real c = hessian_k[i];
                const real w = p[i] > half ? q : p[i];
                hessian_k[i] = B[i] * (p[i] * q) + c * (q * q) + (C[i] - c) * (p[i] * p[i])
                               + (d[i] * w) * w;
            }
        }
    }
}

SKL_INLINE void NAME(multiclass)(
    ptrdiff_t n_rows, ptrdiff_t n_columns, ptrdiff_t stride,
    const real *target, ptrdiff_t target_stride, const real *z, const double *parameter,
    real *value, real *gradient, real *hessian,
    int soft, int want_value, int want_gradient, int want_hessian, int curvature)
{
    const NAME(focal) focal = NAME(make_focal)(parameter);
    for (ptrdiff_t start = 0; start < n_rows; start += CHUNK_ROWS) {
        const ptrdiff_t rows = n_rows - start < CHUNK_ROWS ? n_rows - start : CHUNK_ROWS;
        real *value_chunk = want_value ? value + start : value;
        real *gradient_chunk = want_gradient ? gradient + start : gradient;
        real *hessian_chunk = want_hessian ? hessian + start : hessian;
        if (soft) {
            NAME(soft_chunk)(&focal, rows, n_columns, stride, target + start, target_stride,
                             z + start, value_chunk, gradient_chunk, hessian_chunk,
                             want_value, want_gradient, want_hessian, curvature);
        } else {
            NAME(index_chunk)(&focal, rows, n_columns, stride, target + start, z + start,
                              value_chunk, gradient_chunk, hessian_chunk,
                              want_value, want_gradient, want_hessian, curvature);
        }
    }
}

#define LOSS_BLOCKS(quantity, want_value, want_gradient, want_hessian, curvature)                \
    SKL_CLONES SKL_LOSS_BLOCK(BLOCK_NAME(binary, quantity))                                      \
    {                                                                                            \
        (void)n_columns, (void)stride, (void)target_stride;                                      \
        NAME(binary)(n_rows, target, raw_prediction, parameter, value, gradient, hessian,        \
                     want_value, want_gradient, want_hessian);                                   \
    }                                                                                            \
    SKL_CLONES SKL_LOSS_BLOCK(BLOCK_NAME(index, quantity))                                       \
    {                                                                                            \
        NAME(multiclass)(n_rows, n_columns, stride, target, target_stride, raw_prediction,       \
                         parameter, value, gradient, hessian,                                    \
                         0, want_value, want_gradient, want_hessian, curvature);                 \
    }                                                                                            \
    SKL_CLONES SKL_LOSS_BLOCK(BLOCK_NAME(soft, quantity))                                        \
    {                                                                                            \
        NAME(multiclass)(n_rows, n_columns, stride, target, target_stride, raw_prediction,       \
                         parameter, value, gradient, hessian,                                    \
                         1, want_value, want_gradient, want_hessian, curvature);                 \
    }

LOSS_BLOCKS(value, 1, 0, 0, 0)
LOSS_BLOCKS(gradient, 0, 1, 0, 0)
LOSS_BLOCKS(value_gradient, 1, 1, 0, 0)
LOSS_BLOCKS(gradient_hessian, 0, 1, 1, 0)
LOSS_BLOCKS(value_gradient_curvature, 1, 1, 1, 1)

/* With w = sum_l v_l d_l and mean = sum_l r_l d_l: d_k <- G r_k (d_k - mean) + H w v_k */
SKL_CLONES SKL_CURVATURE_PRODUCT_BLOCK(BLOCK_NAME(index, curvature_product))
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

SKL_CLONES SKL_CURVATURE_ENTRY_BLOCK(BLOCK_NAME(index, curvature_entry))
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

/* With mean = sum_l p_l x_l, share = sum_l c_l (x_l - mean) and part = sum_l w_l x_l:
 * x_k <- (B p_k + c_k) (x_k - mean) - share p_k + d part w_k */
SKL_CLONES SKL_CURVATURE_PRODUCT_BLOCK(BLOCK_NAME(soft, curvature_product))
{
    const real one = 1, zero = 0;
    for (ptrdiff_t start = 0; start < n_rows; start += CHUNK_ROWS) {
        const ptrdiff_t rows = n_rows - start < CHUNK_ROWS ? n_rows - start : CHUNK_ROWS;
        const real *restrict B = (const real *)curvature + start;
        const real *restrict d = B + 2 * curvature_stride;
        real mean[CHUNK_ROWS] = {0}, share[CHUNK_ROWS] = {0}, part[CHUNK_ROWS] = {0};
        for (ptrdiff_t k = 0; k < n_columns; k++) {
            const real *restrict w = B + (2 * k + 3) * curvature_stride;
            const real *restrict x = (const real *)direction + start + k * stride;
            for (ptrdiff_t i = 0; i < rows; i++) {
                part[i] += w[i] * x[i];
                mean[i] += (w[i] < zero ? one + w[i] : w[i]) * x[i];
            }
        }
        for (ptrdiff_t k = 0; k < n_columns; k++) {
            const real *restrict c = B + (2 * k + 4) * curvature_stride;
            const real *restrict x = (const real *)direction + start + k * stride;
            for (ptrdiff_t i = 0; i < rows; i++) {
                share[i] += c[i] * (x[i] - mean[i]);
            }
        }
        for (ptrdiff_t k = 0; k < n_columns; k++) {
            const real *restrict w = B + (2 * k + 3) * curvature_stride;
            const real *restrict c = w + curvature_stride;
            real *restrict x = (real *)direction + start + k * stride;
            for (ptrdiff_t i = 0; i < rows; i++) {
                const real p = w[i] < zero ? one + w[i] : w[i];
                x[i] = (B[i] * p + c[i]) * (x[i] - mean[i]) - share[i] * p
                       + (d[i] * w[i]) * part[i];
            }
        }
    }
}

/* As the product; where k == l, 1 - p_l is -w_l if that is positive. */
SKL_CLONES SKL_CURVATURE_ENTRY_BLOCK(BLOCK_NAME(soft, curvature_entry))
{
    const real *restrict B = curvature;
    const real *restrict C = B + curvature_stride;
    const real *restrict d = C + curvature_stride;
    const real *restrict w_k = B + (2 * k + 3) * curvature_stride;
    const real *restrict w_l = B + (2 * l + 3) * curvature_stride;
    const real *restrict c_k = w_k + curvature_stride;
    const real *restrict c_l = w_l + curvature_stride;
    const real zero = 0, one = 1, delta = k == l;
    real *restrict out = pair;
    for (ptrdiff_t i = 0; i < n_rows; i++) {
        const real p_k = w_k[i] < zero ? one + w_k[i] : w_k[i];
        const real p_l = w_l[i] < zero ? one + w_l[i] : w_l[i];
        const real apart = delta > zero && w_l[i] < zero ? -w_l[i] : delta - p_l;
        out[i] = B[i] * (p_k * apart) + c_k[i] * apart + p_k * (C[i] * p_l - c_l[i])
                 + (d[i] * w_k[i]) * w_l[i];
    }
}
