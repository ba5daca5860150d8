"""Which penalty the scores of a cross-validation suggest."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Selection", "best_of_each_fold", "select"]


@dataclass
class Selection:
    """The means of scores over folds, and the choices that follow.

    Attributes
    ----------
    mean, standard_error : ndarray of shape (n_l1_ratios, n_Cs)
        Over the folds; a standard error is zero where only one fold has a score.
    best : tuple of int
        Index of the best mean.
    simplest : tuple of int
        For the l1_ratio of the best, index of the strongest penalty whose mean is within one
        standard error of the best.
    """

    mean: np.ndarray
    standard_error: np.ndarray
    best: tuple[int, int]
    simplest: tuple[int, int]


def select(scores: NDArray[Any], Cs: NDArray[Any]) -> Selection:
    """Return the Selection by the scores of folds.

    Parameters
    ----------
    scores : ndarray of shape (n_folds, n_l1_ratios, n_Cs)
        The greater the better. NaN, where a fold could not be scored, does not count.
    Cs : ndarray of shape (n_Cs,)

    Raises
    ------
    ValueError
        If no fold has a score for one of the penalties, or the best score is infinite.
    """
    is_scored = ~np.isnan(scores)
    n_scored = is_scored.sum(axis=0)
    if not n_scored.all():
        raise ValueError(
            "cv has no fold whose test samples can be scored: their classes are not among the "
            "training samples, or the scorer returns NaN"
        )
    with np.errstate(invalid="ignore"):  # of scores of minus infinity
        mean = np.where(is_scored, scores, 0).sum(axis=0) / n_scored
        squares = np.where(is_scored, (scores - mean) ** 2, 0).sum(axis=0)
    if not np.isfinite(mean).any() or np.nanmax(mean) == np.inf:
        raise ValueError("scoring must return finite scores, the mean of the best is infinite")
    standard_error = np.sqrt(squares / np.maximum(n_scored - 1, 1) / n_scored)
    ratio, i = _best(mean)
    as_good = np.flatnonzero(mean[ratio] >= mean[ratio, i] - standard_error[ratio, i])
    simplest = as_good[np.argmin(Cs[as_good])]
    return Selection(mean, standard_error, (ratio, i), (ratio, int(simplest)))


def best_of_each_fold(
    scores: NDArray[Any],
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Return the indices (folds, ratios, indices of C) of what each fold by itself would choose.

    Parameters
    ----------
    scores : ndarray of shape (n_folds, n_l1_ratios, n_Cs)
        As for `select`. Folds without a score are left out.
    """
    folds = np.flatnonzero(~np.isnan(scores).all(axis=(1, 2)))
    ratios, indices = np.transpose([_best(scores[fold]) for fold in folds])
    return folds, ratios, indices


def _best(scores: NDArray[Any]) -> tuple[int, int]:
    # Among equals, the first C, then the first l1_ratio.
    i, ratio = np.unravel_index(np.nanargmax(scores.T), scores.T.shape)
    return int(ratio), int(i)
