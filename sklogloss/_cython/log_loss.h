/* Log loss. Formulas: log_loss_template.h. */
#ifndef SKLOGLOSS_LOG_LOSS_H
#define SKLOGLOSS_LOG_LOSS_H

#include "loss_functions.h"

/* [0] is for float64, [1] for float32. */
extern const skl_loss_functions skl_log_loss_binary[2]; /* target: probability of class 1 */
extern const skl_loss_functions skl_log_loss_index[2];  /* K classes, target: class index */
extern const skl_loss_functions skl_log_loss_soft[2];   /* K classes, target: probabilities */

#endif
