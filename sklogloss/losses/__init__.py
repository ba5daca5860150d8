"""Losses: functions of a target and a raw prediction, per sample."""

from sklogloss.losses.base import Loss
from sklogloss.losses.boosting import BoostingObjective
from sklogloss.losses.brier import BrierLoss
from sklogloss.losses.focal import FocalLoss
from sklogloss.losses.log_loss import LogLoss

__all__ = ["BoostingObjective", "BrierLoss", "FocalLoss", "LogLoss", "Loss"]
