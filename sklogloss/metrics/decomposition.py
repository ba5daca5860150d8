"""Scores as miscalibration, discrimination and uncertainty."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.model_selection import BaseCrossValidator
from sklearn.utils import check_random_state

from sklogloss.inputs.parameters import (
    FRACTION,
    LARGEST_COUNT,
    SEED,
    Integers,
    check_parameter,
)
from sklogloss.inputs.splits import check_splitter
from sklogloss.metrics.brier_score import squared_errors
from sklogloss.metrics.forecasts import Forecasts
from sklogloss.metrics.recalibration import METHODS, recalibrate

__all__ = [
    "ScoreDecomposition",
    "brier_decomposition",
    "log_loss_decomposition",
    "make_splitter",
]


class ScoreDecomposition(NamedTuple):
    """A score as ``miscalibration - discrimination + uncertainty``.

    Attributes
    ----------
    score : float
    miscalibration : float
        The score that recalibration would save (MCB); lower is better.
    discrimination : float
        What the recalibrated forecasts save compared with the class frequencies (DSC); higher is
        better.
    uncertainty : float
        Score of the class frequencies (UNC). It does not depend on the forecasts.
    intervals : dict of tuple or None
        Bootstrap interval (low, high) of each of the four, if asked for.
    """

    score: float
    miscalibration: float
    discrimination: float
    uncertainty: float
    intervals: dict[str, tuple[float, float]] | None = None


def log_loss_decomposition(
    y_true: ArrayLike,
    y_proba: ArrayLike | None = None,
    *,
    raw_prediction: ArrayLike | None = None,
    method: str = "isotonic",
    cv: int | BaseCrossValidator | Iterable[Any] | None = None,
    bias_correction: bool = False,
    confidence_level: float | None = None,
    n_resamples: int = 200,
    sample_weight: ArrayLike | None = None,
    labels: ArrayLike | None = None,
    random_state: int | np.random.RandomState | None = None,
) -> ScoreDecomposition:
    r"""Split the log loss into miscalibration, discrimination and uncertainty.

    With :math:`\hat p` the recalibrated forecasts and :math:`\bar y` the class frequencies,

    .. math::

        L(p) = \underbrace{L(p) - L(\hat p)}_{\text{MCB}}
        - \underbrace{\left(L(\bar y) - L(\hat p)\right)}_{\text{DSC}}
        + \underbrace{L(\bar y)}_{\text{UNC}} .

    With ``method="isotonic"``, this is the CORP decomposition [1]_.

    Parameters
    ----------
    y_true, y_proba, raw_prediction, labels
        See `surprise`. Probabilities below the rounding error of their dtype are clipped to it.
    method : {"isotonic", "logistic", "temperature"}, default="isotonic"
        How to recalibrate the forecasts. "isotonic" fits an increasing function; for more than two
        classes, one for each class against the rest, and then divides by the sum. "logistic" fits a
        slope of the logits and an intercept for each class, "temperature" only a slope.
    cv : None, int, cross-validation generator or iterable, default=None
        None recalibrates each sample by a fit that includes it. Then MCB is above zero even for the
        true probabilities, and never negative for two classes (for "logistic" and "temperature",
        for any number of classes). Otherwise, each sample is recalibrated by a fit to the samples
        of other folds; an int is a number of shuffled folds.
    bias_correction : bool, default=False
        Draw labels from the forecasts, as if these were the true probabilities, `n_resamples`
        times, and subtract the mean MCB of the draws from MCB and DSC. Not for soft targets.
    confidence_level : float in (0, 1), default=None
        Add an interval for each part, from the spread of `n_resamples` bootstrap samples. Without
        `bias_correction` or `cv`, the intervals of MCB and DSC are centred on numbers that are
        slightly too large. None means no intervals.
    n_resamples : int, default=200
        Number of draws for `bias_correction`, and number of bootstrap samples.
    sample_weight : array-like of shape (n_samples,), default=None
        Nonnegative; None means 1 for each sample.
    random_state : int, RandomState instance or None, default=None
        Seed of folds, draws and bootstrap samples.

    Returns
    -------
    decomposition : ScoreDecomposition
        Named tuple of score, miscalibration, discrimination, uncertainty (nats) and intervals.

    Raises
    ------
    ValueError
        As in `log_loss`, and for parameters out of range.

    References
    ----------
    .. [1] T. Dimitriadis, T. Gneiting and A. I. Jordan, "Stable Reliability Diagrams for
       Probabilistic Classifiers", PNAS 118 (2021), e2016191118.

    Examples
    --------
    >>> import numpy as np
    >>> from sklogloss.metrics import log_loss_decomposition
    >>> rng = np.random.default_rng(0)
    >>> z = rng.normal(size=5000)
    >>> y = rng.logistic(size=5000) < z
    >>> for scale in (1, 3):
    ...     parts = log_loss_decomposition(y, raw_prediction=scale * z, method="logistic")
    ...     print("{:.3f} = {:.3f} - {:.3f} + {:.3f}".format(*parts[:4]))
    0.593 = 0.000 - 0.100 + 0.693
    0.756 = 0.163 - 0.100 + 0.693
    """
    forecasts = Forecasts.of(
        y_true, y_proba, raw_prediction=raw_prediction, sample_weight=sample_weight, labels=labels
    )
    return _decompose(
        forecasts,
        _mean_surprise,
        method,
        cv,
        bias_correction,
        confidence_level,
        n_resamples,
        random_state,
    )


def brier_decomposition(
    y_true: ArrayLike,
    y_proba: ArrayLike | None = None,
    *,
    raw_prediction: ArrayLike | None = None,
    method: str = "isotonic",
    cv: int | BaseCrossValidator | Iterable[Any] | None = None,
    bias_correction: bool = False,
    confidence_level: float | None = None,
    n_resamples: int = 200,
    sample_weight: ArrayLike | None = None,
    labels: ArrayLike | None = None,
    random_state: int | np.random.RandomState | None = None,
) -> ScoreDecomposition:
    """Split the Brier score into miscalibration, discrimination and uncertainty.

    Like `log_loss_decomposition`, for the score that `brier_score` returns.

    Parameters
    ----------
    y_true, y_proba, raw_prediction, method, cv, bias_correction, confidence_level, n_resamples
        See `log_loss_decomposition`. "logistic" and "temperature" minimise the log loss, so MCB may
        be slightly negative.
    sample_weight, labels, random_state
        See `log_loss_decomposition`.

    Returns
    -------
    decomposition : ScoreDecomposition
        Named tuple of score, miscalibration, discrimination, uncertainty and intervals.

    Raises
    ------
    ValueError
        See `log_loss_decomposition`.

    References
    ----------
    .. [1] A. H. Murphy, "A New Vector Partition of the Probability Score", Journal of Applied
       Meteorology 12 (1973), 595-600.

    Examples
    --------
    >>> from sklogloss.metrics import brier_decomposition
    >>> parts = brier_decomposition([0, 1, 0, 1, 1], [0.1, 0.2, 0.3, 0.7, 0.9])
    >>> print("{:.3f} = {:.3f} - {:.3f} + {:.3f}".format(*parts[:4]))
    0.168 = 0.068 - 0.140 + 0.240
    """
    forecasts = Forecasts.of(
        y_true, y_proba, raw_prediction=raw_prediction, sample_weight=sample_weight, labels=labels
    )
    return _decompose(
        forecasts,
        _mean_squared_error,
        method,
        cv,
        bias_correction,
        confidence_level,
        n_resamples,
        random_state,
    )


def _mean_surprise(forecasts: Forecasts) -> float:
    return forecasts.mean(forecasts.surprise("clip"))


def _mean_squared_error(forecasts: Forecasts) -> float:
    return forecasts.mean(squared_errors(forecasts, "auto"))


def _decompose(
    forecasts: Forecasts,
    score: Callable[[Forecasts], float],
    method: str,
    cv: Any,
    bias_correction: bool,
    confidence_level: float | None,
    n_resamples: int,
    random_state: int | np.random.RandomState | None,
) -> ScoreDecomposition:
    check_parameter("method", method, METHODS)
    check_parameter("bias_correction", bias_correction, bool)
    check_parameter("n_resamples", n_resamples, Integers(1, LARGEST_COUNT))
    check_parameter("random_state", random_state, SEED)
    if confidence_level is not None:
        check_parameter("confidence_level", confidence_level, FRACTION)
    if bias_correction and forecasts.target is not None:
        raise ValueError("bias_correction needs labels in y_true, not class probabilities")
    rng = check_random_state(random_state)
    splitter = make_splitter(cv, forecasts, rng)

    def parts_of(forecasts: Forecasts) -> NDArray[np.float64]:
        recalibrated = forecasts.with_proba(recalibrate(forecasts, method, splitter))
        own, best = score(forecasts), score(recalibrated)
        uncertainty = score(forecasts.with_frequencies())
        return np.array([own, own - best, uncertainty - best, uncertainty])

    parts = parts_of(forecasts)
    if bias_correction:
        draws = (_draw(forecasts, rng) for _ in range(n_resamples))
        parts[1:3] -= np.mean([parts_of(draw)[1] for draw in draws])
    intervals = None
    if confidence_level is not None:
        n = len(forecasts)
        samples = (forecasts.take(rng.randint(n, size=n)) for _ in range(n_resamples))
        resampled = np.array([parts_of(sample) for sample in samples])
        # Copies of a sample are recalibrated too well, so only the spread of the estimate is used.
        tail = (1 - confidence_level) / 2
        spread = resampled - resampled.mean(axis=0)
        low, high = parts + np.quantile(spread, [tail, 1 - tail], axis=0)
        pairs = zip(low.tolist(), high.tolist(), strict=True)
        intervals = dict(zip(ScoreDecomposition._fields[:4], pairs, strict=True))
    loss, miscalibration, discrimination, uncertainty = parts.tolist()
    return ScoreDecomposition(loss, miscalibration, discrimination, uncertainty, intervals)


def make_splitter(cv: Any, forecasts: Forecasts, rng: np.random.RandomState) -> Any:
    """Return the splitter that cv means, shuffled if it is a number; None for None."""
    if cv is None:
        return None
    splitter = check_splitter(cv, forecasts.label, classifier=forecasts.label is not None)
    if isinstance(cv, Integral):
        splitter.shuffle, splitter.random_state = True, rng.randint(2**31)
    return splitter


def _draw(forecasts: Forecasts, rng: np.random.RandomState) -> Forecasts:
    # Labels as if the forecasts were the true probabilities.
    cumulative = np.cumsum(forecasts.probabilities(), axis=1)
    draw = rng.uniform(size=(len(forecasts), 1)) * cumulative[:, -1:]
    return forecasts.with_label(np.sum(draw >= cumulative[:, :-1], axis=1))
