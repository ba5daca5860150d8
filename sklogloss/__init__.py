"""Fast logistic regression with honest probabilities."""

from sklogloss._show_versions import show_versions
from sklogloss.classifiers import (
    FirthLogisticRegression,
    FocalLogisticRegression,
    LogLossClassifier,
    LogLossClassifierCV,
    LogLossPath,
    logloss_path,
)

__all__ = [
    "FirthLogisticRegression",
    "FocalLogisticRegression",
    "LogLossClassifier",
    "LogLossClassifierCV",
    "LogLossPath",
    "logloss_path",
    "show_versions",
]
__version__ = "0.1.0"
