/* Include TEMPLATE for each level of x86-64 that the compiler can target and, with WITH_BASELINE,
 * for the baseline of any processor. Each time: for float64, for float32, and for a SOURCE of
 * float64 with products in float32 (IS_MIXED). A register holds LANES numbers; TILE_ROWS x 3
 * vectors of sums and 3 more fill the registers. */

#define INLINE static inline __attribute__((always_inline))

#if defined(__x86_64__) && __GNUC__ >= 12 && !defined(__clang__)
#define X86_LEVELS 1
#endif

#ifdef X86_LEVELS

#define TARGET __attribute__((target("arch=x86-64-v4")))
#define TILE_ROWS 8
#define IS_MIXED 0
#define SOURCE double
#define REAL double
#define LANES 8
#define NAME(name) name##_v4_f64
#include TEMPLATE
#define SOURCE float
#define REAL float
#define LANES 16
#define NAME(name) name##_v4_f32
#include TEMPLATE
#undef IS_MIXED
#define IS_MIXED 1
#define SOURCE double
#define REAL float
#define LANES 16
#define NAME(name) name##_v4_mixed
#include TEMPLATE
#undef IS_MIXED
#undef TARGET
#undef TILE_ROWS

#define TARGET __attribute__((target("arch=x86-64-v3")))
#define TILE_ROWS 4
#define IS_MIXED 0
#define SOURCE double
#define REAL double
#define LANES 4
#define NAME(name) name##_v3_f64
#include TEMPLATE
#define SOURCE float
#define REAL float
#define LANES 8
#define NAME(name) name##_v3_f32
#include TEMPLATE
#undef IS_MIXED
#define IS_MIXED 1
#define SOURCE double
#define REAL float
#define LANES 8
#define NAME(name) name##_v3_mixed
#include TEMPLATE
#undef IS_MIXED
#undef TARGET
#undef TILE_ROWS

#endif

#ifdef WITH_BASELINE

#define TARGET
#define TILE_ROWS 4
#define IS_MIXED 0
#define SOURCE double
#define REAL double
#define LANES 2
#define NAME(name) name##_default_f64
#include TEMPLATE
#define SOURCE float
#define REAL float
#define LANES 4
#define NAME(name) name##_default_f32
#include TEMPLATE
#undef IS_MIXED
#define IS_MIXED 1
#define SOURCE double
#define REAL float
#define LANES 4
#define NAME(name) name##_default_mixed
#include TEMPLATE
#undef IS_MIXED
#undef TARGET
#undef TILE_ROWS

#endif
