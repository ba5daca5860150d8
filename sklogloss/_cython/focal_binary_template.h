/* Focal loss of two classes, for one floating type. Formulas: focal_parameters_template.h.
 *
 * The kernels take the power of g + 1, which saves a division if p is not requested. With
 * u = exp(-|z|), L = ln(1 + u), k = p / q l, which is L / u where p > 1/2 and u l elsewhere:
 *
 *     Q = q^(g + 1),   value = Q l / q,   G = Q (1 + g k)
 *     H = p (G + max(smallest, g Q (2 + (g - 1) k - l)))
 *
 * For a target of 0 or 1, H is p Q F, F = 1 + 2 g + g^2 k - g l. The terms of F cancel near its
 * root, so that F is computed from the root (focal_root.py). Soft targets mix the losses of both
 * classes.
 *
 * All loops are over CHUNK_ROWS rows: loops over a constant number of rows are faster.
 */

/* What is kept for each row. u = scale (1 + rest), L = u - u missing. */
typedef struct {
    real margin[CHUNK_ROWS]; /* bounded; of the class that happened, -|z| for soft targets */
    real scale[CHUNK_ROWS], rest[CHUNK_ROWS], u[CHUNK_ROWS];
    real log[CHUNK_ROWS], missing[CHUNK_ROWS];
    real power[CHUNK_ROWS];     /* q^(g + 1), of the likely class for soft targets */
    real far_power[CHUNK_ROWS]; /* that of the other class */
} NAME(two_classes);

SKL_INLINE void NAME(start_binary)(
    const NAME(focal) *focal, const real *restrict y, const real *restrict z,
    NAME(two_classes) *restrict chunk, int soft)
{
    const real one = 1, two = 2, limit = focal->largest_margin;
    const real shift = (real)ROUND_TO_INTEGER + (real)EXPONENT_BIAS;
    real reduced[CHUNK_ROWS];
    for (ptrdiff_t i = 0; i < CHUNK_ROWS; i++) {
        const real minus_size = NAME(from_bits)(NAME(to_bits)(z[i]) | SIGN_BIT);
        const real any = soft ? minus_size : (two * y[i] - one) * z[i];
        const real not_low = any < -limit ? -limit : any;
        const real margin = !soft && not_low > limit ? limit : not_low;
        bits power;
        NAME(exp_reduce)(NAME(from_bits)(NAME(to_bits)(margin) | SIGN_BIT), shift, &reduced[i],
                         &power);
        chunk->margin[i] = margin;
        chunk->scale[i] = NAME(from_bits)(power);
    }
    for (ptrdiff_t i = 0; i < CHUNK_ROWS; i++) {
        const real rest = NAME(expm1_core)(reduced[i]);
        chunk->rest[i] = rest;
        chunk->u[i] = chunk->scale[i] + chunk->scale[i] * rest;
    }
    for (ptrdiff_t i = 0; i < CHUNK_ROWS; i++) {
        const real u = chunk->u[i];
        const real reciprocal = one / (two + u);
        const real s = u * reciprocal, w = s * s;
        const real missing = reciprocal * (u - w * NAME(atanh_core)(w));
        chunk->log[i] = u - u * missing;
        chunk->missing[i] = missing;
    }
}

/* 2^64 q^(g + 1) = 2^64 exp(-(g + 1) s), s = max(margin, 0) + L, for a target of 0 or 1. Products
 * of the high parts are exact: that of s is a multiple of 2^-20 (float32: 2^-7). */
SKL_INLINE void NAME(hard_power)(const NAME(focal) *focal, NAME(two_classes) *restrict chunk)
{
    const real zero = 0, one = 1, shift = (real)ROUND_TO_INTEGER + (real)(EXPONENT_BIAS + 64);
    const real to_multiple = (real)ROUND_TO_INTEGER * (real)(SKL_FLOAT32 ? 0x1p-7 : 0x1p-20);
    const real high = focal->one_more_high, low = focal->one_more_low;
    const real in_powers = focal->one_more_in_powers, largest = focal->largest_surprise;
    real reduced[CHUNK_ROWS], scale[CHUNK_ROWS];
    for (ptrdiff_t i = 0; i < CHUNK_ROWS; i++) {
        const real log = chunk->log[i];
        const real log_low = (chunk->scale[i] - log)
                             + (chunk->scale[i] * chunk->rest[i] - chunk->u[i] * chunk->missing[i]);
        const real margin = chunk->margin[i] < zero ? zero : chunk->margin[i];
        const real larger = margin > log ? margin : log, smaller = margin > log ? log : margin;
        const real sum = margin + log;
        const real s = sum > largest ? largest : sum;
        const real shifted = s * in_powers + shift;
        const real n = shifted - shift;
        const real s_high = (sum + to_multiple) - to_multiple;
        const real s_low = ((larger - s_high) + smaller) + log_low;
        const real small = n * (real)LN2_LOW + (high * s_low + low * sum);
        const real any = (-(high * s_high) - n * (real)LN2_HIGH) - small;
        reduced[i] = sum > largest ? zero : any;
        scale[i] = NAME(from_bits)(NAME(to_bits)(shifted) << MANTISSA_BITS);
    }
    for (ptrdiff_t i = 0; i < CHUNK_ROWS; i++) {
        chunk->power[i] = scale[i] * (one + NAME(expm1_core)(reduced[i]));
    }
}

