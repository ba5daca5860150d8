"""Fast logistic regression with honest probabilities."""

from sklogloss._show_versions import show_versions
from sklogloss._version import __version__ as __version__
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
