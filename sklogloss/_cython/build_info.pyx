"""How the compiled modules were built, and which SIMD level they use."""

cdef extern from *:
    """
    #include "target_clones.h"

    #if defined(__clang__)
    #define BUILD_COMPILER "Clang " __clang_version__
    #elif defined(__GNUC__)
    #define BUILD_COMPILER "GCC " __VERSION__
    #elif defined(_MSC_VER)
    #define BUILD_COMPILER_NUMBER _MSC_VER
    #define BUILD_COMPILER "Microsoft C " Py_STRINGIFY(BUILD_COMPILER_NUMBER)
    #else
    #define BUILD_COMPILER "unknown"
    #endif

    #ifdef _OPENMP
    #define BUILD_OPENMP _OPENMP
    #else
    #define BUILD_OPENMP 0
    #endif

    #if defined(__SANITIZE_ADDRESS__)
    #define BUILD_SANITIZER "address"
    #elif defined(__SANITIZE_THREAD__)
    #define BUILD_SANITIZER "thread"
    #else
    #define BUILD_SANITIZER ""
    #endif

    #define BUILD_TEXT(...) #__VA_ARGS__
    #define BUILD_EXPANDED_TEXT(x) BUILD_TEXT(x)

    static const char *build_simd_level(void) {
        /* The kernels have clones if the macro is not empty. */
        if (sizeof(BUILD_EXPANDED_TEXT((SKL_CLONES))) == sizeof("()"))
            return "the compiler's target";
    #if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 12
        __builtin_cpu_init();
        if (__builtin_cpu_supports("x86-64-v4"))
            return "x86-64-v4";
        if (__builtin_cpu_supports("x86-64-v3"))
            return "x86-64-v3";
    #endif
        return "x86-64 baseline";
    }
    """
    const char *BUILD_COMPILER
    int BUILD_OPENMP
    const char *BUILD_SANITIZER
    const char *build_simd_level()


def compiler():
    """Return the name and version of the C compiler."""
    return BUILD_COMPILER.decode()


def openmp_version():
    """Return the date of the OpenMP standard compiled in, such as 201511, or None without it."""
    return BUILD_OPENMP or None


def sanitizer():
    """Return the sanitizer that the modules were built with: "address", "thread" or ""."""
    return BUILD_SANITIZER.decode()


def simd_level():
    """Return the instruction set that the loss kernels use on this processor.

    "x86-64-v4" (AVX-512), "x86-64-v3" (AVX2) or "x86-64 baseline" (SSE2) if the library has a
    version of each kernel per level; "the compiler's target" if it has only one.
    """
    return build_simd_level().decode()
