#include "thin_product.h"

#include <string.h>

/* Below AVX2, BLAS is as fast. */
#define TEMPLATE "thin_product_template.h"
#include "for_each_level.h"

#define FUNCTIONS(lanes, T) {lanes, add_by_columns_##T, add_by_rows_##T}

const ThinProduct *thin_product(int is_float32)
{
#ifdef X86_LEVELS
    static const ThinProduct v4[2] = {FUNCTIONS(8, v4_f64), FUNCTIONS(16, v4_f32)};
    static const ThinProduct v3[2] = {FUNCTIONS(4, v3_f64), FUNCTIONS(8, v3_f32)};
    __builtin_cpu_init();
    if (__builtin_cpu_supports("x86-64-v4"))
        return &v4[is_float32];
    if (__builtin_cpu_supports("x86-64-v3"))
        return &v3[is_float32];
#else
    (void)is_float32;
#endif
    return NULL;
}
