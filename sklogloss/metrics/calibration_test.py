"""A test of calibration for several classes: all probabilities together, by a kernel."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import cdist
from sklearn.utils import check_random_state

from sklogloss.inputs.parameters import LARGEST_COUNT, SEED, Integers, check_parameter
from sklogloss.metrics.forecasts import Forecasts

__all__ = ["CalibrationTestResult", "calibration_test"]

# Number of rows of the kernel matrix in memory at a time.
BLOCK_ROWS = 512


class CalibrationTestResult(NamedTuple):
    """Result of `calibration_test`.

    Attributes
    ----------
    statistic : float
        The kernel calibration error, squared: zero on average for the true probabilities.
    pvalue : float
        Of the hypothesis that the forecasts are the true probabilities.
    """

    statistic: float
    pvalue: float


def calibration_test(
    y_true: ArrayLike,
    y_proba: ArrayLike | None = None,
    *,
    raw_prediction: ArrayLike | None = None,
    n_resamples: int = 499,
    max_samples: int = 2000,
    sample_weight: ArrayLike | None = None,
    labels: ArrayLike | None = None,
    random_state: int | np.random.RandomState | None = None,
) -> CalibrationTestResult:
    r"""Test whether the forecasts of all classes together are calibrated.

    With several classes, the probability of the most probable class may be calibrated, and that of
    each class against the rest, although the probabilities together are not. The kernel calibration
    error detects every kind of miscalibration [1]_:

    .. math:: \frac{1}{n (n - 1)} \sum_{i \ne j} k(p_i, p_j) \, (e_{y_i} - p_i)^T (e_{y_j} - p_j),
        \quad k(p, q) = \exp(-|p - q|_1 / \nu),

    where :math:`e_y` are the unit vectors and :math:`\nu` is the median distance between forecasts.
    The error is compared with the errors for labels drawn from the forecasts. So the p-value is
    exact for any number of samples: if the forecasts are the true probabilities, it is below
    :math:`\alpha` with a probability of at most :math:`\alpha`.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels.
    y_proba, raw_prediction, labels
        See `surprise`.
    n_resamples : int, default=499
        Number of draws of labels. The smallest p-value is 1 / (n_resamples + 1).
    max_samples : int, default=2000
        If there are more samples, this many are drawn at random. The time grows with the square of
        the number.
    sample_weight : array-like of shape (n_samples,), default=None
        Nonnegative; None means 1 for each sample.
    random_state : int, RandomState instance or None, default=None

    Returns
    -------
    result : CalibrationTestResult
        Named tuple of statistic and pvalue.

    Raises
    ------
    ValueError
        As in `log_loss`, for soft targets, and for parameters out of range.

    References
    ----------
    .. [1] D. Widmann, F. Lindsten and D. Zachariah, "Calibration Tests in Multi-Class
       Classification: A Unifying Framework", NeurIPS 2019, equation 6 and section 5.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.special import softmax
    >>> from sklogloss.metrics import calibration_test
    >>> rng = np.random.default_rng(0)
    >>> z = 2 * rng.normal(size=(1000, 3))
    >>> y = (z + rng.gumbel(size=z.shape)).argmax(axis=1)
    >>> for scale in (1, 1.5):
    ...     result = calibration_test(y, softmax(scale * z, axis=1), random_state=0)
    ...     print(result.pvalue < 0.01)
    False
    True
    """
    check_parameter("n_resamples", n_resamples, Integers(1, LARGEST_COUNT))
    check_parameter("max_samples", max_samples, Integers(2, LARGEST_COUNT))
    check_parameter("random_state", random_state, SEED)
    forecasts = Forecasts.of(
        y_true, y_proba, raw_prediction=raw_prediction, sample_weight=sample_weight, labels=labels
    )
    if forecasts.label is None:
        raise ValueError("y_true must hold labels, because the test draws labels")
    if len(forecasts) < 2:
        raise ValueError(f"y_true must have at least 2 samples with weight, got {len(forecasts)}")
    rng = check_random_state(random_state)
    if len(forecasts) > max_samples:
        forecasts = forecasts.take(rng.choice(len(forecasts), max_samples, replace=False))
    proba = forecasts.probabilities()
    proba = proba / proba.sum(axis=1, keepdims=True)
    draws = rng.uniform(size=(len(proba), n_resamples, 1))
    cumulative = np.cumsum(proba, axis=1)[:, None, :-1]
    drawn = np.sum(draws >= cumulative, axis=2)
    label = np.column_stack([forecasts.label, drawn])
    errors = _kernel_errors(proba, label, forecasts.weights())
    # Statistics that are equal up to rounding count as equal.
    tolerance = 1e-12 * np.abs(errors).max()
    n_larger = int(np.count_nonzero(errors[1:] >= errors[0] - tolerance))
    return CalibrationTestResult(float(errors[0]), (1 + n_larger) / (1 + n_resamples))


def _kernel_errors(
    proba: NDArray[Any], label: NDArray[Any], weight: NDArray[Any]
) -> NDArray[np.float64]:
    # The statistic for each column of labels, shape (n_samples, n_columns).
    width = _median_distance(proba)
    n_classes = proba.shape[1]
    total = np.zeros(label.shape[1])
    for start in range(0, len(proba), BLOCK_ROWS):
        rows = slice(start, start + BLOCK_ROWS)
        kernel = np.exp(-cdist(proba[rows], proba, "cityblock") / width)
        np.fill_diagonal(kernel[:, start:], 0)
        for k in range(n_classes):
            residual = weight[:, None] * ((label == k) - proba[:, [k]])
            total += np.einsum("ib,ib->b", residual[rows], kernel @ residual)
    return total / (2 * weight[1:] @ np.cumsum(weight)[:-1])


def _median_distance(proba: NDArray[Any]) -> float:
    some = proba[:: max(1, len(proba) // 500)]
    distance = cdist(some, some, "cityblock")
    distance = distance[distance > 0]
    return float(np.median(distance)) if distance.size else 1.0
