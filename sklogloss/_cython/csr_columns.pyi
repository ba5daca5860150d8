from typing import Any

from numpy import int32
from numpy.typing import NDArray

def csr_columns(
    indptr: NDArray[Any],
    indices: NDArray[Any],
    data: NDArray[Any],
    places: NDArray[int32],
    n_threads: int,
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]: ...
