"""np.seterr(all="raise"): overflow and underflow are part of the arithmetic, and no error."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_breast_cancer, load_digits, load_iris

from sklogloss import (
    FocalLogisticRegression,
    LogLossClassifier,
    LogLossClassifierCV,
    logloss_path,
)
from sklogloss.metrics import calibration_slope_intercept, focal_loss, log_loss_decomposition

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(autouse=True)
def raise_floating_point_errors():
    with np.errstate(all="raise"):
        yield


def some_digits():
    X, y = load_digits(return_X_y=True)
    return X[:300], y[:300]


def wide():
    rng = np.random.default_rng(0)
    return rng.normal(size=(50, 2000)), rng.integers(0, 2, 50)


DATA = {
    "iris": lambda: load_iris(return_X_y=True),
    "breast cancer": lambda: load_breast_cancer(return_X_y=True),
    "digits": some_digits,
    "sparse": lambda: (sparse.csr_array(some_digits()[0]), some_digits()[1]),
    "float32": lambda: (some_digits()[0].astype(np.float32), some_digits()[1]),
    "wide": wide,
}


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("C", [1.0, 1e10, np.inf])
@pytest.mark.parametrize("solver", ["newton-cholesky", "newton-cg", "lbfgs"])
def test_fits(solver, C, name):
    X, y = DATA[name]()
    proba = LogLossClassifier(solver=solver, C=C).fit(X, y).predict_proba(X)
    assert np.all(np.isfinite(proba))


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize(
    "model",
    [
        LogLossClassifier(l1_ratio=1, C=0.1),
        LogLossClassifier(class_weight="balanced", label_smoothing=0.1, probabilities="posterior"),
        LogLossClassifierCV(Cs=3, cv=3),
        FocalLogisticRegression(),
    ],
    ids=repr,
)
def test_other_fits(model, name):
    X, y = DATA[name]()
    assert np.all(np.isfinite(model.fit(X, y).predict_proba(X)))


def test_paths_and_metrics():
    X, y = load_iris(return_X_y=True)
    logloss_path(X, y, Cs=5, l1_ratio=1)
    for proba in (LogLossClassifier().fit(X, y).predict_proba(X), np.eye(3)[y]):
        log_loss_decomposition(y, proba)
        calibration_slope_intercept(y, proba)
        focal_loss(y, proba)
