"""From the collections of a fit and the parameters of an estimator to an objective."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklogloss.classifiers.problem import (
    LARGEST_COST,
    Problem,
    joint_class_weight,
    warn_of_no_weight,
)
from sklogloss.dask.blocks import (
    Encoding,
    check_entries,
    checked_weight,
    in_partition,
    read_facts,
)
from sklogloss.dask.collections import Blocks, aligned
from sklogloss.dask.partitions import PassLog
from sklogloss.inputs.columns import sorted_columns
from sklogloss.inputs.parameters import check_bounds, check_penalty_factor
from sklogloss.inputs.targets import (
    Targets,
    check_labels,
    group_indices,
    label_column,
    unique_labels,
)
from sklogloss.inputs.weights import check_largest_weight
from sklogloss.linear.partitioned_samples import (
    PartitionedDesign,
    PartitionedRows,
    PartitionedSamples,
    facts_of,
)
from sklogloss.linear.threads import effective_n_threads

__all__ = ["DaskProblem"]

# Of weights up to 2 to this power, those of as many samples as can be do not overflow in sum.
LARGEST_EXPONENT = 900


class DaskTargets:
    """The classes, and their total sample weight. The targets themselves stay with Dask.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)
    totals : ndarray of shape (n_classes,)
        Up to a common factor.
    is_soft : bool
        Whether they are probabilities.
    """

    def __init__(
        self, classes: NDArray[Any], totals: NDArray[np.float64], *, is_soft: bool
    ) -> None:
        self.classes = classes
        self.totals = totals
        self.is_soft = is_soft

    def labels_if_hard(self) -> NDArray[np.intp] | None:
        """Return None for probabilities, and otherwise an empty array: the labels are with Dask."""
        return None if self.is_soft else np.empty(0, dtype=np.intp)

    def class_totals(self, sample_weight: Any) -> NDArray[np.float64]:
        """Return the total weight of the samples of each class."""
        return self.totals


class DaskProblem(Problem):
    """A problem whose rows are the partitions of collections. See `Problem` for its attributes.

    Two passes make it: one over all blocks, which checks them and finds the classes, and one over
    targets and weights alone.

    Attributes
    ----------
    log : PassLog
    blocks : Blocks
    encoding : Encoding
    numbers : tuple of int
        The partitions that have rows with weight.
    samples : PartitionedSamples
        Of these.
    weight_exponent : int
        The largest sample weight is below 2 to it, and not below half of that.
    """

    def __init__(self, estimator: Any, blocks: Blocks, sample_weight: Any) -> None:
        self.log = log = PassLog(bool(estimator.verbose))
        layout, smoothing = blocks.layout, estimator.label_smoothing
        of_blocks = blocks.partitions(log)
        # As locally: the sums of later passes show it, but not for rows without weight.
        weighs = sample_weight is not None or isinstance(estimator.class_weight, dict)
        checks = estimator._checks_entries or weighs
        m = len(blocks.X)
        reads = partial(read_facts, label_smoothing=smoothing, largest_cost=LARGEST_COST)
        facts = of_blocks.collect("classes", reads, [layout] * m, [checks] * m)
        self.targets = _targets(blocks, facts)
        self._set_weights(estimator, facts, sample_weight is not None)
        dtype = layout.dtype
        hard = Targets(self.targets.classes, np.zeros(1, dtype=np.intp), None)
        fit = hard.fit_float32(smoothing, None, LARGEST_COST)
        if not (all(each.fits_float32 for each in facts) if layout.is_soft else fit):
            dtype = np.dtype(np.float64)
        encoding = Encoding(
            layout,
            self.targets.classes,
            self.class_weight,
            self.class_weight is not None or sample_weight is not None,
            self.exponent,
            smoothing,
            dtype,
            1 if estimator.n_jobs is None else effective_n_threads(estimator.n_jobs),
        )
        self.blocks, self.encoding = blocks, encoding
        self._set_samples(facts, log)
        self.sample_weight = self.offset = self.places = None
        if sample_weight is not None:
            parts = blocks.partitions(log, with_X=False).take(self.numbers)
            weights: Any = PartitionedRows(parts.map("weights", _given_weight))
            self.sample_weight = weights
        self.X = self.samples.design
        self._set_limits(estimator, encoding.n_columns)

    def _set_weights(self, estimator, facts, has_sample_weight):
        targets, largest = self.targets, max(each.largest_weight for each in facts)
        if has_sample_weight:
            check_largest_weight(largest)
            warn_of_no_weight("sample_weight", targets, targets.class_totals(None))
        weight, alpha = estimator.class_weight, getattr(estimator, "alpha", None)
        name = "alpha" if weight is None else "class_weight"
        weight = joint_class_weight(weight, alpha, targets, None)
        if weight is not None:
            warn_of_no_weight(name, targets, weight)
        self.class_weight, self.exponent = weight, 0
        self.weight_exponent = int(np.frexp(largest)[1])
        if weight is not None or has_sample_weight:
            # The product itself may leave the range of floats.
            self.exponent = self.weight_exponent
            if weight is not None:
                self.exponent += int(np.frexp(weight.max())[1])

    def _set_samples(self, facts, log):
        # Partitions without a row are left out, then those without a row that has weight.
        blocks, encoding = self.blocks, self.encoding
        numbers = [i for i, each in enumerate(facts) if each.n_samples > 0]
        if blocks.is_held:
            held = blocks.partitions(log).take(numbers).holding(True).map("rows", encoding.samples)
            of_rows = held.collect("weights", partial(facts_of, n_columns=encoding.n_columns))
        else:
            without_X = blocks.partitions(log, with_X=False).take(numbers)
            of_rows = without_X.collect("weights", encoding.facts)
        kept = [place for place, of in enumerate(of_rows) if of.n_samples > 0]
        if not kept:
            raise ValueError("sample_weight and class_weight must leave some weight, all are zero")
        numbers, of_rows = (tuple(each[place] for place in kept) for each in (numbers, of_rows))
        self.numbers = numbers
        layout, p = encoding.layout, encoding.layout.n_features
        whole = sum(each.n_samples for each in facts)
        n_samples = sum(each.n_samples for each in of_rows)
        design = PartitionedDesign(
            n_samples,
            p,
            max(1, round(sum(each.n_stored for each in facts) * n_samples / whole)),
            any(each.is_sparse for each in facts),
            layout.dtype,
            encoding.dtype == np.float32,
        )
        if blocks.is_held:
            partitions = held.take(kept)
        else:
            partitions = blocks.partitions(log).take(numbers).map("rows", encoding.samples)
        self.samples = PartitionedSamples(partitions, of_rows, design)
        # The base class wants to know the shape, the dtype and the sum of these.
        is_matrix = layout.is_soft and encoding.n_columns > 1
        is_matrix = is_matrix or (encoding.label_smoothing > 0 and encoding.n_columns > 1)
        n_targets = len(encoding.classes) if is_matrix else 1
        self.target = np.broadcast_to(np.zeros((), encoding.dtype), (n_samples, n_targets))
        self.row_weight = np.array([self.samples.weight_sum]) if encoding.has_weight else None

    def _set_limits(self, estimator, n_columns):
        names = getattr(estimator, "feature_names_in_", None)
        factor, bounds = estimator.penalty_factor, estimator.bounds
        p, classes = self.X.n_features, self.targets.classes
        self.penalty_factor = None if factor is None else check_penalty_factor(factor, p, names)
        dtype = self.X.dtype
        self.bounds = bounds and check_bounds(bounds, p, n_columns, names, classes, dtype)

    def _design_of(self, X, dtype):
        return X

    def _samples_of(self, design, target, weight, offset, n_threads):
        samples = self.samples
        return PartitionedSamples(samples.partitions, samples.facts, design, n_threads)

    def clusters(self, groups: Any, X: Any) -> tuple[PartitionedRows, int]:
        """Return the index of each row's group, and how many groups have weight: a pass.

        Parameters
        ----------
        groups : dask Array or Series of shape (n_samples,)
        X : dask Array or DataFrame
            The collection that the rows are of.
        """
        parts = self.blocks.partitions(self.log, with_X=False).take(self.numbers)
        given = aligned("groups", groups, X)
        labels = parts.map("groups", _labels, [given[i] for i in self.numbers])
        each = self.samples.partitions.collect("groups", _with_weight, labels)
        of_parts = np.concatenate(each)
        _, n_groups = group_indices("groups", of_parts, "clusters")
        places = self.samples.partitions.map("groups", _Places(np.unique(of_parts)), labels)
        return PartitionedRows(places), n_groups

    def check_finite(self, name: str) -> None:
        """Raise a ValueError that names the partition if X has an entry that is not finite."""
        blocks = self.blocks
        layouts = [blocks.layout] * len(blocks.X)
        blocks.partitions(self.log).collect("entries", check_entries, layouts)


def _targets(blocks, facts):
    if blocks.layout.is_soft:
        totals = np.sum(_scaled_totals([each for each in facts if each.n_samples]), axis=0)
        if np.ndim(totals) == 0:
            raise ValueError("X has 0 samples")
        classes = np.arange(blocks.n_classes)
        if blocks.layout.y_columns is not None:
            classes, order = sorted_columns(list(blocks.layout.y_columns), "y")
            totals = totals[order]
        if np.count_nonzero(totals) < 2:
            raise ValueError(
                "y must have at least 2 classes, but all probability is on only one class"
            )
        return DaskTargets(classes, totals, is_soft=True)
    found = [each for each in facts if each.n_samples]
    if not found:
        raise ValueError("X has 0 samples")
    classes, index = unique_labels(np.concatenate([each.labels for each in found]), "y")
    # Three of each: the labels of a classification recur.
    check_labels("y", np.tile(classes, 3))
    if len(classes) < 2:
        raise ValueError(
            "y must have samples of at least 2 classes, but the data contains only one class: "
            f"{classes.tolist()[0]!r}"
        )
    weights = np.concatenate(_scaled_totals(found))
    totals = np.bincount(index, weights=weights, minlength=len(classes))
    return DaskTargets(classes, totals, is_soft=False)


def _scaled_totals(facts):
    # The totals of each partition, divided by the same power of 2 where their sum might overflow.
    excess = max((each.exponent for each in facts), default=0) - LARGEST_EXPONENT
    return [np.ldexp(each.totals, each.exponent - max(excess, 0)) for each in facts]


# Functions that run where the rows are.


def _given_weight(block):
    return checked_weight(block.sample_weight, len(block.y))


def _labels(block, groups):
    with in_partition(block.number):
        groups = label_column("groups", groups)
        if len(groups) != len(block.y):
            raise ValueError(
                f"groups must have shape ({len(block.y)},), one entry per sample, got "
                f"{groups.shape}"
            )
    return groups


def _with_weight(samples, labels):
    rows = samples.rows_with_weight
    return unique_labels(labels if rows is None else labels[rows], "groups")[0]


@dataclass(frozen=True)
class _Places:
    """The places of the labels of rows with weight; 0 for other rows, which score nothing."""

    found: NDArray[Any]

    def __call__(self, samples, labels):
        rows, places = samples.rows_with_weight, np.zeros(len(labels), dtype=np.intp)
        rows = slice(None) if rows is None else rows
        places[rows] = np.searchsorted(self.found, labels[rows])
        return places
