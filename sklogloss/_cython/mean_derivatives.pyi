from numpy import float64
from numpy.typing import NDArray

def finish_gradient(
    sums: NDArray[float64],
    theta: NDArray[float64],
    center: NDArray[float64],
    scale: NDArray[float64],
    l2: NDArray[float64],
    l1: NDArray[float64],
    lower: NDArray[float64] | None,
    upper: NDArray[float64] | None,
    weight_sum: float,
    n_columns: int,
    fit_intercept: bool,
) -> tuple[float, float]: ...
def center_grams(grams: NDArray[float64], center: NDArray[float64]) -> None: ...
def join_class_pairs(pairs: NDArray[float64], n_columns: int) -> NDArray[float64]: ...
