/* Included by block_rows.h once for each REAL. */

#ifdef HAS_SHUFFLE
typedef REAL NAME(four) __attribute__((vector_size(4 * sizeof(REAL))));
/* Four numbers in memory. memcpy would not do: GCC plans it for the baseline, copies a vector in
 * halves and then waits for them. */
typedef REAL NAME(unaligned_four)
    __attribute__((vector_size(4 * sizeof(REAL)), aligned(sizeof(REAL)), may_alias));

SKL_INLINE void NAME(transpose_4x4)(
    const REAL *restrict source, ptrdiff_t source_stride,
    REAL *restrict out, ptrdiff_t out_stride)
{
    const NAME(four) row_0 = *(const NAME(unaligned_four) *)source;
    const NAME(four) row_1 = *(const NAME(unaligned_four) *)(source + source_stride);
    const NAME(four) row_2 = *(const NAME(unaligned_four) *)(source + 2 * source_stride);
    const NAME(four) row_3 = *(const NAME(unaligned_four) *)(source + 3 * source_stride);
    const NAME(four) even_01 = __builtin_shufflevector(row_0, row_1, 0, 4, 2, 6);
    const NAME(four) odd_01 = __builtin_shufflevector(row_0, row_1, 1, 5, 3, 7);
    const NAME(four) even_23 = __builtin_shufflevector(row_2, row_3, 0, 4, 2, 6);
    const NAME(four) odd_23 = __builtin_shufflevector(row_2, row_3, 1, 5, 3, 7);
    *(NAME(unaligned_four) *)out = __builtin_shufflevector(even_01, even_23, 0, 1, 4, 5);
    *(NAME(unaligned_four) *)(out + out_stride) =
        __builtin_shufflevector(odd_01, odd_23, 0, 1, 4, 5);
    *(NAME(unaligned_four) *)(out + 2 * out_stride) =
        __builtin_shufflevector(even_01, even_23, 2, 3, 6, 7);
    *(NAME(unaligned_four) *)(out + 3 * out_stride) =
        __builtin_shufflevector(odd_01, odd_23, 2, 3, 6, 7);
}
#else
SKL_INLINE void NAME(transpose_4x4)(
    const REAL *restrict source, ptrdiff_t source_stride,
    REAL *restrict out, ptrdiff_t out_stride)
{
    for (int i = 0; i < 4; i++) {
        for (int j = 0; j < 4; j++) {
            out[j * out_stride + i] = source[i * source_stride + j];
        }
    }
}
#endif

/* Do `move` for squares (i, k) that cover all rows and classes, all classes of four rows together,
 * so that lines of cache of the C-ordered side are finished at once. Where four does not divide the
 * number of rows or classes, the last square overlaps the one before. */
#define FOR_SQUARES(n_rows, n_classes, move)                                                \
    for (ptrdiff_t tile = 0; tile < n_classes; tile += TILE_CLASSES) {                      \
        const ptrdiff_t stop = n_classes - tile < TILE_CLASSES ? n_classes                  \
                                                               : tile + TILE_CLASSES;       \
        for (ptrdiff_t row = 0; row < n_rows; row += 4) {                                   \
            const ptrdiff_t i = row < n_rows - 4 ? row : n_rows - 4;                        \
            for (ptrdiff_t class_k = tile; class_k < stop; class_k += 4) {                  \
                const ptrdiff_t k = class_k < stop - 4 ? class_k : stop - 4;                \
                move;                                                                       \
            }                                                                               \
        }                                                                                   \
    }

/* block[i + k * stride] = rows[i * row_stride + k] */
SKL_CLONES
static void NAME(rows_to_block)(
    ptrdiff_t n_rows, ptrdiff_t n_classes, const REAL *restrict rows, ptrdiff_t row_stride,
    REAL *restrict block, ptrdiff_t stride)
{
    if (n_rows >= 4 && n_classes >= 4) {
        FOR_SQUARES(n_rows, n_classes,
                    NAME(transpose_4x4)(rows + i * row_stride + k, row_stride,
                                        block + i + k * stride, stride))
        return;
    }
    for (ptrdiff_t k = 0; k < n_classes; k++) {
        for (ptrdiff_t i = 0; i < n_rows; i++) {
            block[i + k * stride] = rows[i * row_stride + k];
        }
    }
}

/* rows[i * row_stride + k] = block[i + k * stride] */
SKL_CLONES
static void NAME(block_to_rows)(
    ptrdiff_t n_rows, ptrdiff_t n_classes, const REAL *restrict block, ptrdiff_t stride,
    REAL *restrict rows, ptrdiff_t row_stride)
{
    if (n_rows >= 4 && n_classes >= 4) {
        FOR_SQUARES(n_rows, n_classes,
                    NAME(transpose_4x4)(block + i + k * stride, stride,
                                        rows + i * row_stride + k, row_stride))
        return;
    }
    for (ptrdiff_t k = 0; k < n_classes; k++) {
        for (ptrdiff_t i = 0; i < n_rows; i++) {
            rows[i * row_stride + k] = block[i + k * stride];
        }
    }
}
#undef FOR_SQUARES

/* Whether an entry lies outside [0, largest], or is NaN. */
SKL_CLONES
static int NAME(any_outside)(ptrdiff_t n_rows, REAL largest, const REAL *restrict entries)
{
    int found = 0;
    for (ptrdiff_t i = 0; i < n_rows; i++) {
        found |= !(entries[i] >= 0) | !(entries[i] <= largest);
    }
    return found;
}

/* Whether an entry is not one of 0, 1, ..., n_classes - 1. */
SKL_CLONES
static int NAME(any_not_index)(
    ptrdiff_t n_rows, ptrdiff_t n_classes, const REAL *restrict entries)
{
    const REAL largest = (REAL)(n_classes - 1);
    int found = 0;
    for (ptrdiff_t i = 0; i < n_rows; i++) {
        const REAL rounded = (entries[i] + ROUND_TO_INTEGER) - ROUND_TO_INTEGER;
        found |= !(entries[i] >= 0) | !(entries[i] <= largest) | (rounded != entries[i]);
    }
    return found;
}
