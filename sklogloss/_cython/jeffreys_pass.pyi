from numpy import float64
from numpy.typing import NDArray

from sklogloss._cython.design import Design
from sklogloss._cython.loss_kernel import LossKernel

_Array = NDArray[float64]

def jeffreys_gradient(
    design: Design,
    loss: LossKernel,
    sample_weight: _Array | None,
    offset: _Array | None,
    coef: _Array,
    intercept: _Array,
    counts: _Array | None,
    n_threads: int,
) -> _Array: ...
