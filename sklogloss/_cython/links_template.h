/* Sigmoid and softmax of a block for one floating type; included twice by links.c. */
#include "simd_math.h"
#include "softmax_chunk.h"

SKL_INLINE void NAME(binary_chunk)(
    ptrdiff_t rows, const real *restrict z, real smallest, real *restrict class_0,
    real *restrict class_1, int logarithm)
{
    real exponential[CHUNK_ROWS];
    NAME(exp_of_minus_size)(rows, z, smallest, exponential);
    for (ptrdiff_t i = 0; i < rows; i++) {
        const real u = exponential[i];
        const bits z_bits = NAME(to_bits)(z[i]);
        real larger, smaller;
        if (logarithm) {
            larger = -NAME(log1p_core)(u);
            smaller = larger + NAME(from_bits)(z_bits | SIGN_BIT);
        } else {
            larger = NAME(reciprocal_1p)(u);
            smaller = u * larger;
        }
        class_0[i] = (signed_bits)z_bits < 0 ? larger : smaller;
        class_1[i] = (signed_bits)z_bits < 0 ? smaller : larger;
    }
}

SKL_CLONES SKL_LINK_BLOCK(NAME(skl_binary_link))
{
    (void)n_columns, (void)stride;
    const real *z = raw_prediction;
    const real smallest = NAME(opaque)((real)EXP_SMALLEST);
    real *class_0 = out, *class_1 = class_0 + out_stride;
    for (ptrdiff_t start = 0; start < n_rows; start += CHUNK_ROWS) {
        const ptrdiff_t rows = n_rows - start < CHUNK_ROWS ? n_rows - start : CHUNK_ROWS;
        if (logarithm) {
            NAME(binary_chunk)(rows, z + start, smallest, class_0 + start, class_1 + start, 1);
        } else {
            NAME(binary_chunk)(rows, z + start, smallest, class_0 + start, class_1 + start, 0);
        }
    }
}

SKL_INLINE void NAME(multiclass_chunk)(
    ptrdiff_t rows, ptrdiff_t n_columns, ptrdiff_t stride, const real *restrict z, int logarithm,
    real *restrict out, ptrdiff_t out_stride)
{
    const real one = 1;
    real scale[CHUNK_ROWS];
    NAME(softmax_chunk) chunk;
    NAME(skl_softmax)(rows, n_columns, stride, z, logarithm ? NULL : out, out_stride, &chunk);
    if (!logarithm) {
        for (ptrdiff_t i = 0; i < rows; i++) {
            scale[i] = NAME(reciprocal_of_sum)(chunk.top[i], chunk.others[i]);
        }
        for (ptrdiff_t k = 0; k < n_columns; k++) {
            real *restrict p_k = out + k * out_stride;
            for (ptrdiff_t i = 0; i < rows; i++) {
                const real p = p_k[i] * scale[i];
                p_k[i] = p > one ? one : p; /* without fused multiply-add, scale may round up */
            }
        }
        return;
    }
    for (ptrdiff_t i = 0; i < rows; i++) {
        scale[i] = NAME(log1p_nonnegative)(chunk.others[i] / chunk.top[i]);
    }
    for (ptrdiff_t k = 0; k < n_columns; k++) {
        const real *restrict z_k = z + k * stride;
        real *restrict log_p_k = out + k * out_stride;
        for (ptrdiff_t i = 0; i < rows; i++) {
            /* The difference of two finite numbers may be infinite. */
            const real log_p = (z_k[i] - chunk.largest[i]) - scale[i];
            log_p_k[i] = log_p < -(real)LARGEST ? -(real)LARGEST : log_p;
        }
    }
}

SKL_CLONES SKL_LINK_BLOCK(NAME(skl_multiclass_link))
{
    const real *z = raw_prediction;
    for (ptrdiff_t start = 0; start < n_rows; start += CHUNK_ROWS) {
        const ptrdiff_t rows = n_rows - start < CHUNK_ROWS ? n_rows - start : CHUNK_ROWS;
        NAME(multiclass_chunk)(rows, n_columns, stride, z + start, logarithm, (real *)out + start,
                               out_stride);
    }
}
