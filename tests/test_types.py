"""What a type checker knows of the public API: `mypy` checks this file, strictly, and it runs."""

from typing import assert_type

import numpy as np
from numpy.typing import NDArray

from sklogloss import (
    FocalLogisticRegression,
    LogLossClassifier,
    LogLossClassifierCV,
    LogLossPath,
    logloss_path,
)
from sklogloss.losses import FocalLoss, LogLoss
from sklogloss.metrics import LogLossInterval, log_loss, log_loss_interval

X = np.array([[0.0], [1.0], [2.0], [3.0]])
Y = [0, 1, 0, 1]


def test_fits_return_their_estimator() -> None:
    assert_type(LogLossClassifier(C=2.0, l1_ratio=0.5).fit(X, Y), LogLossClassifier)
    assert_type(FocalLogisticRegression(gamma=1.0).fit(X, Y), FocalLogisticRegression)
    assert_type(LogLossClassifierCV(Cs=[0.1, 1.0], cv=2).fit(X, Y), LogLossClassifierCV)
    assert_type(logloss_path(X, Y, Cs=3), LogLossPath)


def test_predictions_are_arrays() -> None:
    proba: NDArray[np.float64] = LogLossClassifier().fit(X, Y).predict_proba(X)
    assert proba.shape == (4, 2)


def test_losses_and_metrics_take_lists() -> None:
    value: NDArray[np.float64] = LogLoss().value([0, 1], np.array([0.5, -1.0]))
    assert value.shape == (2,)
    assert_type(FocalLoss(gamma=2.0, n_classes=3), FocalLoss)
    assert_type(log_loss([0, 1], [0.2, 0.7]), float)
    assert_type(log_loss_interval([0, 1, 1], [0.2, 0.7, 0.6]), LogLossInterval)
