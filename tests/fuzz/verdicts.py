"""Fit a problem and say what became of it."""

import time
import warnings
from dataclasses import dataclass

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
        "solved", "warned", "refused" (a ValueError), "silent miss", "slow", "not finite", "stray
        warning" or "error".
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


def outcome_of(problem):
    """Fit a problem and return the Outcome."""
    start = time.process_time()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            clf = problem.fit()
            proba = clf.predict_proba(np.ascontiguousarray(problem.X))
        except ValueError as error:
            return Outcome("refused", str(error))
        except Exception as error:
            return Outcome("error", f"{type(error).__name__}: {error}")
    seconds = time.process_time() - start
    if seconds > SLOW:
        return Outcome("slow", f"{seconds:.1f} s of processor time", seconds)
    for warning in caught:
        if not issubclass(warning.category, ConvergenceWarning):
            return Outcome("stray warning", f"{warning.category.__name__}: {warning.message}")
    if not (np.all(np.isfinite(clf.coef_)) and np.all(np.isfinite(proba))):
        return Outcome("not finite", seconds=seconds)
    if caught:
        return Outcome("warned", str(caught[0].message), seconds)
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
