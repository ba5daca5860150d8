"""Arrays of other libraries than NumPy: PyTorch, CuPy, array-api-strict and others.

They count as such where scikit-learn's ``array_api_dispatch`` is set. Elsewhere they are
array-likes, of which NumPy makes arrays as it does of lists.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn import get_config
from sklearn.utils._array_api import _convert_to_numpy, get_namespace, get_namespace_and_device

__all__ = ["Place", "is_foreign", "put_beside", "to_numpy"]


def is_foreign(array: Any) -> bool:
    """Return whether an array is one of another library than NumPy, and dispatch is on."""
    if isinstance(array, np.ndarray | np.generic) or not get_config()["array_api_dispatch"]:
        return False
    if not hasattr(array, "shape"):  # numbers, None and lists have no namespace
        return False
    # False for tables and sparse matrices.
    namespace, is_array = get_namespace(array)
    return is_array and not _is_numpy(namespace)


def to_numpy(array: Any) -> Any:
    """Return an array of another library as an ndarray, and everything else unchanged.

    The ndarray shares the memory of an array on the CPU, through DLPack. NumPy has no bfloat16:
    such an array becomes float64. A tensor loses its part in a gradient.
    """
    if not is_foreign(array):
        return array
    namespace, _ = get_namespace(array)
    if hasattr(array, "detach"):
        array = array.detach()
    if str(array.dtype).endswith("bfloat16"):
        array = namespace.astype(array, namespace.float64)
    try:
        return np.from_dlpack(array)
    except (AttributeError, BufferError, RuntimeError, TypeError, ValueError):
        # The array is on another device, or its library does not support DLPack.
        return _convert_to_numpy(array, namespace)


@dataclass(frozen=True)
class Place:
    """The library and the device of an array.

    Attributes
    ----------
    namespace : module
    device : object
        As the library says it.
    """

    namespace: Any
    device: Any

    @classmethod
    def of(cls, array: Any) -> Place | None:
        """Return the place of an array; None for a NumPy array, and for what is not an array."""
        if not is_foreign(array):
            return None
        namespace, _, device = get_namespace_and_device(array)
        return cls(namespace, device)

    def put(self, array: np.ndarray) -> Any:
        """Return an ndarray as an array of this place, of the same dtype."""
        return self.namespace.asarray(array, device=self.device)

    def __str__(self) -> str:
        name = self.namespace.__name__.removeprefix("sklearn.externals.")
        return f"{name.removeprefix('array_api_compat.')} on the device {self.device}"


def put_beside(X: Any, result: Any) -> Any:
    """Return a result for X as an array in the place of X.

    Numbers, and labels that are strings, exist only in NumPy: they are returned unchanged.
    """
    place = Place.of(X)
    if place is None or not isinstance(result, np.ndarray) or result.dtype.kind not in "biuf":
        return result
    return place.put(result)


def _is_numpy(namespace: Any) -> bool:
    return namespace.__name__.rpartition(".")[2] == "numpy" and "jax" not in namespace.__name__
