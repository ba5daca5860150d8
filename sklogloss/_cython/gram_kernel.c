#include "gram_kernel.h"

#include <string.h>

#if defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define HAVE_VECTORS 1
#endif
#endif

#ifdef HAVE_VECTORS

/* Numbers of a and b in turn: those of the first halves, those of the second halves. */
#define FIRST_2 0, 2
#define SECOND_2 1, 3
#define FIRST_4 0, 4, 1, 5
#define SECOND_4 2, 6, 3, 7
#define FIRST_8 0, 8, 1, 9, 2, 10, 3, 11
#define SECOND_8 4, 12, 5, 13, 6, 14, 7, 15
#define FIRST_16 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define SECOND_16 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31

#define PASTE(name, lanes) name##_##lanes
#define OF_LANES(name, lanes) PASTE(name, lanes)
#define FIRST OF_LANES(FIRST, LANES)
#define SECOND OF_LANES(SECOND, LANES)

#define WITH_BASELINE 1
#define TEMPLATE "gram_kernel_template.h"
#include "for_each_level.h"

#define LARGER(a, b) ((a) > (b) ? (a) : (b))
#define KERNEL(lanes, tile_rows, max_features, T) \
    {LARGER(lanes, tile_rows), max_features, pack_##T, pack_rows_##T, weight_rows_##T, gram_##T}
#define KERNELS(lanes_f64, lanes_f32, tile_rows, max_features_f64, max_features, level) \
    {KERNEL(lanes_f64, tile_rows, max_features_f64, level##_f64), \
     KERNEL(lanes_f32, tile_rows, max_features, level##_f32), \
     KERNEL(lanes_f32, tile_rows, max_features, level##_mixed)}

const GramKernel *gram_kernel(GramTypes types)
{
#ifdef X86_LEVELS
    static const GramKernel v4[3] = KERNELS(8, 16, 8, 500, 1000, v4);
    static const GramKernel v3[3] = KERNELS(4, 8, 4, 1000, 1000, v3);
    __builtin_cpu_init();
    if (__builtin_cpu_supports("x86-64-v4"))
        return &v4[types];
    if (__builtin_cpu_supports("x86-64-v3"))
        return &v3[types];
#endif
    static const GramKernel baseline[3] = KERNELS(2, 4, 4, 200, 200, default);
    return &baseline[types];
}

#else

const GramKernel *gram_kernel(GramTypes types)
{
    (void)types;
    return NULL;
}

#endif
