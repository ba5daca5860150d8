"""Linear classifiers that fit and predict collections of Dask."""

from __future__ import annotations

import sys
from copy import deepcopy
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.utils.validation import _check_feature_names

import sklogloss.classifiers as local
from sklogloss.classifiers.base import BaseLinearClassifier
from sklogloss.inputs.targets import require_y
from sklogloss.linear.optimum import has_no_optimum_in_partitions
from sklogloss.solvers.plan import MOST_ENTRIES_TAKEN

__all__ = ["FirthLogisticRegression", "FocalLogisticRegression", "LogLossClassifier"]


def is_collection(value: Any) -> bool:
    """Return whether a value is a Dask collection. If Dask was not imported, none is."""
    return "dask" in sys.modules and hasattr(value, "__dask_graph__")


class OnCollections(BaseLinearClassifier):
    """Makes a local classifier accept collections, too. Dask is imported only then."""

    # The class of the same parameters for rows in memory.
    _local_class: ClassVar[type[BaseLinearClassifier]]
    _takes_array_api = False
    # Whether the first pass looks for entries that are not finite. If not, sums that are not finite
    # are the reason for a pass that does.
    _checks_entries: ClassVar[bool] = False

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, offset: Any = None) -> Self:
        """Fit the model to collections. The optimum is that of the same rows in memory.

        Parameters
        ----------
        X : dask Array or DataFrame of shape (n_samples, n_features)
            Blocks of NumPy arrays or of SciPy's CSR or CSC matrices; columns of numbers or
            booleans. float32 stays float32, everything else becomes float64. Chunk sizes may be
            unknown, and partitions empty. Chunks along the columns are merged in each pass, with a
            warning. A persisted collection stays where it is; any other is read again in each pass.
            Arrays in memory are an error.
        y : dask Array, Series or DataFrame of shape (n_samples,) or (n_samples, n_classes)
            Labels, or the probability of each class, in the partitions of X. If X is a dask Array
            with known chunk sizes, arrays in memory are accepted, also for weights and offsets. The
            sizes of a DataFrame are never known; ``X.to_dask_array(lengths=True)`` counts its rows.
        sample_weight : dask Array or Series of shape (n_samples,), float, default=None
        offset : dask Array, Series or DataFrame, default=None
            Of shape (n_samples,) or (n_samples, n_classes).

        Returns
        -------
        self : object
            Fitted estimator, with the attributes of the local class.

        Raises
        ------
        ValueError, TypeError
            As in the local class. An error about the entries of a partition names its number.
        RuntimeError
            If a cluster has lost all workers.
        """
        if not is_collection(X):
            raise TypeError(
                f"X must be a dask array or a dask DataFrame, got {type(X).__name__}; "
                f"sklogloss.{type(self).__name__} takes arrays in memory"
            )
        super().fit(X, y, sample_weight, offset)
        log = self.__dict__.pop("_log", None)
        if log is not None:  # with callbacks, the fit within this one has taken it
            self.passes_ = np.array(log.names)
        return self

    def _validate_problem(self, X, y, sample_weight, offset=None):
        from sklogloss.dask.collections import Blocks
        from sklogloss.dask.problem import DaskProblem

        blocks = Blocks.of(X, require_y(self, y), sample_weight, offset)
        names = blocks.meta
        if names is None:
            names = np.empty((0, blocks.layout.n_features))
        _check_feature_names(self, names, reset=True)
        self.n_features_in_ = blocks.layout.n_features
        problem = DaskProblem(self, blocks, sample_weight)
        self._log = problem.log
        return problem

    def _lies_elsewhere(self, X):
        return False

    def _is_separable(self, result, targets):
        # All rows decide if they can be taken together. With more rows, only a function that
        # separates all of them is found.
        point, directions = result.last_point, (result.theta, result.direction)
        return has_no_optimum_in_partitions(result.objective, point, directions, MOST_ENTRIES_TAKEN)

    def to_local(self) -> Any:
        """Return the local estimator with the same parameters and fitted attributes."""
        return self._twin()

    def _twin(self, **others):
        # The local estimator, with other values of some parameters.
        twin = self._local_class(**self.get_params(deep=False))
        for name, value in deepcopy({**vars(self), **others}).items():
            setattr(twin, name, value)
        return twin

    def decision_function(self, X: Any, offset: Any = None) -> Any:
        """Return the scores of the classes, lazily for a collection. See the local class."""
        return self._of_blocks("decision_function", X, offset)

    def predict(self, X: Any, offset: Any = None) -> Any:
        """Return the class with the highest score for each sample, lazily for a collection."""
        return self._of_blocks("predict", X, offset)

    def predict_proba(self, X: Any, offset: Any = None) -> Any:
        """Return the probabilities of the classes, lazily for a collection."""
        return self._of_blocks("predict_proba", X, offset)

    def predict_log_proba(self, X: Any, offset: Any = None) -> Any:
        """Return the log-probabilities of the classes in nats, lazily for a collection."""
        return self._of_blocks("predict_log_proba", X, offset)

    def score(self, X: Any, y: Any, sample_weight: Any = None, offset: Any = None) -> Any:
        """Return the accuracy, for collections as a lazy number: a dask array of shape ()."""
        if not is_collection(X):
            return self._twin().score(X, y, sample_weight, offset)
        from sklogloss.dask.prediction import accuracy

        return accuracy(self._twin(), X, y, sample_weight, offset)

    def _of_blocks(self, method, X, offset):
        if not is_collection(X):
            return getattr(self._twin(), method)(X, offset=offset)
        from sklogloss.dask.prediction import predicted

        return predicted(self._twin(), method, X, offset)


