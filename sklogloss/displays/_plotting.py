"""Code that displays share: axes, and the probabilities of an estimator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import check_is_fitted

from sklogloss.inputs.errors import naming, shown
from sklogloss.inputs.targets import is_soft, label_column
from sklogloss.metrics.responses import forecast_arguments, with_unseen_classes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "OfFolds",
    "OfFoldsByName",
    "above_the_axes",
    "axes_for",
    "check_by_name",
    "cross_validated",
    "estimator_forecasts",
    "forecasts_by_name",
    "new_axes",
    "pooled_by_name",
    "pooled_forecasts",
]


def new_axes(n_rows: int = 1) -> Any:
    """Return the axes of a new figure: one, or an array of them below each other that share x.

    matplotlib is imported only here.
    """
    try:
        import matplotlib.pyplot as plt
    except ModuleNotFoundError as cause:
        raise ImportError('Displays need matplotlib: pip install "sklogloss[plots]"') from cause
    _, axes = plt.subplots(n_rows, 1, sharex=True, layout="constrained")
    return axes


def axes_for(ax: Axes | None) -> Axes:
    """Return ax, or the axes of a new figure."""
    return new_axes() if ax is None else ax


def above_the_axes(ax: Axes, title: str | None = None, n_columns: int = 1) -> None:
    """Draw the legend above the axes, where it hides no curve."""
    ax.legend(
        ncols=n_columns,
        loc="lower left",
        bbox_to_anchor=(0, 1),
        fontsize="small",
        frameon=False,
        title=title,
        title_fontsize="small",
        alignment="left",
    )


def cross_validated(estimator: Any, attribute: str, allowed: str) -> Any:
    """Return a fitted LogLossClassifierCV: the estimator, or the last step of a Pipeline.

    Parameters
    ----------
    estimator : object
    attribute : str
        The array that the display needs of it.
    allowed : str
        What `estimator` may be, for the error.

    Raises
    ------
    NotFittedError
        If it has not been fitted.
    TypeError
        If it has no such array.
    """
    last = estimator
    if isinstance(estimator, Pipeline):
        last = estimator.steps[-1][1]
    if hasattr(last, "fit") and not isinstance(last, type):
        check_is_fitted(last)
    if not isinstance(getattr(last, attribute, None), np.ndarray):
        what = "a Pipeline that ends with " if last is not estimator else ""
        name = f"the class {last.__name__}" if isinstance(last, type) else type(last).__name__
        raise TypeError(f"estimator must be {allowed}, got {what}{name}")
    return last


def estimator_forecasts(
    estimator: Any, X: ArrayLike, y: ArrayLike, name: str = "estimator"
) -> dict[str, Any]:
    """Return an estimator's probabilities as a dict of arguments of the metrics.

    Errors call the estimator by the name.
    """
    if not hasattr(estimator, "classes_"):
        with naming(name):
            check_is_fitted(estimator)
    arguments, classes = forecast_arguments(estimator, X), estimator.classes_
    if not is_soft(y):
        classes, arguments = with_unseen_classes(classes, label_column("y", y), arguments)
    return {**arguments, "labels": classes}


def forecasts_by_name(
    estimators: Mapping[str, Any], X: ArrayLike, y: ArrayLike
) -> dict[str, dict[str, Any]]:
    """Return the `estimator_forecasts` of several fitted classifiers, by name."""
    check_by_name("estimators", estimators)
    return {
        name: estimator_forecasts(model, X, y, "estimators") for name, model in estimators.items()
    }


def pooled_forecasts(cv_results: Any, X: ArrayLike, y: ArrayLike) -> tuple[Any, dict[str, Any]]:
    """Return the labels of the test rows of all folds, and the arguments of the metrics.

    Parameters
    ----------
    cv_results : dict
        Of scikit-learn's `cross_validate` with ``return_estimator=True, return_indices=True``.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
    y : array-like of shape (n_samples,)
        Labels.

    Raises
    ------
    ValueError
        If cv_results lacks estimators or indices, or y holds class probabilities.
    """
    if not isinstance(cv_results, Mapping) or not {"estimator", "indices"} <= set(cv_results):
        raise ValueError(
            "cv_results must be what cross_validate returns with return_estimator=True and "
            f"return_indices=True, got {shown(cv_results)}"
        )
    if is_soft(y):
        raise ValueError("y must hold labels, got class probabilities")
    labels = label_column("y", y)
    classes = np.unique(labels)
    probas, rows = [], []
    for estimator, test in zip(cv_results["estimator"], cv_results["indices"]["test"], strict=True):
        proba = np.zeros((len(test), len(classes)))
        known = np.searchsorted(classes, estimator.classes_)
        proba[:, known] = estimator.predict_proba(_safe_indexing(X, test))
        probas.append(proba)
        rows.append(test)
    return labels[np.concatenate(rows)], {"y_proba": np.concatenate(probas), "labels": classes}


def pooled_by_name(
    cv_results: Any, X: ArrayLike, y: ArrayLike
) -> tuple[Any, dict[str, dict[str, Any]]]:
    """Return the labels, and the `pooled_forecasts` of several models, by name.

    Raises
    ------
    ValueError
        If models differ in the test rows of a fold.
    """
    check_by_name("cv_results", cv_results)
    if "fit_time" in cv_results:
        raise ValueError(
            "cv_results must be a dict of the results of cross_validate, with the names of the "
            'models as keys, got those of one model; pass {"name": cv_results}'
        )
    happened, forecasts, folds = None, {}, []
    for name, of_model in cv_results.items():
        happened, forecasts[name] = pooled_forecasts(of_model, X, y)
        folds.append(of_model["indices"]["test"])
        n_folds = {len(folds[0]), len(folds[-1])}
        if len(n_folds) > 1 or not all(map(np.array_equal, folds[0], folds[-1])):
            raise ValueError(
                f"cv_results must have the same folds for all models; those of {name!r} differ. "
                "Pass cross_validate the same cv, with a random_state if it shuffles"
            )
    return happened, forecasts


class OfFolds:
    """A display of one model that can be made of the folds of a cross-validation."""

    from_predictions: Callable[..., Self]

    @classmethod
    def from_cv_results(cls, cv_results: Any, X: ArrayLike, y: ArrayLike, **kwargs: Any) -> Self:
        """Draw the test rows of all folds of a cross-validation, pooled.

        Parameters
        ----------
        cv_results : dict
            What scikit-learn's `cross_validate` returns with ``return_estimator=True`` and
            ``return_indices=True``.
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            The labels that were passed to `cross_validate`.
        **kwargs
            Further arguments of `from_predictions`, except `labels`. A sample_weight holds the
            weights of the test rows, fold after fold.

        Returns
        -------
        display : display
            An object of the class.
        """
        happened, forecasts = pooled_forecasts(cv_results, X, y)
        return cls.from_predictions(happened, **forecasts, **kwargs)


class OfFoldsByName:
    """A display of several models that can be made of the folds of cross-validations."""

    _from_arguments: Callable[..., Self]

    @classmethod
    def from_cv_results(
        cls, cv_results: Mapping[str, Any], X: ArrayLike, y: ArrayLike, **kwargs: Any
    ) -> Self:
        """Draw the test rows of all folds of cross-validations, pooled.

        Parameters
        ----------
        cv_results : dict
            For each model, by name, what scikit-learn's `cross_validate` returns with
            ``return_estimator=True`` and ``return_indices=True``, all with the same folds.
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            The labels that were passed to `cross_validate`.
        **kwargs
            Further arguments of `from_predictions`, except `labels`. A sample_weight holds the
            weights of the test rows, fold after fold.

        Returns
        -------
        display : display
            An object of the class.
        """
        happened, forecasts = pooled_by_name(cv_results, X, y)
        return cls._from_arguments(happened, forecasts, **kwargs)


def check_by_name(name: str, value: Any) -> None:
    """Raise an error unless an argument is a nonempty dict."""
    if not isinstance(value, Mapping):
        raise TypeError(f"{name} must be a dict, with the names as keys, got {shown(value)}")
    if not value:
        raise ValueError(f"{name} must not be empty")
