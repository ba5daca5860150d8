"""Fast logistic regression with honest probabilities."""

from sklogloss._show_versions import show_versions
from sklogloss.classifiers import FocalLogisticRegression, LogLossClassifier

__all__ = ["FocalLogisticRegression", "LogLossClassifier", "show_versions"]
__version__ = "0.1.0.dev0"
