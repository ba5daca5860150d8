"""What a pass computes from one block of rows. pass_steps.pxd describes inputs and outputs."""

from cython cimport floating
from libc.string cimport memcpy, memset

from .loss_evaluation cimport write_rows


cdef extern from "row_weights.h" nogil:
    double block_sum_f64(Py_ssize_t, const double *, const double *) noexcept
    double block_sum_f32(Py_ssize_t, const float *, const float *) noexcept
    void block_weight_f64(Py_ssize_t, const double *, double *) noexcept
    void block_weight_f32(Py_ssize_t, const float *, float *) noexcept


cdef inline double block_sum(
    bint is_float32, Py_ssize_t n, const char *weight, const char *x
) noexcept nogil:
    if is_float32:
        return block_sum_f32(n, <const float *> weight, <const float *> x)
    return block_sum_f64(n, <const double *> weight, <const double *> x)


cdef inline const char *weight_of(
    Design design, const char *sample_weight, Scratch *scratch
) noexcept nogil:
    if sample_weight == NULL:
        return NULL
    return sample_weight + scratch.block.start * design.itemsize


cdef inline void weight_in_place(
    Design design, const char *sample_weight, Scratch *scratch, char *x
) noexcept nogil:
    cdef const char *weight = weight_of(design, sample_weight, scratch)
    if weight == NULL:
        return
    if design.is_float32:
        block_weight_f32(scratch.block.n_rows, <const float *> weight, <float *> x)
    else:
        block_weight_f64(scratch.block.n_rows, <const double *> weight, <double *> x)


cdef inline void start_column(
    Py_ssize_t n, floating intercept, const floating *offset, floating *column
) noexcept nogil:
    cdef Py_ssize_t i
    if offset == NULL:
        for i in range(n):
            column[i] = intercept
    else:
        for i in range(n):
            column[i] = intercept + offset[i]


cdef void predict_block(
    Design design, const LinearPredictor *predictor, Scratch *scratch
) noexcept nogil:
    cdef Py_ssize_t n = scratch.block.n_rows, stride = design.block_rows, k
    cdef const char *offset = NULL
    cdef char *column
    for k in range(predictor.n_columns):
        column = scratch.raw_prediction + k * stride * design.itemsize
        if predictor.offset != NULL:
            offset = predictor.offset + (
                scratch.block.start + k * design.n_samples) * design.itemsize
        if design.is_float32:
            start_column[float](
                n, (<const float *> predictor.intercept)[k], <const float *> offset,
                <float *> column)
        else:
            start_column[double](
                n, (<const double *> predictor.intercept)[k], <const double *> offset,
                <double *> column)
    design.add_times(
        &scratch.block, predictor.n_columns, predictor.coef, scratch.raw_prediction, stride)


cdef void add_gradient(
    Design design, const char *sample_weight, Scratch *scratch, Py_ssize_t n_columns,
    char *gradient, double *out,
) noexcept nogil:
    # out += (n_features, n_columns) sums of X' gradient, then n_columns sums of gradient, which is
    # weighted in place.
    cdef Py_ssize_t n = scratch.block.n_rows, stride = design.block_rows, k
    cdef char *column
    for k in range(n_columns):
        column = gradient + k * stride * design.itemsize
        weight_in_place(design, sample_weight, scratch, column)
        out[design.n_features * n_columns + k] += block_sum(design.is_float32, n, NULL, column)
    design.add_transposed_times(&scratch.block, n_columns, gradient, stride, out)


cdef void add_hessian(
    Design design, const char *sample_weight, const HessianRequest *hessian,
    Scratch *scratch, Py_ssize_t n_columns, double *out,
) noexcept nogil:
    # out += the parts of the Hessian for the pairs of columns, from the curvature in scratch.
    cdef Py_ssize_t k, other, size = design.n_features + hessian.gram.intercept
    if scratch.block.start // design.block_rows % hessian.stride != 0:
        return
    for k in range(n_columns):
        for other in range(k, n_columns):
            if other > k or not hessian.skips_diagonal:
                hessian.entry(
                    scratch.block.n_rows, k, other, scratch.curvature, design.block_rows,
                    scratch.pair)
                weight_in_place(design, sample_weight, scratch, scratch.pair)
                design.add_gram(&scratch.block, &hessian.gram, scratch.pair, out)
            out += size * size


cdef void value_gradient_step(
    Design design, const char *sample_weight, const void *request_, Scratch *scratch,
    double *sums,
) noexcept nogil:
    cdef const ValueGradientRequest *request = <const ValueGradientRequest *> request_
    cdef Py_ssize_t n = scratch.block.n_rows, start = scratch.block.start * design.itemsize
    cdef Py_ssize_t n_columns = request.predictor.n_columns, curvature_stride = design.n_samples
    cdef char *curvature = NULL
    if request.hessian != NULL:
        curvature = scratch.curvature
        curvature_stride = design.block_rows
    elif request.curvature != NULL:
        curvature = request.curvature + start
    predict_block(design, &request.predictor, scratch)
    request.loss.function(
        n, n_columns, design.block_rows, request.loss.target + start, design.n_samples,
        scratch.raw_prediction, request.loss.parameters, scratch.value, scratch.gradient, NULL,
        curvature, curvature_stride)
    sums[0] += block_sum(
        design.is_float32, n, weight_of(design, sample_weight, scratch), scratch.value)
    add_gradient(design, sample_weight, scratch, n_columns, scratch.gradient, sums + 1)
    if request.hessian != NULL:
        add_hessian(
            design, sample_weight, request.hessian, scratch, n_columns,
            sums + 1 + (design.n_features + 1) * n_columns)


