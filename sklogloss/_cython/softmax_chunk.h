/* Exponentials of a chunk of rows of K classes, which all losses of the softmax share. Include it
 * after simd_math.h, once for each floating type.
 *
 * The exponentials of a row are scaled by one power of two. Nothing is subtracted from the raw
 * predictions except from huge ones: the rounding error of z_k - m would enter the exponential, and
 * at |z| = 700 it would cost hundreds of units in the last place.
 */

/* Exponentials or probabilities of so many classes may be kept beside other numbers in L1. */
#undef KEPT_CLASSES
#define KEPT_CLASSES 16

/* What is kept of each row. The errors of Kahan's summation are subtracted from the sums:
 * what has been added to `others` is others - excess. */
typedef struct {
    real largest[CHUNK_ROWS];  /* raw prediction */
    real base[CHUNK_ROWS];     /* subtracted from the raw predictions before exp */
    real smallest[CHUNK_ROWS]; /* raw prediction - base may be raised to this */
    real shift[CHUNK_ROWS];    /* for exp_reduce */
    real top[CHUNK_ROWS];      /* exponential of the largest raw prediction */
    bits ties[CHUNK_ROWS];     /* how often the largest occurs, less one, plus the bits of the real
                                * 2^MANTISSA_BITS. With the target apart, occurrences at the
                                * target do not count */
    real others[CHUNK_ROWS];   /* sum of the exponentials except one of the largest; with the target
                                * apart, except all of the largest and that of the target */
    real excess[CHUNK_ROWS];
    real value[CHUNK_ROWS];    /* soft target: sum_k y_k (largest - z_k); index: its raw
                                * prediction */
    real target[CHUNK_ROWS];   /* exponential of the target */
    real top_low[CHUNK_ROWS];  /* rounding errors of top and target, with the target apart */
    real target_low[CHUNK_ROWS];
} NAME(softmax_chunk);

/* Fill chunk for at most CHUNK_ROWS rows, without a target. The exponentials are kept in the
 * columns of `exponential` unless it is NULL. */
void NAME(skl_softmax)(
    ptrdiff_t rows, ptrdiff_t n_columns, ptrdiff_t stride, const real *z,
    real *exponential, ptrdiff_t exponential_stride, NAME(softmax_chunk) *chunk);

/* The same with `value` and `target` of a target that is a class index. */
void NAME(skl_softmax_index)(
    ptrdiff_t rows, ptrdiff_t n_columns, ptrdiff_t stride, const real *z, const real *target,
    real *exponential, ptrdiff_t exponential_stride, NAME(softmax_chunk) *chunk);

/* The same with the target apart: `others` has more digits than a real, together with the low
 * parts. */
void NAME(skl_softmax_apart)(
    ptrdiff_t rows, ptrdiff_t n_columns, ptrdiff_t stride, const real *z, const real *target,
    real *exponential, ptrdiff_t exponential_stride, NAME(softmax_chunk) *chunk);

/* The same with `value` of a target of probabilities. */
void NAME(skl_softmax_soft)(
    ptrdiff_t rows, ptrdiff_t n_columns, ptrdiff_t stride, const real *z,
    const real *target, ptrdiff_t target_stride,
    real *exponential, ptrdiff_t exponential_stride, NAME(softmax_chunk) *chunk);

/* p = probabilities of one class, whose raw predictions are z_k. `reciprocal` is that of the sum of
 * the exponentials. */
void NAME(skl_softmax_probability)(
    const NAME(softmax_chunk) *chunk, ptrdiff_t rows, const real *z_k, const real *reciprocal,
    real *p);
