from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

from sklogloss._cython.loss_kernel import LossKernel

_Array = NDArray[Any]

def function_kernel(
    n_classes: int,
    target_is_matrix: bool,
    function: Callable[[_Array, _Array], tuple[_Array, _Array, _Array, _Array]],
    is_convex: bool,
    unit: float,
) -> LossKernel: ...
