/* Included by row_weights.c once for each REAL. Documented in row_weights.h. */

SKL_CLONES
double NAME(block_sum)(ptrdiff_t n_rows, const REAL *weight, const REAL *value)
{
    double sum = 0;
    if (weight == NULL) {
#pragma omp simd reduction(+ : sum)
        for (ptrdiff_t i = 0; i < n_rows; i++)
            sum += value[i];
    } else {
#pragma omp simd reduction(+ : sum)
        for (ptrdiff_t i = 0; i < n_rows; i++)
            sum += weight[i] != 0 ? (double)weight[i] * value[i] : 0.0;
    }
    return sum;
}

SKL_CLONES
void NAME(block_weight)(ptrdiff_t n_rows, const REAL *restrict weight, REAL *restrict x)
{
    for (ptrdiff_t i = 0; i < n_rows; i++)
        x[i] = weight[i] != 0 ? weight[i] * x[i] : 0;
}