class LogLossClassifier(OnCollections, local.LogLossClassifier):
    """Logistic regression on Dask collections; parameters and attributes as locally.

    The solver runs in the process that calls `fit`. Each of its passes is a sum over the
    partitions. Dask computes the terms where the partitions are, and adds them in order, so a fit
    has the same bits for any number of workers and threads. The objective, and so its optimum, is
    that of `sklogloss.LogLossClassifier` on the same rows.

    Parameters
    ----------
    penalty, C, l1_ratio, tol, fit_intercept, class_weight, solver, max_iter, warm_start
        See `sklogloss.LogLossClassifier`, also for the other parameters.
    n_jobs : int, default=None
        Threads for each partition of a pass. None means one, because Dask computes several
        partitions at a time.
    verbose : int, default=0
        If positive, print the plan, and a line for each pass and each iteration.

    Attributes
    ----------
    classes_, coef_, intercept_, n_iter_, n_features_in_, solver_, plan_, class_weight_
        See `sklogloss.LogLossClassifier`. DataFrames also set ``feature_names_in_``.
    passes_ : ndarray of shape (n_passes,)
        The purpose of each pass over the partitions.

    See Also
    --------
    sklogloss.LogLossClassifier : For rows in memory, with the list of all parameters.

    Notes
    -----
    A random subset of the rows is collected in the process that calls `fit`: 18 megabytes, or 50
    rows for each coefficient if that is more, but at most 144 megabytes. The solution on the subset
    is the starting point for all rows.

    Examples
    --------
    >>> import dask.array as da
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklogloss.dask import LogLossClassifier
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> X, y = da.from_array(X, chunks=(100, -1)), da.from_array(y, chunks=100)
    >>> clf = LogLossClassifier(C=1e-3).fit(X, y)
    >>> proba = clf.predict_proba(X)
    >>> type(proba), proba.shape
    (<class 'dask.array.core.Array'>, (569, 2))
    >>> proba[:1].compute().round(3)
    array([[1., 0.]])
    """

    _local_class = local.LogLossClassifier


class FocalLogisticRegression(OnCollections, local.FocalLogisticRegression):
    """The linear classifier that minimises focal loss on Dask collections.

    Parameters and attributes are those of `sklogloss.FocalLogisticRegression`; see
    `LogLossClassifier` for what is different on collections.

    See Also
    --------
    sklogloss.FocalLogisticRegression : For rows in memory.
    """

    _local_class = local.FocalLogisticRegression


class FirthLogisticRegression(OnCollections, local.FirthLogisticRegression):
    """Logistic regression under Jeffreys' prior on Dask collections.

    Parameters and attributes are those of `sklogloss.FirthLogisticRegression`; see
    `LogLossClassifier` for what is different on collections. Each iteration makes two passes: one
    for the information, one for the leverages, which stay where the rows are.

    See Also
    --------
    sklogloss.FirthLogisticRegression : For rows in memory.

    Examples
    --------
    >>> import dask.array as da
    >>> import numpy as np
    >>> from sklogloss.dask import FirthLogisticRegression
    >>> X = da.from_array(np.array([[0.0], [0.0], [0.0], [1.0], [1.0], [1.0]]), chunks=(2, 1))
    >>> y = da.from_array(np.array([0, 0, 0, 1, 1, 1]), chunks=2)
    >>> FirthLogisticRegression().fit(X, y).coef_.round(4)
    array([[3.8918]])
    """

    _local_class = local.FirthLogisticRegression
