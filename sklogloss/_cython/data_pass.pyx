"""The passes over the rows of X: loss, gradient, Hessian, moments and predictions.

Arrays over rows are Fortran-ordered: class-major. All arrays have the dtype of X. A pass with a
wrong array raises ValueError or TypeError; the message names the array.
"""

from cpython.buffer cimport (
    PyBUF_C_CONTIGUOUS, PyBUF_F_CONTIGUOUS, PyBUF_FORMAT, PyBUF_WRITABLE, PyBuffer_Release,
    PyObject_GetBuffer
)

from .design cimport Design, Gram
from .loss_kernel cimport LossKernel
from .pass_steps cimport (
    ClassMeanRequest, Curvature, DiagonalRequest, HessianRequest, LinearPredictor,
    PredictionRequest, ProductRequest, RowsRequest, ValueGradientRequest, class_mean_gram_step,
    gram_step, hessian_diagonal_step, hessian_product_step, moments_step, predict_step,
    transposed_product_step, value_gradient_step
)
from .row_pass cimport MAX_SLOTS, ONE_THREAD_WORK, Step, run

# For Python: the largest number of slots that the rows are divided into, and the work that takes
# about a millisecond, in stored entries times columns.
N_SLOTS = MAX_SLOTS
SMALL_WORK = ONE_THREAD_WORK


cdef char *address(
    array, str name, Design design, tuple shape, int flags=PyBUF_F_CONTIGUOUS
) except NULL:
    # Return the address of the entries of an array, after a check of its dtype, shape and order: a
    # pass reads raw memory. The address is valid as long as the caller holds the array.
    cdef Py_buffer view
    PyObject_GetBuffer(array, &view, flags | PyBUF_FORMAT)
    try:
        if view.format != (b"f" if design.is_float32 else b"d"):
            raise TypeError(f"{name} must have the dtype of X")
        actual = tuple([view.shape[i] for i in range(view.ndim)])
        if actual != shape:
            raise ValueError(f"{name} must have shape {shape}, got {actual}")
        return <char *> view.buf
    finally:
        PyBuffer_Release(&view)


cdef char *weight_address(Design design, sample_weight) except? NULL:
    if sample_weight is None:
        return NULL
    return address(sample_weight, "sample_weight", design, (design.n_samples,))


cdef LinearPredictor predictor_of(
    Design design, Py_ssize_t n_columns, coef, intercept, offset
) except *:
    cdef LinearPredictor predictor
    predictor.n_columns = n_columns
    predictor.coef = address(
        coef, "coef", design, (design.n_features, n_columns), PyBUF_C_CONTIGUOUS)
    predictor.intercept = address(intercept, "intercept", design, (n_columns,))
    predictor.offset = NULL
    if offset is not None:
        predictor.offset = address(offset, "offset", design, (design.n_samples, n_columns))
    return predictor


cdef char *curvature_address(
    Design design, LossKernel loss, curvature, int flags=PyBUF_F_CONTIGUOUS
) except NULL:
    shape = (design.n_samples, loss.n_curvature_columns)
    return address(curvature, "curvature", design, shape, flags)


cdef Curvature curvature_of(Design design, LossKernel loss, values) except *:
    cdef Curvature curvature
    curvature.n_columns = loss.n_columns
    curvature.values = curvature_address(design, loss, values)
    curvature.product = loss.curvature_product[design.is_float32]
    curvature.entry = loss.curvature_entry[design.is_float32]
    return curvature


cdef Gram gram_of(
    Design design, center, scale, bint intercept, bint signed_weight, bint in_float32
) except *:
    cdef Gram gram
    gram.center = address(center, "center", design, (design.n_features,))
    gram.scale = address(scale, "scale", design, (design.n_features,))
    gram.intercept = intercept
    gram.signed_weight = signed_weight
    gram.in_float32 = in_float32
    return gram


cdef ValueGradientRequest value_gradient_of(
    Design design, LossKernel loss, target, offset, coef, intercept
) except *:
    cdef ValueGradientRequest request
    request.predictor = predictor_of(design, loss.n_columns, coef, intercept, offset)
    n_target_columns = loss.n_columns if loss.target_is_matrix else 1
    request.loss.target = address(
        target, "target", design, (design.n_samples, n_target_columns))
    request.loss.function = loss.loss[design.is_float32]
    request.loss.parameters = loss.parameters
    request.curvature = NULL
    request.hessian = NULL
    return request


cdef double gram_work(Design design) noexcept:
    # Work of the cross-products of a pass, in stored entries. BLAS-3 is eight times as fast.
    cdef double entries_per_row = 1.0 * design.n_stored / max(1, design.n_samples)
    return design.n_stored * (entries_per_row / 2 if design.is_sparse else entries_per_row / 8)


