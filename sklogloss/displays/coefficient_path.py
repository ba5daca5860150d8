"""Coefficients against C."""

from __future__ import annotations

from types import NoneType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from sklogloss.displays._plotting import axes_for, cross_validated
from sklogloss.inputs.errors import shown
from sklogloss.inputs.parameters import Integers, Interval, check_parameter

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["CoefficientPathDisplay"]

# Coefficients under penalties that are weaker than the chosen one by more than this factor may
# leave the axes.
MUCH_WEAKER = 10


class CoefficientPathDisplay:
    """The coefficients of all features against C.

    Create it with `from_estimator`. The penalty is strongest on the left. With an L1 penalty,
    features enter one after another. Without one, they enter together.

    Parameters
    ----------
    Cs : ndarray of shape (n_Cs,)
        Ascending, finite.
    coefs : ndarray of shape (n_Cs, n_features)
    feature_names : list of str
    quantity : str
        Label of the axis with the coefficients.
    C : float or None
        The chosen C, if there is one.
    n_names : int
        Number of features that get a colour and a name: those with the largest coefficients at the
        chosen C, or at the largest C if none is chosen.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes with the curves.
    figure_ : matplotlib Figure
        The figure that contains them.
    lines_ : list of matplotlib Line2D
        One line for each feature that is nonzero somewhere.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklogloss import logloss_path
    >>> from sklogloss.displays import CoefficientPathDisplay
    >>> path = logloss_path(*load_breast_cancer(return_X_y=True), l1_ratio=1, Cs=20)
    >>> display = CoefficientPathDisplay.from_estimator(path)
    >>> display.coefs.shape
    (20, 30)
    """

    def __init__(
        self,
        *,
        Cs: np.ndarray,
        coefs: np.ndarray,
        feature_names: list[str],
        quantity: str = "Coefficient",
        C: float | None = None,
        n_names: int = 8,
    ) -> None:
        self.Cs = Cs
        self.coefs = coefs
        self.feature_names = feature_names
        self.quantity = quantity
        self.C = C
        self.n_names = n_names

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        label: Any = None,
        l1_ratio: float | None = None,
        n_names: int = 8,
        ax: Axes | None = None,
    ) -> CoefficientPathDisplay:
        """Draw the coefficients of a fitted LogLossClassifierCV or of a path.

        Parameters
        ----------
        estimator : LogLossClassifierCV, Pipeline that ends with one, or LogLossPath
            The coefficients of a classifier are those of the fits to all data.
        label : object, default=None
            For more than two classes, the class whose coefficients to draw. None draws the
            Euclidean norm of each feature's coefficients over the classes.
        l1_ratio : float, default=None
            Which of ``l1_ratios_`` to draw. None means the chosen one; with ``refit=False``, none
            is chosen. A LogLossPath has only one.
        n_names : int, default=8
            Number of features to name, from the largest coefficient downwards.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        display : CoefficientPathDisplay

        Raises
        ------
        NotFittedError, TypeError
            If the estimator is not fitted, or has no path.
        ValueError
            If label or l1_ratio does not exist, or if no C is finite.
        """
        check_parameter("n_names", n_names, Integers(0))
        check_parameter("l1_ratio", l1_ratio, Interval(0, 1, also=(NoneType,)))
        if not (label is None or np.isscalar(label)):
            raise ValueError(f"label must be a label or None, got {shown(label)}")
        names = None
        if isinstance(estimator, Pipeline):
            names = _names_before_last_step(estimator)
        if hasattr(estimator, "coefs"):
            Cs, C, coefs, classes = estimator.Cs, None, estimator.coefs, estimator.classes
            names = estimator.feature_names
            if l1_ratio not in (None, estimator.l1_ratio):
                raise ValueError(
                    f"l1_ratio must be None or that of the path, {estimator.l1_ratio}, got "
                    f"{l1_ratio!r}"
                )
        else:
            estimator = cross_validated(
                estimator,
                "full_paths_",
                "a LogLossClassifierCV, a Pipeline that ends with one, or a LogLossPath",
            )
            Cs, C, classes = estimator.Cs_, estimator.C_, estimator.classes_
            coefs = estimator.full_paths_[_index_of_ratio(estimator, l1_ratio)]
            coefs = coefs[..., : estimator.n_features_in_]
            names = getattr(estimator, "feature_names_in_", names)
        order = np.argsort(Cs, kind="stable")
        # C = inf cannot be shown on a log scale.
        order = order[np.isfinite(Cs[order])]
        if len(order) == 0:
            raise ValueError("estimator must have a finite C among its Cs")
        coefs, quantity = _of_class(coefs[order], classes, label)
        if names is None:
            names = np.array([f"feature {j}" for j in range(coefs.shape[1])])
        return cls(
            Cs=Cs[order],
            coefs=coefs,
            feature_names=list(map(str, names)),
            quantity=quantity,
            C=C if C is not None and np.isfinite(C) else None,
            n_names=n_names,
        ).plot(ax=ax)

    def plot(self, *, ax: Axes | None = None) -> CoefficientPathDisplay:
        """Draw the curves. Far above the chosen C, they may leave the axes.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        display : CoefficientPathDisplay
        """
        self.ax_ = ax = axes_for(ax)
        self.figure_ = ax.figure
        at = len(self.Cs) - 1 if self.C is None else int(np.argmin(np.abs(self.Cs - self.C)))
        named = np.argsort(-np.abs(self.coefs[at]), kind="stable")[: self.n_names]
        named = named[self.coefs[at, named] != 0]
        is_drawn = np.any(self.coefs, axis=0) | (not self.coefs.any())
        is_drawn[named] = False
        self.lines_ = ax.plot(self.Cs, self.coefs[:, is_drawn], linewidth=0.6, color="0.75")
        # From top to bottom, in the order of the legend.
        for j in named[np.argsort(-self.coefs[at, named])]:
            self.lines_ += ax.plot(
                self.Cs, self.coefs[:, j], linewidth=1.3, label=self.feature_names[j]
            )
        ax.axhline(0, color="0.4", linewidth=0.8)
        if self.C is not None:
            ax.axvline(self.C, color="0.4", linewidth=1, linestyle="--")
            near = self.coefs[self.Cs <= MUCH_WEAKER * self.C]
            low, high = near.min(), near.max()
            margin = 0.05 * (high - low) or 1.0
            ax.set_ylim(low - margin, high + margin)
        ax.set(xscale="log", xlabel="C", ylabel=self.quantity)
        ax.margins(x=0.02)
        if len(named) > 0:
            ax.legend(
                loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize="small", frameon=False
            )
        return self


