#include "focal_loss.h"
#include "log_loss.h"

#define SKL_FLOAT32 0
#include "focal_loss_template.h"
#undef SKL_FLOAT32
#define SKL_FLOAT32 1
#include "focal_loss_template.h"

const skl_loss_functions skl_focal_loss_binary[2] =
    SKL_FUNCTIONS(focal_loss, binary, log_loss_binary, binary);
const skl_loss_functions skl_focal_loss_index[2] =
    SKL_FUNCTIONS(focal_loss, index, focal_loss_index, multiclass);
const skl_loss_functions skl_focal_loss_soft[2] =
    SKL_FUNCTIONS(focal_loss, soft, focal_loss_soft, multiclass);
