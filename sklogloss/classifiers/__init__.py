"""Estimators that follow scikit-learn's conventions."""

from sklogloss.classifiers.log_loss import LogLossClassifier
from sklogloss.classifiers.path import LogLossPath, logloss_path

__all__ = ["LogLossClassifier", "LogLossPath", "logloss_path"]
