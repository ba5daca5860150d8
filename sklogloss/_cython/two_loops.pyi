from numpy import float64
from numpy.typing import NDArray

_Vector = NDArray[float64]
_Steps = list[tuple[_Vector, _Vector, float]]

def take_changes(steps: _Steps, vector: _Vector, parts: _Vector) -> None: ...
def add_steps(steps: _Steps, vector: _Vector, parts: _Vector) -> None: ...
