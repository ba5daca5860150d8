"""Structured matrix scaling: temperature scaling plus a penalised matrix."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import norm
from sklearn.model_selection import BaseCrossValidator

from sklogloss.calibration.base import LogitCalibrator, softened_targets
from sklogloss.calibration.relative import reach_of, relative
from sklogloss.calibration.slope import BLOCK_ENTRIES, SLOPE_TOL
from sklogloss.calibration.temperature import finite_slope
from sklogloss.calibration.vector import VectorScaling
from sklogloss.classifiers import LogLossClassifier, LogLossClassifierCV
from sklogloss.inputs.arrays import real_array
from sklogloss.inputs.errors import shown, stacklevel_of_user
from sklogloss.metrics.forecasts import Forecasts
from sklogloss.metrics.log_loss import log_loss
from sklogloss.metrics.recalibration import within_reach

__all__ = ["StructuredScaling", "scaled_logits"]

# Of more samples than this, so many choose the strength of the penalty. It is the inverse of the
# variance that is expected of the matrix, and the same for any number of samples.
ROWS_OF_CHOICE = 20_000
# Of fewer samples, as many folds choose it.
N_FOLDS = 3
# The tolerance of fits to so many. It asks for a log loss within a relative 1e-6 of the smallest:
# the errors that the coefficients have for want of samples cost far more.
TOL_OF_MANY = 3.0
# So for the temperature, the centre of the penalty, whose own error is some 1e-3. With 1e-2, a
# search may end when it has only begun, if masks rule out half of the classes.
SLOPE_TOL_OF_MANY = 1e-3
# Raw predictions up to this, after temperature scaling, lose less than 1e-4 nats in float32. Those
# of classes that are ruled out may be far larger.
LARGEST_IN_SINGLE = 1e3


class StructuredScaling(LogitCalibrator):
    r"""Matrix scaling with a penalty that shrinks it towards temperature scaling.

    The calibrated raw predictions are

    .. math:: x_k + b_k + \sum_l M_{kl} x_l,

    where :math:`x = z / T` are those of `TemperatureScaling`, minus their mean over the classes.
    Those with a probability of 0 are first raised to where that begins, so that classes that a mask
    rules out do not disturb the others.
    Through the matrix M, the probability of a class depends on the raw predictions of others. M has
    an L2 penalty, whose strength is chosen by held-out log loss. A strong penalty leads to
    temperature scaling with intercepts. No penalty leads to matrix scaling, which has many
    parameters and overfits [1]_, [2]_.

    For two classes, a matrix adds nothing, and this is `VectorScaling`. For more than 20,000
    samples, the matrix is fitted in float32, to a log loss within a relative 1e-6 of the smallest,
    unless raw predictions are too large for that.

    Parameters
    ----------
    Cs : array-like of shape (n_Cs,), default=None
        Inverse strengths of the penalty to choose from, as in `LogLossClassifier`. None means
        0.001, 0.01, ..., 100, divided by the square of the number of classes. A single value is
        used without cross-validation.
    cv : int, cross-validation generator or iterable, default=None
        The folds that choose the strength, among samples with nonzero weight. None means 3
        stratified folds, or fewer if no class has 3 samples; if none has 2, the strongest penalty
        is used. For more than 20,000 samples, it means one split of 20,000 of them, which holds out
        a quarter.
    n_jobs : int, default=None
        Number of threads, as in `LogLossClassifier`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels of the classes.
    coef_ : ndarray of shape (n_classes, n_classes)
        Calibrated raw predictions are ``z @ coef_.T + intercept_``, where z has the mean over the
        classes subtracted. For two classes, a number.
    intercept_ : ndarray of shape (n_classes,)
        For two classes, a number.
    C_ : float
        The chosen strength; nan for two classes.
    scores_ : ndarray of shape (n_folds, n_Cs)
        Minus the log loss of the test rows. Empty if there is nothing to choose.

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
        y = forecasts.loss_target()
        if not forecasts.frequencies().all():
            # Platt's targets give a class without samples a share, and its intercept an optimum.
            y = softened_targets(forecasts, unit)
        weight = None if forecasts.sample_weight is None else forecasts.sample_weight * unit
        logits = scaled_logits(forecasts, unit)
        self._reach = reach_of(logits.slope)
        tol = TOL_OF_MANY if logits.X.dtype == np.float32 else 1e-4
        data = _Data(logits.X, y, weight, logits.offset)
        Cs, n_folds = self._strengths(n_classes), _n_folds(y)
        if self.cv is None and n_folds < 2:
            # There is nothing to choose by, and the strongest penalty overfits least.
            Cs = Cs[[Cs.argmin()]]
        some = _rows_of_choice(data) if self.cv is None and len(Cs) > 1 else None
        if some is not None:
            model: Any = LogLossClassifier(tol=tol, n_jobs=self.n_jobs)
            self.scores_ = _scores(model, data.take(some), Cs)
            self.C_ = model.C = float(Cs[self.scores_.argmax()])
        elif len(Cs) == 1:
            model = LogLossClassifier(C=float(Cs[0]), tol=tol, n_jobs=self.n_jobs)
            self.C_, self.scores_ = model.C, np.empty((0, 1))
        else:
            cv = n_folds if self.cv is None else self.cv
            model = LogLossClassifierCV(Cs=Cs, cv=cv, tol=tol, n_jobs=self.n_jobs)
        data.fit(model)
        if isinstance(model, LogLossClassifierCV):
            self.C_, self.scores_ = model.C_, model.scores_[:, 0]
        matrix = logits.scale * model.coef_.astype(np.float64)
        self.coef_ = logits.slope * np.eye(n_classes) + matrix
        self.intercept_ = model.intercept_

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
        return relative(raw_prediction, self._reach) @ np.asarray(self.coef_).T + self.intercept_


