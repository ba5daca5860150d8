/* Focal loss. Formulas: focal_loss_template.h. */
#ifndef SKLOGLOSS_FOCAL_LOSS_H
#define SKLOGLOSS_FOCAL_LOSS_H

#include "loss_functions.h"

/* [0] is for float64, [1] for float32. Parameters: gamma, 0 for the convex kernel or -1,
 * and what focal_root.py returns.
 * Curvature has one column for two classes, K + 2 for an index and 2 K + 3 for probabilities. */
extern const skl_loss_functions skl_focal_loss_binary[2]; /* target: probability of class 1 */
extern const skl_loss_functions skl_focal_loss_index[2];  /* K classes, target: class index */
extern const skl_loss_functions skl_focal_loss_soft[2];   /* K classes, target: probabilities */

#endif
