"""The choice of a penalty by cross-validation, with folds that are weights of the rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from numbers import Integral
from types import SimpleNamespace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import PredefinedSplit
from sklearn.utils.metadata_routing import _raise_for_params

import sklogloss.classifiers as local
from sklogloss.classifiers.path import split_coefficients
from sklogloss.classifiers.scoring import is_log_loss, surprise
from sklogloss.dask.classifiers import OnCollections, is_collection
from sklogloss.dask.metrics import log_loss
from sklogloss.inputs.errors import shown
from sklogloss.inputs.offset import check_offset
from sklogloss.inputs.parameters import Integers, check_parameter
from sklogloss.inputs.targets import is_soft
from sklogloss.inputs.weights import as_sample_weight
from sklogloss.linear.partitioned_samples import PartitionedRows, PartitionedSamples
from sklogloss.linear.row_functions import changed_samples

__all__ = ["LogLossClassifierCV"]

DEFAULT_N_FOLDS = 5


class LogLossClassifierCV(OnCollections, local.LogLossClassifierCV):
    """Logistic regression with cross-validated C and l1_ratio on Dask collections.

    Parameters and attributes are those of `sklogloss.LogLossClassifierCV`, except for the
    following. A fold is a set of weights of the rows; no row is copied.

    Parameters
    ----------
    cv : int or array of shape (n_samples,), default=None
        The number of folds, stratified in the order of the rows as scikit-learn's StratifiedKFold
        does it; None means 5, or fewer where no class has 5 samples. Or the number of the fold of
        each row, in the partitions of X, as scikit-learn's PredefinedSplit takes it: rows of -1 are
        in no fold, but in all training sets, and numbers may be left out. Splitters and iterables
        of splits are refused. `to_local` turns such an array into a PredefinedSplit.
    scoring : {"neg_log_loss", "accuracy"} or None, default="neg_log_loss"
        None means accuracy.

    See Also
    --------
    sklogloss.LogLossClassifierCV : For rows in memory, with the list of all parameters.
    """

    _local_class = local.LogLossClassifierCV
    _checks_entries = True

    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        offset: Any = None,
        **params: Any,
    ) -> Self:
        """Choose the penalty, and fit the model to collections.

        Parameters
        ----------
        X, y, sample_weight, offset
            As for `LogLossClassifier.fit`. The sample weights weight the scores, too.
        **params : dict
            Must be empty: metadata is not routed.

        Returns
        -------
        self : object
            Fitted estimator.
        """
        _raise_for_params(params, self, "fit")
        return super().fit(X, y, sample_weight, offset)

    def _validate_problem(self, X, y, sample_weight, offset=None):
        from sklogloss.dask.collections import aligned

        scorer = self._get_scorer()
        self._scores_log_loss = is_log_loss(scorer)
        if not self._scores_log_loss and self.scoring not in (None, "accuracy"):
            raise ValueError(
                "scoring must be 'neg_log_loss', 'accuracy' or None for collections, got "
                f"{self.scoring!r}"
            )
        if not self._scores_log_loss and is_soft(y):
            raise ValueError(
                "scoring='accuracy' takes labels, and y has class probabilities; use 'neg_log_loss'"
            )
        has_numbers = _has_fold_numbers(self.cv)
        if isinstance(self.cv, Integral):
            check_parameter("cv", self.cv, Integers(2))
        elif not (self.cv is None or has_numbers):
            raise TypeError(
                "cv must be an integer, None, or an array with the number of the fold of each row; "
                f"collections take no splitters and no iterables of splits, got {shown(self.cv)}"
            )
        problem = super()._validate_problem(X, y, sample_weight, offset)
        problem.fold_blocks = aligned("cv", self.cv, X) if has_numbers else None
        return problem

    def to_local(self) -> Any:
        """Return the local estimator with the same parameters and fitted attributes.

        An array with the folds of the rows becomes a PredefinedSplit of a NumPy array.
        """
        cv = self.cv
        if _has_fold_numbers(cv):
            cv = PredefinedSplit(np.asarray(cv))
        return super()._twin(cv=cv)

    def _twin(self, **others):
        # Predictions need no folds, and an array of these is as long as the rows.
        return super()._twin(cv=None, **others)

    def _folds(self, problem, split_params):
        # All rows count, as locally: weights change no fold.
        blocks = problem.blocks.partitions(problem.log, with_X=False)
        if problem.fold_blocks is not None:
            rules, function = problem.fold_blocks, _given_numbers
        else:
            rules, function = self._stratified(problem, blocks), _numbers_of
        numbers = blocks.holding(problem.blocks.is_held).map("folds", function, rules)
        each = blocks.collect("folds", _FoldTotals(problem.encoding), numbers)
        found = np.unique(np.concatenate([of_part for of_part, _ in each]))
        totals = np.zeros((len(found), len(problem.targets.classes)))
        for of_part, of_folds in each:
            totals[np.searchsorted(found, of_part)] += of_folds
        is_fold = found >= 0
        if not is_fold.any():
            raise ValueError("cv must put rows into folds, but all have the number -1")
        problem.outside_totals = totals[~is_fold].sum(axis=0)
        problem.fold_totals, found = totals[is_fold], found[is_fold]
        if found[-1] >= len(found):
            numbers = numbers.map("folds", _Renumbered(found))
        problem.fold_numbers = numbers.take(problem.numbers)
        return [_fold(problem, problem.fold_numbers, i) for i in range(len(problem.fold_totals))]

    def _stratified(self, problem, blocks):
        # For each partition a rule, from the counts of the classes in those before it. That of
        # StratifiedKFold sorts the classes by their first row.
        each = blocks.collect("folds", _ClassCounts(problem.encoding))
        counts, firsts = (np.array(arrays) for arrays in zip(*each, strict=True))
        sizes = np.append(0, np.cumsum(counts.sum(axis=1))[:-1])
        first = np.min(np.where(firsts < 0, np.inf, firsts + sizes[:, None]), axis=0)
        totals, order = counts.sum(axis=0), np.argsort(first, kind="stable")
        most = int(totals.max())
        cv = max(2, min(DEFAULT_N_FOLDS, most)) if self.cv is None else int(self.cv)
        if most < cv:
            raise ValueError(
                f"cv={cv} is more than the number of samples of each class, at most {most}"
            )
        ends = np.empty((len(order), cv), dtype=np.intp)
        ends[order] = np.cumsum(_stratified_sizes(totals[order], cv), axis=1)
        starts = np.cumsum(counts, axis=0) - counts
        return [_Stratified(problem.encoding, start, ends) for start in starts]

    def score(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        offset: Any = None,
        **score_params: Any,
    ) -> Any:
        """Return minus the log loss, or the accuracy, as `scoring` says.

        Of collections, minus the log loss is computed at once, a float; the accuracy is a lazy
        number, a dask array of shape ().
        """
        _raise_for_params(score_params, self, "score")
        if not (is_collection(X) and is_log_loss(self._get_scorer())):
            return super().score(X, y, sample_weight, offset)
        proba = self.predict_proba(X, offset=offset)
        labels = None if is_soft(y) else self.classes_
        return -log_loss(y, proba, sample_weight=sample_weight, labels=labels)

    def _score_folds(self, problem, folds, score_params):
        shape = self.coefs_paths_.shape
        of_folds = problem.fold_totals
        outside = problem.outside_totals
        known = [
            np.delete(of_folds, i, axis=0).sum(axis=0) + outside > 0 for i in range(len(folds))
        ]
        joined = self.coefs_paths_.reshape(-1, *shape[3:])
        coefs, intercepts = split_coefficients(joined, self.fit_intercept)
        model = SimpleNamespace(
            classes_=self.classes_,
            probabilities=self.probabilities,
            class_weight_=self.class_weight_,
            _fitted_label_smoothing=self.label_smoothing,
        )
        function = _FoldScores(
            problem.encoding,
            model,
            coefs.reshape(len(folds), -1, *coefs.shape[1:]),
            intercepts.reshape(len(folds), -1, intercepts.shape[1]),
            np.array(known),
            problem.weight_exponent,
            self._scores_log_loss,
        )
        blocks = problem.blocks.partitions(problem.log).take(problem.numbers)
        totals, weights = blocks.sum("scores", function, problem.fold_numbers)
        with np.errstate(invalid="ignore"):
            return (totals / weights[:, None]).reshape(shape[:3])


def _has_fold_numbers(cv):
    # NumPy makes no array of splits of different sizes.
    try:
        return is_collection(cv) or np.ndim(cv) == 1
    except ValueError:
        return False


@dataclass(frozen=True)
class DaskFold:
    """The training rows of a fold, as `Fold` has them.

    Attributes
    ----------
    rows : PartitionedSamples
    row_weight : ndarray of shape (1,)
        The sum of their weights.
    """

    rows: PartitionedSamples
    row_weight: NDArray[np.float64]

    def training_rows(self, samples: Any) -> Any:
        """Return the training rows of all samples."""
        return replace(self.rows, n_threads=samples.n_threads)


def _fold(problem, numbers, i):
    n_columns = problem.encoding.n_columns
    rows = changed_samples(
        problem.samples, "fold", _Training(i), PartitionedRows(numbers), n_columns=n_columns
    )
    if not rows.n_samples:
        raise ValueError(f"the training rows of fold {i} of cv have no weight")
    return DaskFold(rows, np.array([rows.weight_sum]))


def _stratified_sizes(totals, n_folds):
    # How many of each class, sorted by their first row, are in each fold: of the rows sorted by
    # class, the first one goes to the first fold, the second one to the second, and so on.
    ends = np.cumsum(totals)[:, None]
    upto_fold = n_folds - 1 - np.arange(n_folds)
    return (ends + upto_fold) // n_folds - (ends - totals[:, None] + upto_fold) // n_folds


# The functions below run where the partitions are.


@dataclass(frozen=True)
class _Training:
    number: int

    def __call__(self, samples, numbers):
        weight = np.ones(len(numbers), samples.dtype) if samples.weight is None else samples.weight
        return replace(samples, weight=weight * (numbers != self.number).astype(samples.dtype))


def _label(encoding, block):
    # The index of each row's class, or of its most probable one.
    if len(block.y) == 0:
        return np.empty(0, dtype=np.intp)
    return encoding.targets(block).most_probable()


@dataclass(frozen=True)
class _ClassCounts:
    encoding: Any

    def __call__(self, block):
        label, k = _label(self.encoding, block), len(self.encoding.classes)
        first = np.full(k, -1.0)
        for i in range(k):
            rows = np.flatnonzero(label == i)
            first[i] = rows[0] if len(rows) else -1
        return np.bincount(label, minlength=k), first


@dataclass(frozen=True)
class _Stratified:
    """The folds of a partition: the first rows of a class belong to the first fold, and so on."""

    encoding: Any
    starts: NDArray[np.intp]
    ends: NDArray[np.intp]

    def numbers(self, block):
        label = _label(self.encoding, block)
        numbers = np.empty(len(label), dtype=np.intp)
        for i, (start, ends) in enumerate(zip(self.starts, self.ends, strict=True)):
            rows = np.flatnonzero(label == i)
            numbers[rows] = np.searchsorted(ends, start + np.arange(len(rows)), side="right")
        return numbers


def _numbers_of(block, rule):
    return rule.numbers(block)


def _given_numbers(block, given):
    numbers = np.asarray(given)
    if numbers.shape == (0,) and len(block.y) == 0:  # pandas has empty columns of any dtype
        return numbers.astype(np.intp)
    allowed = f"partition {block.number}: cv must have an integer from -1 on for each row, got"
    if numbers.shape != (len(block.y),) or numbers.dtype.kind not in "iu":
        raise ValueError(f"{allowed} {numbers.dtype} of shape {numbers.shape}")
    if numbers.min(initial=0) < -1:
        raise ValueError(f"{allowed} {numbers.min()}")
    return numbers.astype(np.intp)


@dataclass(frozen=True)
class _FoldTotals:
    """The fold numbers that some row has, -1 included, and the weight of each class in each."""

    encoding: Any

    def __call__(self, block, numbers):
        encoding, found = self.encoding, np.unique(numbers)
        totals = np.zeros((len(found), len(encoding.classes)))
        if len(found) == 0:
            return found, totals
        targets = encoding.targets(block)
        # With the weights of the training: a class without weight there is unknown.
        _, weight = encoding.weighted(targets, block)
        if weight is None:
            weight = np.ones(len(numbers))
        for i, number in enumerate(found):
            totals[i] = targets.class_totals(weight * (numbers == number))
        return found, totals


@dataclass(frozen=True)
class _Renumbered:
    """The places of fold numbers among those that some row has; -1 stays."""

    found: NDArray[np.intp]

    def __call__(self, numbers):
        return np.where(numbers < 0, -1, np.searchsorted(self.found, numbers))


@dataclass(frozen=True)
class _FoldScores:
    """Sums of the scores of the test rows of each fold, and of their weights."""

    encoding: Any
    model: Any
    coefs: NDArray[np.float64]
    intercepts: NDArray[np.float64]
    known: NDArray[np.bool_]
    weight_exponent: int
    scores_log_loss: bool

    def __call__(self, block, numbers):
        X = self.encoding.layout.entries(block.X, checks=False)
        targets = self.encoding.targets(block)
        weight, offset = as_sample_weight(block.sample_weight, len(numbers)), block.offset
        if weight is None:
            weight = np.ones(len(numbers))
        weight = np.ldexp(weight, -self.weight_exponent)  # sums stay finite
        if offset is not None:
            n_columns, classes = self.encoding.n_columns, self.encoding.classes
            offset = check_offset(offset, len(numbers), n_columns, np.float64, classes)
        totals = np.zeros(self.coefs.shape[:2])
        weights = np.zeros(len(totals))
        for i, known in enumerate(self.known):
            of_fold = weight * (numbers == i)
            if self.scores_log_loss:
                of_fold = of_fold * targets.are_among(known)
            rows = np.flatnonzero(of_fold)
            if len(rows):
                weights[i] = of_fold[rows].sum()
                some = (X[rows], None if offset is None else offset[rows])
                totals[i] = [
                    of_fold[rows] @ self._scores(*some, targets, rows, coef, intercept)
                    for coef, intercept in zip(self.coefs[i], self.intercepts[i], strict=True)
                ]
        return totals, weights

    def _scores(self, X, offset, targets, rows, coef, intercept):
        raw_prediction = np.asarray(X @ coef.T) + intercept
        if offset is not None:
            raw_prediction += offset
        if self.scores_log_loss:
            target = targets.as_array(0, np.dtype(np.float64))[rows]
            return -surprise(self.model, target, raw_prediction)
        is_binary = raw_prediction.shape[1] == 1
        found = raw_prediction[:, 0] > 0 if is_binary else raw_prediction.argmax(axis=1)
        return (found == targets.label[rows]).astype(np.float64)
