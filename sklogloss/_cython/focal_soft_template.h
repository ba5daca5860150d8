/* Focal loss of K classes for a target of probabilities y_k, for one floating type. G_k, H_k, q_k
 * and l_k are those of focal_parameters_template.h for each class. With phi_k = G_k / q_k,
 * c_k = y_k (H_k - phi_k p_k q_k) / q_k^2 and B = sum of y_k phi_k,
 *
 *     gradient_k = B p_k - y_k phi_k
 *     Hessian = B (diag(p) - p p') + sum_k c_k (p - e_k) (p - e_k)'
 *
 * c_k is large where p_k is close to 1. Hence the term of a class a with p_a > 1/2 is kept apart as
 * d = c_a and w = p - e_a, whose entry at a is -q_a; w = p if there is no such class. C is the sum
 * of the other c. The curvature has the columns B, C, d and a pair w_k, c_k for each class.
 *
 * The powers need fewer digits than those of a class index: large exponents belong to small terms
 * of the sums.
 */

/* What is kept for each row. */
typedef struct {
    real largest[CHUNK_ROWS];     /* raw prediction */
    real top_q[CHUNK_ROWS];       /* 1 - p of the class with the largest, not below the smallest
                                   * normal number */
    real top_inverse[CHUNK_ROWS]; /* 1 / top_q */
    real top_s[CHUNK_ROWS];       /* -ln of it */
    real log_sum[CHUNK_ROWS];     /* ln of the sum of exp(z_k - largest) */
    real value[CHUNK_ROWS], B[CHUNK_ROWS], C[CHUNK_ROWS], d[CHUNK_ROWS];
} NAME(soft_chunk);

SKL_INLINE void NAME(start_soft)(
    ptrdiff_t rows, const NAME(softmax_chunk) *restrict sums, real *restrict reciprocal,
    NAME(soft_chunk) *restrict chunk)
{
    const real one = 1, largest = NAME(opaque)((real)LARGEST), limit = largest * (real)0x1p-14;
    const real smallest = (real)SMALLEST_NORMAL;
    for (ptrdiff_t i = 0; i < rows; i++) {
        const real top = sums->top[i], others = sums->others[i];
        reciprocal[i] = NAME(reciprocal_of_sum)(top, others);
        const real q = others * reciprocal[i];
        const real ratio = top * ((real)0x1p-12 / others);
        chunk->largest[i] = sums->largest[i];
        chunk->top_q[i] = q < smallest ? smallest : q;
        chunk->top_inverse[i] = one / chunk->top_q[i];
        chunk->top_s[i] = NAME(log1p_nonnegative)((ratio > limit ? limit : ratio) * (real)0x1p12);
        chunk->log_sum[i] = NAME(log1p_nonnegative)(others / top);
        /* These are 0, but GCC makes slow calls of memset of constants. */
        chunk->value[i] = chunk->B[i] = chunk->C[i] = chunk->d[i] = q - q;
    }
}

/* Q = q^gamma and 1 / q of one class, from its raw predictions and probabilities. */
SKL_INLINE void NAME(class_powers)(
    const NAME(focal) *focal, ptrdiff_t rows, const real *restrict z, const real *restrict p,
    const NAME(soft_chunk) *restrict chunk, real *restrict Q, real *restrict inverse)
{
    const real half = (real)0.5, one = 1, two = 2;
    const real gamma = focal->gamma, smallest = focal->exp_smallest;
    const real shift = (real)ROUND_TO_INTEGER + (real)(EXPONENT_BIAS + 64);
    real r[CHUNK_ROWS];
    bits power[CHUNK_ROWS];
    for (ptrdiff_t i = 0; i < rows; i++) {
        const real minus_p = -(p[i] > half ? half : p[i]);
        const real others = one + minus_p, divisor = two + minus_p;
        const real both = one / (others * divisor);
        const real log_q = NAME(log1p_given)(minus_p, both * others);
        const int is_largest = z[i] == chunk->largest[i];
        const real x = gamma * (is_largest ? -chunk->top_s[i] : log_q);
        inverse[i] = is_largest ? chunk->top_inverse[i] : both * divisor;
        NAME(exp_reduce)(x < smallest ? smallest : x, shift, &r[i], &power[i]);
    }
    for (ptrdiff_t i = 0; i < rows; i++) {
        Q[i] = (NAME(expm1_core)(r[i]) * (real)0x1p-64 + (real)0x1p-64)
               * NAME(from_bits)(power[i]);
    }
}

