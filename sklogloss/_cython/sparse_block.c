#include "sparse_block.h"

#include <stdint.h>

#include "target_clones.h"

#define REAL double
#define INDEX int32_t
#define NAME(name) name##_f64_i32
#include "sparse_block_template.h"
#undef INDEX
#undef NAME

#define INDEX int64_t
#define NAME(name) name##_f64_i64
#include "sparse_block_template.h"
#undef REAL
#undef INDEX
#undef NAME

#define REAL float
#define INDEX int32_t
#define NAME(name) name##_f32_i32
#include "sparse_block_template.h"
#undef INDEX
#undef NAME

#define INDEX int64_t
#define NAME(name) name##_f32_i64
#include "sparse_block_template.h"

#define FUNCTIONS(T)                                                                              \
    {csr_times_##T, csr_add_transposed_times_##T, csr_add_gram_##T, csr_add_squares_##T,          \
     csc_rows_##T}

const CsrFunctions csr_functions[2][2] = {{FUNCTIONS(f64_i32), FUNCTIONS(f64_i64)},
                                          {FUNCTIONS(f32_i32), FUNCTIONS(f32_i64)}};
