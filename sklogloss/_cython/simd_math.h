/* Branch-free exponential and logarithm, for loops that the compiler vectorises.
 *
 * Include this file once with SKL_FLOAT32 0 and once with SKL_FLOAT32 1. Each inclusion defines
 * `real`, NAME(function) and the functions for that type. Polynomials are minimax fits (Remez);
 * their relative error stands beside them. The reductions are those of fdlibm (e_exp.c, s_log1p.c).
 *
 * Selects keep NaN: a comparison with NaN takes the computed branch.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>
#include "target_clones.h"

#undef real
#undef bits
#undef signed_bits
#undef NAME
#undef SIGN_BIT
#undef MANTISSA_BITS
#undef EXPONENT_BIAS
#undef ROUND_TO_INTEGER
#undef TWO_TO_MANTISSA_BITS
#undef SQRT2_BITS
#undef LOW_HALF
#undef LOG2_E
#undef LN2
#undef LN2_HIGH
#undef LN2_LOW
#undef EXP_SMALLEST
#undef EXACT_LIMIT
#undef LARGEST
#undef SMALLEST_NORMAL

#if SKL_FLOAT32
#define real float
#define bits uint32_t
#define signed_bits int32_t
#define NAME(function) function##_f32
#define SIGN_BIT 0x80000000u
#define MANTISSA_BITS 23
#define EXPONENT_BIAS 127
#define ROUND_TO_INTEGER 0x1.8p23f
#define TWO_TO_MANTISSA_BITS 0x1p23f
#define SQRT2_BITS 0x3fb504f3u
#define LOW_HALF 0xfffu /* of the mantissa */
#define LOG2_E 0x1.715476p+0f
#define LN2 0x1.62e430p-1f
#define LN2_HIGH 0x1.63p-1f /* nine bits: its product with an exponent is exact */
#define LN2_LOW -0x1.bd0106p-13f
#define EXP_SMALLEST -112.0f /* exp of it rounds to 0, even a thousand times */
#define EXACT_LIMIT 256.0f
#define LARGEST 0x1.fffffep+127f
#define SMALLEST_NORMAL 0x1p-126f
#else
#define real double
#define bits uint64_t
#define signed_bits int64_t
#define NAME(function) function##_f64
#define SIGN_BIT 0x8000000000000000ull
#define MANTISSA_BITS 52
#define EXPONENT_BIAS 1023
#define ROUND_TO_INTEGER 0x1.8p52
#define TWO_TO_MANTISSA_BITS 0x1p52
#define SQRT2_BITS 0x3ff6a09e667f3bcdull
#define LOW_HALF 0x7ffffffull
#define LOG2_E 0x1.71547652b82fep+0
#define LN2 0x1.62e42fefa39efp-1
#define LN2_HIGH 0x1.62e42feep-1 /* 32 bits: its product with an exponent is exact */
#define LN2_LOW 0x1.a39ef35793c76p-33
#define EXP_SMALLEST -753.0 /* exp of it rounds to 0, even a thousand times */
#define EXACT_LIMIT 2048.0
#define LARGEST 0x1.fffffffffffffp+1023
#define SMALLEST_NORMAL 0x1p-1022
#endif

SKL_INLINE real NAME(from_bits)(bits pattern)
{
    real x;
    memcpy(&x, &pattern, sizeof x);
    return x;
}

/* x, hidden from constant propagation. */
SKL_INLINE real NAME(opaque)(real x)
{
    volatile real unknown = x;
    return unknown;
}

SKL_INLINE bits NAME(to_bits)(real x)
{
    bits pattern;
    memcpy(&pattern, &x, sizeof pattern);
    return pattern;
}

/* x truncated to half of its digits: products of two such numbers are exact. */
SKL_INLINE real NAME(high_half)(real x)
{
    return NAME(from_bits)(NAME(to_bits)(x) & ~(bits)LOW_HALF);
}