/* Write y phi of a class into `gradient` and add it, and c if wanted, to the sums. */
SKL_INLINE void NAME(add_soft_class)(
    const NAME(focal) *focal, ptrdiff_t rows, const real *restrict y, const real *restrict p,
    const real *restrict Q, const real *restrict inverse, const real *restrict surprise,
    NAME(soft_chunk) *restrict chunk, real *restrict gradient, real *restrict c, int want_c)
{
    const real zero = 0, half = (real)0.5, one = 1, two = 2;
    const real gamma = focal->gamma, smallest = focal->smallest;
    for (ptrdiff_t i = 0; i < rows; i++) {
        const real pl = two * (p[i] * surprise[i]);
        const real phi = y[i] * (Q[i] * (one + gamma * (pl * inverse[i])));
        gradient[i] = phi;
        chunk->B[i] += phi;
        if (want_c) {
            const real doubtful = (Q[i] * inverse[i])
                * (gamma * (two * p[i] + (gamma * p[i] - one) * (pl * inverse[i])));
            const real any = y[i] * (doubtful < smallest ? smallest : doubtful);
            const int is_apart = p[i] > half;
            c[i] = is_apart ? zero : any;
            chunk->C[i] += is_apart ? zero : any;
            chunk->d[i] += is_apart ? any : zero;
        }
    }
}

/* Turn y phi of a class, in `gradient`, into the gradient and, where wanted, c in `hessian` into
 * the diagonal of the Hessian. */
SKL_INLINE void NAME(finish_soft_class)(
    ptrdiff_t rows, const real *restrict z, const real *restrict p,
    const NAME(soft_chunk) *restrict chunk, real *restrict gradient, real *restrict hessian,
    int want_hessian)
{
    const real half = (real)0.5, one = 1;
    for (ptrdiff_t i = 0; i < rows; i++) {
        const real q = z[i] == chunk->largest[i] ? chunk->top_q[i] : one - p[i];
        const real phi = gradient[i], B = chunk->B[i];
        gradient[i] = (B - phi) * p[i] - phi * q;
        if (want_hessian) {
            const real c = hessian[i];
            const real w = p[i] > half ? q : p[i];
            hessian[i] = B * (p[i] * q) + c * (q * q) + (chunk->C[i] - c) * (p[i] * p[i])
                         + (chunk->d[i] * w) * w;
        }
    }
}

