"""Metrics of probabilities, in nats, and scorers for model selection."""

from typing import TYPE_CHECKING

from sklogloss.metrics.brier_score import brier_score
from sklogloss.metrics.calibration import (
    CalibrationLine,
    calibration_slope_intercept,
    expected_calibration_error,
)
from sklogloss.metrics.calibration_error import CalibrationError, calibration_error
from sklogloss.metrics.calibration_test import CalibrationTestResult, calibration_test
from sklogloss.metrics.costs import expected_cost, optimal_decisions, optimal_threshold
from sklogloss.metrics.cross_entropy import CrossEntropyDecomposition, cross_entropy_decomposition
from sklogloss.metrics.decomposition import (
    ScoreDecomposition,
    brier_decomposition,
    log_loss_decomposition,
)
from sklogloss.metrics.focal_loss import focal_loss
from sklogloss.metrics.intervals import (
    LogLossInterval,
    ScoreComparison,
    compare_fold_scores,
    compare_log_loss,
    log_loss_interval,
)
from sklogloss.metrics.log_loss import d2_log_loss, log_loss, surprise
from sklogloss.metrics.scorers import ProbabilityScorer, make_focal_loss_scorer
from sklogloss.metrics.surprise_test import SurpriseTestResult, surprise_test

if TYPE_CHECKING:
    from sklogloss.metrics.scorers import (
        d2_log_loss_scorer,
        discrimination_scorer,
        neg_brier_scorer,
        neg_focal_loss_scorer,
        neg_log_loss_scorer,
        neg_miscalibration_scorer,
        probability_scorers,
    )
else:
    # Each import makes new scorers.
    from sklogloss.metrics.scorers import __getattr__ as __getattr__

__all__ = [
    "CalibrationError",
    "CalibrationLine",
    "CalibrationTestResult",
    "CrossEntropyDecomposition",
    "LogLossInterval",
    "ProbabilityScorer",
    "ScoreComparison",
    "ScoreDecomposition",
    "SurpriseTestResult",
    "brier_decomposition",
    "brier_score",
    "calibration_error",
    "calibration_slope_intercept",
    "calibration_test",
    "compare_fold_scores",
    "compare_log_loss",
    "cross_entropy_decomposition",
    "d2_log_loss",
    "d2_log_loss_scorer",
    "discrimination_scorer",
    "expected_calibration_error",
    "expected_cost",
    "focal_loss",
    "log_loss",
    "log_loss_decomposition",
    "log_loss_interval",
    "make_focal_loss_scorer",
    "neg_brier_scorer",
    "neg_focal_loss_scorer",
    "neg_log_loss_scorer",
    "neg_miscalibration_scorer",
    "optimal_decisions",
    "optimal_threshold",
    "probability_scorers",
    "surprise",
    "surprise_test",
]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
