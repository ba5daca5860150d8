"""scikit-learn's checks of an estimator, none of them declared as expected to fail."""

import numpy as np
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklogloss import FocalLogisticRegression, LogLossClassifier, LogLossClassifierCV

SOLVERS = ["newton-cholesky", "newton-cg", "lbfgs", "liblinear", "sag", "saga"]


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
        LogLossClassifierCV(),
        LogLossClassifierCV(Cs=3, l1_ratios=(0, 0.5), selection="1se", n_jobs=2),
        LogLossClassifierCV(Cs=3, cv=3, class_weight="balanced", probabilities="posterior"),
        LogLossClassifierCV(Cs=3, scoring="accuracy", refit=False, label_smoothing=0.1),
        FocalLogisticRegression(),
        *[FocalLogisticRegression(solver=solver) for solver in SOLVERS[:3]],
        FocalLogisticRegression(l1_ratio=0.5),
        FocalLogisticRegression(gamma=5, class_weight="balanced"),
        FocalLogisticRegression(label_smoothing=0.1, probabilities="model"),
    ]
)
def test_estimator_check(estimator, check):
    check(estimator)
