"""Calibrators: they correct the probabilities of any classifier."""

from sklogloss.calibration.beta import BetaScaling
from sklogloss.calibration.choice import MethodScore
from sklogloss.calibration.classifier import CalibratedClassifier
from sklogloss.calibration.isotonic import IsotonicScaling
from sklogloss.calibration.logistic import LogisticScaling
from sklogloss.calibration.prior import PriorCorrection
from sklogloss.calibration.structured import StructuredScaling
from sklogloss.calibration.temperature import TemperatureScaling
from sklogloss.calibration.vector import VectorScaling
from sklogloss.calibration.venn_abers import VennAbers

__all__ = [
    "BetaScaling",
    "CalibratedClassifier",
    "IsotonicScaling",
    "LogisticScaling",
    "MethodScore",
    "PriorCorrection",
    "StructuredScaling",
    "TemperatureScaling",
    "VectorScaling",
    "VennAbers",
]
