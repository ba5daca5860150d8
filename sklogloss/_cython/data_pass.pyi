from typing import Any

from numpy import float64
from numpy.typing import NDArray

from sklogloss._cython.dense_design import DenseDesign
from sklogloss._cython.design import Design
from sklogloss._cython.loss_kernel import LossKernel

_Array = NDArray[Any]  # of the dtype of X
_Sums = NDArray[float64]

N_SLOTS: int
SMALL_WORK: int

def value_gradient(
    design: Design,
    loss: LossKernel,
    target: _Array,
    sample_weight: _Array | None,
    offset: _Array | None,
    coef: _Array,
    intercept: _Array,
    curvature: _Array | None,
    n_threads: int,
) -> _Sums: ...
def value_gradient_hessian(
    design: Design,
    loss: LossKernel,
    target: _Array,
    sample_weight: _Array | None,
    offset: _Array | None,
    coef: _Array,
    intercept: _Array,
    center: _Array,
    scale: _Array,
    fit_intercept: bool,
    in_float32: bool,
    hessian_stride: int,
    n_threads: int,
) -> _Sums: ...
def fill_diagonal(pairs: Any, n_columns: int) -> None: ...
def hessian_product(
    design: Design,
    loss: LossKernel,
    curvature: _Array,
    sample_weight: _Array | None,
    coef: _Array,
    intercept: _Array,
    n_threads: int,
) -> _Sums: ...
def transposed_product(
    design: Design, rows: _Array, sample_weight: _Array | None, n_threads: int
) -> _Sums: ...
def hessian_diagonal(
    design: Design,
    loss: LossKernel,
    curvature: _Array,
    sample_weight: _Array | None,
    center: _Array,
    n_threads: int,
) -> _Sums: ...
def moments(
    design: Design, center: _Array, sample_weight: _Array | None, n_threads: int
) -> _Sums: ...
def gram(
    design: Design,
    center: _Array,
    scale: _Array,
    sample_weight: _Array | None,
    intercept: bool,
    in_float32: bool,
    n_threads: int,
    signed_weight: bool = False,
) -> _Sums: ...
def class_mean_gram(
    design: Design,
    loss: LossKernel,
    curvature: _Array,
    sample_weight: _Array | None,
    center: _Array,
    scale: _Array,
    intercept: bool,
    in_float32: bool,
    n_threads: int,
) -> _Sums: ...
def predict(
    design: DenseDesign,
    coef: _Array,
    intercept: _Array,
    loss: LossKernel | None,
    logarithm: bool,
    out: _Array,
    n_threads: int,
) -> float: ...
def max_threads() -> int: ...
