from numpy import float32, float64, int32, int64
from numpy.typing import NDArray

_Array = NDArray[float32]

PACKED_MULTIPLE: int

def rows_pass(
    slots: NDArray[int64],
    indptr: NDArray[int64],
    indices: NDArray[int32],
    data: _Array,
    search: _Array,
    shift: _Array,
    proba: _Array,
    weight: _Array,
    image: _Array,
    n_threads: int,
) -> tuple[NDArray[float64], float]: ...
def columns_pass(
    slots: NDArray[int64],
    indptr: NDArray[int64],
    indices: NDArray[int32],
    data: _Array,
    image: _Array,
    center: _Array,
    total: _Array,
    penalty: _Array,
    inverse: _Array,
    step: float,
    search: _Array,
    residual: _Array,
    direction: _Array,
    n_threads: int,
) -> float: ...
def search_pass(
    slots: NDArray[int64],
    residual: _Array,
    inverse: _Array,
    ratio: float,
    center: _Array,
    penalty: _Array,
    search: _Array,
    n_threads: int,
) -> tuple[NDArray[float64], float]: ...