cdef void hessian_product_step(
    Design design, const char *sample_weight, const void *request_, Scratch *scratch,
    double *sums,
) noexcept nogil:
    cdef const ProductRequest *request = <const ProductRequest *> request_
    cdef Py_ssize_t n_columns = request.direction.n_columns
    predict_block(design, &request.direction, scratch)
    request.curvature.product(
        scratch.block.n_rows, n_columns, design.block_rows,
        request.curvature.values + scratch.block.start * design.itemsize, design.n_samples,
        scratch.raw_prediction)
    add_gradient(design, sample_weight, scratch, n_columns, scratch.raw_prediction, sums)


cdef void transposed_product_step(
    Design design, const char *sample_weight, const void *request_, Scratch *scratch,
    double *sums,
) noexcept nogil:
    cdef const RowsRequest *request = <const RowsRequest *> request_
    cdef Py_ssize_t k
    for k in range(request.n_columns):
        memcpy(
            scratch.gradient + k * design.block_rows * design.itemsize,
            request.rows + (scratch.block.start + k * design.n_samples) * design.itemsize,
            scratch.block.n_rows * design.itemsize)
    if not design.is_sparse:
        # Read in order, the rows arrive twice as fast as in the product's order.
        design.total(&scratch.block)
    add_gradient(design, sample_weight, scratch, request.n_columns, scratch.gradient, sums)


cdef inline void diagonal_entry(
    Design design, const Curvature *curvature, Py_ssize_t k, Scratch *scratch
) noexcept nogil:
    # pair = entry (k, k) of the Hessian of each row
    curvature.entry(
        scratch.block.n_rows, k, k, curvature.values + scratch.block.start * design.itemsize,
        design.n_samples, scratch.pair)


cdef void hessian_diagonal_step(
    Design design, const char *sample_weight, const void *request_, Scratch *scratch,
    double *sums,
) noexcept nogil:
    cdef const DiagonalRequest *request = <const DiagonalRequest *> request_
    cdef Py_ssize_t n_columns = request.curvature.n_columns, k
    for k in range(n_columns):
        diagonal_entry(design, &request.curvature, k, scratch)
        weight_in_place(design, sample_weight, scratch, scratch.pair)
        design.add_squares(
            &scratch.block, scratch.pair, request.center, sums + k * design.n_features)
        sums[design.n_features * n_columns + k] += block_sum(
            design.is_float32, scratch.block.n_rows, NULL, scratch.pair)


cdef inline void add_fraction(
    Py_ssize_t n, Py_ssize_t divisor, const floating *entry, floating *mean
) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        mean[i] += entry[i] / divisor


cdef void class_mean_gram_step(
    Design design, const char *sample_weight, const void *request_, Scratch *scratch,
    double *sums,
) noexcept nogil:
    cdef const ClassMeanRequest *request = <const ClassMeanRequest *> request_
    cdef Py_ssize_t n = scratch.block.n_rows, n_columns = request.curvature.n_columns, k
    memset(scratch.value, 0, n * design.itemsize)
    for k in range(n_columns):
        diagonal_entry(design, &request.curvature, k, scratch)
        if design.is_float32:
            add_fraction[float](
                n, n_columns, <const float *> scratch.pair, <float *> scratch.value)
        else:
            add_fraction[double](
                n, n_columns, <const double *> scratch.pair, <double *> scratch.value)
    weight_in_place(design, sample_weight, scratch, scratch.value)
    design.add_gram(&scratch.block, &request.gram, scratch.value, sums)


cdef void set_weight(Design design, const char *sample_weight, Scratch *scratch) noexcept nogil:
    # pair = weights of the rows of the block
    cdef Py_ssize_t i
    for i in range(scratch.block.n_rows):
        if design.is_float32:
            (<float *> scratch.pair)[i] = 1
        else:
            (<double *> scratch.pair)[i] = 1
    weight_in_place(design, sample_weight, scratch, scratch.pair)


cdef void gram_step(
    Design design, const char *sample_weight, const void *request_, Scratch *scratch,
    double *sums,
) noexcept nogil:
    set_weight(design, sample_weight, scratch)
    design.add_gram(&scratch.block, <const Gram *> request_, scratch.pair, sums)


cdef void moments_step(
    Design design, const char *sample_weight, const void *request_, Scratch *scratch,
    double *sums,
) noexcept nogil:
    set_weight(design, sample_weight, scratch)
    design.add_moments(&scratch.block, scratch.pair, request_, sums)
    sums[2 * design.n_features] += block_sum(
        design.is_float32, scratch.block.n_rows, NULL, scratch.pair)


cdef void predict_step(
    Design design, const char *sample_weight, const void *request_, Scratch *scratch,
    double *sums,
) noexcept nogil:
    cdef const PredictionRequest *request = <const PredictionRequest *> request_
    cdef Py_ssize_t n = scratch.block.n_rows, stride = design.block_rows
    cdef char *columns = scratch.raw_prediction
    cdef char *out = request.out + scratch.block.start * request.n_columns * design.itemsize
    predict_block(design, &request.predictor, scratch)
    sums[0] += design.total(&scratch.block)
    if request.link != NULL:
        # The probabilities are stored where other steps store the curvature.
        columns = scratch.curvature
        request.link(
            n, request.predictor.n_columns, stride, scratch.raw_prediction, request.logarithm,
            columns, stride)
    write_rows(design.is_float32, n, request.n_columns, columns, stride, out)
