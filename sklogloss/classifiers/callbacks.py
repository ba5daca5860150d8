"""scikit-learn's callbacks: what a fit reports to them, and how they end it."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import sklearn

from sklogloss.classifiers.array_api import give_back
from sklogloss.classifiers.problem import fitted_coefficients
from sklogloss.inputs.errors import shown
from sklogloss.solvers.stopping import SolverResult, Verdict

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # scikit-learn before 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """scikit-learn has no callbacks yet: nothing can set any."""

    def with_callbacks(method: Callable[..., Any]) -> Callable[..., Any]:
        """Return the method unchanged."""
        return method


__all__ = [
    "CallbackSupportMixin",
    "FitTasks",
    "check_callbacks",
    "fit_with_callbacks",
    "solve_in_tasks",
]


class _StopFit(Exception):
    # A callback asks to end the fit. The exception leaves all running solvers.
    pass


def check_callbacks(estimator, callbacks):
    """Raise an error if these are not a sequence, or if scikit-learn has no callbacks yet."""
    if not isinstance(callbacks, (list, tuple)):
        raise TypeError(f"callbacks must be a list or tuple of callbacks, got {shown(callbacks)}")
    if callbacks and not hasattr(estimator, "set_callbacks"):
        raise ValueError(
            "callbacks need scikit-learn 1.9 or later, got "
            f"{len(callbacks)} with scikit-learn {sklearn.__version__}"
        )


@with_callbacks
def fit_with_callbacks(estimator, fit, X, y, sample_weight, offset, n_tasks=None, **params):
    """Return what a fit of an estimator with callbacks returns, in a task of its own.

    Parameters
    ----------
    estimator : BaseLinearClassifier
        During the fit it has the task in ``_callback_fit_ctx``.
    fit : callable
        From these arguments.
    n_tasks : int or None
        How many tasks there will be within this one, None if that is not known: how many steps a
        solver takes, or how many folds there are.
    """
    params |= {"sample_weight": sample_weight, "offset": offset}
    metadata = {name: value for name, value in params.items() if value is not None} or None
    context = estimator._init_callback_context(max_subtasks=n_tasks)
    context.call_on_fit_task_begin(estimator=estimator, X=X, y=y, metadata=metadata)
    # Arguments that the tasks within this one pass on, too.
    context.arguments = {"estimator": estimator, "X": X, "y": y, "metadata": metadata}
    result = fit(X, y, **params)
    attributes = {} if hasattr(estimator, "coef_") else None
    context.call_on_fit_task_end(**context.arguments, reconstruction_attributes=attributes)
    return result


class _Tasks:
    """The tasks within that of a fit.

    Parameters
    ----------
    estimator : BaseLinearClassifier
    problem : Problem
    """

    def __init__(self, estimator, problem):
        self.estimator = estimator
        self.problem = problem
        self.context = estimator._callback_fit_ctx

    def begin(self, name, attributes=None):
        """Begin a task."""
        task = self.context.subcontext(task_name=name)
        return task.call_on_fit_task_begin(
            **self.context.arguments, reconstruction_attributes=attributes
        )

    def end(self, task, attributes=None):
        """End a task; return whether a callback asks to end the fit."""
        return task.call_on_fit_task_end(
            **self.context.arguments, reconstruction_attributes=attributes
        )

    def attributes_at(self, objective, theta):
        """Return a function that makes fitted attributes: few callbacks want them."""

        def attributes():
            model, dtype = copy.copy(self.estimator), self.problem.X.dtype
            model._set_classes(self.problem.targets.classes, self.problem.class_weight)
            model.coef_, model.intercept_ = fitted_coefficients(objective, theta, dtype)
            if self.problem.places is not None:
                give_back(model, self.problem.places)
            return vars(model)

        return attributes


class StepTasks(_Tasks):
    """A task for each step of a solver.

    As in scikit-learn, a task begins with the step before it, hence the last one is empty, and the
    fit has one step at least.
    """

    def __init__(self, estimator, problem):
        super().__init__(estimator, problem)
        self.n_steps = 0
        self.last = None
        self.task = self.begin("iteration")

    def after_step(self, objective, theta):
        """End the task of a step and begin the next.

        Raises
        ------
        _StopFit
            If a callback asks for it.
        """
        self.n_steps += 1
        self.last = objective, theta
        attributes = self.attributes_at(objective, theta)
        must_stop = self.end(self.task, attributes)
        self.task = self.begin("iteration", attributes)
        if must_stop:
            raise _StopFit


class FitTasks(_Tasks):
    """A task for each of several fits, which may run in several threads."""

    def __init__(self, estimator, problem):
        super().__init__(estimator, problem)
        self.lock = threading.Lock()

    def after_step(self, objective, theta):
        """Ignore the steps of each fit."""

    def begin_fit(self, name):
        """Begin the task of a fit."""
        with self.lock:
            return self.begin(name)

    def end_fit(self, task, objective, theta):
        """End the task of a fit.

        The others go on whatever a callback answers, as in scikit-learn's searches: a score that is
        missing could not be compared.
        """
        with self.lock:
            self.end(task, self.attributes_at(objective, theta))


def solve_in_tasks(estimator, problem, plan, objective, start, goal) -> SolverResult:
    """Return what the estimator's `_solve` does, with a task for each step.

    The verdict is STOPPED where a callback ended it, after the step that it saw.
    """
    tasks = StepTasks(estimator, problem)
    try:
        result = estimator._solve(plan, objective, start, replace(goal, watch=tasks))
        if tasks.n_steps == 0:
            tasks.after_step(result.objective, result.theta)
    except _StopFit:
        stopped_objective, theta = tasks.last
        point = objective.value_gradient(objective.theta(*stopped_objective.coef_intercept(theta)))
        result = SolverResult(objective, point.theta, tasks.n_steps, Verdict.STOPPED, point)
    tasks.end(tasks.task)
    return result
