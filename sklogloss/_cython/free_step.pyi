from numpy import float64
from numpy.typing import NDArray

_Vector = NDArray[float64]

def move_free(
    matrix: _Vector,
    gradient: _Vector,
    x: _Vector,
    l1: _Vector,
    lower: _Vector | None,
    upper: _Vector | None,
    is_exact: bool = ...,
) -> float: ...
