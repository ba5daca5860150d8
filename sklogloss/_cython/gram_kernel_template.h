/* Included by for_each_level.h, see there; for gram_kernel.c. X is a SOURCE, the products REAL. */

typedef REAL NAME(vec) __attribute__((vector_size(LANES * sizeof(REAL))));
typedef SOURCE NAME(source_vec) __attribute__((vector_size(LANES * sizeof(SOURCE))));

/* Transpose a square of LANES x LANES numbers. */
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

/* Return where a row of the panel with this column lies. */
TARGET INLINE REAL *NAME(packed_row)(REAL *packed, ptrdiff_t n_rows, ptrdiff_t row,
                                     ptrdiff_t column)
{
    return packed + (column / LANES * n_rows + row) * LANES;
}

/* Columns from `first` to `end` of the rows from `start` on, one number after the other. */
TARGET INLINE void NAME(pack_rest)(ptrdiff_t start, ptrdiff_t n_rows, ptrdiff_t first,
                                   ptrdiff_t end, const SOURCE *X, ptrdiff_t row_stride,
                                   ptrdiff_t column_stride, const SOURCE *center,
                                   const SOURCE *scale, const SOURCE *root, REAL *out)
{
    for (ptrdiff_t i = start; i < n_rows; i++) {
        SOURCE r = root == NULL ? 1 : root[i];
        for (ptrdiff_t j = first; j < end; j++)
            NAME(packed_row)(out, n_rows, i, j)[j % LANES] =
                (X[i * row_stride + j * column_stride] - center[j]) * (scale[j] * r);
    }
}

TARGET static void NAME(pack)(ptrdiff_t n_rows, ptrdiff_t n_features, const void *X_,
                              ptrdiff_t row_stride, ptrdiff_t column_stride, const void *center_,
                              const void *scale_, const void *root_, int ones, void *out_)
{
    const SOURCE *X = X_, *center = center_, *scale = scale_, *root = root_;
    REAL *out = out_;
    ptrdiff_t whole = n_features / LANES * LANES;
    if (column_stride == 1) {
        /* The last columns may not fill a vector. They are read together with what follows, the
         * next row, which becomes padding. The last rows have nothing to follow them. */
        ptrdiff_t rest = n_features - whole;
        ptrdiff_t n_followed = n_rows - (LANES - rest + row_stride - 1) / row_stride;
        NAME(source_vec) x, c, s;
        for (ptrdiff_t j = 0; j < n_features; j += LANES) {
            ptrdiff_t n_columns = j < whole ? LANES : rest;
            ptrdiff_t end = j < whole ? n_rows : n_followed;
            c = s = (NAME(source_vec)){0};
            memcpy(&c, center + j, n_columns * sizeof(SOURCE));
            memcpy(&s, scale + j, n_columns * sizeof(SOURCE));
            for (ptrdiff_t i = 0; i < end; i++) {
                memcpy(&x, X + i * row_stride + j, sizeof x);
                *(NAME(vec) *)NAME(packed_row)(out, n_rows, i, j) = __builtin_convertvector(
                    (x - c) * (s * (root == NULL ? 1 : root[i])), NAME(vec));
            }
        }
        NAME(pack_rest)(n_followed > 0 ? n_followed : 0, n_rows, whole, n_features, X, row_stride,
                        1, center, scale, root, out);
    } else {
        ptrdiff_t whole_rows = n_rows / LANES * LANES;
        for (ptrdiff_t j = 0; j < n_features; j += LANES) {
            ptrdiff_t n_columns = j < whole ? LANES : n_features - whole;
            for (ptrdiff_t i = 0; i < whole_rows; i += LANES) {
                NAME(vec) square[LANES];
                NAME(source_vec) x, r = (NAME(source_vec)){0} + 1;
                if (root != NULL)
                    memcpy(&r, root + i, sizeof r);
#pragma GCC unroll 16
                for (int c = 0; c < LANES; c++) {
                    square[c] = (NAME(vec)){0};
                    if (c < n_columns) {
                        memcpy(&x, X + i + (j + c) * column_stride, sizeof x);
                        square[c] = __builtin_convertvector(
                            (x - center[j + c]) * (scale[j + c] * r), NAME(vec));
                    }
                }
                NAME(transpose)(square);
#pragma GCC unroll 16
                for (int c = 0; c < LANES; c++)
                    *(NAME(vec) *)NAME(packed_row)(out, n_rows, i + c, j) = square[c];
            }
        }
        NAME(pack_rest)(whole_rows, n_rows, 0, n_features, X, 1, column_stride, center, scale, root,
                        out);
    }
    if (ones)
        for (ptrdiff_t i = 0; i < n_rows; i++)
            NAME(packed_row)(out, n_rows, i, n_features)[n_features % LANES] =
                root == NULL ? 1 : root[i];
}

