"""Which coefficients of an unpenalised fit are infinite because the classes are separated."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array

from sklogloss.inference.terms import Terms
from sklogloss.inputs.arrays import check_same_length
from sklogloss.inputs.columns import column_names
from sklogloss.inputs.errors import naming
from sklogloss.inputs.parameters import check_parameter
from sklogloss.inputs.tables import check_holds_no_times
from sklogloss.inputs.targets import (
    Targets,
    encode_labels,
    encode_probabilities,
    is_soft,
    label_column,
)
from sklogloss.inputs.weights import check_sample_weight
from sklogloss.linear.separation import (
    Pairs,
    Separation,
    TooLarge,
    Undecided,
    find_separation,
    null_space,
)

__all__ = ["SeparationResult", "separation"]

# Entries of a direction below this fraction of the largest are rounding errors.
NEGLIGIBLE = 1e-9
# A printed result has at most this many lines.
MAX_LINES = 20


@dataclass(frozen=True, eq=False, repr=False)
class SeparationResult:
    """Whether a linear function separates the classes, and its effect on a fit.

    Attributes
    ----------
    is_separated : bool
    kind : str
        "complete" if the function puts all samples on the side of their class, "quasi-complete" if
        some of them lie on the boundary, "none" if the classes overlap.
    infinite : Series, DataFrame or ndarray, bool
        Which coefficients of an unpenalised fit have no finite optimum. The intercept comes first.
        Shape (n_terms,) for two classes, else (n_terms, n_classes); with the names of the columns
        of X, if it has any.
    directions : Series, DataFrame or ndarray
        Direction of divergence in units of the coefficients: positive towards plus infinity,
        negative towards minus infinity, zero for coefficients that stay finite. For two classes,
        the direction of the second class; for more, that of each class, and they sum to zero. Log
        loss keeps decreasing along it. There may be other directions, in which some coefficients
        have another sign or are zero.
    separated_samples : ndarray of shape (n_samples,), bool
        The samples whose probability of their own class tends to one, except those with weight
        zero.
    classes : ndarray of shape (n_classes,)
    """

    is_separated: bool
    kind: str
    infinite: Any
    directions: Any
    separated_samples: NDArray[np.bool_]
    classes: NDArray[Any]
    _names: list[str] = field(default_factory=list)

    def __repr__(self) -> str:
        if not self.is_separated:
            return "No separation: the coefficients of an unpenalised fit are finite."
        n_separated, n_samples = (
            np.count_nonzero(self.separated_samples),
            len(self.separated_samples),
        )
        lines = [
            f"{self.kind.capitalize()} separation, {n_separated:,} of {n_samples:,} samples "
            "strictly separated. Infinite:"
        ]
        infinite, directions = np.asarray(self.infinite), np.asarray(self.directions)
        for place in np.argwhere(infinite):
            sign = np.sign(directions[tuple(place)])
            limit = {1.0: "+inf", -1.0: "-inf"}.get(sign, "infinite in other directions")
            of_class = "" if infinite.ndim == 1 else f", class {self.classes[place[1]]}"
            lines.append(f"  {self._names[place[0]]}{of_class}: {limit}")
        n_more = len(lines) - MAX_LINES
        return "\n".join(lines if n_more <= 0 else [*lines[:MAX_LINES], f"  and {n_more:,} more"])


def separation(
    X: ArrayLike,
    y: ArrayLike,
    sample_weight: ArrayLike | None = None,
    *,
    fit_intercept: bool = True,
) -> SeparationResult:
    r"""Find out whether a linear function separates the classes, and which coefficients diverge.

    A function :math:`x \mapsto (z_1, \dots, z_K)` separates the classes if no margin :math:`z_y -
    z_k`, of the score of a sample's own class over that of another class, is negative, and some
    margin is positive. Log loss keeps falling along its coefficients, so an unpenalised fit has no
    optimum [1]_. A linear programme finds such a function [2]_: it maximises the sum of all
    margins, subject to no margin being negative and no coefficient exceeding one, for columns of
    equal size.

    A sample with a soft target belongs to each class that has a positive probability. The scores of
    these classes must be equal, because its loss has a finite optimum between them.

    Margins below about 1e-10 of a sample's length count as zero.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
    y : array-like of shape (n_samples,) or (n_samples, n_classes)
        Labels, or the probability of each class.
    sample_weight : array-like of shape (n_samples,), default=None
        Samples with weight zero are ignored.
    fit_intercept : bool, default=True
        Whether the function has an intercept, as in the fit.

    Returns
    -------
    result : SeparationResult

    Raises
    ------
    ValueError, TypeError
        If an input is out of its range; the message names it. If X has too many columns for the
        linear programme, or if rounding errors decide the answer.

    See Also
    --------
    infer : Standard errors of the coefficients, if they are finite.

    References
    ----------
    .. [1] A. Albert and J. A. Anderson, "On the Existence of Maximum Likelihood Estimates in
       Logistic Regression Models", Biometrika 71 (1984), 1-10.
       https://doi.org/10.1093/biomet/71.1.1
    .. [2] K. Konis, "Linear Programming Algorithms for Detecting Separated Data in Binary Logistic
       Regression Models", thesis, University of Oxford, 2007.

    Examples
    --------
    >>> import numpy as np
    >>> from sklogloss.inference import separation
    >>> X = np.array([[0, 1], [0, 2], [0, 1], [0, 2], [3, 1], [4, 2]])
    >>> y = ["no", "no", "yes", "yes", "yes", "yes"]
    >>> separation(X, y)
    Quasi-complete separation, 2 of 6 samples strictly separated. Infinite:
      x0: +inf
    >>> separation(X[:, 1:], y)
    No separation: the coefficients of an unpenalised fit are finite.
    """
    check_parameter("fit_intercept", fit_intercept, bool)
    names = column_names(X)
    check_holds_no_times(X)
    with naming("X"):
        data: Any = check_array(
            X,
            accept_sparse=["csr", "csc"],
            accept_large_sparse=True,
            dtype=[np.float64, np.float32],
            input_name="X",
        )
    targets = encode_probabilities(y) if is_soft(y) else _encoded_labels(y)
    check_same_length(X=data, y=targets)
    weight = check_sample_weight(sample_weight, data.shape[0])
    n_classes = len(targets.classes)
    n_columns = 1 if n_classes == 2 else n_classes
    pairs = Pairs.of(
        data,
        targets.most_probable(),
        n_columns,
        fit_intercept=bool(fit_intercept),
        tied=_tied(targets),
        is_seen=None if weight is None else weight > 0,
    )
    try:
        found = find_separation(pairs, all_of_it=True)
        infinite, directions = _moved(pairs, found)
    except TooLarge as error:
        raise ValueError(
            f"X has {data.shape[1]} columns and y {len(targets.classes)} classes: too many for the "
            "linear programme that tests for separation"
        ) from error
    except Undecided as error:
        raise ValueError(
            "X has samples so close to the boundary of the classes that rounding errors decide "
            "whether these are separated: round X, or leave out columns that others next to "
            "determine"
        ) from error
    baseline = None if n_columns == 1 else "mean"
    terms = Terms.of(names or None, data.shape[1], bool(fit_intercept), targets.classes, baseline)
    return _result(pairs, found, infinite, directions, terms, targets.classes)


def _encoded_labels(y: ArrayLike) -> Targets:
    return encode_labels(label_column("y", y))


def _tied(targets: Targets) -> NDArray[np.bool_] | None:
    # The classes that a sample may belong to, other than its most probable one.
    if targets.proba is None:
        return None
    if len(targets.classes) == 2:
        return ((targets.proba > 0).sum(axis=1) == 2)[:, None]
    tied = targets.proba > 0
    tied[np.arange(len(tied)), targets.most_probable()] = False
    return tied


def _moved(pairs: Pairs, found: Separation | None) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    # Which coefficients are infinite, and a direction, both with the intercept first.
    if found is None:
        return np.zeros(pairs.shape, dtype=bool), np.zeros(pairs.shape)
    is_free = np.ones(pairs.shape[0] * pairs.shape[1], dtype=bool)
    on_boundary = pairs.exist & ~found.is_separated
    # Steps that do not move the boundary can be added to the direction, at least in a small amount.
    moves = null_space(pairs, on_boundary, is_free)
    # Along idle directions, no raw prediction changes, or those of all classes change equally.
    idle = null_space(pairs, pairs.exist, is_free)
    if moves is None or idle is None:
        raise Undecided
    direction = found.direction.ravel()
    direction, moves = (part - idle @ (idle.T @ part) for part in (direction, moves))
    # The entries of both are at most about one, because pairs are scaled.
    negligible = NEGLIGIBLE * _size_of_terms(pairs)[:, None]
    infinite = np.linalg.norm(_terms_of(pairs, moves), axis=2) > negligible
    directions = _terms_of(pairs, direction[:, None])[:, :, 0]
    directions[~infinite | (np.abs(directions) <= negligible)] = 0
    return infinite, directions


def _terms_of(pairs: Pairs, directions: NDArray[np.float64]) -> NDArray[np.float64]:
    # Flat directions as coefficients, the intercept first: (n_terms, n_columns, n_directions).
    p = pairs.X.shape[1]
    directions = directions.reshape(*pairs.shape, -1)
    coef = directions[:p] * pairs.scale[:, None, None]
    if not pairs.fit_intercept:
        return coef
    intercept = directions[p:] - np.tensordot(pairs.shift, coef, axes=(0, 0))
    return np.concatenate([intercept, coef])


def _size_of_terms(pairs: Pairs) -> NDArray[np.float64]:
    # The size of the terms that entries of one become, the intercept first.
    if not pairs.fit_intercept:
        return pairs.scale
    return np.append(1 + np.abs(pairs.shift) @ pairs.scale, pairs.scale)


def _result(
    pairs: Pairs,
    found: Separation | None,
    infinite: NDArray[np.bool_],
    directions: NDArray[np.float64],
    terms: Terms,
    classes: NDArray[Any],
) -> SeparationResult:
    n_samples = len(pairs.label)
    if found is None:
        kind, separated = "none", np.zeros(n_samples, dtype=bool)
    else:
        is_seen = pairs.exist.any(axis=1)
        separated = is_seen & np.all(found.is_separated | ~pairs.exist, axis=1)
        kind = "complete" if separated[is_seen].all() else "quasi-complete"
    return SeparationResult(
        found is not None,
        kind,
        terms.vector(infinite.T.ravel()),
        terms.vector(directions.T.ravel()),
        separated,
        classes,
        terms.names,
    )
