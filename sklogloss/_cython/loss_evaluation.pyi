from typing import TypeVar

from numpy import float32, float64
from numpy.typing import NDArray

from sklogloss._cython.loss_kernel import LossKernel

Array = TypeVar("Array", NDArray[float64], NDArray[float32])

def evaluate(
    kernel: LossKernel,
    target: Array,
    raw_prediction: Array,
    sample_weight: Array | None,
    value: Array | None,
    gradient: Array | None,
    hessian: Array | None,
    n_threads: int,
) -> str | None: ...
def mean_curvature(kernel: LossKernel, curvature: Array) -> Array: ...
def evaluate_link(
    kernel: LossKernel, logarithm: bool, raw_prediction: Array, out: Array
) -> None: ...
