/* Included by softmax_chunk.c once for each floating type. Documented in softmax_chunk.h. */
#include "simd_math.h"
#include "softmax_chunk.h"

/* Classes are taken four at a time where there are as many: that saves loads and stores of what is
 * kept of each row. The loops over the four are unrolled, so that the loops over rows are
 * vectorised. */
#undef FOR_GROUPS_OF_CLASSES
#define FOR_GROUPS_OF_CLASSES(n_classes, call_with_count)               \
    {                                                                   \
        ptrdiff_t k = 0;                                                \
        for (; k + 4 <= (n_classes); k += 4) {                          \
            call_with_count(4);                                         \
        }                                                               \
        for (; k < (n_classes); k++) {                                  \
            call_with_count(1);                                         \
        }                                                               \
    }

SKL_INLINE void NAME(largest_of)(
    int count, ptrdiff_t rows, ptrdiff_t k, ptrdiff_t stride, const real *restrict z,
    real *restrict largest)
{
    const real *restrict z_k = z + k * stride;
    for (ptrdiff_t i = 0; i < rows; i++) {
        real m = largest[i];
#pragma GCC unroll 4
        for (int j = 0; j < count; j++) {
            const real z_j = z_k[i + j * stride];
            m = z_j > m ? z_j : m;
        }
        largest[i] = m;
    }
}

/* The kinds of target, each compiled on its own. */
#undef NONE
#undef INDEX
#undef APART
#undef SOFT
#define NONE 0
#define INDEX 1
#define APART 2
#define SOFT 3

/* Find the largest raw prediction of each row, and what follows from it. */
SKL_INLINE void NAME(start_chunk)(
    int kind, ptrdiff_t rows, ptrdiff_t n_columns, ptrdiff_t stride, const real *restrict z,
    NAME(softmax_chunk) *restrict chunk)
{
    const real zero = 0, limit = (real)EXACT_LIMIT, rounding = (real)ROUND_TO_INTEGER;
    for (ptrdiff_t i = 0; i < rows; i++) {
        chunk->largest[i] = -(real)LARGEST;
    }
#define CALL(count) NAME(largest_of)(count, rows, k, stride, z, chunk->largest)
    FOR_GROUPS_OF_CLASSES(n_columns, CALL)
#undef CALL
    for (ptrdiff_t i = 0; i < rows; i++) {
        const real m = chunk->largest[i];
        const real base = m > limit ? m : (m < -limit ? m : zero);
        const real n = ((m - base) * (real)LOG2_E + rounding) - rounding;
        chunk->base[i] = base;
        chunk->smallest[i] = (m - base) + (real)EXP_SMALLEST;
        chunk->shift[i] = rounding + ((real)64 - n);
        chunk->ties[i] = NAME(to_bits)((real)TWO_TO_MANTISSA_BITS) - 1;
        /* These are 0, but GCC makes slow calls of memset of constants. */
        chunk->top[i] = chunk->others[i] = chunk->excess[i] = m - m;
        if (kind != NONE) {
            chunk->value[i] = m - m;
        }
        if (kind == INDEX || kind == APART) {
            chunk->target[i] = m - m;
        }
        if (kind == APART) {
            chunk->top_low[i] = chunk->target_low[i] = m - m;
        }
    }
}

/* Add `count` classes from k on to the chunk. */
SKL_INLINE void NAME(add_classes)(
    int count, int kind, ptrdiff_t rows, ptrdiff_t k, ptrdiff_t stride, const real *restrict z,
    const real *restrict target, ptrdiff_t target_stride,
    real *restrict exponential, ptrdiff_t exponential_stride, NAME(softmax_chunk) *restrict chunk)
{
    const real zero = 0, half = (real)0.5, one = 1, two = 2;
    const int has_index = kind == INDEX || kind == APART;
    const real *restrict z_k = z + k * stride;
    const real *restrict y_k = target + (kind == SOFT ? k * target_stride : 0);
    real r[4][CHUNK_ROWS], e_scratch[4][CHUNK_ROWS], e_low[4][CHUNK_ROWS];
    bits power[4][CHUNK_ROWS];
    const int is_kept = exponential != NULL;
    real *restrict e_k = is_kept ? exponential + k * exponential_stride : e_scratch[0];
    const ptrdiff_t e_stride = is_kept ? exponential_stride : CHUNK_ROWS;
#pragma GCC unroll 4
    for (int j = 0; j < count; j++) {
        for (ptrdiff_t i = 0; i < rows; i++) {
            const real x = z_k[i + j * stride] - chunk->base[i];
            const real x_used = x < chunk->smallest[i] ? chunk->smallest[i] : x;
            NAME(exp_reduce)(x_used, chunk->shift[i], &r[j][i], &power[j][i]);
        }
    }
#pragma GCC unroll 4
    for (int j = 0; j < count; j++) {
        real *restrict e_j = e_k + j * e_stride;
        for (ptrdiff_t i = 0; i < rows; i++) {
            const real m = NAME(expm1_core)(r[j][i]);
            const real p = one + m;
            e_j[i] = NAME(from_bits)(NAME(to_bits)(p) + power[j][i]);
            if (kind == APART) {
                const real scale = NAME(from_bits)(NAME(to_bits)(one) + power[j][i]);
                e_low[j][i] = (m - (p - one)) * scale;
            }
        }
    }
    for (ptrdiff_t i = 0; i < rows; i++) {
        const real m = chunk->largest[i];
        real sum = 0, top = chunk->top[i];
        bits ties = chunk->ties[i];
        real value = kind != NONE ? chunk->value[i] : zero;
        real target_e = has_index ? chunk->target[i] : zero;
        real others = chunk->others[i], excess = chunk->excess[i];
        real top_low = kind == APART ? chunk->top_low[i] : zero;
        real target_low = kind == APART ? chunk->target_low[i] : zero;
#pragma GCC unroll 4
        for (int j = 0; j < count; j++) {
            const real z_j = z_k[i + j * stride];
            const real class_j = (real)(k + j);
            const real e = e_k[i + j * e_stride];
            const real low = kind == APART ? e_low[j][i] : zero;
            top = z_j == m ? e : top;
            if (kind == APART) { /* Knuth's two-sum */
                const int is_target = y_k[i] == class_j;
                const real e_added = z_j == m || is_target ? zero : e;
                const real low_added = z_j == m || is_target ? zero : low;
                const real new_sum = others + e_added;
                const real added = new_sum - others;
                excess -= ((others - (new_sum - added)) + (e_added - added)) + low_added;
                others = new_sum;
                top_low = z_j == m ? low : top_low;
                target_low = is_target ? low : target_low;
                ties += z_j == m && !is_target;
            } else {
                sum += z_j == m ? zero : e;
                ties += z_j == m;
            }
            if (kind == SOFT) { /* halved, because the difference may overflow */
                value += (two * y_k[i + j * target_stride]) * (half * m - half * z_j);
            } else if (has_index) {
                value = y_k[i] == class_j ? z_j : value;
                target_e = y_k[i] == class_j ? e : target_e;
            }
        }
        if (kind == APART) {
            chunk->others[i] = others;
            chunk->excess[i] = excess;
            chunk->top_low[i] = top_low;
            chunk->target_low[i] = target_low;
        } else {
            const real wanted = sum - excess;
            const real new_sum = others + wanted;
            chunk->excess[i] = (new_sum - others) - wanted;
            chunk->others[i] = new_sum;
        }
        chunk->top[i] = top;
        chunk->ties[i] = ties;
        if (kind != NONE) {
            chunk->value[i] = value;
        }
        if (has_index) {
            chunk->target[i] = target_e;
        }
    }
}