/* The same for both classes, without the factor of 2^64. They need no more digits than a real has:
 * large exponents belong to small terms. */
SKL_INLINE void NAME(soft_powers)(const NAME(focal) *focal, NAME(two_classes) *restrict chunk)
{
    const real one = 1, shift = (real)ROUND_TO_INTEGER;
    const real factor = focal->one_more, in_powers = focal->one_more_in_powers;
    const real largest = focal->largest_soft_surprise;
    real reduced[CHUNK_ROWS], far_reduced[CHUNK_ROWS];
    bits exponent[CHUNK_ROWS], far_exponent[CHUNK_ROWS];
    for (ptrdiff_t i = 0; i < CHUNK_ROWS; i++) {
        const real log = chunk->log[i], sum = log - chunk->margin[i];
        const real far = log > largest ? largest : log, near = sum > largest ? largest : sum;
        const real shifted = near * in_powers + shift, far_shifted = far * in_powers + shift;
        reduced[i] = -(factor * near) - (shifted - shift) * (real)LN2;
        far_reduced[i] = -(factor * far) - (far_shifted - shift) * (real)LN2;
        exponent[i] = NAME(to_bits)(shifted) << MANTISSA_BITS;
        far_exponent[i] = NAME(to_bits)(far_shifted) << MANTISSA_BITS;
    }
    for (ptrdiff_t i = 0; i < CHUNK_ROWS; i++) {
        const real near = one + NAME(expm1_core)(reduced[i]);
        const real far = one + NAME(expm1_core)(far_reduced[i]);
        chunk->power[i] = NAME(from_bits)(NAME(to_bits)(near) + exponent[i]);
        chunk->far_power[i] = NAME(from_bits)(NAME(to_bits)(far) + far_exponent[i]);
    }
}

/* q^(g + 1) for g = 0, 1 or 2. */
SKL_INLINE real NAME(short_power)(const NAME(focal) *focal, real q)
{
    return q * (focal->constant + q * (focal->linear + q * focal->square));
}

SKL_INLINE void NAME(short_powers)(
    const NAME(focal) *focal, NAME(two_classes) *restrict chunk, int soft)
{
    const real zero = 0, one = 1;
    for (ptrdiff_t i = 0; i < CHUNK_ROWS; i++) {
        const real scale = chunk->scale[i], rest = chunk->rest[i];
        const real larger = one / (one + chunk->u[i]), smaller = larger * scale;
        /* of `larger`, relative: what 1 + u and the division have rounded away */
        const real error = ((one - larger) - smaller) - smaller * rest;
        if (soft) {
            chunk->power[i] = NAME(short_power)(focal, smaller + smaller * (rest + error));
            chunk->far_power[i] = NAME(short_power)(focal, larger + larger * error);
        } else {
            const int is_likely = chunk->margin[i] > zero;
            const real factor = is_likely ? smaller : larger;
            const real added = is_likely ? rest : zero;
            const real q = factor + factor * (added + (error + error * added));
            chunk->power[i] = NAME(short_power)(focal, q);
        }
    }
}

/* The factor of p in H, given q^(g + 1), G, k = p / q l and l. */
SKL_INLINE real NAME(bend)(const NAME(focal) *focal, real power, real G, real k, real l)
{
    const real two = 2;
    const real doubtful = power * (focal->gamma * (two + (focal->one_less * k - l)));
    return G + (doubtful < focal->smallest ? focal->smallest : doubtful);
}

