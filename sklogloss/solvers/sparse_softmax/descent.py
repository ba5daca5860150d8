"""Coordinate descent for several classes, by columns of X, mostly with an L1 penalty."""

import numpy as np
from scipy import sparse

from sklogloss._cython.coordinate_descent import descend_softmax
from sklogloss.linear.entries import Entries
from sklogloss.linear.limits import MAX_ROUNDS, SMALL_PART, SMALL_WORK
from sklogloss.losses import LogLoss
from sklogloss.solvers.stopping import LARGEST_GAP

from .face import descend_on_face

__all__ = ["SoftmaxDescent"]


class SoftmaxDescent:
    """Coordinate descent on the objective itself, not on a model of it.

    If the entries of columns are very uneven, like counts of words, a few samples limit the length
    of a Newton step of all coefficients. Here, they limit only the coefficients of their own
    features.

    Parameters
    ----------
    objective : Objective
        The log loss of more than two classes, without bounds. A dense X is copied by columns.
    goal : Goal
        max_iter bounds the rounds of `solve`.
    """

    def __init__(self, objective, goal):
        self.objective = objective
        self.goal = goal
        samples = objective.samples
        n_samples, p = samples.n_samples, objective.n_features
        columns = sparse.csc_array(Entries.of(samples).matrix, dtype=np.float64)
        if objective.fit_intercept:
            columns = sparse.hstack([columns, np.ones((n_samples, 1))], format="csc")
        self.columns = sparse.csc_array(columns)
        target, weight = samples.target, samples.weight
        if target.shape[1] == 1:
            target = target == np.arange(objective.n_columns)
        weight = np.ones(n_samples) if weight is None else weight.astype(np.float64)
        self.weight = weight / objective.weight_sum
        self.target_sum = np.ascontiguousarray(columns.T @ (self.weight[:, None] * target))
        self.l1, self.l2 = np.zeros(objective.shape[0]), np.zeros(objective.shape[0])
        self.l1[:p], self.l2[:p] = np.ravel(objective.penalty.l1), np.ravel(objective.penalty.l2)
        self.rng = np.random.RandomState(0)

    def solve(self, point):
        """Return (Evaluation, number of rounds, whether their gain became small), from a point."""
        objective = self.objective
        x, proba, every, gain = self._first_sweep(point.theta)
        value = point.value - gain
        converged = False
        n_iter = 0
        while n_iter < self.goal.max_iter and not converged:
            gain = self._sweep(self.rng.permutation(every), x, proba)
            n_iter += 1
            value -= gain
            # Sweeps find out which coefficients are zero, but are slow at moving the others
            # together. If they still gain much, they have not yet found all zeros.
            enough = SMALL_PART * max(gain, LARGEST_GAP * value)
            other, other_value = descend_on_face(objective, self._theta(x), MAX_ROUNDS, enough)
            if other_value < value:
                gain += value - other_value
                x, value = self._x(other), other_value
                proba = self._proba(x)
            # From here on, Newton's method is faster.
            converged = not gain > LARGEST_GAP * value
            self.goal.report(f"round {n_iter}: objective {value:.10g}, gain {gain:.3g}")
            if self.goal.watch is not None:
                self.goal.watch.after_step(objective, self._theta(x))
        return objective.value_gradient(self._theta(x)), n_iter, converged

    def improve(self, point):
        """Return theta after sweeps from a point, without L1.

        Newton's method is faster once a sweep gains a small fraction of the objective, or more than
        half the gain of the sweep before.
        """
        x, proba, every, gain = self._first_sweep(point.theta)
        value, previous = point.value - gain, np.inf
        self.goal.report(f"sweep: gain {gain:.3g}")
        while SMALL_PART * value < gain <= previous / 2:
            previous, gain = gain, self._sweep(self.rng.permutation(every), x, proba)
            value -= gain
            self.goal.report(f"sweep: gain {gain:.3g}")
        # A part that all classes share only adds to the penalty.
        x -= x.mean(axis=1, keepdims=True)
        return self._theta(x)

    def _first_sweep(self, theta):
        # Frequent features come first. Otherwise rare ones explain what frequent ones explain
        # better. Steps are large at first, and need a bound of the curvature. Returns coefficients
        # with the intercept, probabilities, columns that are not empty, and the gain.
        x = self._x(theta)
        proba = self._proba(x)
        n_entries = np.diff(self.columns.indptr)
        every = np.flatnonzero(n_entries)
        frequent_first = every[np.argsort(-n_entries[every], kind="stable")]
        return x, proba, every, self._sweep(frequent_first, x, proba, shared=0.0)

    def _theta(self, x):
        p = self.objective.n_features
        return self.objective.theta(x[:p], x[p] if self.objective.fit_intercept else 0)

    def _x(self, theta):
        coef, intercept = self.objective.coef_intercept(theta)
        return np.vstack([coef, intercept[None]]) if self.objective.fit_intercept else coef.copy()

    def _proba(self, x):
        raw_prediction = np.ascontiguousarray(self.columns @ x)
        if self.objective.samples.offset is not None:
            raw_prediction += self.objective.samples.offset
        return LogLoss(x.shape[1]).link(raw_prediction)

    def _sweep(self, columns, x, proba, shared=1.0):
        # Returns the gain, see descend_softmax.
        n_parts = 1 + int(self.columns.nnz * x.shape[1] / SMALL_WORK)
        gain = 0.0
        for part in np.array_split(columns, n_parts):
            gain += descend_softmax(
                self.columns.indptr,
                self.columns.indices,
                self.columns.data,
                part,
                self.weight,
                self.target_sum,
                self.l2,
                self.l1,
                x,
                proba,
                shared,
            )
        return gain
