/* Included by dense_block.c once for each REAL. Documented in dense_block.h. */

SKL_CLONES
static void NAME(block_pack)(ptrdiff_t n_rows, ptrdiff_t n_features, const void *X_,
                             ptrdiff_t row_stride, ptrdiff_t column_stride,
                             const void *center_, const void *scale_, const void *weight_, int ones,
                             void *packed_)
{
    const REAL *restrict X = X_, *restrict center = center_, *restrict scale = scale_;
    const REAL *restrict weight = weight_;
    REAL *restrict packed = packed_;
    if (column_stride == 1) {
        ptrdiff_t n_columns = n_features + (ones ? 1 : 0);
        for (ptrdiff_t i = 0; i < n_rows; i++) {
            const REAL *row = X + i * row_stride;
            REAL *out = packed + i * n_columns;
            REAL root = weight == NULL ? 1 : SQRT(weight[i]);
            for (ptrdiff_t j = 0; j < n_features; j++)
                out[j] = (row[j] - center[j]) * (scale[j] * root);
            if (ones)
                out[n_features] = root;
        }
    } else {
        for (ptrdiff_t j = 0; j < n_features; j++) {
            const REAL *column = X + j * column_stride;
            REAL *out = packed + j * n_rows;
            REAL c = center[j], s = scale[j];
            if (weight == NULL)
                for (ptrdiff_t i = 0; i < n_rows; i++)
                    out[i] = (column[i] - c) * s;
            else
                for (ptrdiff_t i = 0; i < n_rows; i++)
                    out[i] = (column[i] - c) * (s * SQRT(weight[i]));
        }
        if (ones) {
            REAL *out = packed + n_features * n_rows;
            for (ptrdiff_t i = 0; i < n_rows; i++)
                out[i] = weight == NULL ? 1 : SQRT(weight[i]);
        }
    }
}

SKL_CLONES
static void NAME(block_weight_rows)(ptrdiff_t n_rows, ptrdiff_t n_columns, int by_rows,
                                    const void *weight_, const void *packed_, void *out_)
{
    const REAL *restrict weight = weight_, *restrict packed = packed_;
    REAL *restrict out = out_;
    if (by_rows)
        for (ptrdiff_t i = 0; i < n_rows; i++)
            for (ptrdiff_t j = 0; j < n_columns; j++)
                out[i * n_columns + j] = weight[i] * packed[i * n_columns + j];
    else
        for (ptrdiff_t j = 0; j < n_columns; j++)
            for (ptrdiff_t i = 0; i < n_rows; i++)
                out[j * n_rows + i] = weight[i] * packed[j * n_rows + i];
}

SKL_CLONES
static void NAME(block_moments)(ptrdiff_t n_rows, ptrdiff_t n_features, const void *X_,
                                ptrdiff_t row_stride, ptrdiff_t column_stride,
                                const void *weight_, const void *center_, double *restrict sums)
{
    const REAL *restrict X = X_, *restrict weight = weight_, *restrict center = center_;
    double *squares = sums + n_features;
    if (column_stride == 1) {
        for (ptrdiff_t i = 0; i < n_rows; i++) {
            const REAL *row = X + i * row_stride;
            double w = weight[i];
            if (w == 0)
                continue;
            for (ptrdiff_t j = 0; j < n_features; j++) {
                double x = (double)row[j] - center[j];
                sums[j] += w * x;
                squares[j] += w * x * x;
            }
        }
    } else {
        for (ptrdiff_t j = 0; j < n_features; j++) {
            const REAL *column = X + j * column_stride;
            double s = center[j], sum = 0, square = 0;
#pragma omp simd reduction(+ : sum, square)
            for (ptrdiff_t i = 0; i < n_rows; i++) {
                double w = weight[i];
                double x = w != 0 ? (double)column[i] - s : 0;
                sum += w * x;
                square += w * x * x;
            }
            sums[j] += sum;
            squares[j] += square;
        }
    }
}

SKL_CLONES
static void NAME(block_squares)(ptrdiff_t n_rows, ptrdiff_t n_features, const void *X_,
                                ptrdiff_t row_stride, ptrdiff_t column_stride,
                                const void *weight_, const void *center_,
                                double *restrict out)
{
    const REAL *restrict X = X_, *restrict weight = weight_, *restrict center = center_;
    if (column_stride == 1) {
        for (ptrdiff_t i = 0; i < n_rows; i++) {
            const REAL *row = X + i * row_stride;
            double w = weight[i];
            for (ptrdiff_t j = 0; j < n_features; j++) {
                double x = (double)row[j] - center[j];
                out[j] += w * x * x;
            }
        }
    } else {
        for (ptrdiff_t j = 0; j < n_features; j++) {
            const REAL *column = X + j * column_stride;
            double c = center[j], sum = 0;
#pragma omp simd reduction(+ : sum)
            for (ptrdiff_t i = 0; i < n_rows; i++) {
                double x = (double)column[i] - c;
                sum += weight[i] * x * x;
            }
            out[j] += sum;
        }
    }
}

SKL_CLONES
static double NAME(block_total)(ptrdiff_t n_rows, ptrdiff_t n_features, const void *X_,
                                ptrdiff_t row_stride, ptrdiff_t column_stride)
{
    const REAL *restrict X = X_;
    ptrdiff_t n_runs = column_stride == 1 ? n_rows : n_features;
    ptrdiff_t length = column_stride == 1 ? n_features : n_rows;
    ptrdiff_t stride = column_stride == 1 ? row_stride : column_stride;
    if (stride == length) {
        length *= n_runs;
        n_runs = 1;
    }
    double totals[N_TOTALS] = {0}, total = 0;
    for (ptrdiff_t run = 0; run < n_runs; run++) {
        const REAL *x = X + run * stride;
        ptrdiff_t i = 0;
        for (; i + N_TOTALS <= length; i += N_TOTALS)
            for (ptrdiff_t lane = 0; lane < N_TOTALS; lane++)
                totals[lane] += x[i + lane];
        for (; i < length; i++)
            total += x[i];
    }
    for (ptrdiff_t lane = 0; lane < N_TOTALS; lane++)
        total += totals[lane];
    return total;
}

SKL_CLONES
static void NAME(block_add)(ptrdiff_t n, const void *x_, double *restrict out)
{
    const REAL *restrict x = x_;
    for (ptrdiff_t i = 0; i < n; i++)
        out[i] += x[i];
}

SKL_CLONES
static void NAME(block_root)(ptrdiff_t n, const void *x_, void *out_)
{
    const REAL *restrict x = x_;
    REAL *restrict out = out_;
    for (ptrdiff_t i = 0; i < n; i++)
        out[i] = SQRT(x[i]);
}
