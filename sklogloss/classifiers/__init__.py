"""Estimators that follow scikit-learn's conventions."""

from sklogloss.classifiers.log_loss import LogLossClassifier

__all__ = ["LogLossClassifier"]