class ScaledLogits(NamedTuple):
    """Raw predictions minus their mean over the classes, in the scales that the matrix needs.

    Attributes
    ----------
    X : ndarray of shape (n_samples, n_classes)
        Times `scale`: the penalty is for raw predictions as they are after temperature scaling, and
        for those of size 1 if temperature scaling has found little in them. Fortran-ordered like
        the offset, which the passes read by columns.
    offset : ndarray of shape (n_samples, n_classes)
        Times `slope`.
    scale : float
    slope : float
        That of temperature scaling.
    """

    X: NDArray[Any]
    offset: NDArray[Any]
    scale: float
    slope: float


def scaled_logits(forecasts: Forecasts, unit: float) -> ScaledLogits:
    """Return the raw predictions of forecasts in the scales that the matrix needs.

    Those of many samples are in float32, unless they are too large for that.

    Parameters
    ----------
    forecasts : Forecasts
    unit : float
        The weight of a sample is that of the forecasts times unit.
    """
    are_many = len(forecasts) > ROWS_OF_CHOICE
    of_blocks = _scaled_by_blocks(forecasts, unit) if are_many else None
    if of_blocks is not None:
        return of_blocks
    slope = finite_slope(forecasts, unit, SLOPE_TOL_OF_MANY if are_many else SLOPE_TOL)
    z = within_reach(relative(forecasts.logits(), reach_of(slope)))
    # BLAS computes a norm without squares that overflow or vanish.
    scale = max(slope, 1 / (norm(z.ravel()) / np.sqrt(z.size) or 1))
    # With many samples, float32 has more digits than the coefficients are known to.
    is_single = are_many and scale * max(z.max(), -z.min()) <= LARGEST_IN_SINGLE
    dtype = np.float32 if is_single else np.float64
    X = _scaled(z, scale, dtype)
    return ScaledLogits(X, X if slope == scale else _scaled(z, slope, dtype), scale, slope)


def _scaled_by_blocks(forecasts: Forecasts, unit: float) -> ScaledLogits | None:
    # The same in float32, without a copy of all in float64, whose memory takes time. None if some
    # are far apart.
    raw, limits = forecasts.logits(), np.finfo(np.float32)
    smallest, most = float(limits.tiny), float(limits.max)
    z = np.empty(raw.shape, np.float32, order="F")
    squares, largest = 0.0, 0.0
    n_rows = max(1, BLOCK_ENTRIES // raw.shape[1])
    with np.errstate(all="ignore"):
        for rows in (slice(i, i + n_rows) for i in range(0, len(raw), n_rows)):
            block = relative(raw[rows], np.inf)
            squares += float(np.vdot(block, block))
            largest = max(largest, float(block.max()), -float(block.min()))
            z[rows] = block
    size = float(np.sqrt(squares / z.size))
    if not (smallest < size < most and largest <= LARGEST_IN_SINGLE * size):
        return None
    slope = finite_slope(replace(forecasts, raw_prediction=z), unit, SLOPE_TOL_OF_MANY)
    scale = max(slope, 1 / size)
    if scale * largest > LARGEST_IN_SINGLE or 2 * largest > reach_of(slope):
        return None
    X = np.float32(scale) * z
    return ScaledLogits(X, X if slope == scale else np.float32(slope) * z, scale, slope)


def _scaled(z: NDArray[Any], factor: float, dtype: Any) -> NDArray[Any]:
    # Only the product must be within the range of the dtype.
    product: NDArray[Any] = np.empty(z.shape, dtype, order="F")
    return np.multiply(z, factor, out=product, casting="same_kind")


class _Data(NamedTuple):
    # The samples for the matrix; the offset has the raw predictions after temperature scaling.
    X: NDArray[Any]
    y: NDArray[Any]
    weight: NDArray[Any] | None
    offset: NDArray[Any]

    def take(self, rows: NDArray[np.intp]) -> _Data:
        weight = None if self.weight is None else self.weight[rows]
        return _Data(self.X[rows], self.y[rows], weight, self.offset[rows])

    def fit(self, model: Any) -> None:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model.fit(self.X, self.y, sample_weight=self.weight, offset=self.offset)
        # What a user has called is this calibrator, with raw predictions for X.
        for each in caught:
            warnings.warn(
                f"StructuredScaling, fitted to raw_prediction: {each.message}",
                each.category,
                stacklevel=stacklevel_of_user(),
            )

    def loss(self, model: Any) -> float:
        raw = model.decision_function(self.X, self.offset)
        return log_loss(
            self.y, raw_prediction=raw, sample_weight=self.weight, labels=np.arange(raw.shape[1])
        )


def _scores(model: LogLossClassifier, data: _Data, Cs: NDArray[Any]) -> NDArray[np.float64]:
    # Minus the held-out log loss of the model with each strength, shape (1, n_Cs).
    train, test = (data.take(rows) for rows in _train_test(len(data.y)))
    scores = []
    for C in Cs:
        train.fit(model.set_params(C=float(C)))
        scores.append(-test.loss(model))
    return np.array([scores])


def _n_folds(y: NDArray[Any]) -> int:
    # As many as a class has samples, at most.
    label = y if y.ndim == 1 else y.argmax(axis=1)
    return min(N_FOLDS, int(np.bincount(label).max()))


def _rows_of_choice(data: _Data) -> NDArray[np.intp] | None:
    # Random rows with weight, the training part of which has all classes; None if there are few.
    y, weight = data.y, data.weight
    with_weight = np.arange(len(y)) if weight is None else np.flatnonzero(weight > 0)
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
