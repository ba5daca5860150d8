"""The folds of a cross-validation, and the fits to their training rows."""

from dataclasses import dataclass, replace

import numpy as np

from sklogloss.classifiers.workers import Workers
from sklogloss.solvers.path import solve_path

__all__ = ["Fold", "make_folds", "solve_paths"]

# Passes over more entries than this share the threads. With fewer, each fold has its own thread.
MANY_ENTRIES = 2_000_000
# The smallest fits spend their time in Python code, which runs in one thread at a time.
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

    def training_rows(self, samples):
        """Return the training rows of all samples, as Samples."""
        return replace(samples, weight=self.row_weight)


def make_folds(splits, row_weight):
    """Return a list of Folds.

    Parameters
    ----------
    splits : iterable of (train, test)
        Indices of rows. A row that is named twice counts twice.
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


def solve_paths(objective, penalties, folds, penalties_of_folds, goal, *, gap, solver):
    """Return the paths of all data, and those of each fold, which all data guides.

    Parameters
    ----------
    objective : Objective
    penalties : list of list of Penalty
        Of each l1_ratio, from strong to weak. The first guides the second, and so on.
    folds : list of Fold
    penalties_of_folds : list of list of list of Penalty
        Of each fold and l1_ratio.
    goal : Goal
        Of the paths of all data with an L1 penalty.
    gap : float
        Relative gap of all others.
    solver : str
        "auto" or one of SOLVERS.

    Returns
    -------
    full_paths : list of list of PathPoint
        Of each l1_ratio.
    fold_paths : list of list of list of PathPoint
        Of each fold and l1_ratio.
    """
    samples = objective.samples
    n_entries = samples.design.n_stored * objective.n_columns
    # If the rows are on another device, so are the threads.
    is_shared = FEW_ENTRIES < n_entries < MANY_ENTRIES and not samples.is_partitioned
    n_workers = samples.n_threads if is_shared else 1
    of_all, of_folds = _of_all_and_folds(objective, folds, is_shared=n_workers > 1)
    loose = replace(goal, gap=gap)
    full_paths = [[] for _ in penalties]
    fold_paths = [[[] for _ in penalties] for _ in folds]

    def solve_all(submit):
        # A fit of a fold waits for the point of all data under the same penalty, and for the
        # previous fit of the fold, from which it starts.
        previous = [None] * len(folds)
        for ratio, full_path in enumerate(full_paths):
            of_ratio = f"l1_ratio {ratio + 1} of {len(full_paths)}"
            guide = full_paths[ratio - 1] if ratio > 0 else None
            steps_of_folds = [
                solve_path(
                    of_fold,
                    of_ratios[ratio],
                    loose.part(f"fold {i + 1} of {len(folds)}").part(of_ratio),
                    solver=solver,
                    guide=full_path,
                )
                for i, (of_fold, of_ratios) in enumerate(
                    zip(of_folds, penalties_of_folds, strict=True)
                )
            ]
            # With an L1 penalty, the guide must show exactly which coefficients are zero.
            for point in solve_path(
                of_all,
                penalties[ratio],
                (goal if penalties[ratio][0].has_l1 else loose).part("all rows").part(of_ratio),
                solver=solver,
                guide=guide,
                guides=True,
            ):
                full_path.append(point)
                for i, steps in enumerate(steps_of_folds):
                    previous[i] = submit(_solve_next, steps, fold_paths[i][ratio], previous[i])

    if n_workers == 1:
        solve_all(_call)
    else:
        with Workers(n_workers) as workers:
            solve_all(workers.submit)
    return full_paths, fold_paths


def _of_all_and_folds(objective, folds, *, is_shared):
    # The objectives of all rows and of the training rows of each fold. Objectives that share the
    # threads use one each.
    samples = objective.samples
    of_all = objective.replace(
        samples=replace(samples, n_threads=1 if is_shared else samples.n_threads)
    )
    of_folds = []
    for fold in folds:
        of_folds.append(of_all.replace(samples=fold.training_rows(of_all.samples)))
    return of_all, of_folds


def _call(function, *arguments):
    function(*arguments)


def _solve_next(steps, path, previous):
    # The previous one began earlier, because the threads take jobs in the order of submission.
    if previous is not None:
        previous.wait()
    path.append(next(steps))