def _names_before_last_step(pipeline: Any) -> NDArray[Any] | None:
    # None if a step does not support them.
    try:
        return pipeline[:-1].get_feature_names_out()
    except (AttributeError, ValueError):
        return None


def _index_of_ratio(estimator: Any, l1_ratio: float | None) -> int:
    wanted = estimator.l1_ratio_ if l1_ratio is None else l1_ratio
    found = np.flatnonzero(estimator.l1_ratios_ == wanted)
    if len(found) == 0:
        raise ValueError(
            f"l1_ratio must be one of {estimator.l1_ratios_.tolist()}, got {l1_ratio!r}"
        )
    return found[0]


def _of_class(coefs: NDArray[Any], classes: NDArray[Any], label: Any) -> tuple[NDArray[Any], str]:
    # Coefficients of shape (n_Cs, n_features), and the label of their axis.
    if len(classes) == 2:
        if label is not None and label != classes[1]:
            raise ValueError(f"label must be None or {classes[1]!r} for two classes, got {label!r}")
        return coefs[:, 0], "Coefficient"
    if label is None:
        return np.sqrt(np.sum(coefs**2, axis=1)), "Norm of the coefficients over the classes"
    found = np.flatnonzero(classes == label)
    if len(found) == 0:
        raise ValueError(f"label must be one of {classes.tolist()}, got {label!r}")
    return coefs[:, found[0]], f"Coefficient of class {label}"
