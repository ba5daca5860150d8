"""Rows that lie in partitions, and the passes over them: sums over the partitions, in order."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from operator import methodcaller
from typing import Any, ClassVar, Protocol

import numpy as np
from scipy import sparse

from sklogloss.linear.design import take_columns
from sklogloss.linear.samples import Curvature, Samples, make_design

__all__ = ["PartitionFacts", "PartitionedDesign", "PartitionedSamples", "Partitions", "facts_of"]


class Partitions(Protocol):
    """One value for each partition, in their order, wherever they are: see `sklogloss.dask`.

    Attributes
    ----------
    are_held : bool
        Whether the values stay in memory. If not, they are computed again each time.
    """

    @property
    def are_held(self) -> bool: ...

    def map(self, name, function, *others) -> Partitions:
        """Return function(value, *values of others) of each partition, held where these are."""

    def collect(self, name, function, *others) -> list[Any]:
        """Return function(value, *values of others) of each partition: a pass."""

    def sum(self, name, function, *others) -> Any:
        """Return the sum of the values of `collect`, arrays or tuples of arrays, added in order."""

    def sum_and_keep(self, name, function) -> tuple[Any, Partitions]:
        """Return the sum of the first values of pairs, and leave the second ones where they are."""

    def take(self, numbers) -> Partitions:
        """Return some of the partitions."""


@dataclass(frozen=True)
class PartitionedDesign:
    """What is known about X without its entries, with the attributes of a `DenseDesign`.

    Attributes
    ----------
    n_samples, n_features, n_stored : int
        Of the rows with weight in all partitions; n_stored may be an estimate.
    is_sparse : bool
    dtype : dtype
        Of X.
    is_float32 : bool
        Whether the arithmetic of a pass is float32.
    has_rows : bool
        Whether rows can be taken.
    """

    has_rows: ClassVar[bool] = True
    has_class_grams: ClassVar[bool] = False

    n_samples: int
    n_features: int
    n_stored: int
    is_sparse: bool
    dtype: np.dtype
    is_float32: bool

    @property
    def block_rows(self):
        """Rows of a block, as in the passes over a single row of X."""
        dtype = np.float32 if self.is_float32 else np.float64
        shape = (1, self.n_features)
        row = sparse.csr_array(shape, dtype=dtype) if self.is_sparse else np.zeros(shape, dtype)
        return make_design(row).block_rows


@dataclass(frozen=True)
class PartitionFacts:
    """What is known about the rows of a partition without its X.

    Attributes
    ----------
    n_samples : int
        Rows with weight.
    weight_sum : float
    class_counts : ndarray of shape (n_classes,)
        Rows with weight of each class; soft targets count for several.
    lightest_weight : float or None
        As `Samples.lightest_weight` returns it.
    median_offset : ndarray of shape (n_columns,) or None
    """

    n_samples: int
    weight_sum: float
    class_counts: np.ndarray
    lightest_weight: float | None
    median_offset: np.ndarray | None


def facts_of(samples, n_columns) -> PartitionFacts:
    """Return the facts of Samples. Without rows with weight, all are zero.

    Parameters
    ----------
    samples : Samples
        Its X is not read.
    n_columns : int
    """
    rows = slice(None) if samples.rows_with_weight is None else samples.rows_with_weight
    target = samples.target[rows]
    if target.shape[1] > 1:
        counts = target.sum(axis=0, dtype=np.float64)
    elif n_columns > 1:
        counts = np.bincount(target[:, 0].astype(np.intp), minlength=n_columns).astype(np.float64)
    else:
        n_positive = target.sum(dtype=np.float64)
        counts = np.array([len(target) - n_positive, n_positive])
    if len(target) == 0:
        return PartitionFacts(0, 0.0, counts, None, None)
    offset = None if samples.offset is None else samples.median_offset()
    lightest = samples.lightest_weight(n_columns)
    return PartitionFacts(len(target), samples.weight_sum, counts, lightest, offset)


@dataclass(frozen=True, eq=False)
class PartitionedSamples:
    """Rows in partitions with their targets, weights and offsets, and the passes over them.

    The passes are those of `Samples`, and return the same NumPy arrays: a solver does not know that
    the rows are elsewhere. Rows without weight are left out. The curvature, which has a row for
    each sample, stays where the rows are. Sums are added in the order of the partitions, so that a
    result has the same bits wherever they are.

    Parameters
    ----------
    partitions : Partitions
        Samples of each, with the rows that have weight.
    facts : tuple of PartitionFacts
    design : PartitionedDesign
    n_threads : int
        For rows that are taken together.

    Attributes
    ----------
    n_samples : int
        Rows with weight.
    dtype : dtype
        Of the arithmetic of a pass.
    weight_sum : float
    offset : ndarray of shape (n_partitions, n_columns) or None
        The medians of the partitions; None if no row has an offset.
    """

    is_partitioned = True
    rows_with_weight = None

    partitions: Partitions
    facts: tuple[PartitionFacts, ...]
    design: PartitionedDesign
    n_threads: int = 1
    n_samples: int = field(init=False)
    dtype: np.dtype = field(init=False)
    weight_sum: float = field(init=False)
    offset: np.ndarray | None = field(init=False)

    def __post_init__(self):
        # A partition without rows has no facts.
        has_offset = len(self.facts) > 0 and self.facts[0].median_offset is not None
        # The class is frozen, and these follow from its fields.
        vars(self).update(
            n_samples=self.design.n_samples,
            dtype=np.dtype(np.float32 if self.design.is_float32 else np.float64),
            weight_sum=sum(facts.weight_sum for facts in self.facts),
            offset=self._of("median_offset") if has_offset else None,
        )

    def _of(self, name):
        return np.array([getattr(facts, name) for facts in self.facts])

    def rarest_class(self, n_columns) -> float:
        """Return the number of rows with weight of the class that has the fewest."""
        return float(self._of("class_counts").sum(axis=0).min())

    def lightest_weight(self, n_columns) -> float | None:
        """Return the smallest positive weight of a row, None if a target has several classes."""
        lightest: list[Any] = [facts.lightest_weight for facts in self.facts]
        return None if None in lightest else min(lightest)

    def median_offset(self):
        """Return the median over the rows of the median offset of their partition."""
        medians, n_samples = self.offset, self._of("n_samples")
        order = np.argsort(medians, axis=0)
        places = [
            np.searchsorted(np.cumsum(n_samples[rows]), self.n_samples / 2) for rows in order.T
        ]
        columns = range(medians.shape[1])
        return np.array([medians[order[i, j], j] for i, j in zip(places, columns, strict=True)])

    def take(self, rows) -> Samples:
        """Return a copy of some rows, given in ascending order, taken together: one pass."""
        ends = np.cumsum(self._of("n_samples"))
        parts = np.split(rows, np.searchsorted(rows, ends[:-1]))
        numbers = [i for i, part in enumerate(parts) if len(part)]
        chosen = [_Rows(parts[i] - (ends[i - 1] if i else 0)) for i in numbers]
        taken = self.partitions.take(numbers).collect("rows", _taken, chosen)
        stack = sparse.vstack if self.design.is_sparse else np.concatenate
        X: Any = stack([samples.design.X for samples in taken])
        weights = [samples.weight for samples in taken]
        offsets = [samples.offset for samples in taken]
        return Samples(
            make_design(X.tocsr() if self.design.is_sparse else X, self.dtype),
            np.asfortranarray(np.concatenate([samples.target for samples in taken])),
            None if weights[0] is None else np.concatenate(weights),
            None if offsets[0] is None else np.asfortranarray(np.concatenate(offsets)),
            self.n_threads,
        )

    def _with(self, name, design, *arguments, **keywords):
        partitions = self.partitions.map(name, methodcaller(name, *arguments, **keywords))
        return replace(self, partitions=partitions, design=replace(self.design, **design))

    def columns(self, features) -> PartitionedSamples:
        """Return the same rows with a copy of some columns of X, given in ascending order."""
        fraction = len(features) / self.design.n_features
        n_stored = max(1, round(self.design.n_stored * fraction))
        design = {"n_features": len(features), "n_stored": n_stored}
        return self._with("columns", design, features)

    def astype(self, dtype, *, dense=False) -> PartitionedSamples:
        """Return the same rows for passes in the arithmetic of dtype."""
        design = {"is_float32": np.dtype(dtype) == np.float32}
        if dense:
            n_stored = self.n_samples * self.design.n_features
            design |= {"is_sparse": False, "n_stored": n_stored}
        return self._with("astype", design, dtype, dense=dense)

    def largest_entries(self, which):
        """Return the largest absolute entry of the columns where `which` is true."""
        each = self.partitions.collect("entries", methodcaller("largest_entries", which))
        return np.max(each, axis=0)

    def constant_columns(self, columns):
        """Return which of some columns of X have the same entry in all rows."""
        if len(columns) == 0:
            return columns
        lowest, highest = zip(*self.partitions.collect("columns", _Range(columns)), strict=True)
        return columns[np.min(lowest, axis=0) == np.max(highest, axis=0)]

    def moments(self, weight=None, *, centred):
        """Return the total weight, and means and mean squared deviations of the columns.

        Parameters
        ----------
        weight : Partitions or None
            From `PartitionedCurvature.of_rows`, instead of the rows' own weight.
        centred : bool
            If false, the means are taken to be zero.
        """
        others = () if weight is None else (weight.partitions,)
        each = self.partitions.collect("moments", _Moments(centred), *others)
        total, p = 0.0, self.design.n_features
        mean, spread = np.zeros(p), np.zeros(p)
        # The pairwise update of Chan, Golub and LeVeque (The American Statistician 37, 1983).
        for part, part_mean, part_spread in each:
            if not part > 0:
                continue
            fraction = part / (total + part)
            change = part_mean - mean
            spread += fraction * (part_spread - spread + (1 - fraction) * change**2)
            mean += fraction * change
            total += part
        return total, mean, spread

    def value_gradient(self, loss, predictor, *, curvature=False):
        """Return the sums of the loss and its gradient, and the curvature if asked for."""
        if curvature:
            function = _GradientAndCurvature(loss, predictor)
            sums, kept = self.partitions.sum_and_keep("gradient", function)
            return sums, PartitionedCurvature(self, loss, kept)
        function = methodcaller("value_gradient", loss, predictor)
        return self.partitions.sum("gradient", function)[0], None

    def value_gradient_hessian(self, loss, predictor, coordinates, *, single=False, stride=1):
        """Return the sums of the loss, its gradient and its Hessian in theta, in one pass."""
        arguments = ("value_gradient_hessian", loss, predictor, coordinates)
        function = methodcaller(*arguments, single=single, stride=stride)
        return self.partitions.sum("Hessian", function)

    def weight_of_blocks(self, stride) -> float:
        """Return the weight of every stride-th block of the rows of each partition."""
        return self.partitions.sum("weights", methodcaller("weight_of_blocks", stride))


@dataclass(frozen=True, eq=False)
class PartitionedCurvature:
    """The curvature of each row, where the rows are, and the passes that need it.

    The passes are those of `Curvature`.

    Attributes
    ----------
    samples : PartitionedSamples
    loss : LossKernel
    values : Partitions
        An ndarray for each.
    """

    samples: PartitionedSamples
    loss: Any
    values: Partitions

    def _sum(self, name, method, *arguments):
        function = _OfCurvature(method, self.loss, arguments)
        return self.samples.partitions.sum(name, function, self.values)

    def class_mean_hessian(self, coordinates):
        """Return the sum of the mean over the classes of the Hessian's blocks."""
        return self._sum("mean Hessian", "class_mean_hessian", coordinates)

    def hessian_product(self, predictor):
        """Return the sums of the Hessian times a direction, given as coef and intercept."""
        return self._sum("product", "hessian_product", predictor)

    def hessian_diagonal(self, center):
        """Return the sums of the Hessian's diagonal, in coef of centred columns and intercept."""
        return self._sum("diagonal", "hessian_diagonal", center)

    def of_rows(self) -> PartitionedRows:
        """Return the mean over the columns of the curvature of each row's weighted loss."""
        function = _OfCurvature("of_rows", self.loss, ())
        return PartitionedRows(self.samples.partitions.map("curvature", function, self.values))


