"""Marginal effects: the mean change of a probability per unit of a column of X."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sklogloss.inference.estimates import Estimates
from sklogloss.inference.likelihood import Likelihood
from sklogloss.inference.rows import row_blocks, rows_in_theta
from sklogloss.inference.terms import Terms
from sklogloss.linear.entries import Entries
from sklogloss.linear.objective import Coordinates
from sklogloss.linear.threads import one_blas_thread
from sklogloss.losses.base import Loss

__all__ = ["Margins", "are_binary", "average_effects", "effects_of_rows", "mean_row"]


class Margins(Estimates):
    """Marginal effects with standard errors, from `InferenceResult.margins`. Prints as a table.

    For two classes, there is one effect for each column, on the probability of the second class.
    For more, there is one for each column and class, and those of a column sum to zero.

    Attributes
    ----------
    margins : Series, DataFrame or ndarray
    bse : Series, DataFrame or ndarray
        Standard errors, by the delta method.
    zvalues, pvalues : Series, DataFrame or ndarray
    kind : {"average", "at means"}
    discrete : list of str
        The columns whose effect is that of a step from 0 to 1.
    """

    _header = "dy/dx"

    def __init__(
        self,
        flat: NDArray[np.float64],
        covariance: NDArray[np.float64],
        terms: Terms,
        kind: str,
        discrete: list[str],
    ) -> None:
        super().__init__(flat, covariance, terms)
        self.margins = terms.vector(flat)
        self.kind, self.discrete = kind, discrete

    def _figures(self) -> list[tuple[str, str]]:
        return [
            ("Marginal effects", self.kind),
            ("Steps from 0 to 1", f"{len(self.discrete)} of {len(self._terms.names)} columns"),
        ]


@dataclass(frozen=True, eq=False)
class _Derivatives:
    """Probabilities of the reported classes at raw predictions, and their derivatives.

    Attributes
    ----------
    proba : ndarray of shape (n_rows, n_labels)
    first : ndarray of shape (n_rows, n_labels, n_columns)
    """

    proba: NDArray[np.float64]
    first: NDArray[np.float64]

    @classmethod
    def at(cls, raw_prediction: NDArray[np.float64], loss: Loss) -> _Derivatives:
        proba = loss.link(raw_prediction)
        if raw_prediction.shape[1] == 1:
            return cls(proba[:, 1:], (proba[:, 0] * proba[:, 1])[:, None, None])
        first = proba[:, :, None] * (np.eye(proba.shape[1]) - proba[:, None, :])
        return cls(proba, first)

    def second(self) -> NDArray[np.float64]:
        """Return the second derivatives, shape (n_rows, n_labels, n_columns, n_columns)."""
        proba, first = self.proba, self.first
        if first.shape[1:] == (1, 1):
            return first[..., None] * (1 - 2 * proba)[:, :, None, None]
        diagonal = np.eye(proba.shape[1])[:, :, None] * first[:, :, None, :]
        crossed = first[:, :, None, :] * proba[:, None, :, None]
        return diagonal - crossed - proba[:, :, None, None] * first[:, None, :, :]


def average_effects(
    likelihood: Likelihood,
    theta: NDArray[np.float64],
    entries: Entries,
    raw_prediction: NDArray[np.float64],
    share: NDArray[np.float64],
    is_discrete: NDArray[np.bool_],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the weighted means of the marginal effects over rows, and their derivatives in theta.

    Parameters
    ----------
    likelihood : Likelihood
        Its loss links raw predictions and probabilities.
    theta : ndarray of shape (n_parameters,)
    entries : Entries
        Of X, of shape (n_rows, n_features).
    raw_prediction : ndarray of shape (n_rows, n_columns)
    share : ndarray of shape (n_rows,)
        The weight of each row in the mean; they sum to one.
    is_discrete : ndarray of shape (n_features,)
        For these columns the effect is the difference of the probabilities at 1 and at 0.

    Returns
    -------
    effects : ndarray of shape (n_labels, n_features)
    jacobian : ndarray of shape (n_labels, n_features, n_terms, n_columns)
    """
    objective, loss = likelihood.objective, likelihood.loss
    coordinates = objective.coordinates
    coef, _ = objective.coef_intercept(theta)
    n_columns = n_labels = objective.n_columns
    n_rows = len(raw_prediction)
    slopes = np.zeros((n_labels, n_columns))
    bends = np.zeros((objective.shape[0], n_labels, n_columns, n_columns))
    effects = np.zeros((n_labels, len(coef)))
    jacobian = np.zeros((n_labels, len(coef), *objective.shape))
    for block in row_blocks(n_rows, max(objective.shape[0], 4 * n_columns**3)):
        of_block, columns = share[block], rows_in_theta(entries, block, coordinates)
        at_rows = _Derivatives.at(raw_prediction[block], loss)
        slopes += np.tensordot(of_block, at_rows.first, 1)
        second = at_rows.second() * of_block[:, None, None, None]
        bends += np.tensordot(columns, second, (0, 0))
        for j in np.flatnonzero(is_discrete).tolist():
            step = _Step.of(columns, j, coef[j], raw_prediction[block], loss, coordinates)
            effects[:, j] += of_block @ step.effect
            jacobian[:, j] += step.jacobian(of_block)
    smooth = ~is_discrete
    effects[:, smooth] = slopes @ coef[smooth].T
    # The derivative of slopes @ coef: by the slopes, which bend, and by coef.
    jacobian[:, smooth] = np.einsum("tklm,jl->kjtm", bends, coef[smooth])
    for j in np.flatnonzero(smooth).tolist():
        jacobian[:, j, j] += slopes * coordinates.scale[j]
    return effects, jacobian


