"""The methods by their names, and the choice between them by held-out log loss."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold

from sklogloss.calibration.base import Calibrator
from sklogloss.calibration.beta import BetaScaling
from sklogloss.calibration.held_out import HeldOut
from sklogloss.calibration.isotonic import IsotonicScaling
from sklogloss.calibration.logistic import LogisticScaling
from sklogloss.calibration.structured import StructuredScaling
from sklogloss.calibration.temperature import TemperatureScaling
from sklogloss.calibration.vector import VectorScaling
from sklogloss.calibration.venn_abers import VennAbers

__all__ = ["CALIBRATORS", "MethodScore", "choose", "held_out_scores"]

# From simple to flexible.
CALIBRATORS: dict[str, type[Calibrator]] = {
    "temperature": TemperatureScaling,
    "logistic": LogisticScaling,
    "beta": BetaScaling,
    "vector": VectorScaling,
    "structured": StructuredScaling,
    "venn-abers": VennAbers,
    "isotonic": IsotonicScaling,
}
# Those that differ from others.
OF_TWO_CLASSES = ("temperature", "logistic", "beta", "venn-abers", "isotonic")
OF_MORE_CLASSES = ("temperature", "logistic", "vector", "structured", "isotonic")
# Both are step functions with as many steps as the data needs: neither is simpler.
EQUALLY_SIMPLE = ("venn-abers", "isotonic")
# If all held-out rows are of one fold.
N_FOLDS = 5


class MethodScore(NamedTuple):
    """Held-out log loss of a calibration method.

    Attributes
    ----------
    log_loss : float
        Mean over rows that the calibrator has not seen, in nats. For smooth calibrators, it is
        corrected to estimate the log loss of a calibrator that is fitted to all rows.
    excess : float
        Log loss minus that of the best method.
    standard_error : float
        Standard error of the excess, from the differences of the rows.
    """

    log_loss: float
    excess: float
    standard_error: float


def held_out_scores(held_out: HeldOut) -> dict[str, MethodScore]:
    """Return the score of each method, from simple to flexible.

    Calibrators are fitted to all folds but one, and scored on that fold. "none" leaves the
    classifier's probabilities unchanged.
    """
    losses = {}
    if held_out.log_proba is not None:
        losses["none"] = held_out.losses(held_out.log_proba)
    fold = _folds(held_out)
    for method in OF_TWO_CLASSES if held_out.n_classes == 2 else OF_MORE_CLASSES:
        losses[method] = _corrected_losses(method, held_out, fold)
    means = {name: _mean(loss, held_out.weight) for name, loss in losses.items()}
    best = min(means, key=lambda name: means[name])
    return {
        name: MethodScore(
            mean,
            mean - means[best],
            _standard_error(losses[name] - losses[best], held_out.weight)
            if np.isfinite(mean)
            else 0.0,
        )
        for name, mean in means.items()
    }


def _corrected_losses(
    method: str, held_out: HeldOut, fold: NDArray[np.intp]
) -> NDArray[np.float64]:
    # The held-out loss of each row, corrected to that of a calibrator of all rows. A calibrator of
    # fewer rows is worse, and a flexible one more so. The correction is how much worse it is on the
    # rows of all folds (Burman, "A comparative study of ordinary cross-validation, v-fold
    # cross-validation and the repeated learning-testing methods", Biometrika 76, 1989). It is valid
    # for smooth functions of parameters. Step functions follow the noise of their own rows: for 300
    # rows of two classes, the correction is 0.006 nats too large.
    unseen, of_folds = np.empty(len(fold)), np.zeros(len(fold))
    has_steps = method in EQUALLY_SIMPLE
    for number in np.unique(fold):
        is_test = fold == number
        train = held_out.take(~is_test)
        if has_steps:
            unseen[is_test] = _losses(method, train, held_out.take(is_test))
            continue
        losses = _losses(method, train, held_out)
        unseen[is_test] = losses[is_test]
        share = _mean(is_test, held_out.weight)
        if share > 0:  # zero times an infinite loss is no number
            of_folds += share * losses
    if has_steps:
        return unseen
    with np.errstate(invalid="ignore"):
        correction = _losses(method, held_out, held_out) - of_folds
    return unseen + np.where(np.isfinite(correction), correction, 0.0)


def _losses(method: str, train: HeldOut, rows: HeldOut) -> NDArray[np.float64]:
    calibrator = train.fit(CALIBRATORS[method]())
    return rows.losses(calibrator.predict_log_proba(rows.raw_prediction))


def choose(scores: dict[str, MethodScore]) -> str:
    """Return the simplest method whose excess is within its standard error.

    Of Venn-Abers and isotonic calibration, which are equally simple, it is the better one.

    Parameters
    ----------
    scores : dict of str to MethodScore
        From simple to flexible. No method is chosen that is worse than "none", the first.
    """
    at_most = scores["none"].log_loss if "none" in scores else np.inf
    simplest = next(
        name
        for name, score in scores.items()
        if score.excess <= score.standard_error and score.log_loss <= at_most
    )
    if simplest not in EQUALLY_SIMPLE:
        return simplest
    return min(EQUALLY_SIMPLE, key=lambda name: scores[name].log_loss if name in scores else np.inf)


def _folds(held_out: HeldOut) -> NDArray[np.intp]:
    if len(np.unique(held_out.fold)) > 1:
        return held_out.fold
    target = held_out.target
    label = target if target.ndim == 1 else target.argmax(axis=1)
    fold = np.zeros(len(label), dtype=np.intp)
    n_folds = max(2, min(N_FOLDS, int(np.bincount(label).max())))
    for number, (_, test) in enumerate(StratifiedKFold(n_folds).split(label[:, None], label)):
        fold[test] = number
    return fold


def _mean(loss: NDArray[Any], weight: NDArray[Any] | None) -> float:
    return float(np.average(loss, weights=weight))


def _standard_error(difference: NDArray[Any], weight: NDArray[Any] | None) -> float:
    # Weights are numbers of samples.
    n_samples = len(difference) if weight is None else weight.sum()
    squares = (difference - _mean(difference, weight)) ** 2
    return float(np.sqrt(_mean(squares, weight) / n_samples))
