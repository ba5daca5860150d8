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
 * Two classes take the power of g + 1 instead, which spares a division where p is not wanted. With
 * u = exp(-|z|), L = ln(1 + u), k = p / q l, which is L / u where p > 1/2 and u l elsewhere:
 *
 *     Q = q^(g + 1),   value = Q l / q,   G = Q (1 + g k)
 *     H = p (G + max(smallest, g Q (2 + (g - 1) k - l)))
 *
 * For one class that happened that is p Q F, F = 1 + 2 g + g^2 k - g l, whose terms cancel about its
 * root: F is reckoned from there (focal_root.py).
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
    real largest_margin;   /* exp of minus it is a normal number */
    real one_more, one_more_high, one_more_low; /* gamma + 1 = high + low */
    real one_more_in_powers;                    /* -(gamma + 1) / ln 2 */
    real largest_surprise; /* (gamma + 1) times it is -EXP_SMALLEST */
    real largest_soft_surprise; /* (gamma + 1) times it is largest_margin */
    real one_less;         /* gamma - 1 */
    int is_short;          /* gamma is 0, 1 or 2: q^gamma = constant + q (linear + q square) */
    real constant, linear, square;
    /* root of F, see focal_root.py */
    real root_high, root_low, radius, at_root, coefficient[10];
    real no_surprise;      /* 1 + 2 gamma */
    real square_gamma;
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
    const double largest = SKL_FLOAT32 ? 87 : 708;
    focal.largest_margin = NAME(opaque)((real)largest);
    focal.one_more = (real)(gamma + 1);
    focal.one_more_high = NAME(from_bits)(
        NAME(to_bits)(focal.one_more) & ~(bits)(SKL_FLOAT32 ? 0x3fff : 0xffffffff));
    focal.one_more_low = (real)(gamma - ((double)focal.one_more_high - 1));
    focal.one_more_in_powers = (real)(-(gamma + 1) * LOG2_E);
    focal.largest_surprise = (real)(-EXP_SMALLEST / (gamma + 1));
    focal.largest_soft_surprise = (real)(largest / (gamma + 1));
    focal.one_less = (real)(gamma - 1);
    focal.constant = gamma == 0;
    focal.linear = gamma == 1;
    focal.square = gamma == 2;
    focal.is_short = gamma == 0 || gamma == 1 || gamma == 2;
    focal.root_high = (real)parameter[2];
    focal.root_low = (real)(parameter[2] - (double)focal.root_high + parameter[3]);
    focal.radius = (real)parameter[4];
    focal.no_surprise = (real)(1 + 2 * gamma);
    focal.at_root = focal.radius > 0 ? (real)parameter[5] : focal.no_surprise;
    for (int i = 0; i < 10; i++) {
        focal.coefficient[i] = (real)parameter[6 + i];
    }
    focal.square_gamma = (real)(gamma * gamma);
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

/* What is kept of each row of two classes. u = exp(-|z|) = scale (1 + rest), L = ln(1 + u). */
typedef struct {
    real margin[CHUNK_ROWS]; /* of the class that happened; -|z| for soft targets; bounded */
    real reduced[CHUNK_ROWS], scale[CHUNK_ROWS], rest[CHUNK_ROWS], u[CHUNK_ROWS];
    real log[CHUNK_ROWS], log_low[CHUNK_ROWS]; /* L = log + log_low */
    real ratio[CHUNK_ROWS];                    /* L / u */
    real far_reduced[CHUNK_ROWS];
} NAME(two_classes);

SKL_INLINE void NAME(start_binary)(
    const NAME(focal) *focal, const real *restrict y, const real *restrict z,
    NAME(two_classes) *restrict chunk, int soft, int needs_digits)
{
    const real one = 1, two = 2, limit = focal->largest_margin;
    const real shift = (real)ROUND_TO_INTEGER + (real)EXPONENT_BIAS;
    for (ptrdiff_t i = 0; i < CHUNK_ROWS; i++) {
        const real minus_size = NAME(from_bits)(NAME(to_bits)(z[i]) | SIGN_BIT);
        const real any = soft ? minus_size : (two * y[i] - one) * z[i];
        const real not_low = any < -limit ? -limit : any;
        const real margin = !soft && not_low > limit ? limit : not_low;
        bits power;
        NAME(exp_reduce)(NAME(from_bits)(NAME(to_bits)(margin) | SIGN_BIT), shift,
                         &chunk->reduced[i], &power);
        chunk->margin[i] = margin;
        chunk->scale[i] = NAME(from_bits)(power);
    }
    for (ptrdiff_t i = 0; i < CHUNK_ROWS; i++) {
        const real rest = NAME(expm1_core)(chunk->reduced[i]);
        chunk->rest[i] = rest;
        chunk->u[i] = chunk->scale[i] + chunk->scale[i] * rest;
    }
    for (ptrdiff_t i = 0; i < CHUNK_ROWS; i++) {
        const real u = chunk->u[i];
        const real reciprocal = one / (two + u);
        const real s = u * reciprocal, w = s * s;
        const real missing = reciprocal * (u - w * NAME(atanh_core)(w));
        const real log = u - u * missing;
        chunk->log[i] = log;
        chunk->ratio[i] = one - missing;
        if (needs_digits) {
            chunk->log_low[i] = (chunk->scale[i] - log)
                                + (chunk->scale[i] * chunk->rest[i] - u * missing);
        }
    }
}

