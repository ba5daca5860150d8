/* Included by block_rows.h once for each REAL. */

#ifdef HAS_SHUFFLE
typedef REAL NAME(four) __attribute__((vector_size(4 * sizeof(REAL))));

SKL_INLINE void NAME(transpose_4x4)(
    const REAL *restrict source, ptrdiff_t source_stride,
    REAL *restrict out, ptrdiff_t out_stride)
{
    NAME(four) row[4], pair[4], column[4];
    for (int i = 0; i < 4; i++) {
        memcpy(&row[i], source + i * source_stride, sizeof row[i]);
    }
    pair[0] = __builtin_shufflevector(row[0], row[1], 0, 4, 2, 6);
    pair[1] = __builtin_shufflevector(row[0], row[1], 1, 5, 3, 7);
    pair[2] = __builtin_shufflevector(row[2], row[3], 0, 4, 2, 6);
    pair[3] = __builtin_shufflevector(row[2], row[3], 1, 5, 3, 7);
    column[0] = __builtin_shufflevector(pair[0], pair[2], 0, 1, 4, 5);
    column[1] = __builtin_shufflevector(pair[1], pair[3], 0, 1, 4, 5);
    column[2] = __builtin_shufflevector(pair[0], pair[2], 2, 3, 6, 7);
    column[3] = __builtin_shufflevector(pair[1], pair[3], 2, 3, 6, 7);
    for (int i = 0; i < 4; i++) {
        memcpy(out + i * out_stride, &column[i], sizeof column[i]);
    }
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

/* Call move(i, k) for squares that cover all rows and classes, the classes of four rows together:
 * lines of cache of the C-ordered side are then finished at once. The last square of rows or of
 * classes overlaps the one before where four does not divide their number. */
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

/* Whether an entry is none of 0, 1, ..., n_classes - 1. */
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
