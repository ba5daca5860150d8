#define SKL_FLOAT32 0
#include "softmax_chunk_template.h"
#undef SKL_FLOAT32
#define SKL_FLOAT32 1
#include "softmax_chunk_template.h"
