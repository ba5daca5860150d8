"""Labels of pandas and polars objects: classes or features, in any order."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklogloss.inputs.errors import shown

__all__ = [
    "column_names",
    "in_order_of_classes",
    "in_order_of_labels",
    "order_of_classes",
    "sorted_columns",
]


def column_names(data: Any) -> list[Any]:
    """Return the names of the columns of a DataFrame, or the name of a Series, as a list.

    The list is empty for other data, and for a Series without a name. That is "" in polars.
    """
    if hasattr(data, "columns"):
        return list(data.columns)
    name = getattr(data, "name", None) if hasattr(data, "to_numpy") else None
    return [] if name is None or name == "" else [name]


def sorted_columns(columns: list[Any], name: str) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """Return (sorted names, order that sorts them) of the columns of class probabilities.

    Parameters
    ----------
    columns : list
    name : str
        The argument, for errors.
    """
    if len(set(columns)) < len(columns):
        raise ValueError(f"{name} must have columns of different names, got {columns}")
    try:
        sorted(columns)
    except TypeError as error:
        raise ValueError(
            f"{name} must have column names that can be sorted, got {columns}"
        ) from error
    names = np.asarray(columns)
    if names.ndim != 1:
        raise ValueError(f"{name} must have one name for each column, got {columns}")
    return np.unique(names, return_index=True)


def order_of_classes(columns: list[Any], classes: NDArray[Any]) -> list[int] | None:
    """Return the place of each class among columns that have the classes as names.

    Parameters
    ----------
    columns : list
        In polars, names are always strings: they may be the classes written as strings.
    classes : ndarray of shape (n_classes,)

    Returns
    -------
    order : list of int, or None if the names are not the classes
    """
    wanted = classes.tolist()
    for names in (columns, list(map(str, columns))):
        place = {name: i for i, name in enumerate(names)}
        if len(place) == len(columns) and place.keys() == set(wanted):
            return [place[name] for name in wanted]
        wanted = list(map(str, wanted))
    return None


def in_order_of_classes(
    name: str, array: NDArray[Any], columns: list[Any], classes: NDArray[Any]
) -> NDArray[Any]:
    """Return an array with its columns in the order of the classes, if they have their names.

    Parameters
    ----------
    name : str
        The argument, for errors.
    array : ndarray of shape (n_samples,) or (n_samples, n_classes)
        One dimension for two classes: the second class, or second minus first if `columns` has
        two names.
    columns : list
        Names of the columns that were given. Names that have nothing to do with the classes are
        ignored, as are numbers from 0.
    classes : ndarray of shape (n_classes,)
        Sorted.

    Raises
    ------
    ValueError
        If some, but not all names are classes: a misspelt or a missing one is a mistake.
    """
    order = order_of_classes(columns, classes)
    if order is None:
        _check_names(name, columns, classes.tolist())
        return array
    if order == sorted(order):
        return array
    return -array if array.ndim == 1 else array[:, order]


def in_order_of_labels(name: str, given: Any, axis: int, labels: NDArray[Any] | None) -> Any:
    """Return a Series or DataFrame with its entries in the order of features or classes.

    Parameters
    ----------
    name : str
        The argument, for errors.
    given : object
        What is no pandas object, or is numbered from 0 along the axis, goes by places: it is
        returned as it is.
    axis : int
        Of the labels: -1 is the last one.
    labels : ndarray of shape (n_labels,) or None
        None if X had no names.

    Raises
    ------
    ValueError
        If its labels are not the labels, in any order and each once, or if they are names and X
        had none.
    """
    axes = getattr(given, "axes", None)
    if axes is None or not hasattr(given, "reindex"):
        return given
    found = axes[axis].tolist()
    if labels is None:
        if any(isinstance(label, str) for label in found):
            raise ValueError(
                f"{name} with names, {shown(found)}, needs an X with these column names; pass "
                "an array, or call set_output(transform='pandas') on the steps before it"
            )
        return given
    wanted = np.asarray(labels).tolist()
    if found == list(range(len(found))) or found == wanted:
        return given
    if len(found) != len(wanted) or set(found) != set(wanted):
        raise ValueError(
            f"{name} must have each of the labels {shown(wanted)} once, in any order, or be "
            f"numbered from 0, got {shown(found)}"
        )
    return given.take([found.index(label) for label in wanted], axis=axis % len(axes))


def _check_names(name: str, columns: list[Any], classes: list[Any]) -> None:
    names, known = list(map(str, columns)), set(map(str, classes))
    if len(names) == 1:
        known.remove(str(classes[1]))  # one column is of the second class
    is_numbered = names == list(map(str, range(len(names))))
    if not is_numbered and not known.isdisjoint(names):
        raise ValueError(
            f"the columns of {name}, {columns}, must have the names of the classes, {classes}, in "
            "any order and each once, or only other names; a single column is that of the second "
            "class"
        )