SKL_INLINE void NAME(fill_soft_chunk)(
    const NAME(focal) *focal, ptrdiff_t rows, ptrdiff_t n_columns, ptrdiff_t stride,
    const real *restrict target, ptrdiff_t target_stride, const real *restrict z,
    real *restrict value, real *restrict gradient, real *restrict hessian,
    real *restrict curvature, ptrdiff_t curvature_stride)
{
    const real half = (real)0.5, one = 1, two = 2;
    real reciprocal[CHUNK_ROWS], Q[CHUNK_ROWS], inverse[CHUNK_ROWS], surprise[CHUNK_ROWS];
    real kept[KEPT_CLASSES][CHUNK_ROWS]; /* probabilities of the first classes */
    real scratch[CHUNK_ROWS];
    NAME(softmax_chunk) sums;
    NAME(soft_chunk) chunk;
    /* Where the exponentials are. Those of many classes are computed twice without a gradient. */
    const int is_kept = gradient != NULL || n_columns <= KEPT_CLASSES;
    real *e = gradient != NULL ? gradient : (is_kept ? kept[0] : NULL);
    const ptrdiff_t e_stride = gradient != NULL ? stride : CHUNK_ROWS;
    NAME(skl_softmax)(rows, n_columns, stride, z, e, e_stride, &sums);
    NAME(start_soft)(rows, &sums, reciprocal, &chunk);
    for (ptrdiff_t k = 0; k < n_columns; k++) {
        const real *restrict z_k = z + k * stride;
        const real *restrict y_k = target + k * target_stride;
        real *restrict p = k < KEPT_CLASSES ? kept[k] : scratch;
        if (is_kept) {
            for (ptrdiff_t i = 0; i < rows; i++) {
                const real rounded = e[i + k * e_stride] * reciprocal[i];
                p[i] = rounded > one ? one : rounded;
            }
        } else {
            NAME(skl_softmax_probability)(&sums, rows, z_k, reciprocal, p);
        }
        NAME(class_powers)(focal, rows, z_k, p, &chunk, Q, inverse);
        for (ptrdiff_t i = 0; i < rows; i++) {
            /* Halved, because the difference may overflow. */
            surprise[i] = half * chunk.largest[i] - half * z_k[i] + half * chunk.log_sum[i];
        }
        for (ptrdiff_t i = 0; i < rows && value != NULL; i++) {
            chunk.value[i] += (two * (y_k[i] * Q[i])) * surprise[i];
        }
        if (hessian != NULL || curvature != NULL) {
            real *c_k = hessian != NULL ? hessian + k * stride
                                        : curvature + (2 * k + 4) * curvature_stride;
            NAME(add_soft_class)(focal, rows, y_k, p, Q, inverse, surprise, &chunk,
                                 gradient + k * stride, c_k, 1);
        } else if (gradient != NULL) {
            NAME(add_soft_class)(focal, rows, y_k, p, Q, inverse, surprise, &chunk,
                                 gradient + k * stride, NULL, 0);
        }
        for (ptrdiff_t i = 0; i < rows && curvature != NULL; i++) {
            const real q = z_k[i] == chunk.largest[i] ? chunk.top_q[i] : one - p[i];
            curvature[i + (2 * k + 3) * curvature_stride] = p[i] > half ? -q : p[i];
        }
    }
    if (value != NULL) {
        memcpy(value, chunk.value, (size_t)rows * sizeof(real));
    }
    if (curvature != NULL) {
        memcpy(curvature, chunk.B, (size_t)rows * sizeof(real));
        memcpy(curvature + curvature_stride, chunk.C, (size_t)rows * sizeof(real));
        memcpy(curvature + 2 * curvature_stride, chunk.d, (size_t)rows * sizeof(real));
    }
    for (ptrdiff_t k = 0; k < n_columns && gradient != NULL; k++) {
        const real *restrict z_k = z + k * stride;
        real *restrict p = k < KEPT_CLASSES ? kept[k] : scratch;
        if (k >= KEPT_CLASSES) {
            NAME(skl_softmax_probability)(&sums, rows, z_k, reciprocal, p);
        }
        if (hessian != NULL) {
            NAME(finish_soft_class)(rows, z_k, p, &chunk, gradient + k * stride,
                                    hessian + k * stride, 1);
        } else {
            NAME(finish_soft_class)(rows, z_k, p, &chunk, gradient + k * stride, NULL, 0);
        }
    }
}

