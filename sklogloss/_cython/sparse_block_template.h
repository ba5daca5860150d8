/* Included by sparse_block.c once for each REAL and INDEX. Documented in sparse_block.h. */

SKL_CLONES
void NAME(csr_times)(ptrdiff_t n_rows, const void *indptr_, const void *indices_,
                     const void *data_, ptrdiff_t n_columns, const void *coef_, void *raw_,
                     ptrdiff_t stride, void *row_scratch)
{
    const INDEX *restrict indptr = indptr_, *restrict indices = indices_;
    const REAL *restrict data = data_, *restrict coef = coef_;
    REAL *restrict raw = raw_, *restrict sum = row_scratch;
    if (n_columns == 1) {
        for (ptrdiff_t i = 0; i < n_rows; i++) {
            REAL x_coef = 0;
            for (INDEX q = indptr[i]; q < indptr[i + 1]; q++)
                x_coef += data[q] * coef[indices[q]];
            raw[i] += x_coef;
        }
        return;
    }
    for (ptrdiff_t i = 0; i < n_rows; i++) {
        for (ptrdiff_t k = 0; k < n_columns; k++)
            sum[k] = 0;
        for (INDEX q = indptr[i]; q < indptr[i + 1]; q++) {
            const REAL *row = coef + (ptrdiff_t)indices[q] * n_columns;
            REAL x = data[q];
            for (ptrdiff_t k = 0; k < n_columns; k++)
                sum[k] += x * row[k];
        }
        for (ptrdiff_t k = 0; k < n_columns; k++)
            raw[i + k * stride] += sum[k];
    }
}

SKL_CLONES
void NAME(csr_add_transposed_times)(ptrdiff_t n_rows, const void *indptr_, const void *indices_,
                                    const void *data_, ptrdiff_t n_columns, const void *g_,
                                    ptrdiff_t stride, double *restrict out, void *row_scratch)
{
    const INDEX *restrict indptr = indptr_, *restrict indices = indices_;
    const REAL *restrict data = data_, *restrict g = g_;
    REAL *restrict g_row = row_scratch;
    if (n_columns == 1) {
        for (ptrdiff_t i = 0; i < n_rows; i++) {
            REAL gi = g[i];
            for (INDEX q = indptr[i]; q < indptr[i + 1]; q++)
                out[indices[q]] += data[q] * gi;
        }
        return;
    }
    for (ptrdiff_t i = 0; i < n_rows; i++) {
        for (ptrdiff_t k = 0; k < n_columns; k++)
            g_row[k] = g[i + k * stride];
        for (INDEX q = indptr[i]; q < indptr[i + 1]; q++) {
            double *row = out + (ptrdiff_t)indices[q] * n_columns;
            REAL x = data[q];
            for (ptrdiff_t k = 0; k < n_columns; k++)
                row[k] += x * g_row[k];
        }
    }
}

void NAME(csr_add_gram)(ptrdiff_t n_rows, const void *indptr_, const void *indices_,
                        const void *data_, ptrdiff_t n_features, const void *scale_,
                        const void *weight_, ptrdiff_t size, double *restrict out,
                        void *row_scratch)
{
    const INDEX *restrict indptr = indptr_, *restrict indices = indices_;
    const REAL *restrict data = data_, *restrict scale = scale_, *restrict weight = weight_;
    REAL *restrict scaled = row_scratch;
    for (ptrdiff_t i = 0; i < n_rows; i++) {
        ptrdiff_t n_entries = indptr[i + 1] - indptr[i];
        const INDEX *columns = indices + indptr[i];
        const REAL *x = data + indptr[i];
        REAL w = weight[i];
        for (ptrdiff_t a = 0; a < n_entries; a++) {
            double *row = out + (ptrdiff_t)columns[a] * size;
            scaled[a] = x[a] * scale[columns[a]];
            REAL wx = w * scaled[a];
            for (ptrdiff_t b = 0; b <= a; b++)
                row[columns[b]] += wx * scaled[b];
        }
        if (size > n_features) {
            double *row = out + n_features * size;
            for (ptrdiff_t a = 0; a < n_entries; a++)
                row[columns[a]] += w * scaled[a];
            row[n_features] += w;
        }
    }
}

void NAME(csr_add_squares)(ptrdiff_t n_rows, const void *indptr_, const void *indices_,
                           const void *data_, const void *weight_, const void *center_,
                           double *restrict out)
{
    const INDEX *restrict indptr = indptr_, *restrict indices = indices_;
    const REAL *restrict data = data_, *restrict weight = weight_, *restrict center = center_;
    for (ptrdiff_t i = 0; i < n_rows; i++) {
        double w = weight[i];
        for (INDEX q = indptr[i]; q < indptr[i + 1]; q++) {
            double x = data[q];
            out[indices[q]] += w * x * (x - 2 * (double)center[indices[q]]);
        }
    }
}

void NAME(csc_rows)(ptrdiff_t start, ptrdiff_t n_rows, ptrdiff_t n_features,
                    const void *column_indptr_, const void *row_indices_, const void *data_,
                    void *cursor_, const void *indptr_, void *next_place_, void *indices_,
                    void *out_)
{
    const INDEX *restrict column_indptr = column_indptr_, *restrict row_indices = row_indices_;
    const INDEX *restrict indptr = indptr_;
    const REAL *restrict data = data_;
    INDEX *restrict cursor = cursor_, *restrict next_place = next_place_;
    INDEX *restrict indices = indices_;
    REAL *restrict out = out_;
    ptrdiff_t end = start + n_rows;
    for (ptrdiff_t i = 0; i < n_rows; i++)
        next_place[i] = indptr[i];
    for (ptrdiff_t j = 0; j < n_features; j++) {
        INDEX q = cursor[j], q_end = column_indptr[j + 1];
        for (; q < q_end && row_indices[q] < end; q++) {
            INDEX place = next_place[row_indices[q] - start]++;
            indices[place] = (INDEX)j;
            out[place] = data[q];
        }
        cursor[j] = q;
    }
}
