#include "dense_block.h"

#include <math.h>

#include "target_clones.h"

#define REAL double
#define NAME(name) name##_f64
#define SQRT sqrt
#include "dense_block_template.h"
#undef REAL
#undef NAME
#undef SQRT

#define REAL float
#define NAME(name) name##_f32
#define SQRT sqrtf
#include "dense_block_template.h"
