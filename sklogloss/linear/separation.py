"""Whether a linear function separates the classes: a linear programme on few of the rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.optimize import linprog, nnls

from sklogloss.linear.design import BLOCK_ENTRIES, row_slices
from sklogloss.linear.limits import LARGEST_HESSIAN, MAX_ROUNDS, ROUNDING
from sklogloss.linear.threads import one_blas_thread

__all__ = ["Pairs", "Separation", "TooLarge", "Undecided", "find_separation", "null_space"]

# Nonzero entries that the programme may have: those of the largest matrix of parameters.
MAX_ENTRIES = LARGEST_HESSIAN**2
# HiGHS holds constraints to this, its smallest tolerance. Margins are of rows of length one, and of
# coefficients of at most one (1e-8:
# tests/linear/test_separation.py::test_columns_nearly_alike_put_pairs_on_the_boundary fails).
TOLERANCE = 1e-10


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs of each row's true class and another class, which a linear function may separate.

    The columns of X are shifted to start at zero where they are of one sign, divided by their
    typical size, and a column of ones is the intercept's. Then each row is divided by its length.
    None of this changes what separates, and a tolerance means the same for all of them.

    Attributes
    ----------
    X : ndarray, CSR or CSC matrix of shape (n_samples, n_features)
    label : ndarray of shape (n_samples,)
        Index of the class, or of one of the classes, that a sample belongs to.
    n_columns : int
        1 for two classes.
    is_tied : ndarray of shape (n_samples, n_columns), bool
        Other classes that a sample belongs to, too: the margin over them must be zero. For two
        classes, whether the sample belongs to both.
    exist : ndarray of shape (n_samples, n_columns), bool
        Which pairs there are: not the true class itself, nor rows that do not count.
    fit_intercept : bool
    shift, scale : ndarray of shape (n_features,)
    length : ndarray of shape (n_samples,)
        Of the rows, by the sum of absolute values.
    """

    X: np.ndarray | sparse.csr_matrix | sparse.csc_matrix
    label: np.ndarray
    n_columns: int
    is_tied: np.ndarray
    exist: np.ndarray
    fit_intercept: bool
    shift: np.ndarray
    scale: np.ndarray
    length: np.ndarray

    @classmethod
    def of(cls, X, label, n_columns, *, fit_intercept, tied=None, is_seen=None) -> Pairs:
        """Return the pairs of samples: two or three passes over X in blocks of rows."""
        shift, scale = _shift_and_scale(X, fit_intercept)
        length = np.full(X.shape[0], float(fit_intercept))
        if sparse.issparse(X):
            for rows, columns, entry in _entries(X):
                size = np.abs(entry) * scale[columns]
                length += np.bincount(rows, size, minlength=len(length))
        else:
            for rows, part in _blocks(X, shift, scale):
                length[rows] += np.abs(part).sum(axis=1)
        length[length == 0] = 1
        exist = np.ones((len(label), n_columns), dtype=bool)
        if n_columns > 1:
            exist[np.arange(len(label)), label] = False
        if is_seen is not None:
            exist[~is_seen] = False
        is_tied = np.zeros_like(exist) if tied is None else tied & exist
        return cls(X, label, n_columns, is_tied, exist, fit_intercept, shift, scale, length)

    @property
    def shape(self):
        """Shape of a direction: (n_features + fit_intercept, n_columns)."""
        return self.X.shape[1] + self.fit_intercept, self.n_columns

    def margins(self, direction):
        """Return the margin of the true class over each other class, in units of row lengths."""
        raw_prediction = self._product(direction)
        raw_prediction /= self.length[:, None]
        if self.n_columns == 1:
            return np.where(self.label[:, None] == 1, raw_prediction, -raw_prediction)
        return raw_prediction[np.arange(len(self.label)), self.label][:, None] - raw_prediction

    def equations(self, rows, columns):
        """Return the CSR matrix whose product with a flat direction gives the margins of pairs."""
        part = self.X[rows]
        if sparse.issparse(part):
            part = part.tocsr().astype(np.float64) @ sparse.diags_array(self.scale)
        else:
            part = sparse.csr_array((part.astype(np.float64) - self.shift) * self.scale)
        if self.fit_intercept:
            part = sparse.hstack([part, np.ones((len(rows), 1))], format="csr")
        part = (sparse.diags_array(1 / self.length[rows]) @ part).tocoo()
        if self.n_columns == 1:
            sign = np.where(self.label[rows] == 1, 1.0, -1.0)
            return sparse.csr_array(sparse.diags_array(sign) @ part)
        row, column, k = part.row, part.col, self.n_columns
        places = [column * k + self.label[rows][row], column * k + columns[row]]
        return sparse.csr_array(
            (
                np.concatenate([part.data, -part.data]),
                (np.concatenate([row, row]), np.concatenate(places)),
            ),
            shape=(len(rows), self.shape[0] * k),
        )

    def sum_of_margins(self, is_open):
        """Return the flat vector whose product with a direction is the sum of pairs' margins."""
        weight = is_open.astype(np.float64)
        if self.n_columns == 1:
            weight[self.label == 0] *= -1
        else:
            total = weight.sum(axis=1)
            weight *= -1
            weight[np.arange(len(weight)), self.label] = total
        weight /= self.length[:, None]
        return self._transposed_product(weight).ravel()

    def coef_intercept(self, direction):
        """Return a direction in coefficients (n_features, n_columns) and intercept (n_columns,)."""
        coef = direction[: self.X.shape[1]] * self.scale[:, None]
        if not self.fit_intercept:
            return coef, np.zeros(self.n_columns)
        return coef, direction[-1] - self.shift @ coef

    def _product(self, direction):
        # X times a direction. X is scaled, but its rows are not divided by their length.
        coef = direction[: self.X.shape[1]]
        if sparse.issparse(self.X):
            product = np.asarray(self.X @ (coef * self.scale[:, None]), dtype=np.float64)
        else:
            product = np.empty((len(self.label), direction.shape[1]))
            for rows, part in _blocks(self.X, self.shift, self.scale):
                product[rows] = part @ coef
        return product + direction[-1] if self.fit_intercept else product

    def _transposed_product(self, weight):
        product = np.zeros((self.X.shape[1], weight.shape[1]))
        if sparse.issparse(self.X):
            product += (self.X.T @ weight) * self.scale[:, None]
        else:
            for rows, part in _blocks(self.X, self.shift, self.scale):
                product += part.T @ weight[rows]
        return np.vstack([product, weight.sum(axis=0)]) if self.fit_intercept else product


