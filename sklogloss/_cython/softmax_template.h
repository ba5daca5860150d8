/* Exponentials of a chunk of rows, for the losses of sigmoid and softmax; included once for each
 * floating type, after which `real` and NAME are those of simd_math.h.
 *
 * K classes: the exponentials of a row are scaled by one power of two. Nothing is subtracted from
 * the raw predictions but for huge ones: the rounding error of z_k - m would enter the exponential,
 * and at |z| = 700 cost hundreds of units in the last place.
 */

/* Rows handled together, so that what is kept of them, and columns of K classes, stay in L1: eight
 * of the longest vectors, since loops over fewer spend much of their time on starting and ending. */
#undef CHUNK_ROWS
#define CHUNK_ROWS (SKL_FLOAT32 ? 128 : 64)

/* exponential + low = exp(-|z|), low being what rounding has taken from it, if wanted. */
SKL_INLINE void NAME(exp_of_minus_size)(
    ptrdiff_t rows, const real *restrict z, real *restrict exponential, real *restrict low,
    real smallest, int want_low)
{
    const real one = 1;
    const real shift = (real)ROUND_TO_INTEGER + (real)(EXPONENT_BIAS + 64);
    real r[CHUNK_ROWS];
    bits power[CHUNK_ROWS];
    for (ptrdiff_t i = 0; i < rows; i++) {
        const real minus_size = NAME(from_bits)(NAME(to_bits)(z[i]) | SIGN_BIT);
        NAME(exp_reduce)(minus_size < smallest ? smallest : minus_size, shift, &r[i], &power[i]);
    }
    for (ptrdiff_t i = 0; i < rows; i++) {
        const real m = NAME(expm1_core)(r[i]), scale = NAME(from_bits)(power[i]);
        exponential[i] = (m * (real)0x1p-64 + (real)0x1p-64) * scale;
        if (want_low) {
            low[i] = (m - ((one + m) - one)) * (real)0x1p-64 * scale;
        }
    }
}

/* Classes are taken four at a time where there are as many, which saves loads and stores of what
 * is kept per row. Loops over the four are unrolled first: only then is that over rows vectorised. */
#define FOR_GROUPS_OF_CLASSES(first, n_classes, call_with_count)        \
    {                                                                   \
        ptrdiff_t k = (first);                                          \
        for (; k + 4 <= (n_classes); k += 4) {                          \
            call_with_count(4);                                         \
        }                                                               \
        for (; k < (n_classes); k++) {                                  \
            call_with_count(1);                                         \
        }                                                               \
    }

/* What a chunk keeps per row. Exponentials are scaled by one power of two per row. others: the
 * sum of all but the largest; what has been added is others - excess, excess being the rounding
 * errors (Kahan's summation).
 * With the target apart, others is the sum of all but the largest and the
 * target, and low parts are what rounding has taken from a number. */
typedef struct {
    real largest[CHUNK_ROWS];  /* raw prediction */
    real base[CHUNK_ROWS];     /* subtracted from raw predictions before exp */
    real smallest[CHUNK_ROWS]; /* below which raw prediction - base may be raised to it */
    real shift[CHUNK_ROWS];    /* for exp_scaled */
    real top[CHUNK_ROWS];      /* exponential of the largest */
    bits ties[CHUNK_ROWS];     /* 2^MANTISSA_BITS + how often it occurs - 1, as a real; with the
                                * target apart, how often it occurs elsewhere - 1 */
    real others[CHUNK_ROWS];
    real excess[CHUNK_ROWS];
    real value[CHUNK_ROWS];    /* sum_k y_k (m - z_k), or the target's raw prediction */
    real target[CHUNK_ROWS];   /* the target's exponential */
    real top_low[CHUNK_ROWS];
    real target_low[CHUNK_ROWS];
} NAME(chunk);

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

/* Find the largest raw prediction of each row and what follows from it. */
SKL_INLINE void NAME(start_chunk)(
    ptrdiff_t rows, ptrdiff_t n_columns, ptrdiff_t stride, const real *restrict z,
    NAME(chunk) *restrict chunk)
{
    const real zero = 0, limit = (real)EXACT_LIMIT, rounding = (real)ROUND_TO_INTEGER;
    for (ptrdiff_t i = 0; i < rows; i++) {
        chunk->largest[i] = -(real)LARGEST;
    }
#define CALL(count) NAME(largest_of)(count, rows, k, stride, z, chunk->largest)
    FOR_GROUPS_OF_CLASSES(0, n_columns, CALL)
#undef CALL
    for (ptrdiff_t i = 0; i < rows; i++) {
        const real m = chunk->largest[i];
        const real base = m > limit ? m : (m < -limit ? m : zero);
        const real n = ((m - base) * (real)LOG2_E + rounding) - rounding;
        chunk->base[i] = base;
        chunk->smallest[i] = (m - base) + (real)EXP_SMALLEST;
        chunk->shift[i] = rounding + ((real)64 - n);
        chunk->ties[i] = NAME(to_bits)((real)TWO_TO_MANTISSA_BITS) - 1;
        /* 0, but GCC makes slow calls of memset of constants. */
        chunk->top[i] = chunk->others[i] = chunk->excess[i] = m - m;
        chunk->value[i] = chunk->target[i] = m - m;
        chunk->top_low[i] = chunk->target_low[i] = m - m;
    }
}

