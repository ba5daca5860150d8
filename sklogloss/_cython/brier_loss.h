/* Brier loss. Formulas: brier_loss_template.h. */
#ifndef SKLOGLOSS_BRIER_LOSS_H
#define SKLOGLOSS_BRIER_LOSS_H

#include "loss_functions.h"

typedef struct {
    int convex; /* whether the Hessian is the Gauss-Newton matrix */
} skl_brier_parameters;

/* [0] is for float64, [1] for float32. The curvature has one column for two classes, else
 * 2 K + 2. */
extern const skl_loss_functions skl_brier_loss_binary[2]; /* target: probability of class 1 */
extern const skl_loss_functions skl_brier_loss_index[2];  /* K classes, target: class index */
extern const skl_loss_functions skl_brier_loss_soft[2];   /* K classes, target: probabilities */

#endif
