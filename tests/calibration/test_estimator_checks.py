"""scikit-learn's checks of an estimator, none of them declared as expected to fail."""

import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklogloss import LogLossClassifier
from sklogloss.calibration import CalibratedClassifier, PriorCorrection


@pytest.mark.filterwarnings("ignore:The least populated class")
@parametrize_with_checks(
    [
        CalibratedClassifier(LogLossClassifier()),
        CalibratedClassifier(LogLossClassifier(), "beta", cv=2, ensemble=True),
        CalibratedClassifier(LogisticRegression(), "logistic", cv=2),
        CalibratedClassifier(GaussianNB(), "temperature", cv=2),
        CalibratedClassifier(LogLossClassifier(), "none"),
        PriorCorrection(LogLossClassifier()),
        PriorCorrection(LogLossClassifier(class_weight="balanced"), sampling="balanced"),
    ]
)
def test_estimator_check(estimator, check):
    check(estimator)