def _blocks(X, shift, scale):
    # Yield (slice of rows, their shifted and scaled entries).
    for rows in row_slices(*X.shape, BLOCK_ENTRIES):
        part = X[rows].astype(np.float64)
        part -= shift
        part *= scale
        yield rows, part


def _entries(X):
    # Yield rows, columns and values of the stored entries of a sparse X, some at a time.
    for start in range(0, X.indptr[-1], BLOCK_ENTRIES):
        places = np.arange(start, min(start + BLOCK_ENTRIES, X.indptr[-1]))
        major = np.searchsorted(X.indptr, places, side="right") - 1
        minor = X.indices[places]
        rows, columns = (major, minor) if X.format == "csr" else (minor, major)
        yield rows, columns, X.data[places].astype(np.float64)


def _shift_and_scale(X, fit_intercept):
    # Shifts are entries of X, so that differences are exact; scales are powers of two, close to
    # the geometric mean of the entries that are not zero.
    n_features = X.shape[1]
    shift = np.zeros(n_features)
    if sparse.issparse(X):
        count, total = np.zeros((2, n_features))
        for _, columns, entry in _entries(X):
            columns, size = columns[entry != 0], np.abs(entry[entry != 0])
            count += np.bincount(columns, minlength=n_features)
            total += np.bincount(columns, np.log2(size), minlength=n_features)
    else:
        if fit_intercept:
            low, high = X.min(axis=0).astype(np.float64), X.max(axis=0).astype(np.float64)
            shift = np.where(low > 0, low, np.where(high < 0, high, 0.0))
        count, total = np.zeros((2, n_features))
        for _, part in _blocks(X, shift, np.ones(n_features)):
            is_nonzero = part != 0
            count += is_nonzero.sum(axis=0)
            total += np.log2(np.abs(np.where(is_nonzero, part, 1))).sum(axis=0)
    return shift, np.exp2(-np.round(total / np.maximum(count, 1)))


