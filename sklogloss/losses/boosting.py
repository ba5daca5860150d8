"""Losses as custom objectives of gradient boosting libraries."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklogloss.inputs.parameters import check_parameter

if TYPE_CHECKING:
    from sklogloss.losses.base import Loss

# Factors by which the libraries multiply the diagonal of the softmax Hessian: Friedman's factor
# ("Greedy Function Approximation", 2001, algorithm 6), or one that makes it an upper bound.
FACTORS: dict[str, Callable[[int], float]] = {
    "lightgbm": lambda n_classes: n_classes / (n_classes - 1),
    "xgboost": lambda n_classes: 2.0,
}
SMALLEST_HESSIAN = 1e-16


class BoostingObjective:
    """A loss as custom objective of a boosting library. `Loss.as_objective` makes it.

    Parameters
    ----------
    loss : Loss
    library : {"lightgbm", "xgboost"}

    Notes
    -----
    The Hessian is made positive in three steps. It comes from the convex kernel of the loss, which
    leaves out terms that may be negative. For more than two classes, its diagonal is multiplied by
    n_classes / (n_classes - 1) for LightGBM and by 2 for XGBoost, as in their own softmax
    objectives. Finally, it is at least 1e-16 times the sample weight.
    """

    def __init__(self, loss: Loss, library: str) -> None:
        check_parameter("library", library, tuple(FACTORS))
        self.loss = loss
        self.library = library

    def __repr__(self) -> str:
        return f"{self.loss!r}.as_objective({self.library!r})"

    def __call__(
        self, y_true: ArrayLike, y_pred: NDArray[Any], sample_weight: ArrayLike | None = None
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return gradient and Hessian of each sample.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            Indices of the classes, or for two classes the probability of class 1.
        y_pred : ndarray of shape (n_samples,) or (n_samples, n_classes)
            Raw predictions.
        sample_weight : array-like of shape (n_samples,), default=None
            Factor of each sample, finite and not negative.

        Returns
        -------
        gradient, hessian : ndarray of the shape of y_pred
        """
        y_pred = np.asarray(y_pred)
        gradient, hessian = self.loss._evaluate(
            y_true, y_pred, sample_weight, 1, convex=True, gradient=None, hessian=None
        )
        if self.loss.n_classes > 2:
            hessian *= FACTORS[self.library](self.loss.n_classes)
        weight = np.asarray(1 if sample_weight is None else sample_weight, dtype=hessian.dtype)
        smallest = SMALLEST_HESSIAN * weight.reshape(-1, *[1] * (hessian.ndim - 1))
        np.maximum(hessian, smallest, out=hessian)
        return gradient.reshape(y_pred.shape), hessian.reshape(y_pred.shape)

    def init_score(
        self, y_true: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> float | NDArray[Any]:
        """Return the constant raw prediction that has the smallest loss.

        Start boosting from it, because the libraries compute no initial score for a custom
        objective.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            See the objective.
        sample_weight : array-like of shape (n_samples,), default=None
            Factor of each sample.

        Returns
        -------
        raw_prediction : float or ndarray of shape (n_classes,)
            A number for two classes, else one for each class.
        """
        return self.loss.init_score(y_true, sample_weight)
