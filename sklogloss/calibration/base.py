"""Code that all calibrators of raw predictions share."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from sklogloss.classifiers.documentation import DocumentationLinks
from sklogloss.inputs.array_api import to_numpy
from sklogloss.inputs.arrays import check_finite, real_array
from sklogloss.inputs.columns import column_names, in_order_of_classes
from sklogloss.inputs.errors import stacklevel_of_user
from sklogloss.inputs.probabilities import float_array
from sklogloss.linear.threads import one_blas_thread
from sklogloss.losses import LogLoss
from sklogloss.metrics.forecasts import Forecasts

__all__ = ["Calibrator", "LogitCalibrator", "soft_forecasts", "softened_targets", "warn_of_shares"]

# Weights above 2 to the power of this act like infinitely many samples.
LARGEST_EXPONENT = 30
# Bound of the rounding errors of a sum of shares.
SHARES_TOL = 1e-6


class Calibrator(DocumentationLinks, BaseEstimator, ABC):
    """Base class of calibrators, which map raw predictions to calibrated probabilities.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels of the classes, sorted.
    """

    classes_: NDArray[Any]

    def fit(
        self,
        raw_prediction: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        labels: ArrayLike | None = None,
    ) -> Self:
        """Fit the calibrator to raw predictions for samples that the model was not fitted to.

        Parameters
        ----------
        raw_prediction : array-like of shape (n_samples,) or (n_samples, n_classes)
            Logits. For two classes, one column, or two columns whose difference is the logit. The
            logarithms of probabilities are logits, too.
        y : array-like of shape (n_samples,) or (n_samples, n_classes)
            Labels, or soft targets: the probability of each class.
        sample_weight : array-like of shape (n_samples,), default=None
            Nonnegative; None means 1 for each sample. A weight of 2 counts as two samples. A common
            factor of all weights does not change the loss that is minimised, but it changes the
            corrections for small samples: Platt's targets, the sample that isotonic and Venn-Abers
            calibration add, and the penalty of structured scaling. Importance weights should have a
            mean of 1.
        labels : array-like of shape (n_classes,), default=None
            The classes, in the order of the columns; needed if y may lack some.

        Returns
        -------
        self : object
            Fitted calibrator.

        Raises
        ------
        ValueError, TypeError
            If an argument is out of its range; the message names it.

        Warns
        -----
        UserWarning
            If the weights of several samples sum to 1 or less. They are then shares, not numbers of
            samples.
        """
        sample_weight = to_numpy(sample_weight)
        forecasts = Forecasts.of(
            y,
            None,
            raw_prediction=raw_prediction,
            sample_weight=sample_weight,
            labels=labels,
            names={"y_true": "y"},
        )
        warn_of_shares(sample_weight)
        return self._fit_forecasts(forecasts, _unit(sample_weight))

    def _fit_forecasts(self, forecasts: Forecasts, unit: float) -> Self:
        # The weights in the forecasts are those of the samples divided by unit.
        self.classes_ = forecasts.classes
        with one_blas_thread():
            self._fit(forecasts, unit)
        return self

    @abstractmethod
    def _fit(self, forecasts: Forecasts, unit: float) -> None:
        """Set the fitted attributes.

        Parameters
        ----------
        forecasts : Forecasts
            With raw predictions.
        unit : float
            The weight of a sample is that of the forecasts times unit.
        """

    @abstractmethod
    def _log_proba(self, raw_prediction: NDArray[Any]) -> NDArray[Any]:
        """Return log-probabilities of checked raw predictions."""

    def _proba(self, raw_prediction: NDArray[Any]) -> NDArray[Any]:
        """Return probabilities of checked raw predictions."""
        with np.errstate(under="ignore"):
            return np.exp(self._log_proba(raw_prediction))

    def predict_proba(self, raw_prediction: ArrayLike) -> NDArray[Any]:
        """Return the probabilities of the classes.

        Parameters
        ----------
        raw_prediction : array-like of shape (n_samples,) or (n_samples, n_classes)
            As for `fit`.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes)
            Columns as in ``classes_``.
        """
        return self._proba(self._check(raw_prediction))

    def predict_log_proba(self, raw_prediction: ArrayLike) -> NDArray[Any]:
        """Return the log-probabilities of the classes, in nats.

        Parameters
        ----------
        raw_prediction : array-like of shape (n_samples,) or (n_samples, n_classes)
            As for `fit`.

        Returns
        -------
        log_proba : ndarray of shape (n_samples, n_classes)
            Columns as in ``classes_``.
        """
        return self._log_proba(self._check(raw_prediction))

    def predict(self, raw_prediction: ArrayLike) -> NDArray[Any]:
        """Return the most probable class of each sample.

        Parameters
        ----------
        raw_prediction : array-like of shape (n_samples,) or (n_samples, n_classes)
            As for `fit`.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            Labels.
        """
        return self.classes_[self.predict_log_proba(raw_prediction).argmax(axis=1)]

    def _check(self, raw_prediction: ArrayLike) -> NDArray[Any]:
        # Checked raw predictions, with one dimension for two classes.
        check_is_fitted(self, "classes_")
        raw, _ = float_array("raw_prediction", raw_prediction)
        check_finite("raw_prediction", raw)
        n_classes, n_columns = len(self.classes_), 1 if raw.ndim == 1 else raw.shape[1]
        if n_columns != n_classes and not (n_columns == 1 and n_classes == 2):
            raise ValueError(
                f"raw_prediction must have a column for each of {n_classes} classes, got "
                f"{n_columns}"
            )
        names = column_names(raw_prediction)
        if names:
            raw = in_order_of_classes("raw_prediction", raw, names, self.classes_)
        return raw[:, 1] - raw[:, 0] if n_columns == 2 else raw


class LogitCalibrator(Calibrator):
    """Base class of calibrators whose probabilities are the sigmoid or softmax of new logits."""

    @abstractmethod
    def _logits(self, raw_prediction: NDArray[Any]) -> NDArray[Any]:
        """Return calibrated raw predictions, of the shape of the given ones."""

    def _log_proba(self, raw_prediction: NDArray[Any]) -> NDArray[Any]:
        return LogLoss(len(self.classes_)).log_link(self._logits(raw_prediction))

    def _proba(self, raw_prediction: NDArray[Any]) -> NDArray[Any]:
        return LogLoss(len(self.classes_)).link(self._logits(raw_prediction))


def softened_targets(forecasts: Forecasts, unit: float) -> NDArray[np.float64]:
    """Return Platt's targets: probabilities of the classes, shape (n_samples, n_classes).

    For a sample of a class with n samples, the target of that class is (n + 1) / (n + 2), and the
    other classes share 1 / (n + 2). It is as if there were two more samples, one of another class.
    """
    n_classes = forecasts.n_classes
    totals = unit * (forecasts.weights() @ forecasts.targets())
    of_others = 1 / (totals + 2)
    of_class = np.repeat(of_others[:, None] / (n_classes - 1), n_classes, axis=1)
    np.fill_diagonal(of_class, 1 - of_others)
    return of_class[forecasts.label] if forecasts.target is None else forecasts.target @ of_class


def soft_forecasts(forecasts: Forecasts, target: NDArray[np.float64]) -> Forecasts:
    """Return the same forecasts with other targets, of shape (n_samples, n_classes)."""
    return replace(forecasts, label=None, target=target)


def warn_of_shares(sample_weight: ArrayLike | None) -> None:
    """Warn if weights cannot be numbers of samples, since their sum is 1 at most."""
    if sample_weight is None:
        return
    weight = real_array("sample_weight", sample_weight)
    if np.count_nonzero(weight) > 1 and 0 < weight.sum() <= 1 + SHARES_TOL:
        warnings.warn(
            "sample_weight sums to 1 or less. The calibrator treats this sum as the number of "
            "samples, and corrects for so small a number. Divide the weights by their mean",
            UserWarning,
            stacklevel=stacklevel_of_user(),
        )


def _unit(sample_weight: ArrayLike | None) -> float:
    # Of the weights, which Forecasts divides by a power of two.
    if sample_weight is None:
        return 1.0
    _, exponent = np.frexp(real_array("sample_weight", sample_weight).max())
    return float(np.ldexp(1.0, min(int(exponent), LARGEST_EXPONENT)))
