/* The probabilities of a sample in coordinate descent on the log loss of K classes. */
#ifndef SKLOGLOSS_SOFTMAX_ROW_H
#define SKLOGLOSS_SOFTMAX_ROW_H

#include <stddef.h>

/* gradient += slope * p, curvature += weight * p * (1 - shared * p) */
void softmax_add_derivatives(ptrdiff_t n_classes, double slope, double weight, double shared,
                             const double *restrict p, double *restrict gradient,
                             double *restrict curvature);

/* moved = the probabilities after the raw predictions change by length * step. Return the sum by
 * which they were divided: infinite or NaN if an exponential overflows. */
double softmax_move(ptrdiff_t n_classes, double length, const double *restrict step,
                    const double *restrict p, double *restrict moved);

#endif
