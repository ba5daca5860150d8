"""Plots of probabilities, losses and coefficients.

matplotlib is imported only when one is drawn; the extra `plots` installs it.
"""

from sklogloss.displays.coefficient_interval import CoefficientIntervalDisplay
from sklogloss.displays.coefficient_path import CoefficientPathDisplay
from sklogloss.displays.cv_curve import CVCurveDisplay
from sklogloss.displays.loss_curve import LossCurveDisplay
from sklogloss.displays.murphy import MurphyDisplay
from sklogloss.displays.reliability import ReliabilityCurve, ReliabilityDisplay
from sklogloss.displays.score_decomposition import ScoreDecompositionDisplay
from sklogloss.displays.surprise import SurpriseCurve, SurpriseDisplay

__all__ = [
    "CVCurveDisplay",
    "CoefficientIntervalDisplay",
    "CoefficientPathDisplay",
    "LossCurveDisplay",
    "MurphyDisplay",
    "ReliabilityCurve",
    "ReliabilityDisplay",
    "ScoreDecompositionDisplay",
    "SurpriseCurve",
    "SurpriseDisplay",
]