@dataclass(frozen=True)
class PartitionedRows:
    """A number for each row, where the rows are.

    Attributes
    ----------
    partitions : Partitions
        An ndarray for each.
    """

    partitions: Partitions

    def any(self):
        """Return whether a number is not zero: a pass."""
        return any(self.partitions.collect("curvature", methodcaller("any")))


# Functions that run where the rows are. Instances of classes can be sent there, closures cannot.


@dataclass(frozen=True)
class _Rows:
    """Which rows of a partition, as numbers among those with weight."""

    numbers: np.ndarray


def _taken(samples, chosen):
    rows, among = chosen.numbers, samples.rows_with_weight
    return samples.take(rows if among is None else among[rows])


@dataclass(frozen=True)
class _Moments:
    centred: bool

    def __call__(self, samples, weight=None):
        weight = weight if weight is None else np.require(weight, requirements="A")
        return samples.moments(weight, centred=self.centred)


@dataclass(frozen=True)
class _GradientAndCurvature:
    """The pass that keeps the curvature of the rows."""

    loss: Any
    predictor: Any

    def __call__(self, samples):
        sums, curvature = samples.value_gradient(self.loss, self.predictor, curvature=True)
        return sums, curvature.values


@dataclass(frozen=True)
class _OfCurvature:
    """A pass that needs the curvature of the rows."""

    name: str
    loss: Any
    arguments: tuple[Any, ...]

    def __call__(self, samples, values):
        # An array sent from another process may not be aligned.
        curvature = Curvature(samples, self.loss, np.require(values, requirements="A"))
        return getattr(curvature, self.name)(*self.arguments)


@dataclass(frozen=True)
class _Range:
    """The smallest and the largest entry of some columns, in the rows with weight."""

    columns: np.ndarray

    def __call__(self, samples):
        rows = slice(None) if samples.rows_with_weight is None else samples.rows_with_weight
        X = take_columns(samples.design.X, self.columns, samples.n_threads)[rows]
        if sparse.issparse(X):
            return tuple(each.toarray().ravel() for each in (X.min(axis=0), X.max(axis=0)))
        return X.min(axis=0), X.max(axis=0)
