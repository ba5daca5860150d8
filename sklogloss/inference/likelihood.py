"""The log-likelihood of a fitted model, as a function of the solver's parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklogloss.linear.objective import Coordinates, Objective, fix_class_shift
from sklogloss.linear.row_functions import of_each_part, sum_over_rows
from sklogloss.linear.samples import Samples
from sklogloss.linear.scores import raw_prediction
from sklogloss.linear.threads import one_blas_thread
from sklogloss.losses.base import Loss
from sklogloss.penalties import Penalty

__all__ = ["Likelihood", "Point"]


@dataclass(frozen=True, eq=False)
class Point:
    """Minus the log-likelihood at a theta.

    Attributes
    ----------
    theta, gradient : ndarray of shape (n_parameters,)
    value : float
        In nats, summed over the rows.
    hessian : ndarray of shape (n_parameters, n_parameters)
        Its lower triangle. For several classes it has curvature along the direction in which the
        parameters of all classes shift together; the gradient and all contrasts of classes are
        orthogonal to it.
    """

    theta: NDArray[np.float64]
    value: float
    gradient: NDArray[np.float64]
    hessian: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Likelihood:
    """Minus the log-likelihood of rows, or another loss of them, summed; plus an L2 penalty.

    Attributes
    ----------
    objective : Objective
        Of float64 arithmetic. Its mean times `total` is the sum.
    loss : Loss
    total : float
        The sum of the weights.
    exponent : int
        The weights of the objective's samples are divided by 2 to this power.
    sample_weight : ndarray of shape (n_samples,), PartitionedRows or None
        As the user gave it. That of the objective's samples has those of the classes, too.
    """

    objective: Objective
    loss: Loss
    total: float
    exponent: int
    sample_weight: NDArray[np.float64] | None = None

    def __call__(self, theta: NDArray[np.float64]) -> Point:
        """Evaluate at theta, with the Hessian: one pass over X."""
        with one_blas_thread(), np.errstate(all="ignore"):
            mean = self.objective.value_gradient_hessian(theta)
        hessian: Any = mean.hessian
        fix_class_shift(hessian, self.objective)
        hessian *= self.total
        return Point(theta, mean.value * self.total, mean.gradient * self.total, hessian)

    def __reduce__(self) -> tuple[Any, ...]:
        # A compiled kernel cannot be pickled, but it can be made again.
        objective, samples = self.objective, self.objective.samples
        if samples.is_partitioned:  # the rows stay where they are
            given = (objective, self.loss, self.total, self.exponent, self.sample_weight)
            return type(self), given
        made_of = (samples, objective.penalty, objective.coordinates, self.loss)
        weights = (self.total, self.exponent, self.sample_weight)
        return _restored, (type(self), *made_of, *weights)

    def without_hessian(self, theta: NDArray[np.float64]) -> Point:
        """Evaluate at theta, with an empty Hessian: one pass over X."""
        with one_blas_thread(), np.errstate(all="ignore"):
            mean = self.objective.value_gradient(theta)
        return Point(theta, mean.value * self.total, mean.gradient * self.total, np.empty((0, 0)))

    def sum_over_rows(self, name: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """Return function(likelihood, *arguments), a sum over the rows: a pass.

        Parameters
        ----------
        name : str
            Of the pass.
        function : callable
            Of rows in partitions, it gets the likelihood of the rows of each; the results, arrays
            or tuples of arrays, are added.
        *arguments
        """
        if not self.objective.samples.is_partitioned:
            return function(self, *arguments)
        return sum_over_rows(
            self.objective.samples, name, self._of_part(function, arguments), *self._given_weight()
        )

    def of_each_part(
        self, name: str, function: Callable[..., Any], *arguments: Any, rows: tuple[Any, ...] = ()
    ) -> list[Any]:
        """Return a list of function(likelihood, *arguments, *rows), one for each part of the rows.

        Parameters
        ----------
        name, function, *arguments
            As for `sum_over_rows`.
        rows : tuple of ndarray or PartitionedRows
        """
        if not self.objective.samples.is_partitioned:
            return [function(self, *arguments, *rows)]
        part = self._of_part(function, arguments)
        return of_each_part(self.objective.samples, name, part, *self._given_weight(), *rows)

    def _of_part(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> _OfPart:
        of_columns = (self.objective.penalty, self.objective.coordinates)
        has_weight = self.sample_weight is not None
        shared = (self.loss, *of_columns, self.total, self.exponent, has_weight)
        return _OfPart(function, arguments, *shared)

    def _given_weight(self) -> tuple[Any, ...]:
        return () if self.sample_weight is None else (self.sample_weight,)

    @property
    def row_weight(self) -> NDArray[np.float64] | None:
        """The weight of each row, as the user gave them times those of the classes."""
        weight = self.objective.samples.weight
        return None if weight is None else np.ldexp(weight, self.exponent)

    @property
    def row_share(self) -> NDArray[np.float64]:
        """The share of each row in the data: sample_weight, without the weight of its class."""
        if self.sample_weight is None:
            n_samples = self.objective.samples.n_samples
            return np.full(n_samples, 1 / n_samples)
        # Their sum may overflow.
        weight = self.sample_weight / self.sample_weight.max()
        share: NDArray[np.float64] = weight / weight.sum()
        return share

    def raw_prediction(self, theta: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return X coef + intercept + offset, shape (n_samples, n_columns): one pass over X."""
        coef, intercept = self.objective.coef_intercept(theta)
        with one_blas_thread():
            prediction = raw_prediction(self.objective.samples, coef, intercept)
        offset = self.objective.samples.offset
        return prediction if offset is None else prediction + offset

    def row_gradient(self, theta: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the derivative of each row's weighted loss by its raw prediction: one pass.

        Returns
        -------
        gradient : ndarray of shape (n_samples, n_columns)
        """
        samples = self.objective.samples
        prediction = self.raw_prediction(theta)
        target = samples.target[:, 0] if samples.target.shape[1] == 1 else samples.target
        gradient = self.loss.gradient(
            target, prediction, self.row_weight, n_threads=samples.n_threads
        )
        return gradient.reshape(prediction.shape)


@dataclass(frozen=True)
class _OfPart:
    """A function of the likelihood of some rows, which runs where the rows are."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    loss: Loss
    penalty: Penalty
    coordinates: Coordinates
    total: float
    exponent: int
    has_weight: bool

    def __call__(self, samples: Samples, *rows: Any) -> Any:
        weight, rows = (rows[0], rows[1:]) if self.has_weight else (None, rows)
        kernel = self.loss.kernel(target_is_matrix=samples.target.shape[1] > 1)
        objective = Objective(samples, kernel, self.penalty, self.coordinates)
        likelihood = Likelihood(objective, self.loss, self.total, self.exponent, weight)
        return self.function(likelihood, *self.arguments, *rows)


def _restored(
    cls: type[Likelihood],
    samples: Samples,
    penalty: Penalty,
    coordinates: Coordinates,
    loss: Loss,
    total: float,
    exponent: int,
    sample_weight: NDArray[np.float64] | None,
) -> Likelihood:
    kernel = loss.kernel(target_is_matrix=samples.target.shape[1] > 1)
    objective = Objective(samples, kernel, penalty, coordinates)
    return cls(objective, loss, total, exponent, sample_weight)
