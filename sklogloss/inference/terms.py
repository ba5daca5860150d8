"""Names of the reported parameters, and their map from those of the solver."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklogloss.inputs.arrays import real_array
from sklogloss.inputs.errors import shown
from sklogloss.linear.objective import Coordinates

__all__ = ["Terms", "require_pandas"]

INTERCEPT = "intercept"


@dataclass(frozen=True, eq=False)
class Terms:
    """The reported parameters: one term for each column of X, for one class or several.

    Flat arrays are class by class, in the order of statsmodels: the intercept first, then the
    columns of X, then the same of the next class.

    Attributes
    ----------
    names : list of str
        Of the terms; columns without a name are x0, x1, ... The model's own is the intercept, in
        parentheses if a column is called so.
    has_names : bool
        Whether X had column names: results are pandas objects then.
    labels : list
        The classes that have parameters of their own.
    contrasts : ndarray of shape (n_labels, n_columns)
        From the columns of the raw prediction to the reported classes.
    is_multiclass : bool
        Whether the parameters are a table with one column for each label.
    classes : list
        All classes.
    has_intercept : bool
        Whether the first term is the intercept.
    """

    names: list[str]
    has_names: bool
    labels: list[Any]
    contrasts: NDArray[np.float64]
    is_multiclass: bool
    classes: list[Any]
    has_intercept: bool

    @classmethod
    def of(
        cls,
        columns: list[str] | None,
        n_features: int,
        fit_intercept: bool,
        classes: NDArray[Any],
        baseline: Any,
    ) -> Terms:
        """Return the terms of a model, for a baseline class or None for the first.

        Raises
        ------
        ValueError
            If baseline is neither a class nor "mean".
        """
        names = [f"x{j}" for j in range(n_features)] if columns is None else list(columns)
        if fit_intercept:
            intercept = INTERCEPT
            while intercept in names:
                intercept = f"({intercept})"
            names = [intercept, *names]
        labels, contrasts = _contrasts(classes, baseline)
        is_multiclass = len(labels) > 1
        return cls(
            names,
            columns is not None,
            labels,
            contrasts,
            is_multiclass,
            classes.tolist(),
            fit_intercept,
        )

    @property
    def n_free_parameters(self) -> int:
        """The number of parameters that are free: those of all classes sum to zero."""
        return len(self.names) * self.n_free_labels

    @property
    def n_free_labels(self) -> int:
        """The number of labels whose parameters are free."""
        return len(self.classes) - 1

    @property
    def feature_names(self) -> list[str]:
        """The names of the columns of X."""
        return self.names[1:] if self.has_intercept else self.names

    def linear_map(self, coordinates: Coordinates) -> NDArray[np.float64]:
        """Return the matrix from a flat theta to the flat reported parameters."""
        n_features = len(coordinates.center)
        first = int(coordinates.fit_intercept)
        of_terms = np.zeros((first + n_features, first + n_features))
        of_terms[first:, :n_features] = np.diag(coordinates.scale)
        if first:
            of_terms[0, :n_features] = -coordinates.center * coordinates.scale
            of_terms[0, -1] = 1
        matrix = np.einsum("rk,tj->rtjk", self.contrasts, of_terms)
        return matrix.reshape(len(self.labels) * len(self.names), -1)

    def features(self, columns: Any) -> NDArray[np.intp]:
        """Return the places of columns of X in ascending order, from names or places.

        Raises
        ------
        ValueError
            If one is neither a name nor a place of a column, or comes twice.
        """
        names = self.feature_names
        if columns is None:
            return np.arange(len(names))
        is_single = isinstance(columns, str | int | np.integer | np.bool_)
        given = [columns] if is_single else list(columns)
        places = []
        for column in given:
            if isinstance(column, str) and column in names:
                places.append(names.index(column))
            elif _is_place(column) and 0 <= column < len(names):
                places.append(int(column))
            else:
                raise ValueError(
                    f"columns must be among {names}, or indices from 0, got {column!r}"
                )
        if not places or len(set(places)) < len(places):
            raise ValueError(f"columns must name each column once, and at least one, got {given}")
        return np.sort(np.array(places, dtype=np.intp))

    def of_margins(self, features: NDArray[np.intp]) -> Terms:
        """Return the names of marginal effects of some columns: on all classes if more than two."""
        is_multiclass = len(self.classes) > 2
        return replace(
            self,
            names=[self.feature_names[j] for j in features],
            labels=self.classes if is_multiclass else self.classes[1:],
            is_multiclass=is_multiclass,
            has_intercept=False,
        )

    def hypothesis(self, R: Any) -> NDArray[np.float64]:
        """Return the matrix of a linear hypothesis, from itself or from names of terms.

        Raises
        ------
        ValueError
            If a name is not one of a term, or the matrix has not one column per parameter or
            entries that are not finite.
        """
        n_terms, n_parameters = len(self.names), len(self.names) * len(self.labels)
        names = [R] if isinstance(R, str) else R
        if isinstance(names, list | tuple) and all(isinstance(name, str) for name in names):
            unknown = [name for name in names if name not in self.names]
            if unknown or not names:
                raise ValueError(f"R must name terms among {self.names}, got {list(names)}")
            places = [self.names.index(name) for name in names]
            rows = [label * n_terms + j for label in range(len(self.labels)) for j in places]
            return np.eye(n_parameters)[rows]
        matrix = np.atleast_2d(real_array("R", R)).astype(np.float64)
        if matrix.ndim != 2 or matrix.shape[1] != n_parameters:
            raise ValueError(
                f"R must have {n_parameters} columns, one for each parameter, got shape "
                f"{matrix.shape}"
            )
        if not len(matrix):
            raise ValueError(f"R must have at least one row, got shape {matrix.shape}")
        if not np.all(np.isfinite(matrix)):
            raise ValueError("R must hold finite numbers, got NaN or infinity")
        return matrix

    def vector(self, flat: NDArray[Any]) -> Any:
        """Return one number per parameter as Series, DataFrame or array."""
        table = flat.reshape(len(self.labels), len(self.names)).T
        if self.has_names:
            pandas = _pandas()
            if pandas is not None:
                if self.is_multiclass:
                    return pandas.DataFrame(table, index=self.names, columns=self.labels)
                return pandas.Series(flat, index=self.names)
        return table if self.is_multiclass else flat

    def square(self, matrix: NDArray[Any]) -> Any:
        """Return a matrix over all parameters as DataFrame or array."""
        pandas = _pandas() if self.has_names else None
        if pandas is None:
            return matrix
        index = self.index(pandas)
        return pandas.DataFrame(matrix, index=index, columns=index)

    def table(self, columns: dict[str, NDArray[Any]]) -> Any:
        """Return several numbers for each parameter.

        Parameters
        ----------
        columns : dict of str to ndarray of shape (n_parameters,)

        Returns
        -------
        table : DataFrame; without column names ndarray of shape (n_terms, n_columns) or \
                (n_labels, n_terms, n_columns)
        """
        pandas = _pandas() if self.has_names else None
        if pandas is not None:
            return pandas.DataFrame(columns, index=self.index(pandas))
        array = np.column_stack(list(columns.values()))
        if self.is_multiclass:
            return array.reshape(len(self.labels), -1, array.shape[1])
        return array

    def index(self, pandas: ModuleType) -> Any:
        """Return the pandas index of all parameters."""
        if self.is_multiclass:
            return pandas.MultiIndex.from_product(
                [self.labels, self.names], names=["class", "term"]
            )
        return pandas.Index(self.names)


def _is_place(column: Any) -> bool:
    # True and False are not indices, although Python treats them as integers.
    return isinstance(column, int | np.integer) and not isinstance(column, bool)


def require_pandas(what: str) -> ModuleType:
    """Return pandas, or raise an ImportError that says what needs it."""
    pandas = _pandas()
    if pandas is None:
        raise ImportError(f"{what} returns a DataFrame: install pandas")
    return pandas


def _pandas() -> ModuleType | None:
    try:
        import pandas
    except ImportError:
        return None
    return pandas


def _contrasts(classes: NDArray[Any], baseline: Any) -> tuple[list[Any], NDArray[np.float64]]:
    # The labels that are reported, and their parameters by the columns of the raw prediction. For
    # two classes that has one column, the log-odds of the second class.
    known = classes.tolist()
    if baseline is None:
        baseline = known[0]
    elif isinstance(baseline, np.generic):
        baseline = baseline.item()
    n_classes = len(known)
    of_classes = np.eye(n_classes) if n_classes > 2 else np.array([[0.0], [1.0]])
    if np.isscalar(baseline) and baseline in known:
        place = known.index(baseline)
        contrasts = np.delete(of_classes - of_classes[place], place, axis=0)
        return [label for label in known if label != baseline], contrasts
    if isinstance(baseline, str) and baseline == "mean":
        return known, of_classes - of_classes.mean(axis=0)
    raise ValueError(
        f"baseline must be None, 'mean' or one of the classes {known}, got {shown(baseline)}"
    )
