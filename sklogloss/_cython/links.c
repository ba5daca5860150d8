#include "links.h"

#define SKL_FLOAT32 0
#include "links_template.h"
#undef SKL_FLOAT32
#define SKL_FLOAT32 1
#include "links_template.h"

SKL_LINK_BLOCK((*const skl_binary_link[2])) = {skl_binary_link_f64, skl_binary_link_f32};
SKL_LINK_BLOCK((*const skl_multiclass_link[2])) = {skl_multiclass_link_f64,
                                                   skl_multiclass_link_f32};
