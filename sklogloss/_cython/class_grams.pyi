from typing import Any

from numpy import float64
from numpy.typing import NDArray

from sklogloss._cython.dense_design import DenseDesign
from sklogloss._cython.loss_kernel import LossKernel

def class_grams(
    design: DenseDesign,
    loss: LossKernel,
    curvature: NDArray[Any],
    sample_weight: NDArray[Any] | None,
    center: NDArray[Any],
    scale: NDArray[Any],
    intercept: bool,
    n_threads: int,
) -> NDArray[float64]: ...
