/* From raw predictions to probabilities: sigmoid and softmax, the links of all losses. */
#ifndef SKLOGLOSS_LINKS_H
#define SKLOGLOSS_LINKS_H

#include "loss_functions.h"

/* [0] is for float64, [1] for float32. */
extern SKL_LINK_BLOCK((*const skl_binary_link[2]));
extern SKL_LINK_BLOCK((*const skl_multiclass_link[2]));

#endif