@dataclass(frozen=True, eq=False)
class Separation:
    """A direction in which a linear function separates classes.

    Attributes
    ----------
    direction : ndarray of shape (n_features + fit_intercept, n_columns)
        As `Pairs` scales it.
    is_separated : ndarray of shape (n_samples, n_columns), bool
        Pairs with a positive margin; all others have none.
    """

    direction: np.ndarray
    is_separated: np.ndarray


def find_separation(pairs, *, lower=-1.0, upper=1.0, all_of_it=False) -> Separation | None:
    """Return a direction along which no margin falls and some rise, None if there is none.

    Log loss falls along it for ever: the unpenalised problem has no minimiser (Albert & Anderson,
    Biometrika 71, 1984). The sum of the margins is maximised subject to no margin being negative
    and no coefficient above one (Konis, "Linear programming algorithms for detecting separated data
    in binary logistic regression models", Oxford, 2007). The programme has a few of the pairs, to
    which those are added that its solution has on the wrong side.

    Parameters
    ----------
    pairs : Pairs
    lower, upper : float or ndarray of shape (n_features + fit_intercept, n_columns)
        Limits of the direction, from -1 to 0 and from 0 to 1.
    all_of_it : bool
        Whether the direction separates as many pairs as any does.

    Raises
    ------
    TooLarge
        If the programme does not fit into a bounded effort, and no class lacks a column.
    Undecided
        If rounding errors hide whether the direction that it finds separates.
    """
    try:
        return _by_programme(pairs, lower, upper, all_of_it)
    except TooLarge:
        found = None if all_of_it else _by_lacking_columns(pairs, lower, upper)
        if found is None:
            raise
        return found


def _by_programme(pairs, lower, upper, all_of_it):
    search = _Search(pairs, lower, upper)
    is_open, found = pairs.exist & ~pairs.is_tied, None
    while is_open.any():
        more = search.separation(is_open)
        if more is None:
            break
        found = more if found is None else _joined(pairs, found, more)
        if not all_of_it:
            break
        is_open &= ~more.is_separated
    return found


def _by_lacking_columns(pairs, lower, upper):
    # The direction away from a class, along columns of one sign that are zero for all its samples,
    # such as a category that the class lacks. None if there are no such columns. A margin of zero
    # has no rounding errors, because nothing is added to zero.
    n_classes = max(2, pairs.n_columns)
    is_of_class = pairs.label[:, None] == np.arange(n_classes)
    is_of_class = (is_of_class & pairs.exist.any(axis=1)[:, None]).astype(np.float64)
    total = pairs._transposed_product(is_of_class)[: pairs.X.shape[1]]
    sign = np.sign(total.sum(axis=1)) * _are_of_one_sign(pairs)
    lacks = (total == 0) * sign[:, None]
    direction = np.zeros(pairs.shape)
    direction[: len(lacks)] = -lacks if pairs.n_columns > 1 else lacks[:, :1] - lacks[:, 1:]
    direction = np.clip(direction, lower, upper)
    margin = np.where(pairs.exist, pairs.margins(direction), 0.0)
    is_separated = (margin > 0) & ~pairs.is_tied
    is_wrong = (margin < 0) | (pairs.is_tied & (margin != 0))
    if is_wrong.any() or not is_separated.any():
        return None
    return Separation(direction, is_separated)