/* Add `count` classes from k on to what the chunk keeps; keep the exponentials if wanted. */
SKL_INLINE void NAME(add_classes)(
    int count, ptrdiff_t rows, ptrdiff_t k, ptrdiff_t stride, const real *restrict z,
    const real *restrict target, ptrdiff_t target_stride, NAME(chunk) *restrict chunk,
    real *restrict exponential, ptrdiff_t exponential_stride,
    int soft, int want_value, int want_target, int want_exponential, int apart)
{
    const real zero = 0, half = (real)0.5, one = 1, two = 2;
    const real *restrict z_k = z + k * stride;
    const real *restrict y_k = target + (soft ? k * target_stride : 0);
    real *restrict e_k = exponential + (want_exponential ? k * exponential_stride : 0);
    real r[4][CHUNK_ROWS], e_scratch[4][CHUNK_ROWS], e_low[4][CHUNK_ROWS];
    bits power[4][CHUNK_ROWS];
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
        real *restrict e_j = want_exponential ? e_k + j * exponential_stride : e_scratch[j];
        for (ptrdiff_t i = 0; i < rows; i++) {
            const real m = NAME(expm1_core)(r[j][i]);
            const real p = one + m;
            e_j[i] = NAME(from_bits)(NAME(to_bits)(p) + power[j][i]);
            if (apart) {
                const real scale = NAME(from_bits)(NAME(to_bits)(one) + power[j][i]);
                e_low[j][i] = (m - (p - one)) * scale;
            }
        }
    }
    for (ptrdiff_t i = 0; i < rows; i++) {
        const real m = chunk->largest[i];
        real sum = 0, top = chunk->top[i];
        bits ties = chunk->ties[i];
        real value = want_value ? chunk->value[i] : zero;
        real target_e = want_target ? chunk->target[i] : zero;
        real others = chunk->others[i], excess = chunk->excess[i];
        real top_low = apart ? chunk->top_low[i] : zero;
        real target_low = apart ? chunk->target_low[i] : zero;
#pragma GCC unroll 4
        for (int j = 0; j < count; j++) {
            const real z_j = z_k[i + j * stride];
            const real class_j = (real)(k + j);
            const real e = want_exponential ? e_k[i + j * exponential_stride] : e_scratch[j][i];
            const real low = apart ? e_low[j][i] : zero;
            top = z_j == m ? e : top;
            if (apart) { /* Knuth's two-sum */
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
            if (want_value && soft) { /* halved: the difference may overflow */
                value += (two * y_k[i + j * target_stride]) * (half * m - half * z_j);
            } else if (want_value) {
                value = y_k[i] == class_j ? z_j : value;
            }
            if (want_target) {
                target_e = y_k[i] == class_j ? e : target_e;
            }
        }
        if (apart) {
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
        if (want_value) {
            chunk->value[i] = value;
        }
        if (want_target) {
            chunk->target[i] = target_e;
        }
    }
}

SKL_INLINE void NAME(add_all_classes)(
    ptrdiff_t rows, ptrdiff_t n_columns, ptrdiff_t stride, const real *restrict z,
    const real *restrict target, ptrdiff_t target_stride, NAME(chunk) *restrict chunk,
    real *restrict exponential, ptrdiff_t exponential_stride,
    int soft, int want_value, int want_target, int want_exponential, int apart)
{
    NAME(start_chunk)(rows, n_columns, stride, z, chunk);
#define CALL(count)                                                                     \
    NAME(add_classes)(count, rows, k, stride, z, target, target_stride, chunk,          \
                      exponential, exponential_stride, soft, want_value, want_target,   \
                      want_exponential, apart)
    FOR_GROUPS_OF_CLASSES(0, n_columns, CALL)
#undef CALL
    for (ptrdiff_t i = 0; i < rows && !apart; i++) {
        const real ties = NAME(from_bits)(chunk->ties[i]) - (real)TWO_TO_MANTISSA_BITS;
        chunk->others[i] += ties * chunk->top[i];
    }
}

/* Probability of one class, by exponentials like those that add_classes has summed, and their sum's
 * reciprocal. */
SKL_INLINE void NAME(class_probability)(
    const NAME(chunk) *restrict chunk, ptrdiff_t rows, const real *restrict z_k,
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
