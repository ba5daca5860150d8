"""Structured matrix scaling: temperature scaling, and a penalised matrix beside it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.model_selection import BaseCrossValidator

from sklogloss.calibration.base import LogitCalibrator, softened_targets
from sklogloss.calibration.temperature import TemperatureScaling
from sklogloss.calibration.vector import VectorScaling
from sklogloss.classifiers import LogLossClassifier, LogLossClassifierCV
from sklogloss.inputs.arrays import real_array
from sklogloss.inputs.errors import shown
from sklogloss.metrics.forecasts import Forecasts

__all__ = ["StructuredScaling"]

# Of more samples than this, so many choose the strength of the penalty. It is the inverse of the
# variance that is expected of the matrix, and the same for any number of samples.
ROWS_OF_CHOICE = 20_000
# Relative tolerance of fits that are only compared.
TOL_OF_CHOICE = 1e-3


class StructuredScaling(LogitCalibrator):
    r"""Matrix scaling with a penalty that shrinks it towards temperature scaling.

    The calibrated raw predictions are

    .. math:: x_k + b_k + \sum_l M_{kl} x_l,

    where :math:`x = z / T` are those of `TemperatureScaling`, minus their mean over the classes.
    Through the matrix M, the probability of a class depends on the raw predictions of others. M has
    an L2 penalty, whose strength is chosen by held-out log loss. A strong penalty leads to
    temperature scaling with intercepts. No penalty leads to matrix scaling, which has many
    parameters and overfits [1]_, [2]_.

    For two classes, a matrix adds nothing, and this is `VectorScaling`. For more than 20,000
    samples, the matrix is fitted in float32.

    Parameters
    ----------
    Cs : array-like of shape (n_Cs,), default=None
        Inverse strengths of the penalty to choose from, as for `LogLossClassifier`. None means
        0.001, 0.01, ..., 100, divided by the square of the number of classes. A single one is used
        without cross-validation.
    cv : int, cross-validation generator or iterable, default=None
        The folds that choose the strength, of the samples with nonzero weight. None means 3
        stratified folds or, for more than 20,000 samples, one split of 20,000 of them that holds a
        quarter out.
    n_jobs : int, default=None
        Number of threads, as for `LogLossClassifier`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels of the classes.
    coef_ : ndarray of shape (n_classes, n_classes)
        Calibrated raw predictions are ``z @ coef_.T + intercept_``, z relative to its mean over
        the classes. For two classes a number.
    intercept_ : ndarray of shape (n_classes,)
        For two classes a number.
    C_ : float
        The chosen strength; nan for two classes.
    scores_ : ndarray of shape (n_folds, n_Cs)
        Minus the log loss of the test rows. Empty where there is nothing to choose.

    References
    ----------
    .. [1] M. Kull, M. Perello-Nieto, M. Kaengsepp, T. Silva Filho, H. Song and P. Flach, "Beyond
       Temperature Scaling: Obtaining Well-Calibrated Multi-Class Probabilities with Dirichlet
       Calibration", NeurIPS 2019, section 3.
    .. [2] E. Berta, D. Holzmueller, M. I. Jordan and F. Bach, "Structured Matrix Scaling for
       Multi-Class Calibration", 2025.

    Examples
    --------
    >>> import numpy as np
    >>> from sklogloss.calibration import StructuredScaling
    >>> rng = np.random.default_rng(0)
    >>> z = rng.normal(size=(20_000, 3))
    >>> true = z @ np.array([[2.0, 0.0, 0.0], [0.0, 1.0, 0.5], [0.0, 0.5, 1.0]])
    >>> y = (true + rng.gumbel(size=z.shape)).argmax(axis=1)
    >>> structured = StructuredScaling().fit(z, y)
    >>> structured.coef_.shape
    (3, 3)
    """

    coef_: float | NDArray[Any]
    intercept_: float | NDArray[Any]
    C_: float
    scores_: NDArray[np.float64]

    def __init__(
        self,
        *,
        Cs: ArrayLike | None = None,
        cv: int | BaseCrossValidator | Any | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.Cs = Cs
        self.cv = cv
        self.n_jobs = n_jobs

    def _fit(self, forecasts: Forecasts, unit: float) -> None:
        n_classes = forecasts.n_classes
        if n_classes == 2:
            vector = VectorScaling()._fit_forecasts(forecasts, unit)
            self.coef_, self.intercept_ = vector.slope_, vector.intercept_
            self.C_, self.scores_ = np.nan, np.empty((0, 0))
            return
        z = _relative(forecasts.logits())
        slope = TemperatureScaling()._fit_forecasts(forecasts, unit).slope_
        y = forecasts.loss_target()
        if not forecasts.frequencies().all():
            # Platt's targets give a class without samples a share, and its intercept an optimum.
            y = softened_targets(forecasts, unit)
        # The penalty is for raw predictions as they are after temperature scaling, and for those of
        # size 1 if that has found nothing in them.
        scale = max(slope, 1 / (np.sqrt(np.vdot(z, z) / z.size) or 1))
        # Of many samples, float32 has more digits than the coefficients are known to.
        dtype = np.float32 if len(z) > ROWS_OF_CHOICE else np.float64
        weight = forecasts.weights() * unit
        X = (scale * z).astype(dtype, copy=False)
        data = X, y, weight, X if slope == scale else (slope * z).astype(dtype, copy=False)
        Cs = self._strengths(n_classes)
        some = _rows_of_choice(y, weight) if self.cv is None and len(Cs) > 1 else None
        if some is not None:
            search = self._search(Cs, [_train_test(len(some))], TOL_OF_CHOICE)
            X_some, y_some, weight_some, offset = (array[some] for array in data)
            search.fit(X_some, y_some, sample_weight=weight_some, offset=offset)
            self.C_, self.scores_ = search.C_, search.scores_[:, 0]
            model: Any = LogLossClassifier(C=self.C_, n_jobs=self.n_jobs)
        elif len(Cs) == 1:
            model = LogLossClassifier(C=float(Cs[0]), n_jobs=self.n_jobs)
            self.C_, self.scores_ = model.C, np.empty((0, 1))
        else:
            model = self._search(Cs, 3 if self.cv is None else self.cv)
        model.fit(data[0], y, sample_weight=weight, offset=data[3])
        if isinstance(model, LogLossClassifierCV):
            self.C_, self.scores_ = model.C_, model.scores_[:, 0]
        self.coef_ = slope * np.eye(n_classes) + scale * model.coef_
        self.intercept_ = model.intercept_

    def _search(self, Cs: Any, cv: Any, tol: float = 1e-4) -> LogLossClassifierCV:
        return LogLossClassifierCV(Cs=Cs, cv=cv, tol=tol, n_jobs=self.n_jobs)

    def _strengths(self, n_classes: int) -> NDArray[Any]:
        # The inverse strengths to choose from, checked.
        if self.Cs is None:
            return np.logspace(-3, 2, 6) / n_classes**2
        Cs = np.atleast_1d(real_array("Cs", self.Cs))
        if Cs.ndim != 1 or len(Cs) == 0 or not np.all(Cs > 0):
            raise ValueError(f"Cs must hold one or more values in (0, inf], got {shown(self.Cs)}")
        return Cs

    def _logits(self, raw_prediction: NDArray[Any]) -> NDArray[Any]:
        if raw_prediction.ndim == 1:
            return self.coef_ * raw_prediction + self.intercept_
        return _relative(raw_prediction) @ np.asarray(self.coef_).T + self.intercept_


def _relative(raw_prediction: NDArray[Any]) -> NDArray[Any]:
    return raw_prediction - raw_prediction.mean(axis=1, keepdims=True)


def _rows_of_choice(y: NDArray[Any], weight: NDArray[Any]) -> NDArray[np.intp] | None:
    # Random rows with weight, the training part of which has all classes; None if there are few.
    with_weight = np.flatnonzero(weight > 0)
    if len(with_weight) <= ROWS_OF_CHOICE:
        return None
    rows = np.random.default_rng(0).permutation(with_weight)[:ROWS_OF_CHOICE]
    if y.ndim == 1:
        train, _ = _train_test(len(rows))
        if len(np.unique(y[rows[train]])) < len(np.unique(y)):
            return None
    return rows


def _train_test(n_rows: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    train, test = np.split(np.arange(n_rows), [3 * n_rows // 4])
    return train, test
