/* Branch-free exponential and logarithm, for loops that the compiler vectorises.
 *
 * Included once with SKL_FLOAT32 0 and once with SKL_FLOAT32 1; each inclusion defines `real`,
 * NAME(function) and the functions for that type. Polynomials are minimax fits (Remez) whose
 * relative error is given beside them; the reductions are those of fdlibm (e_exp.c, s_log1p.c).
 *
 * Selects keep NaN: they are written so that a comparison with NaN takes the computed branch.
 */
#include <stdint.h>
#include <string.h>
#include "target_clones.h"

#undef real
#undef bits
#undef NAME
#undef MANTISSA_BITS
#undef EXPONENT_BIAS
#undef ROUND_TO_INTEGER
#undef TWO_TO_MANTISSA_BITS
#undef SQRT2_BITS
#undef LOG2_E
#undef LN2_HIGH
#undef LN2_LOW
#undef EXP_SMALLEST
#undef LARGEST

#if SKL_FLOAT32
#define real float
#define bits uint32_t
#define NAME(function) function##_f32
#define MANTISSA_BITS 23
#define EXPONENT_BIAS 127
#define ROUND_TO_INTEGER 0x1.8p23f
#define TWO_TO_MANTISSA_BITS 0x1p23f
#define SQRT2_BITS 0x3fb504f3u
#define LOG2_E 0x1.715476p+0f
#define LN2_HIGH 0x1.63p-1f /* nine bits: its product with an exponent is exact */
#define LN2_LOW -0x1.bd0106p-13f
#define EXP_SMALLEST -103.9f
#define LARGEST 0x1.fffffep+127f
#else
#define real double
#define bits uint64_t
#define NAME(function) function##_f64
#define MANTISSA_BITS 52
#define EXPONENT_BIAS 1023
#define ROUND_TO_INTEGER 0x1.8p52
#define TWO_TO_MANTISSA_BITS 0x1p52
#define SQRT2_BITS 0x3ff6a09e667f3bcdull
#define LOG2_E 0x1.71547652b82fep+0
#define LN2_HIGH 0x1.62e42feep-1 /* 32 bits: its product with an exponent is exact */
#define LN2_LOW 0x1.a39ef35793c76p-33
#define EXP_SMALLEST -745.0
#define LARGEST 0x1.fffffffffffffp+1023
#endif

SKL_INLINE real NAME(from_bits)(bits pattern)
{
    real x;
    memcpy(&x, &pattern, sizeof x);
    return x;
}

SKL_INLINE bits NAME(to_bits)(real x)
{
    bits pattern;
    memcpy(&pattern, &x, sizeof pattern);
    return pattern;
}

/* exp(x + low) for x <= 0 and |low| below one unit in the last place of x; 0 below EXP_SMALLEST,
 * where hardly the smallest subnormal number is left. x = n ln 2 + r, |r| <= ln(2) / 2. */
SKL_INLINE real NAME(exp_nonpositive)(real x, real low)
{
    const real shifted = x * (real)LOG2_E + (real)ROUND_TO_INTEGER;
    const real n = shifted - (real)ROUND_TO_INTEGER;
    const real r = ((x - n * (real)LN2_HIGH) + low) - n * (real)LN2_LOW;
    /* (exp(r) - 1 - r) / r^2 */
#if SKL_FLOAT32 /* 3.1e-9 */
    real p = 0x1.6a23d6p-10f;
    p = p * r + 0x1.123a2p-7f;
    p = p * r + 0x1.5558f2p-5f;
    p = p * r + 0x1.555492p-3f;
    p = p * r + 0x1.fffffcp-2f;
#else /* 3.7e-18 */
    real p = 0x1.ad7f393e88573p-26;
    p = p * r + 0x1.28ad9b3ef2749p-22;
    p = p * r + 0x1.71df25b66c101p-19;
    p = p * r + 0x1.a01999e2b7996p-16;
    p = p * r + 0x1.a01a012a0e024p-13;
    p = p * r + 0x1.6c16c184388eap-10;
    p = p * r + 0x1.1111111127d10p-7;
    p = p * r + 0x1.555555555083fp-5;
    p = p * r + 0x1.55555555554f9p-3;
    p = p * r + 0x1.000000000000ap-1;
#endif
    /* The scale is 2^64 too large, hence normal even where 2^n is not. */
    p = (r + r * r * p) * (real)0x1p-64 + (real)0x1p-64;
    /* The low bits of `shifted` hold n: moved into the exponent field they make a power. */
    const bits exponent = NAME(to_bits)(shifted) + (EXPONENT_BIAS + 64);
    const real scale = NAME(from_bits)(exponent << MANTISSA_BITS);
    return x < (real)EXP_SMALLEST ? (real)0 : p * scale;
}