/* F(root + d) for |d| up to the radius: rounding errors are relative to F itself. */
SKL_INLINE real NAME(near_root)(const NAME(focal) *focal, real d)
{
    const real *c = focal->coefficient;
#if SKL_FLOAT32
    real p = c[5] + c[6] * d;
    p = p * d + c[4];
    p = p * d + c[3];
    p = p * d + c[2];
    p = p * d + c[1];
    p = p * d + c[0];
#else
    const real d2 = d * d, d4 = d2 * d2;
    const real p01 = c[0] + c[1] * d, p23 = c[2] + c[3] * d, p45 = c[4] + c[5] * d;
    const real p67 = c[6] + c[7] * d, p89 = c[8] + c[9] * d;
    const real p = (p01 + p23 * d2) + ((p45 + p67 * d2) + p89 * d4) * d4;
#endif
    return d * p;
}

/* F, or what the convex kernel has in its place, given the margin, k = p / q l and L. l is L for
 * the likely class and L - margin for the other, for which the sum starts at the root, so that what
 * cancels is small. */
SKL_INLINE real NAME(factor)(const NAME(focal) *focal, real margin, real k, real L)
{
    const real zero = 0, one = 1;
    const real d = (margin - focal->root_high) - focal->root_low;
    const real size = NAME(from_bits)(NAME(to_bits)(d) & ~SIGN_BIT);
    const real start = margin > zero ? focal->no_surprise : focal->at_root;
    const real added = margin > zero ? -L : d - L;
    const real far = (focal->gamma * added + start) + focal->square_gamma * k;
    const real any = size < focal->radius ? NAME(near_root)(focal, d) : far;
    const real smallest = (one + focal->gamma * k) + focal->smallest;
    return any < smallest ? smallest : any;
}

/* Outputs for targets of 0 or 1. */
SKL_INLINE void NAME(finish_hard)(
    const NAME(focal) *focal, const real *restrict y, const real *restrict z,
    const NAME(two_classes) *restrict chunk,
    real *restrict value, real *restrict gradient, real *restrict second)
{
    const real zero = 0, one = 1, gamma = focal->gamma;
    /* Powers that carry a factor of 2^64 do not lose digits where they are small. */
    const real unit = focal->is_short ? one : (real)0x1p-64;
    const real biggest = NAME(opaque)((real)LARGEST);
    for (ptrdiff_t i = 0; i < CHUNK_ROWS && value != NULL; i++) {
        /* Only the value is large where z is. */
        const real z_size = NAME(from_bits)(NAME(to_bits)(z[i]) & ~SIGN_BIT);
        const real far = chunk->log[i] + (z_size > biggest ? biggest : z_size);
        const real ratio = one - chunk->missing[i];
        value[i] = chunk->power[i]
                   * ((unit + unit * chunk->u[i]) * (chunk->margin[i] > zero ? ratio : far));
    }
    for (ptrdiff_t i = 0; i < CHUNK_ROWS && gradient != NULL; i++) {
        const real ratio = one - chunk->missing[i];
        const real far_k = chunk->u[i] * (chunk->log[i] - chunk->margin[i]);
        const real k = chunk->margin[i] > zero ? ratio : far_k;
        gradient[i] = (unit - (unit + unit) * y[i]) * (chunk->power[i] * (one + gamma * k));
    }
    for (ptrdiff_t i = 0; i < CHUNK_ROWS && second != NULL; i++) {
        const real u = chunk->u[i], log = chunk->log[i], margin = chunk->margin[i];
        const int is_likely = margin > zero;
        const real ratio = one - chunk->missing[i], far_k = u * (log - margin);
        const real p = (is_likely ? one : u) / (one + u);
        const real factor = NAME(factor)(focal, margin, is_likely ? ratio : far_k, log);
        second[i] = p * (unit * (chunk->power[i] * factor));
    }
}