cdef run_loss(
    Design design, const char *weight, LossKernel loss, const Step *step, Py_ssize_t n_sums,
    double work, int n_threads,
):
    sums = run(design, weight, step, n_sums, work, 1 if loss.runs_python else n_threads)
    loss.raise_error()
    return sums


def value_gradient(
    Design design not None,
    LossKernel loss not None,
    target,
    sample_weight,
    offset,
    coef,
    intercept,
    curvature,
    int n_threads,
):
    """Return the sum of the weighted loss over all rows, and its gradient.

    Parameters
    ----------
    design : Design
    loss : LossKernel
    target : Fortran-ordered array of shape (n_samples, 1) or (n_samples, n_classes)
    sample_weight : array of shape (n_samples,) or None
    offset : Fortran-ordered array of shape (n_samples, n_columns) or None
        Added to the raw prediction, which is X coef + intercept + offset.
    coef : C-ordered array of shape (n_features, n_columns)
    intercept : array of shape (n_columns,)
    curvature : Fortran-ordered array of shape (n_samples, n_curvature_columns) or None
        Filled with the curvature of each row, for hessian_product and hessian_diagonal.
    n_threads : int

    Returns
    -------
    sums : ndarray of shape (1 + (n_features + 1) * n_columns,), float64
        Value, gradient in coef, gradient in intercept.
    """
    cdef const char *weight = weight_address(design, sample_weight)
    cdef ValueGradientRequest request = value_gradient_of(
        design, loss, target, offset, coef, intercept)
    if curvature is not None:
        request.curvature = curvature_address(
            design, loss, curvature, PyBUF_F_CONTIGUOUS | PyBUF_WRITABLE)
    cdef Step step = Step(value_gradient_step, &request, loss.n_columns, 0, NULL)
    n_sums = 1 + (design.n_features + 1) * loss.n_columns
    work = 1.0 * design.n_stored * loss.n_columns + 10.0 * design.n_samples * loss.n_columns
    return run_loss(design, weight, loss, &step, n_sums, work, n_threads)


def value_gradient_hessian(
    Design design not None,
    LossKernel loss not None,
    target,
    sample_weight,
    offset,
    coef,
    intercept,
    center,
    scale,
    bint fit_intercept,
    bint in_float32,
    Py_ssize_t hessian_stride,
    int n_threads,
):
    """Return value and gradient, and the Hessian for the columns (X - center) * scale and 1.

    Parameters
    ----------
    design, loss, target, sample_weight, offset, coef, intercept, n_threads
        As for `value_gradient`.
    center, scale : array of shape (n_features,)
        They concern the Hessian only: value and gradient are those of X as it is. A sparse X is
        not centred.
    fit_intercept : bool
        Whether the Hessian has a last row and column for the intercept.
    in_float32 : bool
        Whether float32 is enough for the products that make the Hessian of a dense X.
    hessian_stride : int
        Every hessian_stride-th block of rows contributes to the Hessian. Positive.

    Returns
    -------
    sums : ndarray, float64
        Those of `value_gradient`, then for each pair of columns k <= l of raw_prediction the
        (size, size) part of the Hessian. Only the lower triangle of a part is set where k = l.
        For a sparse X, only the lower triangle of the other parts is set, too; they are symmetric.
    """
    cdef const char *weight = weight_address(design, sample_weight)
    cdef ValueGradientRequest request = value_gradient_of(
        design, loss, target, offset, coef, intercept)
    cdef HessianRequest hessian
    hessian.gram = gram_of(
        design, center, scale, fit_intercept, loss.n_columns > 1 or not loss.is_convex, in_float32)
    hessian.entry = loss.curvature_entry[design.is_float32]
    hessian.stride = hessian_stride
    hessian.skips_diagonal = loss.is_log_loss and loss.n_columns > 1
    request.hessian = &hessian
    cdef Step step = Step(
        value_gradient_step, &request, loss.n_columns, loss.n_curvature_columns, &hessian.gram)
    size = design.n_features + fit_intercept
    n_pairs = loss.n_columns * (loss.n_columns + 1) // 2
    n_sums = 1 + (design.n_features + 1) * loss.n_columns + n_pairs * size * size
    work = design.n_stored * loss.n_columns + n_pairs * gram_work(design) / hessian_stride
    work += 10.0 * design.n_samples * loss.n_columns
    sums = run_loss(design, weight, loss, &step, n_sums, work, n_threads)
    if hessian.skips_diagonal:
        fill_diagonal(sums[n_sums - n_pairs * size * size :].reshape(n_pairs, -1), loss.n_columns)
    return sums


