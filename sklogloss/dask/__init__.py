"""The linear classifiers on Dask collections: rows beyond one machine, or beyond its memory.

Importing this, and reading pickles of its classes, takes no Dask; a fit does.
"""

from sklogloss.dask.classifiers import (
    FirthLogisticRegression,
    FocalLogisticRegression,
    LogLossClassifier,
)
from sklogloss.dask.cross_validation import LogLossClassifierCV
from sklogloss.dask.metrics import brier_score, log_loss, log_loss_decomposition

__all__ = [
    "FirthLogisticRegression",
    "FocalLogisticRegression",
    "LogLossClassifier",
    "LogLossClassifierCV",
    "brier_score",
    "log_loss",
    "log_loss_decomposition",
]