@dataclass(frozen=True, eq=False)
class _Step:
    """The step of a column from 0 to 1, for each row of a block."""

    columns: NDArray[np.float64]
    place: int
    values: tuple[float, float]
    before: _Derivatives
    after: _Derivatives

    @classmethod
    def of(
        cls,
        columns: NDArray[np.float64],
        j: int,
        coef: NDArray[np.float64],
        raw_prediction: NDArray[np.float64],
        loss: Loss,
        coordinates: Coordinates,
    ) -> _Step:
        center, scale = coordinates.center[j], coordinates.scale[j]
        x = columns[:, j] / scale + center
        before = raw_prediction - x[:, None] * coef
        return cls(
            columns,
            j,
            (-center * scale, (1 - center) * scale),
            _Derivatives.at(before, loss),
            _Derivatives.at(before + coef, loss),
        )

    @property
    def effect(self) -> NDArray[np.float64]:
        return self.after.proba - self.before.proba

    def jacobian(self, share: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the derivative of the mean effect, shape (n_labels, n_terms, n_columns)."""
        before = self.before.first * share[:, None, None]
        after = self.after.first * share[:, None, None]
        jacobian = np.einsum("it,ikm->ktm", self.columns, after - before)
        jacobian[:, self.place] = self.values[1] * after.sum(axis=0) - self.values[0] * before.sum(
            axis=0
        )
        return jacobian


def effects_of_rows(
    likelihood: Likelihood, theta: NDArray[np.float64], is_discrete: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return `average_effects` over the rows of the fit, weighted by sample_weight."""
    if not likelihood.objective.samples.is_partitioned:
        return _effects(likelihood, theta, is_discrete)
    total, *sums = likelihood.sum_over_rows("effects", _weighted_effects, theta, is_discrete)
    effects, jacobian = (each / total for each in sums)
    return effects, jacobian


def _effects(
    likelihood: Likelihood, theta: NDArray[np.float64], is_discrete: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    entries = Entries.of(likelihood.objective.samples)
    raw_prediction, share = likelihood.raw_prediction(theta), likelihood.row_share
    return average_effects(likelihood, theta, entries, raw_prediction, share, is_discrete)


def _weighted_effects(
    likelihood: Likelihood, theta: NDArray[np.float64], is_discrete: NDArray[np.bool_]
) -> tuple[np.float64, NDArray[np.float64], NDArray[np.float64]]:
    # The effects of some rows, times their weight.
    total = _weight_given(likelihood)
    effects, jacobian = _effects(likelihood, theta, is_discrete)
    return total, total * effects, total * jacobian


def _weight_given(likelihood: Likelihood) -> np.float64:
    weight, n_samples = likelihood.sample_weight, likelihood.objective.samples.n_samples
    return np.float64(n_samples if weight is None else weight.sum())


def mean_row(
    likelihood: Likelihood, theta: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean of the rows of X by sample_weight and its raw prediction, each as one row."""
    objective = likelihood.objective
    total, of_rows, of_offset = likelihood.sum_over_rows("mean", _weighted_mean)
    mean = of_rows / total
    coef, intercept = objective.coef_intercept(theta)
    raw_prediction = mean @ coef + intercept
    if of_offset is not None:
        raw_prediction += of_offset / total
    return mean[None], raw_prediction[None]


def _weighted_mean(
    likelihood: Likelihood,
) -> tuple[np.float64, NDArray[np.float64], NDArray[np.float64] | None]:
    # The weight of rows, and the means of X and of the offset, times this weight.
    samples, share = likelihood.objective.samples, likelihood.row_share
    with one_blas_thread():
        _, mean, _ = samples.moments(share, centred=True)
    total = _weight_given(likelihood)
    offset = None if samples.offset is None else total * (share @ samples.offset)
    return total, total * mean, offset


def are_binary(likelihood: Likelihood) -> NDArray[np.bool_]:
    """Return which columns of X hold 0 and 1 only."""
    return np.all(likelihood.of_each_part("columns", _are_binary), axis=0)


def _are_binary(likelihood: Likelihood) -> NDArray[np.bool_]:
    is_binary: NDArray[np.bool_] = Entries.of(likelihood.objective.samples).binary_columns()
    return is_binary
