"""A stretch of an L1 path, solved on some features and checked by one pass over all features."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sklogloss.linear.limits import LARGEST_HESSIAN
from sklogloss.linear.objective import Evaluation
from sklogloss.linear.samples import Samples
from sklogloss.linear.scores import row_gradients, transposed_product

from .doubt import AFFORDABLE_HESSIAN
from .newton import ExactHessian, Newton
from .stopping import Verdict
from .working_set import NEARLY_NONZERO, ROOM, WorkingSets

__all__ = ["extrapolated_start", "goal_of", "solve_ahead"]

# Maximum number of penalties in a stretch (1:
# tests/solvers/test_stretch.py::test_few_passes_look_at_all_features fails).
AHEAD = 8


def goal_of(goal, penalties, place):
    """Return the goal of the problem at one place of a path of penalties."""
    return goal.part(f"penalty {place + 1} of {len(penalties)}")


def solve_ahead(objective, penalties, goal, path):
    """Return the solutions under the next penalties of an L1 path, as far as they are certain.

    Features may have nonzero coefficients if their gradient, extrapolated from the last two
    solutions, would reach a penalty. With the columns of these features, the problems of several
    penalties are solved. Then one pass over X computes the gradients of all solutions, which show
    whether a feature was missed.

    Parameters
    ----------
    objective : Objective
    penalties : list of Penalty
        The penalties of the whole path, from strong to weak.
    goal : Goal
    path : list of PathPoint
        The solutions under the first of the penalties.

    Returns
    -------
    results : list of SolverResult
        Empty if each penalty should be solved individually.
    """
    if not _is_able(objective, goal, path):
        return []
    ahead = penalties[len(path) :]
    n_ahead = _n_alike(ahead, _strength(path[-1].result.objective.penalty))
    # A stretch of one penalty has no advantage.
    while n_ahead > 1:
        features = _promising(objective, ahead[0], ahead[n_ahead - 1], path)
        if len(features) <= min(objective.n_features // ROOM, LARGEST_HESSIAN - 1):
            break
        n_ahead //= 2
    if n_ahead < 2 or len(features) == 0:
        return []
    stretch = _Stretch(objective, features, path)
    for place, penalty in enumerate(ahead[:n_ahead], start=len(path)):
        if not stretch.solve(penalty, goal_of(goal, penalties, place)):
            break
    return stretch.checked()


def extrapolated_start(objective, solutions, near=None):
    """Return an extrapolation of the last two solutions; coefficients that are zero stay zero.

    Parameters
    ----------
    objective : Objective
    solutions : list of ndarray of shape (n_parameters,)
    near : ndarray of shape (n_parameters,), default=None
        Its zeros count; None for the last solution.
    """
    last = solutions[-1]
    near = last if near is None else near
    start = 2 * last - solutions[-2] if len(solutions) > 1 else last.copy()
    n_coefficients = objective.n_features * objective.n_columns
    start[:n_coefficients][near[:n_coefficients] == 0] = 0
    return objective.penalty_in_theta.project(start)


def _strength(penalty):
    return float(np.max(penalty.l1))


def _is_able(objective, goal, path):
    # Whether there are two solutions to extrapolate, the columns can be copied, and the Hessian of
    # all features is so costly that `is_doubtful` would not form it.
    results = [point.result for point in path[-2:]]
    return (
        len(results) == 2
        and all(result.converged for result in results)
        and all(result.objective.coordinates is objective.coordinates for result in results)
        and _strength(results[0].objective.penalty) > _strength(results[1].objective.penalty)
        and objective.n_columns == 1
        and type(objective.samples) is Samples
        and objective.samples.dtype == np.float64
        and goal.watch is None
        and ExactHessian(objective).cost >= AFFORDABLE_HESSIAN
    )


def _n_alike(penalties, strength):
    # The number of the next penalties close enough to the last one to extrapolate its gradient.
    n_ahead = 0
    for penalty in penalties[:AHEAD]:
        if not _strength(penalty) > strength / 2:
            break
        n_ahead += 1
    return n_ahead


def _promising(objective, first, last, path):
    # The features that may be needed from the first to the last of the next penalties.
    points = [point.result.point for point in path[-2:]]
    strengths = [_strength(point.result.objective.penalty) for point in path[-2:]]
    slope = (points[1].gradient - points[0].gradient) / (strengths[1] - strengths[0])
    is_promising = points[1].theta != 0
    for penalty in (first, last):
        l1 = objective.coordinates.penalty_in_theta(penalty).l1
        gradient = points[1].gradient + (_strength(penalty) - strengths[1]) * slope
        is_promising |= np.abs(gradient) >= NEARLY_NONZERO * l1
    return np.flatnonzero(is_promising[: objective.n_features])


class _SharedHessian(ExactHessian):
    # One Hessian is shared by the problems of a stretch. Their solutions are checked afterwards.

    def __init__(self, objective, before):
        super().__init__(objective, is_guided=True)
        self.doubt, self.is_cheap = 1, False
        self.start = None
        if before is not None:
            model, point = before
            of_theta, other = objective.penalty_in_theta, model.objective.penalty_in_theta
            theta, l1, l2 = point.theta, of_theta.l1 - other.l1, of_theta.l2 - other.l2
            self.kept = model.kept
            self.kept.add_to_diagonal(l2)
            # The start is the previous solution, whose evaluation is known except for the penalty.
            value = point.value + float(l1 @ np.abs(theta) + l2 @ theta**2 / 2)
            self.start = Evaluation(theta, value, point.gradient + l2 * theta, np.inf)

    def evaluate(self, theta):
        if self.start is not None and theta is self.start.theta:
            return self.start
        return super().evaluate(theta)


class _Stretch:
    # The problems of some penalties as functions of the coefficients of some features. They share a
    # copy of the columns and, while it is good enough, a Hessian.

    def __init__(self, objective, features, path):
        self.objective = objective
        self.features = features
        self.restricted = objective.restricted(features)
        self.rows = features
        if objective.fit_intercept:
            self.rows = np.append(features, objective.n_features)
        self.thetas = [point.theta[self.rows] for point in path[-2:]]
        self.before = None
        self.solved = []

    def solve(self, penalty, goal):
        # Whether the next problem was solved.
        restricted = self.restricted.replace(penalty=penalty.columns(self.features))
        model = _SharedHessian(restricted, self.before)
        theta = self.thetas[-1] if self.before else extrapolated_start(restricted, self.thetas)
        result = Newton(restricted, model, goal).solve(theta)
        if result.verdict is not Verdict.CONVERGED:
            return False
        self.before = model, result.point
        self.thetas.append(result.theta)
        self.solved.append((penalty, goal, result))
        return True

    def checked(self):
        # The SolverResults for all features, up to the first one that misses a feature: one pass.
        if not self.solved:
            return []
        samples, loss = self.restricted.samples, self.restricted.loss
        gradients = [
            row_gradients(samples, loss, *result.objective.coef_intercept(result.theta))
            for _, _, result in self.solved
        ]
        sums = transposed_product(
            self.objective.samples, np.asfortranarray(np.concatenate(gradients, axis=1))
        )
        results = []
        for (penalty, goal, restricted), of_penalty in zip(self.solved, sums, strict=True):
            objective = self.objective.replace(penalty=penalty)
            theta = np.zeros(objective.n_parameters)
            theta[self.rows] = restricted.theta
            point = replace(objective.evaluation(theta, 0.0, of_penalty), value=restricted.value)
            result = WorkingSets(objective, goal).result_at(point, restricted.n_iter, self.rows)
            if result.verdict is not Verdict.CONVERGED:
                break
            results.append(result)
        return results
