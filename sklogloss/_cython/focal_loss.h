/* Focal loss. Formulas: focal_parameters_template.h. */
#ifndef SKLOGLOSS_FOCAL_LOSS_H
#define SKLOGLOSS_FOCAL_LOSS_H

#include "loss_functions.h"

typedef struct {
    double gamma;
    int convex; /* whether Hessians leave out what may be negative */
    /* The root of the second derivative, a sum of two numbers, and a polynomial about it that holds
     * up to the radius: see focal_root.py. */
    double root, root_low, radius, at_root, coefficient[10];
} skl_focal_parameters;

/* [0] is for float64, [1] for float32. The curvature has one column for two classes, K + 2 for a
 * class index and 2 K + 3 for probabilities. */
extern const skl_loss_functions skl_focal_loss_binary[2]; /* target: probability of class 1 */
extern const skl_loss_functions skl_focal_loss_index[2];  /* K classes, target: class index */
extern const skl_loss_functions skl_focal_loss_soft[2];   /* K classes, target: probabilities */

#endif