def _are_of_one_sign(pairs):
    # Whether the shifted columns are.
    n_features = pairs.X.shape[1]
    low, high = np.zeros((2, n_features))
    if sparse.issparse(pairs.X):
        for _, columns, entry in _entries(pairs.X):
            np.minimum.at(low, columns, entry)
            np.maximum.at(high, columns, entry)
    else:
        for _, part in _blocks(pairs.X, pairs.shift, pairs.scale):
            low, high = np.minimum(low, part.min(axis=0)), np.maximum(high, part.max(axis=0))
    return (low == 0) | (high == 0)


def _joined(pairs, found, more):
    # Scale the second direction so that no margin of the first falls by more than half.
    margin, other = (pairs.margins(each.direction) for each in (found, more))
    with np.errstate(all="ignore"):
        needed = np.where(found.is_separated, -2 * other / margin, 0.0).max()
    direction = found.direction + more.direction / max(needed, 1.0)
    return Separation(direction, found.is_separated | more.is_separated)


class Undecided(Exception):
    """It stays open whether classes are separated: rounding errors are as large as the margins."""


class TooLarge(Undecided):
    """The linear programme does not fit into a bounded effort."""


class _Search:
    """The linear programme, with the pairs that it contains so far."""

    def __init__(self, pairs, lower, upper):
        self.pairs = pairs
        self.n_variables = pairs.shape[0] * pairs.shape[1]
        # The boundary has twice as many equations.
        if 2 * self.n_variables**2 > MAX_ENTRIES:
            raise TooLarge
        self.bounds = np.column_stack(
            [np.broadcast_to(limit, pairs.shape).ravel() for limit in (lower, upper)]
        )
        self.rng = np.random.default_rng(0)
        self.n_more = 2 * self.n_variables + 100

    def separation(self, is_open):
        """Return a Separation of some open pairs, None if there is none."""
        pairs = self.pairs
        counts = is_open | pairs.is_tied
        objective = pairs.sum_of_margins(is_open)
        objective /= np.abs(objective).max() or 1
        in_programme = np.zeros_like(counts)
        in_programme.ravel()[self._some(np.flatnonzero(counts))] = True
        for _ in range(MAX_ROUNDS):
            direction, gain = self._solve(objective, in_programme)
            if not gain > TOLERANCE:
                return None
            margin = np.where(counts, pairs.margins(direction), 0.0)
            violation = np.where(pairs.is_tied, np.abs(margin), -margin)
            violation[in_programme] = 0
            places = np.flatnonzero(violation > TOLERANCE)
            if len(places) == 0 and not np.any(margin[is_open] > TOLERANCE):
                return None
            if len(places) == 0:
                return self._certain(direction, margin, counts)
            if len(places) > self.n_more:
                worst = np.argpartition(-violation.ravel()[places], self.n_more)[: self.n_more]
                places = places[worst]
            in_programme.ravel()[places] = True
        raise TooLarge

    def _some(self, places):
        if len(places) <= 2 * self.n_more:
            return places
        return self.rng.choice(places, self.n_more, replace=False)

    def _solve(self, objective, in_programme):
        is_tied = in_programme & self.pairs.is_tied
        tied = self.pairs.equations(*np.nonzero(is_tied))
        others = self.pairs.equations(*np.nonzero(in_programme & ~is_tied))
        if others.nnz + tied.nnz > MAX_ENTRIES:
            raise TooLarge
        # With few entries in each equation, the simplex method takes about one step for each
        # equation. With many, it may wander among degenerate vertices for minutes. A projection has
        # no vertices, but uses all entries.
        is_full = others.nnz * max(self.pairs.n_columns, 2) >= others.shape[0] * others.shape[1]
        methods = (self._project, self._climb) if is_full else (self._climb, self._project)
        for method in methods:
            found = method(objective, others, tied)
            if found is not None:
                direction, gain = found
                return direction.reshape(self.pairs.shape), gain
        raise Undecided  # though zero is a solution

    def _climb(self, objective, others, tied):
        # A vertex with the largest sum of margins, and that sum, by the simplex method.
        result = linprog(
            -objective,
            A_ub=-others,
            b_ub=np.zeros(others.shape[0]),
            A_eq=tied if tied.shape[0] else None,
            b_eq=np.zeros(tied.shape[0]) if tied.shape[0] else None,
            bounds=self.bounds,
            method="highs-ds",
            options={
                "primal_feasibility_tolerance": TOLERANCE,
                "dual_feasibility_tolerance": TOLERANCE,
                "maxiter": 2 * sum(others.shape),
            },
        )
        return None if result.x is None or result.status != 0 else (result.x, -result.fun)

    def _project(self, objective, others, tied):
        # The objective's projection on the directions along which no margin falls, and its length,
        # which is the largest gain of such a direction of length one. The projection subtracts a
        # sum of margins with nonnegative weights. If nothing remains, these weights prove that no
        # direction separates.
        is_free = self.bounds[:, 0] < self.bounds[:, 1]
        signs = sparse.eye_array(len(objective), format="csr")
        constraints = sparse.vstack(
            [others, tied, -tied, signs[self.bounds[:, 0] == 0], -signs[self.bounds[:, 1] == 0]]
        )
        constraints = constraints.toarray()[:, is_free]
        with one_blas_thread():
            try:
                weights, _ = nnls(constraints.T, -objective[is_free])
            except RuntimeError:  # too many steps
                return None
            direction = np.zeros(len(objective))
            direction[is_free] = objective[is_free] + weights @ constraints
        limit = np.where(direction > 0, self.bounds[:, 1], self.bounds[:, 0])
        # Rounding errors lead beyond limits of zero.
        direction[limit == 0] = 0
        gain = float(np.linalg.norm(direction))
        if not gain > TOLERANCE:
            return direction, gain
        moves = direction != 0
        direction /= np.max(direction[moves] / limit[moves])
        is_exact = np.all(constraints @ direction[is_free] >= -TOLERANCE)
        return (direction, gain) if is_exact else None

    def _certain(self, direction, margin, counts):
        # The separation by the programme's solution, beyond rounding errors.
        rounding, refused = rounding_of(self.pairs), []
        for candidate in self._candidates(direction, margin, counts):
            separation = self._checked(candidate, counts, rounding)
            if separation is not None:
                return separation
            refused.append(candidate)
        # A direction that fails by little more than these errors may still separate.
        if any(self._checked(each, counts, ROUNDING * rounding) is not None for each in refused):
            raise Undecided
        return None

    def _candidates(self, direction, margin, counts):
        # The programme finds the direction within its tolerance, and often exactly, at its limits.
        flat = direction.ravel()
        nearest = flat.copy()
        for limit in self.bounds.T:
            nearest = np.where(np.abs(flat - limit) <= TOLERANCE, limit, nearest)
        nearest = nearest.reshape(direction.shape)
        size = np.abs(np.where(counts, self.pairs.margins(nearest), 0.0))
        if not np.any((size > rounding_of(self.pairs)) & (size <= TOLERANCE)):
            yield nearest
        # Otherwise, pairs with almost no margin are on the boundary. Use the closest direction that
        # puts them exactly there.
        is_fixed = (np.abs(flat) <= TOLERANCE) & (
            (self.bounds[:, 0] == 0) | (self.bounds[:, 1] == 0)
        )
        for width in (rounding_of(self.pairs), TOLERANCE):
            is_boundary = counts & (np.abs(margin) <= width)
            basis = null_space(self.pairs, is_boundary, ~is_fixed)
            if basis is None:
                continue
            yield (basis @ (basis.T @ flat)).reshape(direction.shape)

    def _checked(self, direction, counts, rounding):
        # The separation by a direction, up to rounding errors; None if it does not separate.
        size = np.abs(direction).max(initial=0)
        if not size > TOLERANCE:
            return None
        flat = direction.ravel() / size
        if np.any((flat < -rounding) & (self.bounds[:, 0] == 0)):
            return None
        if np.any((flat > rounding) & (self.bounds[:, 1] == 0)):
            return None
        margin = np.where(counts, self.pairs.margins(direction / size), 0.0)
        is_wrong = (margin < -rounding) | (self.pairs.is_tied & (margin > rounding))
        is_separated = counts & ~self.pairs.is_tied & (margin > rounding)
        if is_wrong.any() or not is_separated.any():
            return None
        return Separation(direction / size, is_separated)


