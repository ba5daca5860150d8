#include "dense_block.h"

#include <math.h>

#include "target_clones.h"

/* A total is made of so many sums: several vectors, which do not wait for each other. */
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

#define FUNCTIONS(T)                                                                  \
    {block_pack_##T, block_weight_rows_##T, block_moments_##T, block_squares_##T,     \
     block_total_##T, block_add_##T, block_root_##T}

const DenseFunctions dense_functions[2] = {FUNCTIONS(f64), FUNCTIONS(f32)};
