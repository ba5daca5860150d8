"""Losses as objectives of the real LightGBM and XGBoost."""

import pickle

import numpy as np
import pytest
from scipy.special import expit

from sklogloss.losses import BrierLoss, FocalLoss, LogLoss

lightgbm = pytest.importorskip("lightgbm")
xgboost = pytest.importorskip("xgboost")

LIGHTGBM = {"n_estimators": 40, "num_leaves": 7, "n_jobs": 1, "verbose": -1}
XGBOOST = {"n_estimators": 40, "max_depth": 3, "n_jobs": 1}


@pytest.fixture(scope="module")
def rare():
    """Features like those of mammography: six, skewed, and 2.3% positives."""
    rng = np.random.default_rng(0)
    n_samples = 6000
    X = rng.normal(size=(n_samples, 6))
    X[:, 3:] = np.exp(X[:, 3:] / 2)
    logit = -4.6 + 1.2 * X[:, 0] - 0.3 * X[:, 1] ** 2 + X[:, 2] * X[:, 3]
    truth = expit(logit)
    return X, (rng.random(n_samples) < truth).astype(int), truth, logit


@pytest.fixture(scope="module")
def three_classes(rare):
    X, _, _, logit = rare
    return X, np.digitize(logit, np.quantile(logit, [0.8, 0.95]))


def boost(library, objective, X, y, sample_weight=None):
    """Return raw predictions for X of a model fitted by the objective from its init score."""
    score = objective.init_score(y, sample_weight)
    if library == "lightgbm":
        rows = np.broadcast_to(score, (len(y), *np.shape(score)))
        model = lightgbm.LGBMClassifier(objective=objective, **LIGHTGBM)
        model.fit(X, y, sample_weight=sample_weight, init_score=np.array(rows))
        return model.predict(X, raw_score=True) + score
    if np.ndim(score):
        rows = np.tile(score, (len(y), 1))
        model = xgboost.XGBClassifier(objective=objective, **XGBOOST)
        model.fit(X, y, sample_weight=sample_weight, base_margin=rows)
        return model.predict(X, output_margin=True, base_margin=rows)
    model = xgboost.XGBClassifier(objective=objective, base_score=expit(score), **XGBOOST)
    return model.fit(X, y, sample_weight=sample_weight).predict(X, output_margin=True)


@pytest.mark.parametrize("library", ["lightgbm", "xgboost"])
@pytest.mark.parametrize("weighted", [False, True])
def test_log_loss_is_the_libraries_own(library, weighted, rare):
    X, y, _, _ = rare
    weight = np.random.default_rng(1).uniform(0.5, 2, len(y)) if weighted else None
    ours = boost(library, LogLoss().as_objective(library), X, y, weight)
    if library == "lightgbm":
        model = lightgbm.LGBMClassifier(objective="binary", **LIGHTGBM)
        theirs = model.fit(X, y, sample_weight=weight).predict(X, raw_score=True)
    else:
        start = np.average(y, weights=weight)
        model = xgboost.XGBClassifier(objective="binary:logistic", base_score=start, **XGBOOST)
        theirs = model.fit(X, y, sample_weight=weight).predict(X, output_margin=True)
    # LightGBM keeps gradients in float32 and adds up trees in float64, XGBoost has all in float32.
    np.testing.assert_allclose(ours, theirs, atol=1e-6 if library == "lightgbm" else 1e-4)


@pytest.mark.parametrize("library", ["lightgbm", "xgboost"])
def test_log_loss_of_three_classes_is_the_libraries_own(library, three_classes):
    X, y = three_classes
    objective = LogLoss(3).as_objective(library)
    ours = boost(library, objective, X, y)
    if library == "lightgbm":
        model = lightgbm.LGBMClassifier(objective="multiclass", **LIGHTGBM)
        theirs = model.fit(X, y).predict(X, raw_score=True)
    else:
        start = np.tile(objective.init_score(y), (len(y), 1))
        model = xgboost.XGBClassifier(objective="multi:softprob", **XGBOOST)
        theirs = model.fit(X, y, base_margin=start)
        theirs = model.predict(X, output_margin=True, base_margin=start)
    ours -= ours.mean(axis=1, keepdims=True)
    theirs = theirs - theirs.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(ours, theirs, atol=1e-6 if library == "lightgbm" else 1e-4)


