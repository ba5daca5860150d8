"""Estimators that follow scikit-learn's conventions."""

from sklogloss.classifiers.focal import FocalLogisticRegression
from sklogloss.classifiers.log_loss import LogLossClassifier

__all__ = ["FocalLogisticRegression", "LogLossClassifier"]