/* exp(r) - 1 for |r| <= ln(2) / 2. */
SKL_INLINE real NAME(expm1_core)(real r)
{
    /* (exp(r) - 1 - r) / r^2 */
#if SKL_FLOAT32 /* 3.1e-9 */
    real p = 0x1.6a23d6p-10f;
    p = p * r + 0x1.123a2p-7f;
    p = p * r + 0x1.5558f2p-5f;
    p = p * r + 0x1.555492p-3f;
    p = p * r + 0x1.fffffcp-2f;
#else /* 3.7e-18 */
    const real r2 = r * r, r4 = r2 * r2;
    const real p01 = 0x1.000000000000ap-1 + 0x1.55555555554f9p-3 * r;
    const real p23 = 0x1.555555555083fp-5 + 0x1.1111111127d10p-7 * r;
    const real p45 = 0x1.6c16c184388eap-10 + 0x1.a01a012a0e024p-13 * r;
    const real p67 = 0x1.a01999e2b7996p-16 + 0x1.71df25b66c101p-19 * r;
    const real p89 = 0x1.28ad9b3ef2749p-22 + 0x1.ad7f393e88573p-26 * r;
    const real p = (p01 + p23 * r2) + ((p45 + p67 * r2) + p89 * r4) * r4;
#endif
    return r + r * r * p;
}

/* The first half of exp(x): x = n ln 2 + r with |r| <= ln(2) / 2, n an integer below 2^12 in size
 * (float32: 2^10). `shift` is ROUND_TO_INTEGER plus an integer i; the exponent field of power
 * becomes n + i. */
SKL_INLINE void NAME(exp_reduce)(real x, real shift, real *r, bits *power)
{
    const real shifted = x * (real)LOG2_E + shift; /* the low bits hold n + i */
    const real n = shifted - shift;
    *r = (x - n * (real)LN2_HIGH) - n * (real)LN2_LOW;
    *power = NAME(to_bits)(shifted) << MANTISSA_BITS;
}

/* (2 atanh(s) / s - 2) / w for |s| <= 1/3, w = s^2. */
SKL_INLINE real NAME(atanh_core)(real w)
{
#if SKL_FLOAT32 /* 4.5e-9 */
    real p = 0x1.1ee0a4p-2f;
    p = p * w + 0x1.1ebb64p-2f;
    p = p * w + 0x1.99d220p-2f;
    p = p * w + 0x1.555502p-1f;
#else /* 1.3e-18 */
    const real w2 = w * w, w4 = w2 * w2;
    const real p01 = 0x1.5555555555535p-1 + 0x1.99999999a0748p-2 * w;
    const real p23 = 0x1.249249208ca44p-2 + 0x1.c71c741c4a7b8p-3 * w;
    const real p45 = 0x1.745cb40631493p-3 + 0x1.3b1ddae810ea1p-3 * w;
    const real p67 = 0x1.1067cc7240f45p-3 + 0x1.efd7d54bd5042p-4 * w;
    const real p89 = 0x1.55b3126881a65p-4 + 0x1.5c77117977ce3p-3 * w;
    const real p = (p01 + p23 * w2) + ((p45 + p67 * w2) + p89 * w4) * w4;
#endif
    return p;
}

/* log(1 + f) for 1 + f in [1/2, 2], given 1 / (2 + f): 2 atanh(s), s = f / (2 + f). The leading
 * term is f itself, so that the last rounding is that of the sum. */
SKL_INLINE real NAME(log1p_given)(real f, real reciprocal)
{
    const real s = f * reciprocal;
    const real w = s * s;
    return f - s * (f - w * NAME(atanh_core)(w));
}

/* log(1 + f) for 1 + f in [1/2, 2]. */
SKL_INLINE real NAME(log1p_core)(real f)
{
    const real s = f / ((real)2 + f);
    const real w = s * s;
    return f - s * (f - w * NAME(atanh_core)(w));
}

/* high + low = log(1 + f + f_low), 1 + f in [1/2, 2], with a few digits more than a real: the
 * products in the remainder of the division are exact, and low is much smaller than high.
 * `reciprocal` is 1 / (2 + f); its last digits do not matter. */