@pytest.mark.parametrize("library", ["lightgbm", "xgboost"])
def test_the_posterior_of_boosted_focal_loss_is_calibrated(library, rare):
    X, y, truth, _ = rare
    loss = FocalLoss(2)
    raw_prediction = boost(library, loss.as_objective(library), X, y)
    posterior = loss.posterior(raw_prediction)[:, 1]
    raw = loss.link(raw_prediction)[:, 1]
    # On average the posterior is the truth: the sampling error of a share of 2.3% of 6000 is 0.2%.
    assert abs(posterior.mean() - truth.mean()) < 0.006
    assert raw.mean() - truth.mean() > 0.05
    log_loss = LogLoss().value(truth, np.log(posterior / (1 - posterior))).mean()
    constant = LogLoss().value(truth, np.full(len(y), LogLoss().init_score(y))).mean()
    assert log_loss < 0.8 * constant


@pytest.mark.parametrize("loss", [FocalLoss(2), FocalLoss(0.5, 3), BrierLoss(), BrierLoss(3)])
@pytest.mark.parametrize("library", ["lightgbm", "xgboost"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_gradient_and_positive_hessian(loss, library, dtype):
    rng = np.random.default_rng(2)
    shape = (200,) if loss.n_classes == 2 else (200, loss.n_classes)
    raw_prediction = (10 * rng.normal(size=shape)).astype(dtype)
    y, weight = rng.integers(0, loss.n_classes, 200), rng.uniform(0.5, 2, 200).astype(dtype)
    objective = pickle.loads(pickle.dumps(loss.as_objective(library)))
    gradient, hessian = objective(y, raw_prediction, weight)
    np.testing.assert_allclose(
        gradient, loss.gradient(y, raw_prediction, weight), rtol=4 * np.finfo(dtype).eps
    )
    assert gradient.shape == hessian.shape == shape
    assert np.all(hessian > 0)
    exact = loss.gradient_hessian(y, raw_prediction, weight)[1]
    if isinstance(loss, FocalLoss):
        assert np.all(hessian >= exact * (1 - 16 * np.finfo(dtype).eps))


def test_trains_three_classes_of_focal_loss(three_classes):
    X, y = three_classes
    for library in ("lightgbm", "xgboost"):
        loss = FocalLoss(2, 3)
        raw_prediction = boost(library, loss.as_objective(library), X, y)
        start = np.tile(loss.init_score(y), (len(y), 1))
        assert loss.value(y, raw_prediction).mean() < 0.5 * loss.value(y, start).mean()
        assert np.mean(raw_prediction.argmax(axis=1) == y) > 0.9


def test_the_library_is_named():
    objective = FocalLoss(2).as_objective("lightgbm")
    assert repr(objective) == "FocalLoss(gamma=2, n_classes=2).as_objective('lightgbm')"
    with pytest.raises(ValueError, match="library must be one of"):
        FocalLoss(2).as_objective("catboost")


@pytest.mark.parametrize("raw_prediction", [np.zeros(6), np.zeros((6, 3))])
def test_objective_without_n_classes_asks_for_it(raw_prediction):
    objective = FocalLoss().as_objective("lightgbm")
    with pytest.raises(ValueError, match="pass n_classes to FocalLoss"):
        objective(np.arange(6) % 3, raw_prediction)


@pytest.mark.parametrize(
    ("weight", "error", "message"),
    [
        (np.ones(2), ValueError, r"sample_weight must have shape \(3,\)"),
        (-np.ones(3), ValueError, "sample_weight must hold finite numbers that are not negative"),
        (np.full(3, np.nan), ValueError, "sample_weight must hold finite numbers"),
        (["a"] * 3, TypeError, "sample_weight must hold real numbers"),
    ],
)
def test_weights_are_checked(weight, error, message):
    with pytest.raises(error, match=message):
        FocalLoss(5).as_objective("xgboost")(np.array([1.0, 1, 0]), np.zeros(3), weight)