/* Outputs for soft targets. */
SKL_INLINE void NAME(finish_soft)(
    const NAME(focal) *focal, const real *restrict y, const real *restrict z,
    const NAME(two_classes) *restrict chunk,
    real *restrict value, real *restrict gradient, real *restrict second)
{
    const real one = 1, gamma = focal->gamma;
    const real biggest = NAME(opaque)((real)LARGEST);
    for (ptrdiff_t i = 0; i < CHUNK_ROWS && value != NULL; i++) {
        const bits z_bits = NAME(to_bits)(z[i]);
        const real z_size = NAME(from_bits)(z_bits & ~SIGN_BIT);
        const real far = chunk->log[i] + (z_size > biggest ? biggest : z_size);
        const real unlikely = (signed_bits)z_bits < 0 ? y[i] : one - y[i];
        const real ratio = one - chunk->missing[i];
        value[i] = (one + chunk->u[i]) * ((one - unlikely) * (chunk->power[i] * ratio)
                                          + unlikely * (chunk->far_power[i] * far));
    }
    for (ptrdiff_t i = 0; i < CHUNK_ROWS && gradient != NULL; i++) {
        const bits z_bits = NAME(to_bits)(z[i]);
        const real unlikely = (signed_bits)z_bits < 0 ? y[i] : one - y[i];
        const real ratio = one - chunk->missing[i];
        const real far_k = chunk->u[i] * (chunk->log[i] - chunk->margin[i]);
        const real near_G = chunk->power[i] * (one + gamma * ratio);
        const real far_G = chunk->far_power[i] * (one + gamma * far_k);
        const real away = unlikely * far_G - (one - unlikely) * near_G;
        gradient[i] = NAME(from_bits)(NAME(to_bits)(away) ^ (z_bits & SIGN_BIT));
    }
    for (ptrdiff_t i = 0; i < CHUNK_ROWS && second != NULL; i++) {
        const real u = chunk->u[i], log = chunk->log[i];
        const real power = chunk->power[i], far_power = chunk->far_power[i];
        const real unlikely = (signed_bits)NAME(to_bits)(z[i]) < 0 ? y[i] : one - y[i];
        const real ratio = one - chunk->missing[i];
        const real far = log - chunk->margin[i], far_k = u * far;
        const real near_G = power * (one + gamma * ratio);
        const real far_G = far_power * (one + gamma * far_k);
        const real near_bend = NAME(bend)(focal, power, near_G, ratio, log);
        const real far_bend = NAME(bend)(focal, far_power, far_G, far_k, far);
        second[i] = ((one - unlikely) * near_bend + unlikely * (u * far_bend)) / (one + u);
    }
}

SKL_INLINE void NAME(binary_chunk)(
    const NAME(focal) *focal, const real *restrict y, const real *restrict z,
    real *restrict value, real *restrict gradient, real *restrict second, int soft)
{
    NAME(two_classes) chunk;
    NAME(start_binary)(focal, y, z, &chunk, soft);
    if (focal->is_short) {
        NAME(short_powers)(focal, &chunk, soft);
    } else if (soft) {
        NAME(soft_powers)(focal, &chunk);
    } else {
        NAME(hard_power)(focal, &chunk);
    }
    if (soft) {
        NAME(finish_soft)(focal, y, z, &chunk, value, gradient, second);
    } else {
        NAME(finish_hard)(focal, y, z, &chunk, value, gradient, second);
    }
}

/* The last rows are copied to a full chunk. */
SKL_INLINE void NAME(binary_chunks)(
    const NAME(focal) *focal, ptrdiff_t n_rows, const real *y, const real *z,
    real *value, real *gradient, real *second, int soft)
{
    const ptrdiff_t n_full = n_rows / CHUNK_ROWS * CHUNK_ROWS, n_last = n_rows - n_full;
    const size_t last_size = (size_t)n_last * sizeof(real);
    real last[5][CHUNK_ROWS] = {{0}};
    if (n_last > 0) {
        memcpy(last[0], y + n_full, last_size);
        memcpy(last[1], z + n_full, last_size);
    }
    for (ptrdiff_t start = 0; start < n_rows; start += CHUNK_ROWS) {
        const int is_full = start < n_full;
        NAME(binary_chunk)(
            focal, is_full ? y + start : last[0], is_full ? z + start : last[1],
            value == NULL ? NULL : (is_full ? value + start : last[2]),
            gradient == NULL ? NULL : (is_full ? gradient + start : last[3]),
            second == NULL ? NULL : (is_full ? second + start : last[4]), soft);
    }
    if (n_last > 0 && value != NULL) {
        memcpy(value + n_full, last[2], last_size);
    }
    if (n_last > 0 && gradient != NULL) {
        memcpy(gradient + n_full, last[3], last_size);
    }
    if (n_last > 0 && second != NULL) {
        memcpy(second + n_full, last[4], last_size);
    }
}

SKL_CLONES SKL_LOSS_BLOCK(NAME(skl_focal_loss_binary))
{
    (void)n_columns, (void)stride, (void)target_stride, (void)curvature_stride;
    const NAME(focal) focal = NAME(make_focal)(parameters);
    const real *restrict y = target;
    real *second = hessian != NULL ? hessian : curvature;
    bits is_soft = 0;
    for (ptrdiff_t i = 0; i < n_rows; i++) {
        is_soft |= NAME(to_bits)(y[i] * y[i] - y[i]);
    }
    if (is_soft) {
        NAME(binary_chunks)(&focal, n_rows, y, raw_prediction, value, gradient, second, 1);
    } else {
        NAME(binary_chunks)(&focal, n_rows, y, raw_prediction, value, gradient, second, 0);
    }
}
