"""Losses: functions of a target and a raw prediction, per sample."""

from sklogloss.losses.base import Loss
from sklogloss.losses.log_loss import LogLoss

__all__ = ["LogLoss", "Loss"]
