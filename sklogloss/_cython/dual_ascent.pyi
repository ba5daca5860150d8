from typing import Any

from numpy import float64, intp
from numpy.typing import NDArray

def ascend_rows(
    indptr: NDArray[Any],
    indices: NDArray[Any],
    data: NDArray[Any],
    rows: NDArray[intp],
    scale: NDArray[float64],
    size: NDArray[float64],
    q: NDArray[float64],
    coef: NDArray[float64],
    intercept: NDArray[float64],
    fit_intercept: bool,
) -> float: ...
