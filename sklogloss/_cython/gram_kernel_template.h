/* Included by gram_kernel.c once for each TARGET and REAL, with LANES numbers in a register. */

typedef REAL NAME(vec) __attribute__((vector_size(LANES * sizeof(REAL))));

/* Rows and columns of a square of LANES x LANES numbers change places. */
TARGET INLINE void NAME(transpose)(NAME(vec) square[LANES])
{
#pragma GCC unroll 4
    for (int step = 1; step < LANES; step *= 2) {
        NAME(vec) turned[LANES];
#pragma GCC unroll 8
        for (int r = 0; r < LANES / 2; r++) {
            turned[2 * r] = __builtin_shufflevector(square[r], square[r + LANES / 2], FIRST);
            turned[2 * r + 1] = __builtin_shufflevector(square[r], square[r + LANES / 2], SECOND);
        }
#pragma GCC unroll 16
        for (int r = 0; r < LANES; r++)
            square[r] = turned[r];
    }
}

/* Columns from `first` to `end` of the rows from `start` on, one number after the other. */
TARGET INLINE void NAME(pack_rest)(ptrdiff_t start, ptrdiff_t n_rows, ptrdiff_t first,
                                   ptrdiff_t end, const REAL *X, ptrdiff_t row_stride,
                                   ptrdiff_t column_stride, const REAL *center,
                                   const REAL *scale, const REAL *root, ptrdiff_t stride,
                                   REAL *out)
{
    for (ptrdiff_t i = start; i < n_rows; i++) {
        REAL r = root == NULL ? 1 : root[i];
        for (ptrdiff_t j = first; j < end; j++)
            out[i * stride + j] =
                (X[i * row_stride + j * column_stride] - center[j]) * (scale[j] * r);
    }
}

TARGET static void NAME(pack)(ptrdiff_t n_rows, ptrdiff_t n_features, const void *X_,
                              ptrdiff_t row_stride, ptrdiff_t column_stride, const void *center_,
                              const void *scale_, const void *root_, int ones, ptrdiff_t stride,
                              void *out_)
{
    const REAL *X = X_, *center = center_, *scale = scale_, *root = root_;
    REAL *out = out_;
    ptrdiff_t whole = n_features / LANES * LANES;
    if (column_stride == 1) {
        for (ptrdiff_t i = 0; i < n_rows; i++) {
            REAL r = root == NULL ? 1 : root[i];
            for (ptrdiff_t j = 0; j < whole; j += LANES) {
                NAME(vec) x, c, s;
                memcpy(&x, X + i * row_stride + j, sizeof x);
                memcpy(&c, center + j, sizeof c);
                memcpy(&s, scale + j, sizeof s);
                *(NAME(vec) *)(out + i * stride + j) = (x - c) * (s * r);
            }
        }
        NAME(pack_rest)(0, n_rows, whole, n_features, X, row_stride, 1, center, scale, root, stride,
                        out);
    } else {
        ptrdiff_t whole_rows = n_rows / LANES * LANES;
        for (ptrdiff_t j = 0; j < whole; j += LANES)
            for (ptrdiff_t i = 0; i < whole_rows; i += LANES) {
                NAME(vec) square[LANES], r = (NAME(vec)){0} + 1;
                if (root != NULL)
                    memcpy(&r, root + i, sizeof r);
#pragma GCC unroll 16
                for (int c = 0; c < LANES; c++) {
                    memcpy(&square[c], X + i + (j + c) * column_stride, sizeof square[c]);
                    square[c] = (square[c] - center[j + c]) * (scale[j + c] * r);
                }
                NAME(transpose)(square);
#pragma GCC unroll 16
                for (int c = 0; c < LANES; c++)
                    *(NAME(vec) *)(out + (i + c) * stride + j) = square[c];
            }
        NAME(pack_rest)(whole_rows, n_rows, 0, whole, X, 1, column_stride, center, scale, root,
                        stride, out);
        NAME(pack_rest)(0, n_rows, whole, n_features, X, 1, column_stride, center, scale, root,
                        stride, out);
    }
    ptrdiff_t n_columns = n_features + (ones ? 1 : 0);
    for (ptrdiff_t i = 0; i < n_rows; i++) {
        if (ones)
            out[i * stride + n_features] = root == NULL ? 1 : root[i];
        for (ptrdiff_t j = n_columns; j < stride; j++)
            out[i * stride + j] = 0;
    }
}

