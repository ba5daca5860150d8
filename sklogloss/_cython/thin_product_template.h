/* Included by for_each_level.h, see there; for thin_product.c. */

#if !IS_MIXED

typedef REAL NAME(vec) __attribute__((vector_size(LANES * sizeof(REAL))));

/* n_tile_rows rows of A times n_vectors vectors of the columns of B. Both numbers are constants
 * once this is inlined. */
TARGET INLINE void NAME(tile)(const int n_tile_rows, const int n_vectors, ptrdiff_t n_inner,
                              const REAL *A, ptrdiff_t row_stride, ptrdiff_t inner_stride,
                              ptrdiff_t n_packed, const REAL *B, REAL tile[TILE_ROWS][3 * LANES])
{
    NAME(vec) sums[TILE_ROWS][3];
#pragma GCC unroll 8
    for (int r = 0; r < n_tile_rows; r++)
#pragma GCC unroll 3
        for (int v = 0; v < n_vectors; v++)
            sums[r][v] = (NAME(vec)){0};
    for (ptrdiff_t t = 0; t < n_inner; t++) {
        NAME(vec) columns[3];
#pragma GCC unroll 3
        for (int v = 0; v < n_vectors; v++)
            columns[v] = *(const NAME(vec) *)(B + t * n_packed + v * LANES);
#pragma GCC unroll 8
        for (int r = 0; r < n_tile_rows; r++)
#pragma GCC unroll 3
            for (int v = 0; v < n_vectors; v++)
                sums[r][v] += A[r * row_stride + t * inner_stride] * columns[v];
    }
#pragma GCC unroll 8
    for (int r = 0; r < n_tile_rows; r++)
#pragma GCC unroll 3
        for (int v = 0; v < n_vectors; v++)
            memcpy(&tile[r][v * LANES], &sums[r][v], sizeof(NAME(vec)));
}

/* The same with numbers known at run time only. */
TARGET INLINE void NAME(any_tile)(ptrdiff_t n_tile_rows, ptrdiff_t n_vectors, ptrdiff_t n_inner,
                                  const REAL *A, ptrdiff_t row_stride, ptrdiff_t inner_stride,
                                  ptrdiff_t n_packed, const REAL *B,
                                  REAL tile[TILE_ROWS][3 * LANES])
{
    if (n_tile_rows < TILE_ROWS) {
        for (ptrdiff_t r = 0; r < n_tile_rows; r++)
            for (ptrdiff_t v = 0; v < n_vectors; v++)
                NAME(tile)(1, 1, n_inner, A + r * row_stride, 0, inner_stride, n_packed,
                           B + v * LANES, (REAL(*)[3 * LANES])(&tile[r][v * LANES]));
    } else if (n_vectors == 3) {
        NAME(tile)(TILE_ROWS, 3, n_inner, A, row_stride, inner_stride, n_packed, B, tile);
    } else if (n_vectors == 2) {
        NAME(tile)(TILE_ROWS, 2, n_inner, A, row_stride, inner_stride, n_packed, B, tile);
    } else {
        NAME(tile)(TILE_ROWS, 1, n_inner, A, row_stride, inner_stride, n_packed, B, tile);
    }
}

/* Do `add` for each tile of A B. Entry tile[r][k], r < n_tile_rows, k < n_tile_columns, is the
 * entry (row + r, first + k) of the product. */
#define FOR_TILES(add)                                                                           \
    for (ptrdiff_t row = 0; row < n_rows; row += TILE_ROWS) {                                    \
        ptrdiff_t n_tile_rows = n_rows - row < TILE_ROWS ? n_rows - row : TILE_ROWS;             \
        for (ptrdiff_t first = 0; first < n_columns; first += 3 * LANES) {                       \
            ptrdiff_t n_tile_columns =                                                           \
                n_columns - first < 3 * LANES ? n_columns - first : 3 * LANES;                   \
            REAL tile[TILE_ROWS][3 * LANES];                                                     \
            NAME(any_tile)(n_tile_rows, (n_tile_columns + LANES - 1) / LANES, n_inner,           \
                           A + row * row_stride, row_stride, inner_stride, n_packed, B + first,  \
                           tile);                                                                \
            add                                                                                  \
        }                                                                                        \
    }

TARGET static void NAME(add_by_columns)(ptrdiff_t n_rows, ptrdiff_t n_inner, const void *A_,
                                        ptrdiff_t row_stride, ptrdiff_t inner_stride,
                                        ptrdiff_t n_columns, ptrdiff_t n_packed, const void *B_,
                                        void *out_, ptrdiff_t out_stride)
{
    const REAL *A = A_, *B = B_;
    REAL *out = out_;
    FOR_TILES(for (ptrdiff_t k = 0; k < n_tile_columns; k++)
                  for (ptrdiff_t r = 0; r < n_tile_rows; r++)
                      out[row + r + (first + k) * out_stride] += tile[r][k];)
}

TARGET static void NAME(add_by_rows)(ptrdiff_t n_rows, ptrdiff_t n_inner, const void *A_,
                                     ptrdiff_t row_stride, ptrdiff_t inner_stride,
                                     ptrdiff_t n_columns, ptrdiff_t n_packed, const void *B_,
                                     double *out)
{
    const REAL *A = A_, *B = B_;
    FOR_TILES(for (ptrdiff_t r = 0; r < n_tile_rows; r++)
                  for (ptrdiff_t k = 0; k < n_tile_columns; k++)
                      out[(row + r) * n_columns + first + k] += tile[r][k];)
}

#undef FOR_TILES

#endif

#undef SOURCE
#undef REAL
#undef LANES
#undef NAME
