from typing import Any

from numpy import float64, intp
from numpy.typing import NDArray

_Vector = NDArray[float64]

def fill_upper_triangle(matrix: _Vector) -> None: ...
def descend(
    matrix: _Vector,
    gradient: _Vector,
    x: _Vector,
    l1: _Vector,
    lower: _Vector | None,
    upper: _Vector | None,
    max_sweeps: int,
    enough: float,
) -> tuple[float, float, bool]: ...
def descend_softmax(
    indptr: NDArray[Any],
    indices: NDArray[Any],
    data: _Vector,
    columns: NDArray[intp],
    weight: _Vector,
    target_sum: _Vector,
    l2: _Vector,
    l1: _Vector,
    x: _Vector,
    p: _Vector,
    shared: float,
) -> float: ...
