#include "softmax_row.h"

#define SKL_FLOAT32 0
#include "simd_math.h"

/* Sums of thousands of exponentials of it are finite; the exponential of its negative is not 0. */
#define EXPONENT_LIMIT 690.0

SKL_CLONES
void softmax_add_derivatives(ptrdiff_t n_classes, double slope, double weight, double shared,
                             const double *restrict p, double *restrict gradient,
                             double *restrict curvature)
{
    for (ptrdiff_t k = 0; k < n_classes; k++) {
        gradient[k] += slope * p[k];
        curvature[k] += weight * (p[k] * (1 - shared * p[k]));
    }
}

SKL_CLONES
double softmax_move(ptrdiff_t n_classes, double length, const double *restrict step,
                    const double *restrict p, double *restrict moved)
{
    double total = 0;
    for (ptrdiff_t k = 0; k < n_classes; k++) {
        const double x = length * step[k];
        const double low = x < -EXPONENT_LIMIT ? -EXPONENT_LIMIT : x;
        const double used = low > EXPONENT_LIMIT ? EXPONENT_LIMIT : low;
        double r;
        uint64_t power;
        exp_reduce_f64(used, ROUND_TO_INTEGER, &r, &power);
        const double exponential = from_bits_f64(to_bits_f64(1 + expm1_core_f64(r)) + power);
        moved[k] = p[k] * (x > EXPONENT_LIMIT ? INFINITY : exponential);
    }
    for (ptrdiff_t k = 0; k < n_classes; k++)
        total += moved[k];
    const double reciprocal = 1 / total;
    for (ptrdiff_t k = 0; k < n_classes; k++)
        moved[k] *= reciprocal;
    return total;
}
