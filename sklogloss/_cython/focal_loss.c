#include "focal_loss.h"
#include "log_loss.h"

#define SKL_FLOAT32 0
#include "focal_parameters_template.h"
#include "focal_binary_template.h"
#include "focal_index_template.h"
#include "focal_soft_template.h"
#undef SKL_FLOAT32
#define SKL_FLOAT32 1
#include "focal_parameters_template.h"
#include "focal_binary_template.h"
#include "focal_index_template.h"
#include "focal_soft_template.h"

const skl_loss_functions skl_focal_loss_binary[2] =
    SKL_FUNCTIONS(skl_focal_loss_binary, skl_binary);
const skl_loss_functions skl_focal_loss_index[2] =
    SKL_FUNCTIONS(skl_focal_loss_index, skl_focal_loss_index);
const skl_loss_functions skl_focal_loss_soft[2] =
    SKL_FUNCTIONS(skl_focal_loss_soft, skl_focal_loss_soft);
