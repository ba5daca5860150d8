"""Fitted state as pickles and skops see it: arrays, numbers and strings, no class of sklogloss."""

import warnings
from dataclasses import asdict, fields

from sklearn.exceptions import InconsistentVersionWarning

from sklogloss._version import __version__
from sklogloss.losses import FocalLoss, LogLoss
from sklogloss.solvers.plan import Method, Plan, Start

__all__ = ["plain_state", "restored_state"]

# The attribute of a stored classifier with the version that stored it.
VERSION = "_sklogloss_version"


def plain_state(state):
    """Return the attributes of a classifier with its plan and its loss in plain words.

    A reader then trusts the class of the classifier alone, and plans and losses may change from
    version to version without harm to what has been stored.

    Parameters
    ----------
    state : dict

    Returns
    -------
    state : dict
    """
    plain = state | {VERSION: __version__}
    plan, loss = state.get("plan_"), state.get("_fitted_loss")
    if isinstance(plan, Plan):
        names = {"methods": [method.name for method in plan.methods], "start": plan.start.name}
        plain["plan_"] = {**asdict(plan), **names, "subset_sizes": list(plan.subset_sizes)}
    if type(loss) in (LogLoss, FocalLoss):
        gamma = loss.gamma if isinstance(loss, FocalLoss) else 0.0
        plain["_fitted_loss"] = {"n_classes": loss.n_classes, "gamma": gamma}
    return plain


def restored_state(plain, name):
    """Return the attributes from the plain ones that `plain_state` returned.

    Of a plan that another version has stored, what this one does not know is left out, and what is
    missing has its default. A plan that cannot be made of it stays the dict that it is: it only
    says how the fit went, and no method of the classifier needs it.

    Parameters
    ----------
    plain : dict
    name : str
        Of the class, for the warning.

    Warns
    -----
    InconsistentVersionWarning
        If another version has stored them, as scikit-learn warns of its own.
    """
    state = dict(plain)
    version = state.pop(VERSION, "before 0.1.0")
    if version != __version__:
        warnings.warn(
            InconsistentVersionWarning(
                estimator_name=name,
                current_sklearn_version=f"{__version__} of sklogloss",
                original_sklearn_version=version,
            ),
            stacklevel=4,
        )
    plan, loss = plain.get("plan_"), plain.get("_fitted_loss")
    if isinstance(plan, dict):
        state["plan_"] = _restored_plan(plan)
    if isinstance(loss, dict):
        gamma, n_classes = loss["gamma"], loss["n_classes"]
        state["_fitted_loss"] = FocalLoss(gamma, n_classes) if gamma > 0 else LogLoss(n_classes)
    return state


def _restored_plan(plain):
    # The Plan, or the dict if methods or starts have other names by now, or if too much is missing.
    of_name = {
        "methods": lambda names: tuple(Method[name] for name in names),
        "start": lambda name: Start[name],
        "subset_sizes": tuple,
    }
    known = {field.name for field in fields(Plan)}
    try:
        return Plan(
            **{
                name: of_name[name](value) if name in of_name else value
                for name, value in plain.items()
                if name in known
            }
        )
    except (KeyError, TypeError):
        return plain
