from typing import TypeVar

from numpy import float32, float64
from numpy.typing import NDArray

Array = TypeVar("Array", NDArray[float64], NDArray[float32])

class LossKernel:
    @property
    def n_columns(self) -> int: ...
    @property
    def n_curvature_columns(self) -> int: ...
    @property
    def is_convex(self) -> bool: ...
    @property
    def is_log_loss(self) -> bool: ...
    @property
    def target_is_matrix(self) -> bool: ...
    @property
    def unit(self) -> float: ...

def log_loss_kernel(n_classes: int, target_is_matrix: bool) -> LossKernel: ...
def focal_loss_kernel(
    n_classes: int,
    target_is_matrix: bool,
    gamma: float,
    convex: bool,
    root_parameters: tuple[float, ...],
) -> LossKernel: ...
def brier_loss_kernel(n_classes: int, target_is_matrix: bool, convex: bool) -> LossKernel: ...
def evaluate(
    kernel: LossKernel,
    quantity: str,
    target: Array,
    raw_prediction: Array,
    sample_weight: Array | None,
    value: Array | None,
    gradient: Array | None,
    hessian: Array | None,
    n_threads: int,
) -> str | None: ...
def mean_curvature(kernel: LossKernel, curvature: Array) -> Array: ...
def evaluate_link(
    kernel: LossKernel, logarithm: bool, raw_prediction: Array, out: Array
) -> None: ...