TARGET static void NAME(pack_rows)(ptrdiff_t n_rows, const ptrdiff_t *rows, ptrdiff_t n_features,
                                   const void *X_, ptrdiff_t row_stride, ptrdiff_t column_stride,
                                   const void *center_, const void *scale_, const void *root_,
                                   int ones, void *out_)
{
    const SOURCE *X = X_, *center = center_, *scale = scale_, *root = root_;
    REAL *out = out_;
    ptrdiff_t whole = column_stride == 1 ? n_features / LANES * LANES : 0;
    for (ptrdiff_t i = 0; i < n_rows; i++) {
        const SOURCE *row = X + rows[i] * row_stride;
        for (ptrdiff_t j = 0; j < whole; j += LANES) {
            NAME(source_vec) x, c, s;
            memcpy(&x, row + j, sizeof x);
            memcpy(&c, center + j, sizeof c);
            memcpy(&s, scale + j, sizeof s);
            *(NAME(vec) *)NAME(packed_row)(out, n_rows, i, j) =
                __builtin_convertvector((x - c) * (s * root[i]), NAME(vec));
        }
        for (ptrdiff_t j = whole; j < n_features; j++)
            NAME(packed_row)(out, n_rows, i, j)[j % LANES] =
                (row[j * column_stride] - center[j]) * (scale[j] * root[i]);
        if (ones)
            NAME(packed_row)(out, n_rows, i, n_features)[n_features % LANES] = root[i];
    }
}

TARGET static void NAME(weight_rows)(ptrdiff_t n_rows, ptrdiff_t n_packed, const void *weight_,
                                     const void *Z_, void *out_)
{
    const SOURCE *weight = weight_;
    const NAME(vec) *Z = Z_;
    NAME(vec) *out = out_;
    /* A negligible weight counts as zero: its products would be subnormal in float32, and a hundred
     * times as slow on some processors. If all samples are separated, all weights may be little
     * more than that. */
    const SOURCE least = sizeof(REAL) == sizeof(float) ? 0x1p-120 : 0;
    for (ptrdiff_t panel = 0; panel < n_packed / LANES; panel++)
        for (ptrdiff_t i = 0; i < n_rows; i++) {
            SOURCE w = weight[i] < least && weight[i] > -least ? 0 : weight[i];
            out[panel * n_rows + i] = (REAL)w * Z[panel * n_rows + i];
        }
}

/* Rows `row` to row + TILE_ROWS of A' B, n_vectors vectors from panel `panel` on; n_vectors is a
 * constant from 1 to 3 where this is inlined. */
TARGET INLINE void NAME(gram_tile)(ptrdiff_t n_rows, const REAL *A, const REAL *B, ptrdiff_t row,
                                   ptrdiff_t panel, const int n_vectors, ptrdiff_t size,
                                   double *out)
{
    NAME(vec) sums[TILE_ROWS][3];
#pragma GCC unroll 8
    for (int r = 0; r < TILE_ROWS; r++)
#pragma GCC unroll 3
        for (int v = 0; v < n_vectors; v++)
            sums[r][v] = (NAME(vec)){0};
    const REAL *a = A + row / LANES * n_rows * LANES + row % LANES;
    const NAME(vec) *b = (const NAME(vec) *)B + panel * n_rows;
    for (ptrdiff_t i = 0; i < n_rows; i++) {
        NAME(vec) columns[3];
#pragma GCC unroll 3
        for (int v = 0; v < n_vectors; v++)
            columns[v] = b[v * n_rows + i];
#pragma GCC unroll 8
        for (int r = 0; r < TILE_ROWS; r++)
#pragma GCC unroll 3
            for (int v = 0; v < n_vectors; v++)
                sums[r][v] += a[(r / LANES * n_rows + i) * LANES + r % LANES] * columns[v];
    }
    ptrdiff_t n_tile_rows = size - row < TILE_ROWS ? size - row : TILE_ROWS;
    REAL tile[TILE_ROWS][3 * LANES] = {{0}};
#pragma GCC unroll 8
    for (int r = 0; r < TILE_ROWS; r++)
#pragma GCC unroll 3
        for (int v = 0; v < n_vectors; v++)
            memcpy(&tile[r][v * LANES], &sums[r][v], sizeof(NAME(vec)));
    for (ptrdiff_t r = 0; r < n_tile_rows; r++) {
        ptrdiff_t begin = panel * LANES, end = begin + n_vectors * LANES;
        if (end > row + r + 1)
            end = row + r + 1;
        for (ptrdiff_t j = begin; j < end; j++)
            out[(row + r) * size + j] += tile[r][j - begin];
    }
}

TARGET static void NAME(gram)(ptrdiff_t n_rows, const void *A, const void *B, ptrdiff_t size,
                              double *out)
{
    /* Three panels of B stay in the L1 cache while those of A pass by. */
    for (ptrdiff_t panel = 0; panel * LANES < size; panel += 3) {
        for (ptrdiff_t row = panel * LANES / TILE_ROWS * TILE_ROWS; row < size; row += TILE_ROWS) {
            ptrdiff_t last = row + TILE_ROWS < size ? row + TILE_ROWS : size;
            ptrdiff_t n_vectors = (last + LANES - 1) / LANES - panel;
            if (n_vectors >= 3)
                NAME(gram_tile)(n_rows, A, B, row, panel, 3, size, out);
            else if (n_vectors == 2)
                NAME(gram_tile)(n_rows, A, B, row, panel, 2, size, out);
            else
                NAME(gram_tile)(n_rows, A, B, row, panel, 1, size, out);
        }
    }
}

#undef SOURCE
#undef REAL
#undef LANES
#undef NAME