/* q^(g + 1) = exp(-(g + 1) s), s = max(margin, 0) + L, as 2^-64 scale exp(reduced). Products of
 * the high parts are exact: that of s is a multiple of 2^-20 (float32: 2^-7). */
SKL_INLINE void NAME(hard_power)(
    const NAME(focal) *focal, NAME(two_classes) *restrict chunk)
{
    const real zero = 0, shift = (real)ROUND_TO_INTEGER + (real)(EXPONENT_BIAS + 64);
    const real to_multiple = (real)ROUND_TO_INTEGER * (real)(SKL_FLOAT32 ? 0x1p-7 : 0x1p-20);
    const real high = focal->one_more_high, low = focal->one_more_low;
    const real in_powers = focal->one_more_in_powers, largest = focal->largest_surprise;
    for (ptrdiff_t i = 0; i < CHUNK_ROWS; i++) {
        const real log = chunk->log[i];
        const real margin = chunk->margin[i] < zero ? zero : chunk->margin[i];
        const real larger = margin > log ? margin : log, smaller = margin > log ? log : margin;
        const real sum = margin + log;
        const real s = sum > largest ? largest : sum;
        const real shifted = s * in_powers + shift;
        const real n = shifted - shift;
        const real s_high = (sum + to_multiple) - to_multiple;
        const real s_low = ((larger - s_high) + smaller) + chunk->log_low[i];
        const real small = n * (real)LN2_LOW + (high * s_low + low * sum);
        const real reduced = (-(high * s_high) - n * (real)LN2_HIGH) - small;
        chunk->reduced[i] = sum > largest ? zero : reduced;
        chunk->scale[i] = NAME(from_bits)(NAME(to_bits)(shifted) << MANTISSA_BITS);
    }
}

/* The same for the likely and for the unlikely class, as exponents and what is left. They need no
 * more digits than a real has: large exponents belong to small terms. */
SKL_INLINE void NAME(soft_powers)(
    const NAME(focal) *focal, NAME(two_classes) *restrict chunk, bits *restrict power,
    bits *restrict far_power)
{
    const real shift = (real)ROUND_TO_INTEGER;
    const real factor = focal->one_more, in_powers = focal->one_more_in_powers;
    const real largest = focal->largest_soft_surprise;
    for (ptrdiff_t i = 0; i < CHUNK_ROWS; i++) {
        const real log = chunk->log[i], sum = log - chunk->margin[i];
        const real far = log > largest ? largest : log, near = sum > largest ? largest : sum;
        const real shifted = near * in_powers + shift, far_shifted = far * in_powers + shift;
        chunk->reduced[i] = -(factor * near) - (shifted - shift) * (real)LN2;
        chunk->far_reduced[i] = -(factor * far) - (far_shifted - shift) * (real)LN2;
        power[i] = NAME(to_bits)(shifted) << MANTISSA_BITS;
        far_power[i] = NAME(to_bits)(far_shifted) << MANTISSA_BITS;
    }
}

/* How q^(g + 1) is had. */
#undef EXPONENTIAL
#undef SHORT
#define EXPONENTIAL 0
#define SHORT 1

/* q^(g + 1) for g = 0, 1 or 2. */
SKL_INLINE real NAME(short_power)(const NAME(focal) *focal, real q)
{
    return q * (focal->constant + q * (focal->linear + q * focal->square));
}

SKL_INLINE void NAME(short_powers)(
    const NAME(focal) *focal, const NAME(two_classes) *restrict chunk,
    real *restrict power, real *restrict far_power, int soft)
{
    const real zero = 0, one = 1;
    for (ptrdiff_t i = 0; i < CHUNK_ROWS; i++) {
        const real scale = chunk->scale[i], rest = chunk->rest[i];
        const real larger = one / (one + chunk->u[i]), smaller = larger * scale;
        /* of `larger`, relative: what 1 + u and the division have rounded away */
        const real error = ((one - larger) - smaller) - smaller * rest;
        if (soft) {
            power[i] = NAME(short_power)(focal, smaller + smaller * (rest + error));
            far_power[i] = NAME(short_power)(focal, larger + larger * error);
        } else {
            const int is_likely = chunk->margin[i] > zero;
            const real factor = is_likely ? smaller : larger;
            const real added = is_likely ? rest : zero;
            const real q = factor + factor * (added + (error + error * added));
            power[i] = NAME(short_power)(focal, q);
        }
    }
}