SKL_INLINE void NAME(fill_chunk)(
    int kind, ptrdiff_t rows, ptrdiff_t n_columns, ptrdiff_t stride, const real *restrict z,
    const real *restrict target, ptrdiff_t target_stride,
    real *restrict exponential, ptrdiff_t exponential_stride, NAME(softmax_chunk) *restrict chunk)
{
    NAME(start_chunk)(kind, rows, n_columns, stride, z, chunk);
#define CALL(count)                                                                        \
    NAME(add_classes)(count, kind, rows, k, stride, z, target, target_stride, exponential, \
                      exponential_stride, chunk)
    FOR_GROUPS_OF_CLASSES(n_columns, CALL)
#undef CALL
    for (ptrdiff_t i = 0; i < rows && kind != APART; i++) {
        const real ties = NAME(from_bits)(chunk->ties[i]) - (real)TWO_TO_MANTISSA_BITS;
        chunk->others[i] += ties * chunk->top[i];
    }
}

SKL_CLONES
void NAME(skl_softmax)(
    ptrdiff_t rows, ptrdiff_t n_columns, ptrdiff_t stride, const real *z,
    real *exponential, ptrdiff_t exponential_stride, NAME(softmax_chunk) *chunk)
{
    NAME(fill_chunk)(NONE, rows, n_columns, stride, z, NULL, 0, exponential, exponential_stride,
                     chunk);
}

SKL_CLONES
void NAME(skl_softmax_index)(
    ptrdiff_t rows, ptrdiff_t n_columns, ptrdiff_t stride, const real *z, const real *target,
    real *exponential, ptrdiff_t exponential_stride, NAME(softmax_chunk) *chunk)
{
    NAME(fill_chunk)(INDEX, rows, n_columns, stride, z, target, 0, exponential, exponential_stride,
                     chunk);
}

SKL_CLONES
void NAME(skl_softmax_apart)(
    ptrdiff_t rows, ptrdiff_t n_columns, ptrdiff_t stride, const real *z, const real *target,
    real *exponential, ptrdiff_t exponential_stride, NAME(softmax_chunk) *chunk)
{
    NAME(fill_chunk)(APART, rows, n_columns, stride, z, target, 0, exponential, exponential_stride,
                     chunk);
}

SKL_CLONES
void NAME(skl_softmax_soft)(
    ptrdiff_t rows, ptrdiff_t n_columns, ptrdiff_t stride, const real *z,
    const real *target, ptrdiff_t target_stride,
    real *exponential, ptrdiff_t exponential_stride, NAME(softmax_chunk) *chunk)
{
    NAME(fill_chunk)(SOFT, rows, n_columns, stride, z, target, target_stride, exponential,
                     exponential_stride, chunk);
}

SKL_CLONES
void NAME(skl_softmax_probability)(
    const NAME(softmax_chunk) *restrict chunk, ptrdiff_t rows, const real *restrict z_k,
    const real *restrict reciprocal, real *restrict p)
{
    const real one = 1;
    real r[CHUNK_ROWS];
    bits power[CHUNK_ROWS];
    for (ptrdiff_t i = 0; i < rows; i++) {
        const real x = z_k[i] - chunk->base[i];
        const real x_used = x < chunk->smallest[i] ? chunk->smallest[i] : x;
        NAME(exp_reduce)(x_used, chunk->shift[i], &r[i], &power[i]);
    }
    for (ptrdiff_t i = 0; i < rows; i++) {
        const real e = NAME(from_bits)(NAME(to_bits)(one + NAME(expm1_core)(r[i])) + power[i]);
        const real rounded = e * reciprocal[i];
        p[i] = rounded > one ? one : rounded;
    }
}
