#include "brier_loss.h"
#include "log_loss.h"

#define SKL_FLOAT32 0
#include "brier_loss_template.h"
#undef SKL_FLOAT32
#define SKL_FLOAT32 1
#include "brier_loss_template.h"

const skl_loss_functions skl_brier_loss_binary[2] =
    SKL_FUNCTIONS(skl_brier_loss_binary, skl_binary);
const skl_loss_functions skl_brier_loss_index[2] =
    SKL_FUNCTIONS(skl_brier_loss_index, skl_brier_loss);
const skl_loss_functions skl_brier_loss_soft[2] =
    SKL_FUNCTIONS(skl_brier_loss_soft, skl_brier_loss);
