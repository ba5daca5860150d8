"""Every argument of every public function: a wrong value is an error that names it.

Values of all kinds go into one argument at a time. Some of them are valid for it: that they are
accepted is no fault. What raises must raise a ValueError or a TypeError with the argument's name.
"""

import inspect
import re

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot as plt
from scipy import sparse

from sklogloss import (
    FirthLogisticRegression,
    FocalLogisticRegression,
    LogLossClassifier,
    LogLossClassifierCV,
    calibration,
    displays,
    inference,
    logloss_path,
    losses,
    metrics,
)

matplotlib.use("agg")

N = 24
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 3))
Y = np.arange(N) % 2
P = RNG.uniform(0.1, 0.9, size=N)
Z = np.log(P / (1 - P))
COST = [[0.0, 1.0], [10.0, 0.0]]
CLF = LogLossClassifier().fit(X, Y)
UNPENALISED = LogLossClassifier(C=np.inf).fit(X, Y)
CV = LogLossClassifierCV(cv=2, Cs=2).fit(X, Y)
PATH = logloss_path(X, Y, Cs=3)
RESULT = inference.infer(UNPENALISED, X, Y)

WRONG = [
    None,
    "abc",
    "",
    1 + 2j,
    np.nan,
    -np.inf,
    -1,
    1.5,
    True,
    10**400,
    {},
    {"a": 1},
    [],
    [1, 2],
    [[1, 2], [3]],
    [None] * N,
    object(),
    len,
    LogLossClassifier,
    np.array(1.0),
    np.empty(0),
    np.empty((N, 0)),
    np.ones(N - 1),
    -np.ones(N),
    np.ones(N) * 1j,
    np.full(N, np.nan),
    np.array(["a"] * N),
    np.array([object()] * N),
    np.array(["2020-01-01"] * N, dtype="M8[D]"),
    np.ones((N, 2)),
    np.ones((N, 2, 2)),
    sparse.csr_array(np.ones((N, 2))),
    [([0, 1], [999])],
    [("a", "b")],
    iter([None]),
]


def argument_cases(name, function, base, **names):
    """Return a case for each argument; names say what errors call it, if not by its name."""
    return [
        pytest.param(
            function, base, argument, names.get(argument, argument), id=f"{name}.{argument}"
        )
        for argument, parameter in inspect.signature(function).parameters.items()
        if parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
        and argument not in ("self", "ax", "verbose")
    ]


def fits(estimator, **base):
    """Return a function that fits, with the parameters of the estimator and of fit."""

    def fit(X=X, y=Y, sample_weight=None, offset=None, **parameters):
        model = estimator(**{**base, **parameters})
        return model.fit(X, y, sample_weight=sample_weight, offset=offset)

    own = list(inspect.signature(estimator).parameters.values())
    of_fit = list(inspect.signature(fit).parameters.values())[:-1]
    as_keywords = [p.replace(kind=p.KEYWORD_ONLY) for p in (*of_fit, *own)]
    fit.__signature__ = inspect.Signature(as_keywords)
    return fit


def metric_cases():
    given = {
        "cross_entropy_decomposition": {"y_soft": np.column_stack([1 - P, P]), "y_proba": P},
        "expected_cost": {"y_true": Y, "y_pred": Y, "cost": COST},
        "optimal_decisions": {"y_proba": P, "cost": COST},
        "optimal_threshold": {"cost": COST},
        "compare_fold_scores": {"scores_a": [1.0, 2, 3], "scores_b": [1.0, 2.5, 3]},
        "compare_log_loss": {"y_true": Y, "y_proba_a": P, "y_proba_b": P**2},
    }
    for name in metrics.__all__:
        function = getattr(metrics, name)
        if inspect.isfunction(function) and name != "make_focal_loss_scorer":
            yield from argument_cases(name, function, given.get(name, {"y_true": Y, "y_proba": P}))


def display_cases():
    forecasts = {"y_true": Y, "y_proba": P}
    for name, base in [
        ("ReliabilityDisplay.from_predictions", {**forecasts, "n_resamples": 2}),
        ("SurpriseDisplay.from_predictions", forecasts),
        ("ScoreDecompositionDisplay.from_predictions", {"y_true": Y, "y_proba": {"a": P}}),
        ("MurphyDisplay.from_predictions", {"y_true": Y, "y_proba": {"a": P}}),
        ("CoefficientPathDisplay.from_estimator", {"estimator": PATH}),
        ("CoefficientIntervalDisplay.from_result", {"result": RESULT}),
        ("CoefficientIntervalDisplay.from_results", {"results": {"a": RESULT}}),
        ("LossCurveDisplay.from_losses", {"losses": {"log loss": losses.LogLoss()}}),
    ]:
        display, method = name.split(".")
        yield from argument_cases(name, getattr(getattr(displays, display), method), base)


def calibrator_cases():
    given = {"raw_prediction": Z, "y": Y}
    for name in ("TemperatureScaling", "BetaScaling", "IsotonicScaling", "VennAbers"):
        calibrator = getattr(calibration, name)()
        yield from argument_cases(name, calibrator.fit, given)
        predict_proba = calibrator.fit(**given).predict_proba
        yield from argument_cases(f"{name}.predict_proba", predict_proba, {"raw_prediction": Z})


CASES = [
    *metric_cases(),
    *display_cases(),
    *argument_cases("log_loss[raw]", metrics.log_loss, {"y_true": Y, "raw_prediction": Z}),
    *argument_cases("LogLossClassifier", fits(LogLossClassifier), {}),
    *argument_cases("FocalLogisticRegression", fits(FocalLogisticRegression), {}),
    *argument_cases("LogLossClassifierCV", fits(LogLossClassifierCV, cv=2, Cs=2), {}),
    *argument_cases("FirthLogisticRegression", fits(FirthLogisticRegression), {}),
    *argument_cases("infer", inference.infer, {"clf": UNPENALISED, "X": X, "y": Y}),
    *argument_cases("separation", inference.separation, {"X": X, "y": Y}),
    *argument_cases("logloss_path", logloss_path, {"X": X, "y": Y, "Cs": 3}),
    *argument_cases("predict_proba", CLF.predict_proba, {"X": X}),
    *argument_cases("score", CLF.score, {"X": X, "y": Y}),
    *argument_cases("score[cv]", CV.score, {"X": X, "y": Y}),
    *argument_cases("to_sklearn", CLF.to_sklearn, {}),
    *calibrator_cases(),
    *argument_cases("LogLoss.value", losses.LogLoss().value, {"target": P, "raw_prediction": Z}),
    *argument_cases("FocalLoss", losses.FocalLoss, {}),
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("function", "base", "argument", "name"), CASES)
def test_errors_name_the_argument(function, base, argument, name):
    faults = []
    for value in WRONG:
        try:
            function(**{**base, argument: value})
        except (ValueError, TypeError) as error:
            if not re.search(rf"\b{name}\b", str(error)):
                faults.append(f"{value!r}: {error}")
        except Exception as error:
            faults.append(f"{value!r}: {type(error).__name__}: {error}")
        plt.close("all")
    assert faults == []
