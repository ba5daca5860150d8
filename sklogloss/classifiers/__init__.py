"""Estimators that follow scikit-learn's conventions."""

from sklogloss.classifiers.cross_validation import LogLossClassifierCV
from sklogloss.classifiers.firth import FirthLogisticRegression
from sklogloss.classifiers.focal import FocalLogisticRegression
from sklogloss.classifiers.log_loss import LogLossClassifier
from sklogloss.classifiers.path import LogLossPath, logloss_path

__all__ = [
    "FirthLogisticRegression",
    "FocalLogisticRegression",
    "LogLossClassifier",
    "LogLossClassifierCV",
    "LogLossPath",
    "logloss_path",
]
