"""The folds of a cross-validation, and the fits to their training rows."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from sklogloss.solvers.path import solve_path

__all__ = ["Fold", "make_folds", "solve_folds"]

# Passes over more entries than this share the threads; of fewer, each fold has a thread of its own.
MANY_ENTRIES = 2_000_000
# Of the smallest the time goes into Python, which runs in one thread at a time.
FEW_ENTRIES = 100_000


@dataclass
class Fold:
    """The rows of a fold.

    Attributes
    ----------
    test : ndarray of int
        Indices of the rows to score.
    row_weight : ndarray of shape (n_samples,)
        Weights for training, zero for the rows that have no part in it.
    """

    test: np.ndarray
    row_weight: np.ndarray


def make_folds(splits, row_weight):
    """Return a list of Folds.

    Parameters
    ----------
    splits : iterable of (train, test)
        Indices of rows, or masks. A row that is named twice counts twice.
    row_weight : ndarray of shape (n_samples,)

    Raises
    ------
    ValueError
        If there are no folds, or the training rows of one have no weight.
    """
    rows = np.arange(len(row_weight))
    folds = []
    for train, test in splits:
        counts = np.bincount(rows[train], minlength=len(rows))
        fold = Fold(rows[test], row_weight * counts.astype(row_weight.dtype))
        if not fold.row_weight.any():
            raise ValueError(f"the training rows of fold {len(folds)} of cv have no weight")
        folds.append(fold)
    if not folds:
        raise ValueError("cv must have folds, got none")
    return folds


def solve_folds(objective, folds, penalties, guides, **options):
    """Return the paths of each fold, from those of all data.

    Parameters
    ----------
    objective : LinearObjective
    folds : list of Fold
    penalties : list of list of list of dict
        Of each fold and l1_ratio, from strong to weak.
    guides : list of list of PathPoint
        The paths of all data for each l1_ratio.
    **options
        As for `solve_path`.

    Returns
    -------
    paths : list of list of list of PathPoint
        Of each fold and l1_ratio.
    """
    n_entries = objective.design.n_stored * objective.n_columns
    n_workers = min(objective.n_threads, len(folds))
    if not FEW_ENTRIES < n_entries < MANY_ENTRIES:
        n_workers = 1
    n_threads = 1 if n_workers > 1 else objective.n_threads

    def solve_fold(fold, penalties_of_fold):
        of_fold = objective.with_weight(fold.row_weight, n_threads)
        return [
            solve_path(of_fold, of_ratio, guide=guide, **options)
            for of_ratio, guide in zip(penalties_of_fold, guides, strict=True)
        ]

    if n_workers == 1:
        return list(map(solve_fold, folds, penalties))
    with ThreadPoolExecutor(n_workers) as executor:
        return list(executor.map(solve_fold, folds, penalties))
