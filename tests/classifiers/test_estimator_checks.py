"""scikit-learn's checks of an estimator, none of them declared as expected to fail."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import validate_data

from sklogloss import (
    FirthLogisticRegression,
    FocalLogisticRegression,
    LogLossClassifier,
    LogLossClassifierCV,
)

SOLVERS = ["newton-cholesky", "newton-cg", "lbfgs", "liblinear", "sag", "saga"]


class WithFreeFeature(LogLossClassifier):
    """The first feature is not penalised. The checks have data of different width."""

    def _validate_problem(self, *arguments):
        problem = super()._validate_problem(*arguments)
        return replace(problem, penalty_factor=np.minimum(np.arange(problem.X.shape[1]), 2.0))


class WithOffset(LogLossClassifier):
    """The offset of the last class is the first feature, in fits and predictions."""

    def _validate_problem(self, *arguments):
        problem = super()._validate_problem(*arguments)
        n_classes = len(problem.targets.classes)
        n_columns = n_classes if n_classes > 2 else 1
        return replace(problem, offset=self._offset_of(problem.X, n_columns))

    def _linear_scores(self, X, offset):
        scores = super()._linear_scores(X, offset)
        X = validate_data(self, X, accept_sparse="csr", reset=False)
        n_columns = 1 if scores.ndim == 1 else scores.shape[1]
        return scores + self._offset_of(X, n_columns).reshape(scores.shape)

    def _offset_of(self, X, n_columns):
        first = X[:, [0]].toarray() if sparse.issparse(X) else X[:, [0]]
        dtype = X.dtype if X.dtype.kind == "f" else np.float64
        offset = np.zeros((X.shape[0], n_columns), dtype=dtype, order="F")
        offset[:, -1:] = first
        return offset


@pytest.mark.filterwarnings("ignore:The data is separable", "ignore:The least populated class")
@parametrize_with_checks(
    [
        LogLossClassifier(),
        *[LogLossClassifier(solver=solver) for solver in SOLVERS],
        LogLossClassifier(label_smoothing=0.1),
        LogLossClassifier(class_weight="balanced"),
        LogLossClassifier(class_weight="balanced", probabilities="posterior"),
        LogLossClassifier(label_smoothing=0.1, probabilities="posterior"),
        LogLossClassifier(C=np.inf),
        LogLossClassifier(n_jobs=2),
        LogLossClassifier(l1_ratio=1),
        LogLossClassifier(l1_ratio=0.5, class_weight="balanced"),
        LogLossClassifier(bounds=(-2, None)),
        LogLossClassifier(bounds=(-1, 0.5), l1_ratio=0.5),
        *[LogLossClassifier(bounds=(-0.5, 1), solver=solver) for solver in SOLVERS[1:3]],
        WithFreeFeature(),
        WithFreeFeature(l1_ratio=0.5, bounds=(None, 1)),
        WithOffset(),
        WithOffset(solver="newton-cg"),
        LogLossClassifierCV(),
        LogLossClassifierCV(Cs=2, cv=2, bounds=(-2, None), l1_ratios=(0, 1)),
        LogLossClassifierCV(Cs=2, cv=2, l1_ratios=(0, 0.5), selection="1se", n_jobs=2),
        LogLossClassifierCV(Cs=2, cv=2, class_weight="balanced", probabilities="posterior"),
        LogLossClassifierCV(Cs=2, cv=2, scoring="accuracy", refit=False, label_smoothing=0.1),
        FirthLogisticRegression(),
        FirthLogisticRegression(intercept_correction="flic"),
        FirthLogisticRegression(intercept_correction=None, n_jobs=2),
        FocalLogisticRegression(),
        *[FocalLogisticRegression(solver=solver) for solver in SOLVERS[:3]],
        FocalLogisticRegression(l1_ratio=0.5),
        FocalLogisticRegression(bounds=(-1, 0.5)),
        FocalLogisticRegression(gamma=5, class_weight="balanced"),
        FocalLogisticRegression(label_smoothing=0.1, probabilities="model"),
    ]
)
def test_estimator_check(estimator, check):
    check(estimator)