/* log(1 + f) for 1 + f in [1/2, 2]: 2 atanh(s), s = f / (2 + f), with f itself as leading term
 * so that its rounding is the last one. `reciprocal` = 1 / (2 + f). */
SKL_INLINE real NAME(log1p_core)(real f, real reciprocal)
{
    const real s = f * reciprocal;
    const real w = s * s;
    /* (2 atanh(s) / s - 2) / s^2 for |s| <= 1/3 */
#if SKL_FLOAT32 /* 4.5e-9 */
    real p = 0x1.1ee0a4p-2f;
    p = p * w + 0x1.1ebb64p-2f;
    p = p * w + 0x1.99d220p-2f;
    p = p * w + 0x1.555502p-1f;
#else /* 1.3e-18 */
    real p = 0x1.5c77117977ce3p-3;
    p = p * w + 0x1.55b3126881a65p-4;
    p = p * w + 0x1.efd7d54bd5042p-4;
    p = p * w + 0x1.1067cc7240f45p-3;
    p = p * w + 0x1.3b1ddae810ea1p-3;
    p = p * w + 0x1.745cb40631493p-3;
    p = p * w + 0x1.c71c741c4a7b8p-3;
    p = p * w + 0x1.249249208ca44p-2;
    p = p * w + 0x1.99999999a0748p-2;
    p = p * w + 0x1.5555555555535p-1;
#endif
    return f - s * (f - w * p);
}

/* log(1 + x) for x >= 0: 1 + x = 2^n (1 + f), 1 + f in [sqrt(1/2), sqrt(2)); f = x where n = 0,
 * so that no digit of a small x is lost. */
SKL_INLINE real NAME(log1p_nonnegative)(real x)
{
    const bits biased = (NAME(to_bits)((real)1 + x) - (bits)SQRT2_BITS
                         + ((bits)(EXPONENT_BIAS + 1) << MANTISSA_BITS)) >> MANTISSA_BITS;
    const real n = NAME(from_bits)(biased | NAME(to_bits)((real)TWO_TO_MANTISSA_BITS))
                   - ((real)TWO_TO_MANTISSA_BITS + (real)EXPONENT_BIAS);
    const real power = NAME(from_bits)(biased << MANTISSA_BITS);
    const real inverse_power = NAME(from_bits)((2 * EXPONENT_BIAS - biased) << MANTISSA_BITS);
    const real f = (x - (power - (real)1)) * inverse_power;
    const real log1p_f = NAME(log1p_core)(f, (real)1 / ((real)2 + f));
    return n * (real)LN2_HIGH + (log1p_f + n * (real)LN2_LOW);
}

/* 1 / (1 + x + low) for x >= 0 and a small low, with the rounding error of 1 + x put back. */
SKL_INLINE real NAME(reciprocal_1p)(real x, real low)
{
    const real sum = (real)1 + x;
    const real added = sum - (real)1;
    const real error = ((real)1 - (sum - added)) + (x - added) + low;
    const real reciprocal = (real)1 / sum;
    return reciprocal - reciprocal * (reciprocal * error);
}

/* 1 / (1 + x) and 1 / (2 + x) for x in [0, 1] by one division, the slowest of operations. The
 * first gets a Newton step that puts the rounding error of 1 + x back. */
SKL_INLINE void NAME(reciprocals_1p_2p)(real x, real *reciprocal_1, real *reciprocal_2)
{
    const real sum_1 = (real)1 + x;
    const real sum_2 = (real)2 + x;
    const real error = x - (sum_1 - (real)1);
    const real reciprocal = (real)1 / (sum_1 * sum_2);
    const real rough = reciprocal * sum_2;
    *reciprocal_1 = rough + rough * (((real)1 - sum_1 * rough) - rough * error);
    *reciprocal_2 = reciprocal * sum_1;
}
