"""How sure coefficients and probabilities are: standard errors, intervals and tests."""

from sklogloss.inference.firth import FirthInference
from sklogloss.inference.infer import infer
from sklogloss.inference.margins import Margins
from sklogloss.inference.prediction import PredictionInterval
from sklogloss.inference.results import HypothesisTest, InferenceResult
from sklogloss.inference.separation import SeparationResult, separation

__all__ = [
    "FirthInference",
    "HypothesisTest",
    "InferenceResult",
    "Margins",
    "PredictionInterval",
    "SeparationResult",
    "infer",
    "separation",
]
