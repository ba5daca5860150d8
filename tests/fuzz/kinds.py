"""The kinds of problems of a campaign: what a seed means, and how its outcome is judged."""

from . import calibration, firth, inference
from .problems import random_problem
from .verdicts import outcome_of

__all__ = ["KINDS"]


def _outcome_of_fit(seed):
    return outcome_of(random_problem(seed))


# From a name to the function that returns the Outcome of a seed.
KINDS = {
    "fit": _outcome_of_fit,
    "firth": firth.outcome_of_seed,
    "calibration": calibration.outcome_of_seed,
    "inference": inference.outcome_of_seed,
}
