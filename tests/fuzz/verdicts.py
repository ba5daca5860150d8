"""Fit a problem and say what became of it."""

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from .reference import Objective, find_gain

# Suboptimality that a fit may have without a word, relative to the objective: LARGEST_GAP of
# solvers/stopping.py. Rounding coefficients to float32 may cost as much again.
PROMISED_GAP = 1e-6
# Nats below which the loss counts as none where a class has no weight: nothing keeps its intercept
# from infinity. The least loss that solvers/stopping.py tolerates, with room for the sum over the
# samples.
NO_LOSS = 1e-15
# Processor time in seconds that no problem of this size may take.
SLOW = 2.0


@dataclass(frozen=True)
class Outcome:
    """What became of a fit.

    Attributes
    ----------
    kind : str
        "solved", "warned", "refused" (a ValueError), "silent miss" (a result that is not what it
        claims to be), "slow", "not finite", "stray warning" or "error".
    detail : str
    seconds : float
        Processor time.
    """

    kind: str
    detail: str = ""
    seconds: float = 0.0

    @property
    def is_fault(self):
        """Whether it must not happen."""
        return self.kind not in ("solved", "warned", "refused")


@dataclass
class Attempt:
    """A call of the package, and what it said.

    Attributes
    ----------
    call : callable
        Without arguments.
    allowed : type
        Of warnings that are no fault.
    value : object
        What it returned.
    messages : list of str
        Of allowed warnings.
    seconds : float
        Processor time.
    failure : Outcome or None
        If it raised an error, took long, or warned of something else.
    """

    call: Callable[[], Any]
    allowed: type = ConvergenceWarning
    value: Any = None
    messages: list[str] = field(default_factory=list)
    seconds: float = 0.0
    failure: Outcome | None = None

    def __post_init__(self):
        start = time.process_time()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                self.value = self.call()
            except ValueError as error:
                self.failure = Outcome("refused", str(error))
            except Exception as error:
                self.failure = Outcome("error", f"{type(error).__name__}: {error}")
        self.seconds = time.process_time() - start
        if self.seconds > SLOW and (self.failure is None or not self.failure.is_fault):
            detail = f"{self.seconds:.1f} s of processor time"
            self.failure = Outcome("slow", detail, self.seconds)
        for warning in caught:
            self.messages.append(str(warning.message))
            if self.failure is None and not issubclass(warning.category, self.allowed):
                detail = f"{warning.category.__name__}: {warning.message}"
                self.failure = Outcome("stray warning", detail)


def outcome_of(problem):
    """Fit a problem and return the Outcome."""

    def fit():
        clf = problem.fit()
        return clf, clf.predict_proba(np.ascontiguousarray(problem.X))

    attempt = Attempt(fit)
    if attempt.failure is not None:
        return attempt.failure
    (clf, proba), seconds = attempt.value, attempt.seconds
    if not (np.all(np.isfinite(clf.coef_)) and np.all(np.isfinite(proba))):
        return Outcome("not finite", seconds=seconds)
    if attempt.messages:
        return Outcome("warned", attempt.messages[0], seconds)
    gap = relative_gap(problem, clf)
    if gap > 1:
        return Outcome("silent miss", f"{gap * PROMISED_GAP:.2g} above the optimum", seconds)
    return Outcome("solved", seconds=seconds)


def relative_gap(problem, clf):
    """Return how much lower the objective can be than at a fit, over what was promised."""
    objective = Objective(problem)
    with np.errstate(all="ignore"):
        theta = objective.theta_of(clf)
        is_float32 = problem.X.dtype == np.float32
        allowed = PROMISED_GAP * (1 + is_float32) * abs(objective.value(theta))
        allowed += objective.rounding(theta, float(np.finfo(problem.X.dtype).eps))
        # Smaller numbers have fewer digits.
        allowed += np.finfo(np.float64).tiny
        if objective.rarest_class < np.finfo(np.float64).eps:
            allowed += NO_LOSS
        return find_gain(objective, theta, allowed) / allowed