TARGET static void NAME(weight_rows)(ptrdiff_t n_rows, ptrdiff_t stride, const void *weight_,
                                     const void *Z_, void *out_)
{
    const REAL *weight = weight_;
    const NAME(vec) *Z = Z_;
    NAME(vec) *out = out_;
    ptrdiff_t n_vectors = stride / LANES;
    for (ptrdiff_t i = 0; i < n_rows; i++)
        for (ptrdiff_t v = 0; v < n_vectors; v++)
            out[i * n_vectors + v] = weight[i] * Z[i * n_vectors + v];
}

/* Rows `row` to row + TILE_ROWS of A' B, n_vectors vectors from vector first on; n_vectors is a
 * constant from 1 to 3 where this is inlined. */
TARGET INLINE void NAME(gram_tile)(ptrdiff_t n_rows, ptrdiff_t stride, const REAL *A,
                                   const REAL *B, ptrdiff_t row, ptrdiff_t first,
                                   const int n_vectors, ptrdiff_t size, double *out)
{
    NAME(vec) sums[TILE_ROWS][3];
#pragma GCC unroll 8
    for (int r = 0; r < TILE_ROWS; r++)
#pragma GCC unroll 3
        for (int v = 0; v < n_vectors; v++)
            sums[r][v] = (NAME(vec)){0};
    const REAL *a = A + row;
    const REAL *b = B + first * LANES;
    for (ptrdiff_t i = 0; i < n_rows; i++, a += stride, b += stride) {
        NAME(vec) columns[3];
#pragma GCC unroll 3
        for (int v = 0; v < n_vectors; v++)
            columns[v] = ((const NAME(vec) *)b)[v];
#pragma GCC unroll 8
        for (int r = 0; r < TILE_ROWS; r++)
#pragma GCC unroll 3
            for (int v = 0; v < n_vectors; v++)
                sums[r][v] += a[r] * columns[v];
    }
    ptrdiff_t n_tile_rows = size - row < TILE_ROWS ? size - row : TILE_ROWS;
    REAL tile[TILE_ROWS][3 * LANES] = {{0}};
#pragma GCC unroll 8
    for (int r = 0; r < TILE_ROWS; r++)
#pragma GCC unroll 3
        for (int v = 0; v < n_vectors; v++)
            memcpy(&tile[r][v * LANES], &sums[r][v], sizeof(NAME(vec)));
    for (ptrdiff_t r = 0; r < n_tile_rows; r++) {
        ptrdiff_t begin = first * LANES, end = begin + n_vectors * LANES;
        if (end > row + r + 1)
            end = row + r + 1;
        for (ptrdiff_t j = begin; j < end; j++)
            out[(row + r) * size + j] += tile[r][j - begin];
    }
}

TARGET static void NAME(gram)(ptrdiff_t n_rows, ptrdiff_t stride, const void *A, const void *B,
                              ptrdiff_t size, double *out)
{
    for (ptrdiff_t row = 0; row < size; row += TILE_ROWS) {
        ptrdiff_t last = row + TILE_ROWS < size ? row + TILE_ROWS : size;
        ptrdiff_t n_vectors = (last + LANES - 1) / LANES;
        ptrdiff_t v = 0;
        for (; v + 3 <= n_vectors; v += 3)
            NAME(gram_tile)(n_rows, stride, A, B, row, v, 3, size, out);
        if (n_vectors - v == 2)
            NAME(gram_tile)(n_rows, stride, A, B, row, v, 2, size, out);
        else if (n_vectors - v == 1)
            NAME(gram_tile)(n_rows, stride, A, B, row, v, 1, size, out);
    }
}

#undef REAL
#undef LANES
#undef FIRST
#undef SECOND
#undef NAME