SKL_CLONES SKL_LOSS_BLOCK(NAME(skl_focal_loss_soft))
{
    const NAME(focal) focal = NAME(make_focal)(parameters);
    for (ptrdiff_t start = 0; start < n_rows; start += CHUNK_ROWS) {
        const ptrdiff_t rows = n_rows - start < CHUNK_ROWS ? n_rows - start : CHUNK_ROWS;
        NAME(fill_soft_chunk)(
            &focal, rows, n_columns, stride, (const real *)target + start, target_stride,
            (const real *)raw_prediction + start, value != NULL ? (real *)value + start : NULL,
            gradient != NULL ? (real *)gradient + start : NULL,
            hessian != NULL ? (real *)hessian + start : NULL,
            curvature != NULL ? (real *)curvature + start : NULL, curvature_stride);
    }
}

/* With mean = sum_l p_l x_l, share = sum_l c_l (x_l - mean) and part = sum_l w_l x_l:
 * x_k <- (B p_k + c_k) (x_k - mean) - share p_k + d part w_k */
SKL_CLONES SKL_CURVATURE_PRODUCT_BLOCK(NAME(skl_focal_loss_soft_curvature_product))
{
    const real one = 1, zero = 0;
    for (ptrdiff_t start = 0; start < n_rows; start += CHUNK_ROWS) {
        const ptrdiff_t rows = n_rows - start < CHUNK_ROWS ? n_rows - start : CHUNK_ROWS;
        const real *restrict B = (const real *)curvature + start;
        const real *restrict d = B + 2 * curvature_stride;
        real mean[CHUNK_ROWS] = {0}, share[CHUNK_ROWS] = {0}, part[CHUNK_ROWS] = {0};
        for (ptrdiff_t k = 0; k < n_columns; k++) {
            const real *restrict w = B + (2 * k + 3) * curvature_stride;
            const real *restrict x = (const real *)direction + start + k * stride;
            for (ptrdiff_t i = 0; i < rows; i++) {
                part[i] += w[i] * x[i];
                mean[i] += (w[i] < zero ? one + w[i] : w[i]) * x[i];
            }
        }
        for (ptrdiff_t k = 0; k < n_columns; k++) {
            const real *restrict c = B + (2 * k + 4) * curvature_stride;
            const real *restrict x = (const real *)direction + start + k * stride;
            for (ptrdiff_t i = 0; i < rows; i++) {
                share[i] += c[i] * (x[i] - mean[i]);
            }
        }
        for (ptrdiff_t k = 0; k < n_columns; k++) {
            const real *restrict w = B + (2 * k + 3) * curvature_stride;
            const real *restrict c = w + curvature_stride;
            real *restrict x = (real *)direction + start + k * stride;
            for (ptrdiff_t i = 0; i < rows; i++) {
                const real p = w[i] < zero ? one + w[i] : w[i];
                x[i] = (B[i] * p + c[i]) * (x[i] - mean[i]) - share[i] * p
                       + (d[i] * w[i]) * part[i];
            }
        }
    }
}

/* As the product; where k == l, 1 - p_l is -w_l if that is positive. */
SKL_CLONES SKL_CURVATURE_ENTRY_BLOCK(NAME(skl_focal_loss_soft_curvature_entry))
{
    const real *restrict B = curvature;
    const real *restrict C = B + curvature_stride;
    const real *restrict d = C + curvature_stride;
    const real *restrict w_k = B + (2 * k + 3) * curvature_stride;
    const real *restrict w_l = B + (2 * l + 3) * curvature_stride;
    const real *restrict c_k = w_k + curvature_stride;
    const real *restrict c_l = w_l + curvature_stride;
    const real zero = 0, one = 1, delta = k == l;
    real *restrict out = pair;
    for (ptrdiff_t i = 0; i < n_rows; i++) {
        const real p_k = w_k[i] < zero ? one + w_k[i] : w_k[i];
        const real p_l = w_l[i] < zero ? one + w_l[i] : w_l[i];
        const real apart = delta > zero && w_l[i] < zero ? -w_l[i] : delta - p_l;
        out[i] = B[i] * (p_k * apart) + c_k[i] * apart + p_k * (C[i] * p_l - c_l[i])
                 + (d[i] * w_k[i]) * w_l[i];
    }
}
