"""The factor of raw predictions that minimises log loss: one variable, compiled passes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from sklogloss.linear.entries import Entries
from sklogloss.linear.samples import Samples, make_design, random_rows
from sklogloss.linear.threads import effective_n_threads
from sklogloss.losses import LogLoss
from sklogloss.metrics.forecasts import Forecasts

__all__ = ["BLOCK_ENTRIES", "SLOPE_TOL", "SMALLEST_SIZE", "best_slope", "check_size"]

# With more rows than this, a tenth is solved first: its solution is within 1 % of that of all rows.
MANY_ROWS = 20_000
# Default relative error of the slope at which the search ends. The log loss is then within a
# relative 1e-14 of its minimum.
SLOPE_TOL = 1e-7
MAX_ITER = 200
# Raw predictions above this multiple of their size act like infinite ones.
LARGEST = 1e12
# Slopes of raw predictions that are all smaller than this may leave the range of float64.
SMALLEST_SIZE = 1e-300
# If the largest raw predictions of samples exceed this multiple of their size, they are far from
# zero.
FAR = 1e3
# Number of rows that tell the size of raw predictions.
ROWS_OF_SIZE = 2_000
# With this many classes, products with a multiple of the identity cost more than the loss itself.
MANY_CLASSES = 20
# Number of raw predictions in a block for the loss: a block stays in the cache.
BLOCK_ENTRIES = 65_536
# Largest growth of the slope in one step, and the steps after which separation is suspected.
LARGEST_GROWTH = 4.0
MANY_STEPS = 6


def best_slope(forecasts: Forecasts, tol: float = SLOPE_TOL) -> float:
    """Return the factor, not negative, of raw predictions that minimises their log loss.

    Parameters
    ----------
    forecasts : Forecasts
        With raw predictions.
    tol : float
        Relative error at which the search ends.

    Returns
    -------
    slope : float
        0 where raw predictions are no better than none; 1 where they do not differ; infinite where
        the largest raw prediction always is that of the class that happened.
    """
    whole = _SlopeLoss.of(forecasts, tol)
    size = whole.size()
    if size == 0:
        return 1.0
    if whole.is_far_from_zero(size):
        # Relative to the largest class, so that classes close to it keep their digits.
        raw = whole.raw
        with np.errstate(over="ignore"):
            raw = np.maximum(raw - raw.max(axis=1, keepdims=True), -LARGEST * size)
        forecasts = replace(forecasts, raw_prediction=raw)
        whole = _SlopeLoss.of(forecasts, tol)
    limits = np.finfo(whole.samples.dtype)
    if not limits.tiny**0.25 < size < limits.max**0.25:
        # Squares would leave the range of the dtype.
        with np.errstate(over="ignore"):
            scaled = np.clip(forecasts.logits() / size, -LARGEST, LARGEST)
        return best_slope(replace(forecasts, raw_prediction=scaled), tol) / size
    some = whole.subset() if len(forecasts) > MANY_ROWS else whole
    slope = 1 / size
    slope = _root(some.derivative, slope, some.curvature(slope), lambda: some.is_separated, tol)
    if some is whole:
        return slope
    if not 0 < slope < np.inf:
        slope = 1 / size
    return _root(whole.derivative, slope, some.curvature(slope), lambda: whole.is_separated, tol)


def _root(
    derivative: Callable[[float], float],
    slope: float,
    curvature: float,
    is_separated: Callable[[], bool],
    tol: float,
) -> float:
    # Where an increasing function of the slope is zero: steps by the curvature, first the given
    # one, then the secant's, within the bracket that the signs make.
    low, high = 0.0, np.inf
    is_zero_looked_at, last_change = False, 1.0
    previous: tuple[float, float] | None = None
    for step in range(MAX_ITER):
        value = derivative(slope)
        low, high = (low, slope) if value > 0 else (slope, high)
        if high == np.inf and (value == 0 or step == MANY_STEPS) and is_separated():
            return np.inf
        if value == 0:
            break
        if previous is not None:
            secant = (value - previous[1]) / (slope - previous[0])
            curvature = secant if secant > 0 else curvature
        previous = slope, value
        moved = slope - value / curvature if curvature > 0 else np.inf
        if moved <= low:
            if low == 0 and not is_zero_looked_at:
                is_zero_looked_at = True
                if derivative(0.0) >= 0:
                    return 0.0
            moved = (low + slope) / 2 if low > 0 else slope / LARGEST_GROWTH
        elif moved >= high:
            moved = (slope + high) / 2
        elif moved > LARGEST_GROWTH * slope:
            moved = LARGEST_GROWTH * slope
        change = abs(moved - slope) / slope
        slope = moved
        # Steps of the secant: the error that is left is of the order of the last two, multiplied.
        if change * min(last_change, 1.0) < tol:
            break
        last_change = change
    return slope


class _SlopeLoss:
    # The mean log loss of slope * raw_prediction as a function of the slope. The raw predictions
    # are the X of the samples.

    def __init__(self, samples: Samples, n_classes: int, tol: float) -> None:
        self.samples, self.tol = samples, tol
        self.raw = Entries.of(samples).rows(slice(None))
        self.loss = LogLoss(n_classes)
        n_columns = 1 if n_classes == 2 else n_classes
        self.kernel = self.loss.kernel(target_is_matrix=samples.target.shape[1] > 1)
        self.identity, self.no_intercept = np.eye(n_columns), np.zeros(n_columns)

    @classmethod
    def of(cls, forecasts: Forecasts, tol: float) -> _SlopeLoss:
        raw = np.asarray(forecasts.raw_prediction)
        raw = raw[:, None] if raw.ndim == 1 else raw
        target = np.asfortranarray(forecasts.loss_target(), dtype=raw.dtype)
        target = target[:, None] if target.ndim == 1 else target
        weight = forecasts.sample_weight
        if weight is not None:
            weight = weight.astype(raw.dtype, copy=False)
        samples = Samples(make_design(raw), target, weight, None, effective_n_threads(None))
        return cls(samples, forecasts.n_classes, tol)

    def subset(self) -> _SlopeLoss:
        rows = random_rows(self.samples, self.samples.n_samples // 10)
        return _SlopeLoss(self.samples.take(rows), self.loss.n_classes, self.tol)

    def size(self) -> float:
        # Of the differences between raw predictions that matter: a quarter of those from a row's
        # largest are smaller, in some rows. Masks may rule out three quarters of the classes.
        # Random rows: every so many may be of one kind.
        rows = self.raw
        if len(rows) > ROWS_OF_SIZE:
            rows = rows[random_rows(self.samples, ROWS_OF_SIZE)]
        differences = _below_largest(rows)
        if not differences.any():
            differences = _below_largest(self.raw)
        differences = np.abs(differences[differences != 0])
        return float(np.quantile(differences, 0.25)) if len(differences) else 0.0

    def is_far_from_zero(self, size: float) -> bool:
        # Whether what all raw predictions of a sample have in common costs the others their digits.
        raw, far = self.raw, FAR * size
        if raw.shape[1] == 1 or max(float(raw.max()), -float(raw.min())) <= far:
            return False
        return float(np.abs(raw.max(axis=1)).max()) > far

    def derivative(self, slope: float) -> float:
        if self.loss.n_classes >= MANY_CLASSES:
            parts = [self._block_derivative(slope, rows) for rows in self._blocks()]
            return sum(parts) / self.samples.weight_sum
        sums, _ = self.samples.value_gradient(self.kernel, self._predictor(slope))
        return self._trace(sums[1:]) / self.samples.weight_sum

    def curvature(self, slope: float) -> float:
        if self.loss.n_classes >= MANY_CLASSES:
            parts = [self._block_curvature(slope, rows) for rows in self._blocks()]
            return sum(parts) / self.samples.weight_sum
        _, curvature = self.samples.value_gradient(
            self.kernel, self._predictor(slope), curvature=True
        )
        sums = curvature.hessian_product(self._predictor(1.0))
        return self._trace(sums) / self.samples.weight_sum

    def _blocks(self) -> list[slice]:
        n_rows = max(1, BLOCK_ENTRIES // self.loss.n_classes)
        return [slice(i, i + n_rows) for i in range(0, self.samples.n_samples, n_rows)]

    def _block_derivative(self, slope: float, rows: slice) -> float:
        raw, target, weight = self._block(rows)
        scaled = raw.dtype.type(slope) * raw
        gradient = self.loss.gradient(target, scaled, weight, n_threads=self.samples.n_threads)
        return float(np.einsum("ik,ik->", gradient, raw))

    def _block_curvature(self, slope: float, rows: slice) -> float:
        # The variance of the raw predictions under the probabilities.
        raw, _, weight = self._block(rows)
        proba = self.loss.link(raw.dtype.type(slope) * raw)
        mean = np.einsum("ik,ik->i", proba, raw)
        variance = np.einsum("ik,ik,ik->i", proba, raw, raw) - mean**2
        return float(variance.sum() if weight is None else weight @ variance)

    def _block(self, rows: slice) -> tuple[Any, Any, Any]:
        # Sums of float32 numbers determine half of the digits of the slope.
        samples, dtype = self.samples, self.samples.dtype
        if self.tol < np.sqrt(np.finfo(dtype).eps):
            dtype = np.dtype(np.float64)
        raw, target = self.raw[rows].astype(dtype, copy=False), samples.target[rows]
        weight = None if samples.weight is None else samples.weight[rows].astype(dtype, copy=False)
        is_soft = target.shape[1] > 1
        target = target.astype(dtype, copy=False) if is_soft else target[:, 0].astype(np.intp)
        return raw, target, weight

    @property
    def is_separated(self) -> bool:
        # Whether the loss falls for ever: no class has a larger raw prediction than those that
        # happened.
        raw, target = self.raw, self.samples.target
        if self.loss.n_classes == 2:
            return bool(np.all(raw * (2 * target - 1) >= np.abs(raw)))
        if target.shape[1] == 1:
            happened = np.take_along_axis(raw, target.astype(np.intp), axis=1)
        else:
            happened = np.min(np.where(target > 0, raw, np.inf), axis=1, keepdims=True)
        return bool(np.all(happened >= raw.max(axis=1, keepdims=True)))

    def _predictor(self, slope: float) -> tuple[np.ndarray, np.ndarray]:
        return slope * self.identity, self.no_intercept

    def _trace(self, sums: np.ndarray) -> float:
        k = len(self.identity)
        return float(np.trace(sums[: k * k].reshape(k, k)))


def _below_largest(raw: np.ndarray) -> Any:
    if raw.shape[1] == 1:
        return raw
    with np.errstate(over="ignore"):
        return np.minimum(raw.max(axis=1, keepdims=True) - raw, np.finfo(raw.dtype).max)


def check_size(z: Any) -> None:
    """Raise a ValueError if all raw predictions are next to zero: their slope would overflow.

    Parameters
    ----------
    z : ndarray of shape (n_samples,) or (n_samples, n_classes)
    """
    largest = max(z.max(), -z.min())
    if 0 < largest < SMALLEST_SIZE:
        raise ValueError(
            f"raw_prediction must have entries of {SMALLEST_SIZE:.0e} or more in size, or only "
            f"zeros, got {largest} as the largest; multiply all by the same number"
        )