/* The factor of p in H, given q^(g + 1), G, k = p / q l and l. */
SKL_INLINE real NAME(bend)(const NAME(focal) *focal, real power, real G, real k, real l)
{
    const real two = 2;
    const real doubtful = power * (focal->gamma * (two + (focal->one_less * k - l)));
    return G + (doubtful < focal->smallest ? focal->smallest : doubtful);
}

/* F(root + d) for |d| up to the radius: rounding errors are relative to F itself. */
SKL_INLINE real NAME(near_root)(const NAME(focal) *focal, real d)
{
    const real *c = focal->coefficient;
#if SKL_FLOAT32
    real p = c[5] + c[6] * d;
    p = p * d + c[4];
    p = p * d + c[3];
    p = p * d + c[2];
    p = p * d + c[1];
    p = p * d + c[0];
#else
    const real d2 = d * d, d4 = d2 * d2;
    const real p01 = c[0] + c[1] * d, p23 = c[2] + c[3] * d, p45 = c[4] + c[5] * d;
    const real p67 = c[6] + c[7] * d, p89 = c[8] + c[9] * d;
    const real p = (p01 + p23 * d2) + ((p45 + p67 * d2) + p89 * d4) * d4;
#endif
    return d * p;
}

/* F, or what the convex kernel has in its place, given the margin, k = p / q l and, of the
 * margin's size, L: l is L for the likely class and L - margin for the other. The sum of the latter
 * goes from the root, so that what cancels is small. */
SKL_INLINE real NAME(factor)(const NAME(focal) *focal, real margin, real k, real L)
{
    const real zero = 0, one = 1;
    const real d = (margin - focal->root_high) - focal->root_low;
    const real size = NAME(from_bits)(NAME(to_bits)(d) & ~SIGN_BIT);
    const real start = margin > zero ? focal->no_surprise : focal->at_root;
    const real added = margin > zero ? -L : d - L;
    const real far = (focal->gamma * added + start) + focal->square_gamma * k;
    const real any = size < focal->radius ? NAME(near_root)(focal, d) : far;
    const real smallest = (one + focal->gamma * k) + focal->smallest;
    return any < smallest ? smallest : any;
}

SKL_INLINE void NAME(binary_chunk)(
    const NAME(focal) *focal, const real *restrict y, const real *restrict z,
    real *restrict value, real *restrict gradient, real *restrict hessian,
    int soft, int kind, int want_value, int want_gradient, int want_hessian)
{
    const real zero = 0, one = 1, gamma = focal->gamma;
    /* Of powers: they do not lose digits where they are small. */
    const real unit = kind == SHORT || soft ? 1 : (real)0x1p-64;
    const real biggest = NAME(opaque)((real)LARGEST);
    real short_power[CHUNK_ROWS], short_far_power[CHUNK_ROWS];
    bits exponent[CHUNK_ROWS], far_exponent[CHUNK_ROWS];
    NAME(two_classes) chunk;
    NAME(start_binary)(focal, y, z, &chunk, soft, !soft && kind == EXPONENTIAL);
    if (kind == SHORT) {
        NAME(short_powers)(focal, &chunk, short_power, short_far_power, soft);
    } else if (soft) {
        NAME(soft_powers)(focal, &chunk, exponent, far_exponent);
    } else {
        NAME(hard_power)(focal, &chunk);
    }
    for (ptrdiff_t i = 0; i < CHUNK_ROWS; i++) {
        const real u = chunk.u[i], log = chunk.log[i], ratio = chunk.ratio[i];
        const real margin = chunk.margin[i];
        const bits z_bits = NAME(to_bits)(z[i]);
        /* The value alone is large where z is. */
        const real z_size = NAME(from_bits)(z_bits & ~SIGN_BIT);
        const real all_of_far = log + (z_size > biggest ? biggest : z_size);
        const real far = log - margin, far_k = u * far;
        if (soft) {
            const real power = kind == SHORT ? short_power[i] : NAME(from_bits)(
                NAME(to_bits)(one + NAME(expm1_core)(chunk.reduced[i])) + exponent[i]);
            const real far_power = kind == SHORT ? short_far_power[i] : NAME(from_bits)(
                NAME(to_bits)(one + NAME(expm1_core)(chunk.far_reduced[i])) + far_exponent[i]);
            const real unlikely = (signed_bits)z_bits < 0 ? y[i] : one - y[i];
            const real likely = one - unlikely;
            if (want_value) {
                value[i] = (one + u) * (likely * (power * ratio)
                                        + unlikely * (far_power * all_of_far));
            }
            const real near_G = power * (one + gamma * ratio);
            const real far_G = far_power * (one + gamma * far_k);
            if (want_gradient) {
                const real away = unlikely * far_G - likely * near_G;
                gradient[i] = NAME(from_bits)(NAME(to_bits)(away) ^ (z_bits & SIGN_BIT));
            }
            if (want_hessian) {
                const real near_bend = NAME(bend)(focal, power, near_G, ratio, log);
                const real far_bend = NAME(bend)(focal, far_power, far_G, far_k, far);
                hessian[i] = (likely * near_bend + unlikely * (u * far_bend)) / (one + u);
            }
        } else {
            const int is_likely = margin > zero;
            const real power = kind == SHORT ? short_power[i] : chunk.scale[i] * (
                one + NAME(expm1_core)(chunk.reduced[i]));
            if (want_value) {
                value[i] = power * ((unit + unit * u) * (is_likely ? ratio : all_of_far));
            }
            if (want_gradient) {
                const real k = is_likely ? ratio : far_k;
                const real G = power * (one + gamma * k);
                gradient[i] = (unit - (unit + unit) * y[i]) * G;
                if (want_hessian) {
                    const real p = (is_likely ? one : u) / (one + u);
                    const real factor = NAME(factor)(focal, margin, k, log);
                    hessian[i] = p * (unit * (power * factor));
                }
            }
        }
    }
}

