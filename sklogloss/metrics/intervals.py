"""Confidence intervals of a log loss, and of the difference of two."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import t as student
from sklearn.utils import check_random_state

from sklogloss.inputs.arrays import check_finite, check_same_length, real_array
from sklogloss.inputs.parameters import (
    FRACTION,
    LARGEST_COUNT,
    SEED,
    Integers,
    Interval,
    check_parameter,
)
from sklogloss.inputs.targets import group_indices, label_column
from sklogloss.metrics.confidence_sequence import anytime_pvalue, confidence_sequence
from sklogloss.metrics.forecasts import Forecasts

__all__ = [
    "LogLossInterval",
    "ScoreComparison",
    "compare_fold_scores",
    "compare_log_loss",
    "log_loss_interval",
]


class LogLossInterval(NamedTuple):
    """Result of `log_loss_interval`, in nats.

    Attributes
    ----------
    log_loss : float
    low, high : float
        Ends of the interval.
    standard_error : float
    """

    log_loss: float
    low: float
    high: float
    standard_error: float


class ScoreComparison(NamedTuple):
    """Result of `compare_log_loss` and `compare_fold_scores`.

    Attributes
    ----------
    difference : float
        Mean of a minus mean of b.
    low, high : float
        Ends of its interval.
    standard_error : float
    statistic : float
        Difference divided by its standard error.
    pvalue : float
        Two-sided, of the hypothesis of no difference.
    """

    difference: float
    low: float
    high: float
    standard_error: float
    statistic: float
    pvalue: float


def log_loss_interval(
    y_true: ArrayLike,
    y_proba: ArrayLike | None = None,
    *,
    raw_prediction: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    method: str = "normal",
    confidence_level: float = 0.95,
    n_resamples: int = 1000,
    sample_weight: ArrayLike | None = None,
    labels: ArrayLike | None = None,
    random_state: int | np.random.RandomState | None = None,
) -> LogLossInterval:
    r"""Log loss with a confidence interval.

    Samples, or groups of samples, are assumed to be independent draws from one population. Let
    :math:`e_g = \sum_{i \in g} w_i (s_i - L)` for each of G groups; without groups, each sample is
    one. The standard error is that of a ratio of two means,

    .. math:: \sqrt{\frac{G}{G - 1} \sum_g e_g^2} \Big/ \sum_i w_i ,

    and the interval is that of Student's t with G - 1 degrees of freedom [1]_.

    Parameters
    ----------
    y_true, y_proba, raw_prediction, labels
        See `surprise`. Probabilities below the rounding error of their dtype are clipped to it.
    groups : array-like of shape (n_samples,), default=None
        Samples of the same group (patient, day, ...) may depend on each other.
    method : {"normal", "bootstrap"}, default="normal"
        "normal" uses the formulas above. "bootstrap" draws groups with replacement, `n_resamples`
        times, and returns percentiles and the standard deviation of the log loss.
    confidence_level : float in (0, 1), default=0.95
    n_resamples : int, default=1000
    sample_weight : array-like of shape (n_samples,), default=None
        Nonnegative; None means 1 for each sample.
    random_state : int, RandomState instance or None, default=None
        Seed of the bootstrap.

    Returns
    -------
    interval : LogLossInterval
        Named tuple of log_loss, low, high and standard_error.

    Raises
    ------
    ValueError
        As in `log_loss`, for fewer than two groups, and for parameters out of range.

    References
    ----------
    .. [1] W. G. Cochran, Sampling Techniques, 3rd ed., Wiley, 1977, sections 2.11 and 9A.

    Examples
    --------
    >>> import numpy as np
    >>> from sklogloss.metrics import log_loss_interval
    >>> rng = np.random.default_rng(0)
    >>> p = rng.uniform(size=1000)
    >>> y = rng.random(1000) < p
    >>> print("{:.3f}, from {:.3f} to {:.3f}".format(*log_loss_interval(y, p)))
    0.494, from 0.465 to 0.522
    """
    check_parameter("method", method, ("normal", "bootstrap"))
    check_parameter("confidence_level", confidence_level, FRACTION)
    check_parameter("n_resamples", n_resamples, Integers(2, LARGEST_COUNT))
    check_parameter("random_state", random_state, SEED)
    forecasts = Forecasts.of(
        y_true, y_proba, raw_prediction=raw_prediction, sample_weight=sample_weight, labels=labels
    )
    sums, weights = _group_sums(forecasts, forecasts.surprise("clip"), "groups", groups, y_true)
    loss = float(sums.sum() / weights.sum())
    if method == "normal":
        error = _standard_error(sums, weights)
        half = float(student.ppf((1 + confidence_level) / 2, len(sums) - 1)) * error
        return LogLossInterval(loss, loss - half, loss + half, error)
    rng = check_random_state(random_state)
    losses = np.empty(n_resamples)
    for i in range(n_resamples):
        drawn = rng.randint(len(sums), size=len(sums))
        losses[i] = sums[drawn].sum() / weights[drawn].sum()
    tail = (1 - confidence_level) / 2
    low, high = np.quantile(losses, [tail, 1 - tail]).tolist()
    return LogLossInterval(loss, low, high, float(losses.std(ddof=1)))


def compare_log_loss(
    y_true: ArrayLike,
    y_proba_a: ArrayLike | None = None,
    y_proba_b: ArrayLike | None = None,
    *,
    raw_prediction: tuple[ArrayLike, ArrayLike] | None = None,
    groups: ArrayLike | None = None,
    folds: ArrayLike | None = None,
    confidence_level: float = 0.95,
    sequential: bool = False,
    largest_loss: float = 5.0,
    sample_weight: ArrayLike | None = None,
    labels: ArrayLike | None = None,
) -> ScoreComparison:
    """Compare the log losses of two forecasts of the same events.

    The comparison is paired: it uses the difference of the two surprises at each sample. Standard
    error and interval are those of `log_loss_interval` for this difference, and the p-value is that
    of Student's t. A paired difference varies less than the log loss of one model, so it shows
    smaller effects than two separate intervals.

    Parameters
    ----------
    y_true, labels
        See `surprise`.
    y_proba_a, y_proba_b : array-like of shape (n_samples,) or (n_samples, n_classes)
        Probabilities of each forecast; see `surprise`. Those below the rounding error of their
        dtype are clipped to it.
    raw_prediction : tuple of two array-like, default=None
        Logits of both forecasts, instead of probabilities.
    groups : array-like of shape (n_samples,), default=None
        Samples of the same group may depend on each other.
    folds : array-like of shape (n_samples,), default=None
        The test fold of each sample, for forecasts from cross-validation such as those of
        `cross_val_predict`. Models of different folds share training data, so `compare_fold_scores`
        then compares the means of the folds.
    confidence_level : float in (0, 1), default=0.95
    sequential : bool, default=False
        Whether the interval and the p-value hold at any time. Samples must be in the order of time.
        You may then look at the comparison after each sample, and stop when you like. Losses are
        clipped at `largest_loss`, and the difference is the mean of the clipped ones. Samples may
        depend on earlier samples; the interval is for the mean of the conditional expectations of
        the differences. It is wider than the default, which is valid for one look only.
    largest_loss : float, default=5.0
        Bound of the losses for `sequential`, in nats; 5 is the loss of a probability of 0.0067.
        Choose it before the first look. No forecast pays more than this, however sure it was of
        what did not happen. So an overconfident forecast may win if probabilities below
        exp(-largest_loss) are common. A larger bound prevents that, but makes the interval wider.
    sample_weight : array-like of shape (n_samples,), default=None
        Nonnegative; None means 1 for each sample. Not with `sequential`.

    Returns
    -------
    comparison : ScoreComparison
        Named tuple of difference (in nats, negative where a is better), low, high, standard_error,
        statistic and pvalue.

    Raises
    ------
    ValueError
        As in `log_loss_interval`, and if both groups and folds are given.

    Examples
    --------
    >>> import numpy as np
    >>> from sklogloss.metrics import compare_log_loss
    >>> rng = np.random.default_rng(0)
    >>> z = rng.normal(size=1000)
    >>> y = rng.logistic(size=1000) < z
    >>> result = compare_log_loss(y, raw_prediction=(z, 2 * z))
    >>> print(f"{result.difference:.3f} +- {result.standard_error:.3f}, p = {result.pvalue:.1g}")
    -0.078 +- 0.013, p = 2e-09
    """
    check_parameter("confidence_level", confidence_level, FRACTION)
    check_parameter("sequential", sequential, bool)
    check_parameter("largest_loss", largest_loss, Interval(0, np.inf, "()"))
    raw_a, raw_b = None, None
    if raw_prediction is not None:
        if not isinstance(raw_prediction, tuple | list) or len(raw_prediction) != 2:
            raise TypeError("raw_prediction must be a tuple: the logits of a, and those of b")
        raw_a, raw_b = raw_prediction
    given = {y_proba_a is not None, y_proba_b is not None, raw_prediction is None}
    if len(given) > 1:
        raise TypeError("pass either y_proba_a and y_proba_b, or raw_prediction")
    shared = {"sample_weight": sample_weight, "labels": labels}
    names = [
        {"y_proba": f"y_proba_{letter}", "raw_prediction": f"raw_prediction[{i}]"}
        for i, letter in enumerate("ab")
    ]
    forecasts = Forecasts.of(y_true, y_proba_a, raw_prediction=raw_a, names=names[0], **shared)
    other = Forecasts.of(y_true, y_proba_b, raw_prediction=raw_b, names=names[1], **shared)
    if sequential:
        for name, value in (("groups", groups), ("folds", folds), ("sample_weight", sample_weight)):
            if value is not None:
                raise ValueError(f"{name} must be None with sequential=True")
        return _sequential_comparison(forecasts, other, largest_loss, confidence_level)
    differences = forecasts.surprise("clip") - other.surprise("clip")
    if folds is not None:
        if groups is not None:
            raise ValueError("pass either groups or folds, not both")
        sums, weights = _group_sums(forecasts, differences, "folds", folds, y_true)
        return compare_fold_scores(
            sums / weights, np.zeros(len(sums)), confidence_level=confidence_level
        )
    sums, weights = _group_sums(forecasts, differences, "groups", groups, y_true)
    difference, error = float(sums.sum() / weights.sum()), _standard_error(sums, weights)
    return _comparison(difference, error, len(sums) - 1, confidence_level)


def compare_fold_scores(
    scores_a: ArrayLike,
    scores_b: ArrayLike,
    *,
    test_size: float | None = None,
    confidence_level: float = 0.95,
) -> ScoreComparison:
    r"""Compare two models by their scores on the same folds of a cross-validation.

    The scores of folds are not independent, since their models share training data. With the mean
    and the variance :math:`s^2` of the differences on K folds, the corrected standard error is

    .. math:: s \sqrt{\frac1K + \frac{n_\text{test}}{n_\text{train}}} ,

    and the interval and p-value are those of Student's t with K - 1 degrees of freedom [1]_.

    Parameters
    ----------
    scores_a, scores_b : array-like of shape (n_folds,)
        Scores of both models, for example ``cross_validate(...)["test_score"]`` with the same
        ``cv``.
    test_size : float in (0, 1), default=None
        Fraction of the data in a test set; None means 1 / K, as in K-fold cross-validation.
    confidence_level : float in (0, 1), default=0.95

    Returns
    -------
    comparison : ScoreComparison
        Named tuple of difference (a minus b), low, high, standard_error, statistic and pvalue.

    Raises
    ------
    ValueError
        For fewer than two folds, lengths that differ, and scores that are not finite.

    References
    ----------
    .. [1] C. Nadeau and Y. Bengio, "Inference for the Generalization Error", Machine Learning 52
       (2003), 239-281.

    Examples
    --------
    >>> from sklogloss.metrics import compare_fold_scores
    >>> result = compare_fold_scores([-0.30, -0.32, -0.28], [-0.35, -0.36, -0.32])
    >>> print(f"{result.difference:.3f} +- {result.standard_error:.3f}, p = {result.pvalue:.3f}")
    0.043 +- 0.005, p = 0.014
    """
    check_parameter("confidence_level", confidence_level, FRACTION)
    a, b = _fold_scores("scores_a", scores_a), _fold_scores("scores_b", scores_b)
    check_same_length(scores_a=a, scores_b=b)
    n_folds = len(a)
    if n_folds < 2:
        raise ValueError(f"scores_a and scores_b must be of at least 2 folds, got {n_folds}")
    if test_size is None:
        test_size = 1 / n_folds
    check_parameter("test_size", test_size, FRACTION)
    differences = a - b
    error = differences.std(ddof=1) * np.sqrt(1 / n_folds + test_size / (1 - test_size))
    return _comparison(float(differences.mean()), float(error), n_folds - 1, confidence_level)


def _fold_scores(name: str, scores: ArrayLike) -> NDArray[np.float64]:
    scores = real_array(name, scores, error=ValueError).astype(np.float64)
    if scores.ndim != 1:
        raise ValueError(f"{name} must have one number for each fold, got shape {scores.shape}")
    check_finite(name, scores)
    return scores


def _group_sums(
    forecasts: Forecasts, values: NDArray[Any], name: str, groups: Any, y_true: ArrayLike
) -> tuple[NDArray[Any], NDArray[Any]]:
    # Weighted sum of the values, and sum of the weights, of each group; `name` is for errors.
    weight = forecasts.weights()
    if groups is None:
        if len(values) < 2:
            raise ValueError(f"y_true must have at least 2 samples with weight, got {len(values)}")
        sums, weights = weight * values, weight
    else:
        groups = label_column(name, groups)
        check_same_length(**{name: groups, "y_true": np.asarray(y_true)})
        if forecasts.rows is not None:
            groups = groups[forecasts.rows]
        index, _ = group_indices(name, groups)
        sums, weights = np.bincount(index, weight * values), np.bincount(index, weight)
    return sums, weights


def _standard_error(sums: NDArray[Any], weights: NDArray[Any]) -> float:
    n_groups, mean = len(sums), sums.sum() / weights.sum()
    residual = sums - mean * weights
    return float(np.sqrt(n_groups / (n_groups - 1) * (residual @ residual)) / weights.sum())


def _sequential_comparison(
    forecasts: Forecasts, other: Forecasts, largest_loss: float, confidence_level: float
) -> ScoreComparison:
    losses, others = (
        np.minimum(of_one.surprise("clip"), largest_loss) for of_one in (forecasts, other)
    )
    differences = losses - others
    span = 2 * float(largest_loss)
    difference = float(differences.mean())
    low, high = confidence_sequence(differences, span, confidence_level)
    error = float(differences.std() / np.sqrt(len(differences)))
    statistic = difference / error if error > 0 else 0.0
    pvalue = anytime_pvalue(differences, span)
    return ScoreComparison(difference, low, high, error, statistic, pvalue)


def _comparison(
    difference: float, error: float, freedom: int, confidence_level: float
) -> ScoreComparison:
    half = float(student.ppf((1 + confidence_level) / 2, freedom)) * error
    if error > 0:
        statistic = difference / error
    else:
        statistic = float(np.copysign(np.inf, difference)) if difference else 0.0
    pvalue = float(2 * student.sf(abs(statistic), freedom))
    return ScoreComparison(
        difference, difference - half, difference + half, error, statistic, pvalue
    )
