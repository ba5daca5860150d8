from typing import Any

from numpy.typing import NDArray

def largest_of_columns(X: NDArray[Any]) -> NDArray[Any]: ...
