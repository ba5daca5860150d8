"""Estimators that follow scikit-learn's conventions."""

from sklogloss.classifiers.cross_validation import LogLossClassifierCV
from sklogloss.classifiers.focal import FocalLogisticRegression
from sklogloss.classifiers.log_loss import LogLossClassifier
from sklogloss.classifiers.path import LogLossPath, logloss_path

__all__ = [
    "FocalLogisticRegression",
    "LogLossClassifier",
    "LogLossClassifierCV",
    "LogLossPath",
    "logloss_path",
]