def rounding_of(pairs):
    """Return a bound on the rounding errors of margins, for coefficients of at most one.

    A null space solves its equations up to a small multiple of eps times their norm [1]_. Rows are
    no longer than two, so that the norm is at most 2 sqrt(n_equations), and a direction is at most
    sqrt(n_entries) long.

    References
    ----------
    .. [1] G. H. Golub and C. F. Van Loan, "Matrix Computations", 4th edition, 2013, section 8.6.
    """
    n_entries = pairs.shape[0] * pairs.shape[1]
    n_equations = min(pairs.exist.size, 2 * _n_more(n_entries))
    return 64 * np.sqrt(n_entries * n_equations) * np.finfo(np.float64).eps


def _n_more(n_free):
    # Equations that are added to a null space at a time.
    return 2 * n_free + 10


def null_space(pairs, is_boundary, is_free):
    """Return a basis of the directions whose margins over some pairs are zero.

    A few random pairs make equations, to which those are added that their solutions violate.

    Parameters
    ----------
    pairs : Pairs
    is_boundary : ndarray of shape (n_samples, n_columns), bool
    is_free : ndarray of shape (n_features + fit_intercept) * n_columns, bool
        Entries that may differ from zero.

    Returns
    -------
    basis : ndarray of shape (n_entries, n_directions) or None
        Orthonormal; None if pairs keep being violated.
    """
    rng, n_free = np.random.default_rng(0), np.count_nonzero(is_free)
    places, n_more = np.flatnonzero(is_boundary), _n_more(n_free)
    n_violated = np.inf
    chosen = places if len(places) <= 2 * n_more else rng.choice(places, n_more, replace=False)
    while True:
        if len(chosen) * n_free > MAX_ENTRIES:
            raise TooLarge
        equations = pairs.equations(*np.unravel_index(chosen, is_boundary.shape))
        equations = equations.toarray()[:, is_free]
        # The triangle has the singular values and vectors of many equations, and few rows.
        with one_blas_thread():
            _, size, vectors = np.linalg.svd(np.linalg.qr(equations, mode="r"))
        negligible = max(equations.shape) * np.finfo(np.float64).eps * size.max(initial=0)
        basis = np.zeros((len(is_free), n_free - np.count_nonzero(size > negligible)))
        basis[is_free] = vectors[np.count_nonzero(size > negligible) :].T
        if len(chosen) == len(places) or basis.shape[1] == 0:
            return basis
        # A random direction of the basis has a margin wherever any of them has.
        direction = (basis @ rng.standard_normal(basis.shape[1])).reshape(pairs.shape)
        direction /= np.abs(direction).max()
        margin = np.abs(pairs.margins(direction).ravel()[places])
        violated = places[margin > rounding_of(pairs)]
        if len(violated) == 0:
            return basis
        if len(violated) >= n_violated:
            return None
        n_violated = len(violated)
        violated = violated[:: max(1, len(violated) // n_more)]
        if np.isin(violated, chosen).all():
            return None
        chosen = np.union1d(chosen, violated)
