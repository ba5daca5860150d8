"""Vector scaling: a factor and an intercept for each class."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklogloss.calibration.base import LogitCalibrator, soft_forecasts, softened_targets
from sklogloss.calibration.one_vs_rest import is_separated
from sklogloss.calibration.relative import reach_of, relative
from sklogloss.calibration.slope import check_size
from sklogloss.calibration.temperature import finite_slope
from sklogloss.losses import LogLoss
from sklogloss.metrics.forecasts import Forecasts
from sklogloss.metrics.recalibration import fit_logits, minimise_loss, within_reach

__all__ = ["VectorScaling"]

# Number of raw predictions in a block of a step: a block stays in the cache.
BLOCK_ENTRIES = 65_536
# A Newton step at a minimum is shorter than this, in units of raw predictions (10 to 10^6 rows of
# three classes: 1e-11 at most where there is a minimum, 0.7 at least where there is none).
LONG_STEP = 1e-2


class VectorScaling(LogitCalibrator):
    r"""Multiply the raw prediction of each class by a separate factor, and add an intercept.

    The probabilities become the softmax of :math:`w_k z_k + b_k`, with the smallest log loss [1]_.
    For two classes, whose raw prediction is one number, it is :math:`\sigma(w z + b)`.

    The mean over the classes is subtracted from raw predictions first. So raw predictions that
    differ by a constant over the classes, and thus have the same probabilities, give the same
    result. Those that `TemperatureScaling` takes to a probability of 0, as of classes that a mask
    rules out, are first raised to where that begins, so that they do not disturb the others.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels of the classes.
    slope_ : float or ndarray of shape (n_classes,)
        For two classes, a number.
    intercept_ : float or ndarray of shape (n_classes,)
        For more than two classes, they sum to zero.

    Notes
    -----
    If raw predictions separate the classes, no finite factor is optimal. If a class has no samples,
    no finite intercept is. In both cases, the targets are softened by Platt's rule, as in
    `LogisticScaling`.

    References
    ----------
    .. [1] C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger, "On Calibration of Modern Neural
       Networks", ICML 2017, section 4.2.

    Examples
    --------
    >>> import numpy as np
    >>> from sklogloss.calibration import VectorScaling
    >>> rng = np.random.default_rng(0)
    >>> z = rng.normal(size=(100_000, 3))
    >>> z -= z.mean(axis=1, keepdims=True)
    >>> y = (z * [0.5, 1, 2] + rng.gumbel(size=z.shape)).argmax(axis=1)
    >>> VectorScaling().fit(z, y).slope_.round(1)
    array([0.5, 1. , 2. ])
    """

    slope_: float | NDArray[Any]
    intercept_: float | NDArray[Any]

    def _fit(self, forecasts: Forecasts, unit: float) -> None:
        if forecasts.n_classes == 2:
            separated = is_separated(forecasts.logits(), forecasts.targets()[:, 1])
            of = _softened(forecasts, unit) if separated else forecasts
            self.slope_, self.intercept_ = fit_logits(of)
            return
        z = forecasts.logits()
        check_size(z)
        self._reach = reach_of(finite_slope(forecasts, unit))
        z = within_reach(relative(z, self._reach))
        # A few large ones must not make all others small.
        size = np.array([np.median(np.abs(each[each != 0])) if each.any() else 1 for each in z.T])
        z /= size
        x, is_finite = _minimum(_VectorProblem(forecasts, z))
        if not is_finite:
            x, _ = _minimum(_VectorProblem(_softened(forecasts, unit), z))
        slope, intercept = np.split(x, 2)
        self.slope_, self.intercept_ = slope / size, intercept - intercept.mean()

    def _logits(self, raw_prediction: NDArray[Any]) -> NDArray[Any]:
        if raw_prediction.ndim == 2:
            raw_prediction = relative(raw_prediction, self._reach)
        return self.slope_ * raw_prediction + self.intercept_


def _softened(forecasts: Forecasts, unit: float) -> Forecasts:
    return soft_forecasts(forecasts, softened_targets(forecasts, unit))


def _minimum(problem: _VectorProblem) -> tuple[NDArray[Any], bool]:
    # Where a minimiser ended, and whether that is a minimum. On the way to infinity, each Newton
    # step moves raw predictions by about one, however small the gradient is.
    x = minimise_loss(problem, 2 * problem.loss.n_classes)
    _, gradient = problem.value_gradient(x)
    step = np.linalg.lstsq(problem.hessian(x), gradient)[0]
    return x, bool(np.abs(step).max() < LONG_STEP)


class _VectorProblem:
    # Mean log loss of slope_k z_k + intercept_k, with its derivatives.

    def __init__(self, forecasts: Forecasts, z: NDArray[Any]) -> None:
        self.loss = LogLoss(forecasts.n_classes)
        self.z = z
        self.target = forecasts.loss_target()
        self.weight = forecasts.weights() / forecasts.weights().sum()

    def _blocks(self) -> list[slice]:
        n_rows = max(1, BLOCK_ENTRIES // self.loss.n_classes)
        return [slice(i, i + n_rows) for i in range(0, len(self.z), n_rows)]

    def value_gradient(self, x: NDArray[Any]) -> tuple[float, NDArray[Any]]:
        """Return the loss and its gradient in x, slopes before intercepts."""
        slope, intercept = np.split(x, 2)
        total, in_slope, in_intercept = 0.0, np.zeros_like(slope), np.zeros_like(slope)
        for rows in self._blocks():
            z = self.z[rows]
            value, gradient = self.loss.value_gradient(
                self.target[rows], slope * z + intercept, self.weight[rows]
            )
            total += value.sum()
            in_slope += np.einsum("ik,ik->k", gradient, z)
            in_intercept += gradient.sum(axis=0)
        return float(total), np.concatenate([in_slope, in_intercept])

    def hessian(self, x: NDArray[Any]) -> NDArray[Any]:
        """Return the matrix of second derivatives in x."""
        slope, intercept = np.split(x, 2)
        k = len(slope)
        hessian = np.zeros((2 * k, 2 * k))
        diagonals = np.zeros((3, k))
        for rows in self._blocks():
            z, weight = self.z[rows], self.weight[rows, None]
            proba = self.loss.link(slope * z + intercept)
            both = np.hstack([proba * z, proba])
            hessian -= both.T @ (weight * both)
            proba *= weight
            diagonals += [np.sum(proba * z**power, axis=0) for power in (2, 1, 0)]
        index = np.arange(k)
        hessian[index, index] += diagonals[0]
        hessian[index, k + index] += diagonals[1]
        hessian[k + index, index] += diagonals[1]
        hessian[k + index, k + index] += diagonals[2]
        # Adding a constant to all intercepts changes nothing. The solver needs curvature there.
        hessian[k:, k:] += 1 / k**2
        return hessian