/* The last rows are copied to a full chunk: loops over a constant number of rows are faster. */
SKL_INLINE void NAME(binary_chunks)(
    const NAME(focal) *focal, ptrdiff_t n_rows, const real *y, const real *z,
    real *value, real *gradient, real *hessian,
    int soft, int kind, int want_value, int want_gradient, int want_hessian)
{
    real last[5][CHUNK_ROWS];
    for (ptrdiff_t start = 0; start < n_rows; start += CHUNK_ROWS) {
        const ptrdiff_t rows = n_rows - start;
        const int is_full = rows >= CHUNK_ROWS;
        if (!is_full) {
            for (ptrdiff_t i = 0; i < CHUNK_ROWS; i++) {
                last[0][i] = i < rows ? y[start + i] : 0;
                last[1][i] = i < rows ? z[start + i] : 0;
            }
        }
        NAME(binary_chunk)(
            focal, is_full ? y + start : last[0], is_full ? z + start : last[1],
            is_full && want_value ? value + start : last[2],
            is_full && want_gradient ? gradient + start : last[3],
            is_full && want_hessian ? hessian + start : last[4],
            soft, kind, want_value, want_gradient, want_hessian);
        if (!is_full) {
            const size_t size = (size_t)rows * sizeof(real);
            if (want_value) {
                memcpy(value + start, last[2], size);
            }
            if (want_gradient) {
                memcpy(gradient + start, last[3], size);
            }
            if (want_hessian) {
                memcpy(hessian + start, last[4], size);
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
    bits is_soft = 0;
    for (ptrdiff_t i = 0; i < n_rows; i++) {
        is_soft |= NAME(to_bits)(y[i] * y[i] - y[i]);
    }
#define CALL(soft, kind)                                                                         \
    NAME(binary_chunks)(&focal, n_rows, y, z, value, gradient, hessian,                          \
                        soft, kind, want_value, want_gradient, want_hessian)
    if (is_soft && focal.is_short) {
        CALL(1, SHORT);
    } else if (is_soft) {
        CALL(1, EXPONENTIAL);
    } else if (focal.is_short) {
        CALL(0, SHORT);
    } else {
        CALL(0, EXPONENTIAL);
    }
#undef CALL
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

/* Probabilities of so many classes stay in L1, those of others are computed twice. */
#undef KEPT_CLASSES
#define KEPT_CLASSES 16

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
    real scratch[CHUNK_ROWS], r[CHUNK_ROWS], sum[CHUNK_ROWS];
    real top_inverse[CHUNK_ROWS], inverse[CHUNK_ROWS];
    real B[CHUNK_ROWS], C[CHUNK_ROWS], d[CHUNK_ROWS];
    real kept[KEPT_CLASSES][CHUNK_ROWS]; /* probabilities of the first classes */
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
        real *restrict p = k < KEPT_CLASSES ? kept[k] : scratch;
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
        real *restrict p = k < KEPT_CLASSES ? kept[k] : scratch;
        if (k >= KEPT_CLASSES) {
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
