from typing import TypeVar

from numpy import float32, float64
from numpy.typing import NDArray

from sklogloss._cython.loss_kernel import LossKernel

_Array = TypeVar("_Array", NDArray[float64], NDArray[float32])

def evaluate(
    kernel: LossKernel,
    target: _Array,
    raw_prediction: _Array,
    sample_weight: _Array | None,
    value: _Array | None,
    gradient: _Array | None,
    hessian: _Array | None,
    n_threads: int,
) -> str | None: ...
def mean_curvature(kernel: LossKernel, curvature: _Array) -> _Array: ...
def class_curvature(kernel: LossKernel, curvature: _Array, k: int) -> _Array: ...
def evaluate_link(
    kernel: LossKernel, logarithm: bool, raw_prediction: _Array, out: _Array
) -> None: ...