def fill_diagonal(pairs, Py_ssize_t n_columns):
    """Fill the parts of the Hessian of log loss in the pairs (k, k), from those of k < l, in place.

    The Hessian of a row is p_k (1 - p_k) and -p_k p_l: each row of it sums to zero.

    Parameters
    ----------
    pairs : ndarray or Tensor of shape (n_columns (n_columns + 1) / 2, ...)
        Zero in the pairs (k, k).
    n_columns : int
    """
    cdef Py_ssize_t k, other, pair = 0
    diagonal = [k * n_columns - k * (k - 1) // 2 for k in range(n_columns)]
    for k in range(n_columns):
        for other in range(k, n_columns):
            if other > k:
                pairs[diagonal[k]] -= pairs[pair]
                pairs[diagonal[other]] -= pairs[pair]
            pair += 1


def hessian_product(
    Design design not None,
    LossKernel loss not None,
    curvature,
    sample_weight,
    coef,
    intercept,
    int n_threads,
):
    """Return the Hessian of the weighted loss times the direction (coef, intercept).

    Parameters
    ----------
    design, loss, sample_weight, n_threads
        As for `value_gradient`.
    curvature : array that `value_gradient` has filled
    coef : C-ordered array of shape (n_features, n_columns)
    intercept : array of shape (n_columns,)

    Returns
    -------
    sums : ndarray of shape ((n_features + 1) * n_columns,), float64
        The part of the product in coef, then in intercept.
    """
    cdef const char *weight = weight_address(design, sample_weight)
    cdef ProductRequest request
    request.direction = predictor_of(design, loss.n_columns, coef, intercept, None)
    request.curvature = curvature_of(design, loss, curvature)
    cdef Step step = Step(hessian_product_step, &request, loss.n_columns, 0, NULL)
    n_sums = (design.n_features + 1) * loss.n_columns
    work = 1.0 * design.n_stored * loss.n_columns + 2.0 * design.n_samples * loss.n_columns
    return run(design, weight, &step, n_sums, work, n_threads)


def transposed_product(Design design not None, rows, sample_weight, int n_threads):
    """Return X' times the weighted rows, and the sums of these.

    Parameters
    ----------
    design, sample_weight, n_threads
        As for `value_gradient`.
    rows : Fortran-ordered array of shape (n_samples, n_columns)

    Returns
    -------
    sums : ndarray of shape ((n_features + 1) * n_columns,), float64
        The product of shape (n_features, n_columns), then n_columns sums of the rows.
    """
    cdef const char *weight = weight_address(design, sample_weight)
    cdef RowsRequest request
    request.n_columns = rows.shape[1]
    request.rows = address(rows, "rows", design, (design.n_samples, request.n_columns))
    cdef Step step = Step(transposed_product_step, &request, request.n_columns, 0, NULL)
    n_sums = (design.n_features + 1) * request.n_columns
    work = 0.5 * design.n_stored * request.n_columns + design.n_samples * request.n_columns
    return run(design, weight, &step, n_sums, work, n_threads)


def hessian_diagonal(
    Design design not None,
    LossKernel loss not None,
    curvature,
    sample_weight,
    center,
    int n_threads,
):
    """Return the diagonal of the Hessian of the weighted loss for the columns X - center and 1.

    Parameters
    ----------
    design, loss, sample_weight, n_threads
        As for `value_gradient`.
    curvature : array that `value_gradient` has filled
    center : array of shape (n_features,)
        For a sparse X, (x - center)^2 - center^2 replaces (x - center)^2, so that entries that are
        not stored contribute nothing.

    Returns
    -------
    sums : ndarray of shape ((n_features + 1) * n_columns,), float64
        The diagonal in coef, class by class, then in intercept.
    """
    cdef const char *weight = weight_address(design, sample_weight)
    cdef DiagonalRequest request
    request.curvature = curvature_of(design, loss, curvature)
    request.center = address(center, "center", design, (design.n_features,))
    cdef Step step = Step(hessian_diagonal_step, &request, loss.n_columns, 0, NULL)
    n_sums = (design.n_features + 1) * loss.n_columns
    work = 1.0 * design.n_stored * loss.n_columns + 2.0 * design.n_samples * loss.n_columns
    return run(design, weight, &step, n_sums, work, n_threads)


def moments(Design design not None, center, sample_weight, int n_threads):
    """Return weighted sums of X - center and of its squares.

    Parameters
    ----------
    design : Design
    center : array of shape (n_features,)
        A sparse X is not centred.
    sample_weight : array of shape (n_samples,) or None
    n_threads : int

    Returns
    -------
    sums : ndarray of shape (2 * n_features + 1,), float64
        Sums of X - center, sums of its squares, sum of the weights.
    """
    cdef const char *weight = weight_address(design, sample_weight)
    cdef const void *request = address(center, "center", design, (design.n_features,))
    cdef Step step = Step(moments_step, request, 1, 0, NULL)
    n_sums = 2 * design.n_features + 1
    return run(design, weight, &step, n_sums, 2.0 * design.n_stored, n_threads)


def gram(
    Design design not None,
    center,
    scale,
    sample_weight,
    bint intercept,
    bint in_float32,
    int n_threads,
    bint signed_weight=False,
):
    """Return weighted cross-products of the columns (X - center) * scale and, with intercept, 1.

    Parameters
    ----------
    design : Design
    center, scale : array of shape (n_features,)
        A sparse X is not centred.
    sample_weight : array of shape (n_samples,) or None
    intercept : bool
    in_float32 : bool
        Whether float32 is enough for the products of a dense X.
    n_threads : int
    signed_weight : bool, default=False
        Whether weights may be negative.

    Returns
    -------
    sums : ndarray of shape (size, size), float64
        Only the lower triangle is set.
    """
    cdef const char *weight = weight_address(design, sample_weight)
    cdef Gram request = gram_of(design, center, scale, intercept, signed_weight, in_float32)
    cdef Step step = Step(gram_step, &request, 1, 0, &request)
    size = design.n_features + intercept
    sums = run(design, weight, &step, size * size, gram_work(design), n_threads)
    return sums.reshape(size, size)


def class_mean_gram(
    Design design not None,
    LossKernel loss not None,
    curvature,
    sample_weight,
    center,
    scale,
    bint intercept,
    bint in_float32,
    int n_threads,
):
    """As `gram`, with each row weighted by the mean over the classes of its Hessian's diagonal.

    Parameters
    ----------
    design, sample_weight, center, scale, intercept, in_float32, n_threads
        As for `gram`.
    loss : LossKernel
    curvature : array that `value_gradient` has filled

    Returns
    -------
    sums : ndarray of shape (size, size), float64
        Only the lower triangle is set.
    """
    cdef const char *weight = weight_address(design, sample_weight)
    cdef ClassMeanRequest request
    request.curvature = curvature_of(design, loss, curvature)
    request.gram = gram_of(design, center, scale, intercept, not loss.is_convex, in_float32)
    cdef Step step = Step(class_mean_gram_step, &request, loss.n_columns, 0, &request.gram)
    size = design.n_features + intercept
    sums = run(design, weight, &step, size * size, gram_work(design), n_threads)
    return sums.reshape(size, size)


def predict(
    Design design not None,
    coef,
    intercept,
    LossKernel loss,
    bint logarithm,
    out,
    int n_threads,
):
    """Fill out with the raw predictions X coef + intercept of a dense X, or with probabilities.

    Parameters
    ----------
    design : DenseDesign
    coef : C-ordered array of shape (n_features, n_columns)
    intercept : array of shape (n_columns,)
    loss : LossKernel or None
        Its link turns the raw predictions into probabilities.
    logarithm : bool
        Whether to take the logarithms of the probabilities.
    out : C-ordered array of shape (n_samples, n_columns) or, with a loss, (n_samples, n_classes)
    n_threads : int

    Returns
    -------
    total : float
        The sum of X: not finite if an entry is not finite.
    """
    cdef PredictionRequest request
    cdef Py_ssize_t n_columns = len(intercept), n_link_columns = 0
    request.predictor = predictor_of(design, n_columns, coef, intercept, None)
    request.link = NULL
    request.logarithm = logarithm
    request.n_columns = n_columns
    if loss is not None:
        if loss.n_columns != n_columns:
            raise ValueError(f"coef must have shape (n_features, {loss.n_columns})")
        request.link = loss.link[design.is_float32]
        request.n_columns = n_link_columns = max(2, n_columns)
    request.out = address(
        out, "out", design, (design.n_samples, request.n_columns),
        PyBUF_C_CONTIGUOUS | PyBUF_WRITABLE)
    cdef Step step = Step(predict_step, &request, n_columns, n_link_columns, NULL)
    work = 1.0 * design.n_stored * n_columns + 10.0 * design.n_samples * n_columns
    return run(design, NULL, &step, 1, work, n_threads)[0]


cdef extern from *:
    """
    #ifdef _OPENMP
    #include <omp.h>
    #else
    #include <limits.h>
    #include <stdlib.h>
    static int omp_get_max_threads(void)
    {
        /* As OpenMP reads it: a positive number, which others may follow for nested threads. */
        const char *setting = getenv("OMP_NUM_THREADS");
        const long n_threads = setting == NULL ? 0 : strtol(setting, NULL, 10);
        return n_threads > 0 && n_threads < INT_MAX ? (int) n_threads : INT_MAX;
    }
    #endif
    """
    int omp_get_max_threads() noexcept nogil


def max_threads():
    """Return the number of threads that OpenMP's settings allow.

    If built without OpenMP, that of OMP_NUM_THREADS, which joblib sets in its workers.
    """
    return omp_get_max_threads()
