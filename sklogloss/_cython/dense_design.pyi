from typing import Any

from numpy.typing import NDArray

from sklogloss._cython.design import Design

class DenseDesign(Design):
    def __init__(self, X: NDArray[Any], is_float32: bool) -> None: ...
    @property
    def X(self) -> NDArray[Any]: ...
    @property
    def has_single_gram(self) -> bool: ...
