/* SKL_CLONES before a function compiles it once per x86-64 level; the level is chosen at load time.
 *
 * The dynamic loader chooses (GNU indirect functions), which needs glibc. Elsewhere, and on other
 * processors, the macro is empty and the function is compiled once for the baseline. GCC knows the
 * names of the levels since version 12. Builds with sanitizers define SKL_ONE_LEVEL: no clones,
 * as the loader would choose before the sanitizer has started.
 *
 * SKL_INLINE is for helpers: inlined, they are compiled at the level of their caller.
 */
#ifndef SKLOGLOSS_TARGET_CLONES_H
#define SKLOGLOSS_TARGET_CLONES_H

#include <stddef.h> /* defines __GLIBC__ through the C library's own headers */
#include <stdint.h>

#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(SKL_ONE_LEVEL)
#if __GNUC__ >= 12
#define SKL_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#endif
#endif
#ifndef SKL_CLONES
#define SKL_CLONES
#endif

#if defined(_MSC_VER)
#define SKL_INLINE static __forceinline
#else
#define SKL_INLINE static inline __attribute__((always_inline))
#endif

#endif
