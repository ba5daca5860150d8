# The steps of the passes, each with a struct of its inputs. Arrays over rows are class-major, with
# column stride n_samples. All arrays have the type of X.

from .design cimport Design, Gram
from .loss_kernel cimport curvature_entry_block, curvature_product_block, link_block, loss_block
from .row_pass cimport Scratch

# raw_prediction = X coef + intercept + offset
ctypedef struct LinearPredictor:
    Py_ssize_t n_columns
    const char *coef                # (n_features, n_columns)
    const char *intercept           # (n_columns,)
    const char *offset              # (n_samples, n_columns), NULL for none


ctypedef struct RowLoss:
    loss_block function
    const void *parameters
    const char *target              # (n_samples, 1) or (n_samples, n_columns)


# The numbers that an earlier pass kept for each row.
ctypedef struct Curvature:
    Py_ssize_t n_columns            # of raw_prediction
    char *values                    # (n_samples, n_curvature_columns)
    curvature_product_block product
    curvature_entry_block entry


# The Hessian of the blocks whose number is a multiple of stride.
ctypedef struct HessianRequest:
    Gram gram
    curvature_entry_block entry
    Py_ssize_t stride
    bint skips_diagonal             # the parts of the pairs (k, k) stay zero


ctypedef struct ValueGradientRequest:
    LinearPredictor predictor
    RowLoss loss
    char *curvature                 # (n_samples, n_curvature_columns) to fill, NULL for none
    const HessianRequest *hessian   # NULL for none


ctypedef struct ProductRequest:
    LinearPredictor direction       # without offset
    Curvature curvature


ctypedef struct DiagonalRequest:
    Curvature curvature
    const char *center              # (n_features,)


ctypedef struct ClassMeanRequest:
    Curvature curvature
    Gram gram


ctypedef struct PredictionRequest:
    LinearPredictor predictor       # without offset
    link_block link                 # NULL for raw predictions
    bint logarithm
    Py_ssize_t n_columns            # of out
    char *out                       # C-ordered (n_samples, n_columns)


ctypedef struct RowsRequest:
    Py_ssize_t n_columns
    const char *rows                # (n_samples, n_columns)


# Steps, each a step_function.

# sums = value, gradient in coef (n_features, n_columns), gradient in intercept (n_columns,), then
# the parts of the Hessian for pairs of columns (k, l), k <= l. request: ValueGradientRequest.
cdef void value_gradient_step(
    Design, const char *, const void *, Scratch *, double *) noexcept nogil

# sums = product in coef, product in intercept. request: ProductRequest.
cdef void hessian_product_step(
    Design, const char *, const void *, Scratch *, double *) noexcept nogil

# sums = X' times the rows (n_features, n_columns), sums of the rows. request: RowsRequest.
cdef void transposed_product_step(
    Design, const char *, const void *, Scratch *, double *) noexcept nogil

# sums = diagonal in coef (n_columns, n_features), in intercept (n_columns,). request:
# DiagonalRequest.
cdef void hessian_diagonal_step(
    Design, const char *, const void *, Scratch *, double *) noexcept nogil

# sums = cross-products weighted by the mean of the diagonal of each row's Hessian. request:
# ClassMeanRequest.
cdef void class_mean_gram_step(
    Design, const char *, const void *, Scratch *, double *) noexcept nogil

# sums = cross-products. request: Gram.
cdef void gram_step(
    Design, const char *, const void *, Scratch *, double *) noexcept nogil

# sums = moments of X about the center, then the sum of weights. request: the center (n_features,).
cdef void moments_step(
    Design, const char *, const void *, Scratch *, double *) noexcept nogil

# sums = sum of X. request: PredictionRequest.
cdef void predict_step(
    Design, const char *, const void *, Scratch *, double *) noexcept nogil