SKL_INLINE void NAME(log1p_parts)(real f, real f_low, real reciprocal, real *high, real *low)
{
    const real one = 1, two = 2;
    const real d = two + f, d_high = NAME(high_half)(d), d_low = (two - d_high) + f;
    const real s = f * reciprocal, s_high = NAME(high_half)(s);
    const real remainder = ((f - s_high * d_high) - s_high * d_low) + f_low * (one - s);
    const real w = s * s;
    *high = two * s_high;
    *low = two * (remainder * reciprocal) + s * (w * NAME(atanh_core)(w));
}

/* log(1 + x) for x >= 0: 1 + x = 2^n (1 + f), 1 + f in [sqrt(1/2), sqrt(2)). f = x where n = 0, so
 * that a small x loses no digits. */
SKL_INLINE real NAME(log1p_nonnegative)(real x)
{
    const bits biased = (NAME(to_bits)((real)1 + x) - (bits)SQRT2_BITS
                         + ((bits)(EXPONENT_BIAS + 1) << MANTISSA_BITS)) >> MANTISSA_BITS;
    const real n = NAME(from_bits)(biased | NAME(to_bits)((real)TWO_TO_MANTISSA_BITS))
                   - ((real)TWO_TO_MANTISSA_BITS + (real)EXPONENT_BIAS);
    const real power = NAME(from_bits)(biased << MANTISSA_BITS);
    const real inverse_power = NAME(from_bits)((2 * EXPONENT_BIAS - biased) << MANTISSA_BITS);
    const real f = (x - (power - (real)1)) * inverse_power;
    return n * (real)LN2_HIGH + (NAME(log1p_core)(f) + n * (real)LN2_LOW);
}

/* 1 / (1 + u) for u in [0, 1] from an approximation, by a Newton step. */
SKL_INLINE real NAME(refined_1p)(real u, real rough)
{
    return rough + rough * (((real)1 - rough) - u * rough);
}

/* 1 / (1 + u) for u in [0, 1], corrected for the rounding error of 1 + u. */
SKL_INLINE real NAME(reciprocal_1p)(real u)
{
    return NAME(refined_1p)(u, (real)1 / ((real)1 + u));
}

/* 1 / (x + y) for positive x and y: a Newton step corrects the rounding errors of x + y (Knuth's
 * two-sum) and of the division. */
SKL_INLINE real NAME(reciprocal_of_sum)(real x, real y)
{
    const real sum = x + y;
    const real added = sum - x;
    const real error = (x - (sum - added)) + (y - added);
    const real rough = (real)1 / sum;
    return rough + rough * (((real)1 - sum * rough) - error * rough);
}

/* Rows that are handled together, so that their intermediate numbers, and columns of K classes,
 * stay in L1. Eight of the longest vectors: loops over fewer rows spend much of their time on
 * starting and ending. */
#undef CHUNK_ROWS
#define CHUNK_ROWS (SKL_FLOAT32 ? 128 : 64)

/* exponential = exp(-|z|). `smallest` is opaque(EXP_SMALLEST). */
SKL_INLINE void NAME(exp_of_minus_size)(
    ptrdiff_t rows, const real *restrict z, real smallest, real *restrict exponential)
{
    const real shift = (real)ROUND_TO_INTEGER + (real)(EXPONENT_BIAS + 64);
    real r[CHUNK_ROWS];
    bits power[CHUNK_ROWS];
    for (ptrdiff_t i = 0; i < rows; i++) {
        const real minus_size = NAME(from_bits)(NAME(to_bits)(z[i]) | SIGN_BIT);
        NAME(exp_reduce)(minus_size < smallest ? smallest : minus_size, shift, &r[i], &power[i]);
    }
    for (ptrdiff_t i = 0; i < rows; i++) {
        const real scaled = NAME(expm1_core)(r[i]) * (real)0x1p-64 + (real)0x1p-64;
        exponential[i] = scaled * NAME(from_bits)(power[i]);
    }
}
