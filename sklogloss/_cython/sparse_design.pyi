from typing import Any

from sklogloss._cython.design import Design

class SparseDesign(Design):
    def __init__(self, X: Any) -> None: ...
    @property
    def X(self) -> Any: ...
    @property
    def is_ordered(self) -> bool: ...
