"""Cross-validation: the rows that a splitter puts into training and test sets."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import check_cv

from sklogloss.inputs.errors import naming, shown

__all__ = ["check_splitter", "train_test_rows"]


def check_splitter(cv: Any, y: NDArray[Any] | None, *, classifier: bool) -> Any:
    """Return the cross-validation generator that `cv` stands for, as scikit-learn does.

    Parameters
    ----------
    cv : int, cross-validation generator, iterable or None
    y : ndarray of shape (n_samples,) or None
        Labels.
    classifier : bool
        Whether an integer means stratified folds.

    Raises
    ------
    ValueError, TypeError
        If cv is not one of these, or an integer below 2.
    """
    with naming("cv"):
        return check_cv(cv, y, classifier=classifier)


def train_test_rows(
    splitter: Any, X: Any, y: Any, n_samples: int, **params: Any
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Yield the indices of the training and the test rows of each split.

    Parameters
    ----------
    splitter : cross-validation generator
    X, y : array-like of n_samples rows
        What the splitter gets.
    n_samples : int
    **params
        What the splitter gets beside.

    Raises
    ------
    ValueError, TypeError
        If the splitter raises one, if a split is no pair, or its parts are neither indices of rows
        nor a mask. The message names cv.
    """
    with naming("cv"):
        splits = list(splitter.split(X, y, **params))
    for number, split in enumerate(splits):
        if not isinstance(split, tuple | list) or len(split) != 2:
            raise ValueError(
                f"cv must yield pairs (train, test) of row indices, got {shown(split)} as split "
                f"{number}"
            )
        train, test = split
        yield _rows("train", train, n_samples, number), _rows("test", test, n_samples, number)


def _rows(part: str, rows: Any, n_samples: int, number: int) -> NDArray[np.intp]:
    with naming("cv"):
        indices = np.asarray(rows)
    if indices.dtype == bool and indices.shape == (n_samples,):
        return np.flatnonzero(indices)
    if indices.size == 0 and indices.ndim == 1:
        return np.empty(0, dtype=np.intp)
    is_valid = indices.ndim == 1 and indices.dtype.kind in "iu"
    if not (is_valid and indices.min() >= -n_samples and indices.max() < n_samples):
        raise ValueError(
            f"cv must yield one-dimensional arrays of row indices below {n_samples}, or masks of "
            f"{n_samples} rows, got {shown(rows)} as {part} of split {number}"
        )
    return indices.astype(np.intp)
