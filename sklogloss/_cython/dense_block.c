#include "dense_block.h"

#include <math.h>

#include "target_clones.h"

/* Sums that a total is made of: several vectors, which need not wait for each other. */
#define N_TOTALS 32

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
