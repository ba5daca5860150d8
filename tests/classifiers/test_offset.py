"""Offsets: known parts of the decision function, in fits, predictions, scores and searches."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn
import statsmodels.api as sm
from fit_settings import CONTAINERS, SOLVERS, TIGHT
from scipy import sparse
from scipy.special import expit, log_softmax, softmax
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, get_scorer, log_loss
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.fixes import parse_version

from sklogloss import (
    FirthLogisticRegression,
    FocalLogisticRegression,
    LogLossClassifier,
    LogLossClassifierCV,
    logloss_path,
)
from sklogloss.metrics import neg_brier_scorer, neg_log_loss_scorer

pytestmark = pytest.mark.filterwarnings("error")

# Over the curvature: that of the simulated data is 0.02 at least.
ATOL = 1e-8
CS = [0.01, 0.1, 1.0]

OLD_PIPELINE = parse_version(sklearn.__version__) < parse_version("1.7")


def simulate(n_samples=200, n_features=5, n_classes=2, seed=0):
    """Return X, y and an offset that has a part in y."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_samples, n_features)) * (rng.random((n_samples, n_features)) < 0.8)
    offset = rng.normal(size=(n_samples, n_classes))
    raw_prediction = offset + X @ rng.normal(size=(n_features, n_classes))
    y = np.argmax(raw_prediction + rng.gumbel(size=(n_samples, n_classes)), axis=1)
    return X, y, offset[:, 1] - offset[:, 0] if n_classes == 2 else offset


def add(raw_prediction, offset):
    return raw_prediction + np.reshape(offset, raw_prediction.shape)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("weighted", [False, True])
def test_glm_of_statsmodels(solver, container, weighted):
    X, y, offset = simulate()
    weight = np.random.default_rng(1).integers(1, 4, size=len(y)) if weighted else None
    clf = LogLossClassifier(C=np.inf, solver=solver, **TIGHT)
    clf.fit(container(X), y, sample_weight=weight, offset=offset)
    model = sm.GLM(
        y, sm.add_constant(X), family=sm.families.Binomial(), offset=offset, freq_weights=weight
    )
    expected = model.fit(tol=1e-14)
    np.testing.assert_allclose(clf.coef_[0], expected.params[1:], rtol=0, atol=1e-8)
    np.testing.assert_allclose(clf.intercept_[0], expected.params[0], rtol=0, atol=1e-8)
    proba = expected.predict(sm.add_constant(X), offset=offset)
    np.testing.assert_allclose(clf.predict_proba(X, offset=offset)[:, 1], proba, rtol=0, atol=1e-8)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("estimator", [LogLossClassifier, FocalLogisticRegression])
@pytest.mark.parametrize(
    ("solver", "l1_ratio"), [*[(solver, 0.0) for solver in SOLVERS], ("auto", 0.5), ("auto", 1.0)]
)
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_optimum(reference, n_classes, estimator, solver, l1_ratio, fit_intercept):
    X, y, offset = simulate(n_classes=n_classes)
    weight = np.random.default_rng(1).uniform(0.5, 2, size=len(y))
    parameters = {"C": 0.3, "l1_ratio": l1_ratio, "fit_intercept": fit_intercept}
    clf = estimator(solver=solver, **parameters, **TIGHT)
    objective = reference(
        X,
        y,
        sample_weight=weight,
        offset=offset,
        gamma=getattr(clf, "gamma", 0.0),
        **parameters,
    )
    other = objective.value(*objective.optimum())
    for container in CONTAINERS:
        clf.fit(container(X), y, sample_weight=weight, offset=offset)
        assert objective.violation(clf.coef_, clf.intercept_) <= TIGHT["tol"]
        # SciPy's optimum is no lower, but for what rounding leaves.
        assert objective.value(clf.coef_, clf.intercept_) <= other * (1 + 1e-14)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("estimator", [LogLossClassifier, FocalLogisticRegression])
@pytest.mark.parametrize(
    ("solver", "l1_ratio"), [*[(solver, 0.0) for solver in SOLVERS], ("auto", 0.5)]
)
def test_column_with_its_coefficient_held_at_one(n_classes, estimator, solver, l1_ratio):
    X, y, offset = simulate(n_classes=n_classes)
    parameters = {"solver": solver, "l1_ratio": l1_ratio, **TIGHT}
    clf = estimator(**parameters).fit(X, y, offset=offset)
    columns = offset.reshape(len(y), -1)
    n_columns, p = clf.coef_.shape
    ends = np.full((n_columns, p), np.inf)
    held = np.eye(n_columns)
    factor = np.append(np.ones(p), np.zeros(n_columns))
    bounds = np.hstack([-ends, held]), np.hstack([ends, held])
    other = estimator(penalty_factor=factor, bounds=bounds, **parameters)
    other.fit(np.hstack([X, columns]), y)
    np.testing.assert_array_equal(other.coef_[:, p:], held)
    if n_columns > 1 and l1_ratio == 0:
        # Bounds leave the classes uncentred.
        other.coef_ -= other.coef_.mean(axis=0) * (np.arange(p + n_columns) < p)
    np.testing.assert_allclose(other.coef_[:, :p], clf.coef_, rtol=0, atol=ATOL)
    np.testing.assert_allclose(other.intercept_, clf.intercept_, rtol=0, atol=ATOL)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("estimator", [LogLossClassifier, FocalLogisticRegression])
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("container", CONTAINERS)
def test_float32(n_classes, estimator, solver, container):
    X, y, offset = simulate(n_classes=n_classes)
    X, offset = X.astype(np.float32), offset.astype(np.float32)
    clf = estimator(solver=solver).fit(container(X), y, offset=offset)
    assert clf.coef_.dtype == clf.intercept_.dtype == np.float32
    expected = estimator(**TIGHT).fit(X.astype(np.float64), y, offset=offset)
    # The default tol leaves a relative 1e-11 of the objective over a curvature of 0.02, and
    # rounding errors of the gradient a few eps over that.
    np.testing.assert_allclose(clf.coef_, expected.coef_, rtol=0, atol=5e-5)
    np.testing.assert_allclose(clf.intercept_, expected.intercept_, rtol=0, atol=5e-5)
    for method in ("decision_function", "predict_proba", "predict_log_proba"):
        ours = getattr(clf, method)(container(X), offset=offset.astype(np.float64))
        assert ours.dtype == np.float32
        np.testing.assert_allclose(
            ours, getattr(expected, method)(X, offset=offset), rtol=1e-3, atol=1e-3
        )


@pytest.mark.parametrize(
    ("n_samples", "n_features", "n_classes", "density"),
    [
        (30_000, 8, 2, 1.0),  # from the solution on a subset of the rows
        (60, 1200, 2, 1.0),  # in the space of the rows
        (60, 1200, 3, 1.0),
        (800, 40, 20, 1.0),  # the mean of the Hessian's blocks
        (400, 700, 5, 0.02),  # sparse classes
    ],
)
@pytest.mark.parametrize("l1_ratio", [0.0, 1.0])
def test_shapes_with_solvers_of_their_own(
    reference, n_samples, n_features, n_classes, density, l1_ratio
):
    X, y, offset = simulate(n_samples, n_features, n_classes)
    if density < 1:
        X *= np.random.default_rng(1).random(X.shape) < density
    arguments = {"C": 0.1, "l1_ratio": l1_ratio}
    clf = LogLossClassifier(**arguments, **{**TIGHT, "tol": 1e-9})
    clf.fit(X if density == 1 else sparse.csr_array(X), y, offset=offset)
    objective = reference(X, y, offset=offset, **arguments)
    assert objective.violation(clf.coef_, clf.intercept_) <= 1e-9


def test_zeros_and_constants():
    for n_classes in (2, 3):
        X, y, offset = simulate(n_classes=n_classes)
        plain = LogLossClassifier(**TIGHT).fit(X, y)
        zero = LogLossClassifier(**TIGHT).fit(X, y, offset=np.zeros_like(offset))
        np.testing.assert_allclose(zero.coef_, plain.coef_, rtol=0, atol=ATOL)
        # Constants go into the intercepts, whose own level among classes says nothing.
        shift = np.array([2.0, -1.0, 0.5])[: plain.coef_.shape[0]]
        constant = np.tile(shift, (len(y), 1))
        moved = LogLossClassifier(**TIGHT).fit(X, y, offset=constant)
        np.testing.assert_allclose(moved.coef_, plain.coef_, rtol=0, atol=ATOL)
        centred = shift - (shift.mean() if n_classes > 2 else 0)
        np.testing.assert_allclose(moved.intercept_, plain.intercept_ - centred, rtol=0, atol=ATOL)
    # A common part of all classes changes nothing.
    same = LogLossClassifier(**TIGHT).fit(X, y, offset=offset + np.arange(len(y))[:, None] / 10)
    expected = LogLossClassifier(**TIGHT).fit(X, y, offset=offset)
    np.testing.assert_allclose(same.coef_, expected.coef_, rtol=0, atol=ATOL)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("level", [30.0, -1000.0])
def test_offsets_far_from_zero(solver, n_classes, level):
    X, y, offset = simulate(n_classes=n_classes)
    levels = np.arange(n_classes) * level if n_classes > 2 else level
    clf = LogLossClassifier(solver=solver, **TIGHT).fit(X, y, offset=offset + levels)
    expected = LogLossClassifier(**TIGHT).fit(X, y, offset=offset)
    np.testing.assert_allclose(clf.coef_, expected.coef_, rtol=0, atol=ATOL)
    moved = levels - np.mean(levels) if n_classes > 2 else levels
    np.testing.assert_allclose(clf.intercept_, expected.intercept_ - moved, rtol=0, atol=ATOL)


@pytest.mark.parametrize("solver", SOLVERS)
def test_offsets_that_make_probabilities_zero_and_one(reference, solver):
    X, y, _ = simulate()
    offset = np.where(np.arange(len(y)) % 3 == 0, 800.0, -800.0) * (2 * y - 1)
    offset[50:] = 0
    clf = LogLossClassifier(solver=solver, **TIGHT).fit(X, y, offset=offset)
    # Most of the loss is that of the samples of which the offset is wrong.
    objective = reference(X, y, offset=offset)
    assert objective.violation(clf.coef_, clf.intercept_) <= 1e-8


@pytest.mark.parametrize("n_classes", [2, 3])
def test_weights_soft_targets_smoothing_and_class_weight(n_classes):
    X, y, offset = simulate(n_classes=n_classes)
    weight = np.random.default_rng(0).integers(0, 4, size=len(y))
    repeated = np.repeat(np.arange(len(y)), weight)
    parameters = {"label_smoothing": 0.1, "class_weight": {0: 3.0}, **TIGHT}
    clf = LogLossClassifier(**parameters).fit(X, y, sample_weight=weight, offset=offset)
    other = LogLossClassifier(**parameters)
    other.fit(X[repeated], np.eye(n_classes)[y[repeated]], offset=offset[repeated])
    np.testing.assert_allclose(clf.coef_, other.coef_, rtol=0, atol=ATOL)
    np.testing.assert_allclose(clf.intercept_, other.intercept_, rtol=0, atol=ATOL)


def test_same_bits_for_any_number_of_threads():
    X, y, offset = simulate(20_000, 20, 3)
    one, *others = (LogLossClassifier(n_jobs=n).fit(X, y, offset=offset) for n in (1, 2, 4))
    for other in others:
        np.testing.assert_array_equal(one.coef_, other.coef_)
        np.testing.assert_array_equal(
            one.predict_proba(X, offset=offset), other.predict_proba(X, offset=offset)
        )


@pytest.mark.parametrize("warm", ["same", "other"])
def test_warm_start(warm):
    X, y, offset = simulate(n_classes=3)
    clf = LogLossClassifier(warm_start=True, **TIGHT)
    clf.fit(X, y, offset=offset if warm == "same" else -offset).fit(X, y, offset=offset)
    expected = LogLossClassifier(**TIGHT).fit(X, y, offset=offset)
    np.testing.assert_allclose(clf.coef_, expected.coef_, rtol=0, atol=ATOL)
    assert warm == "other" or clf.n_iter_[0] <= 1


@pytest.mark.parametrize("n_samples", [1, 200, 30_000])  # one row, a few, a pass with threads
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("container", [*CONTAINERS, pd.DataFrame])
def test_predictions(n_samples, n_classes, container):
    X, y, _ = simulate(n_classes=n_classes)
    names = np.array(["a", "b", "c"])[y]
    clf = LogLossClassifier().fit(X, names)
    X, _, offset = simulate(n_samples, n_classes=n_classes, seed=1)
    X, plain = container(X), X @ clf.coef_.T + clf.intercept_
    if container is pd.DataFrame:
        clf.feature_names_in_ = X.columns = list("abcde")
    raw_prediction = add(plain, offset)
    two = raw_prediction if n_classes > 2 else np.hstack([0 * raw_prediction, raw_prediction])
    scores = clf.decision_function(X, offset=offset)
    assert scores.shape == clf.decision_function(X).shape
    np.testing.assert_allclose(scores, np.squeeze(raw_prediction, 1) if n_classes == 2 else two)
    np.testing.assert_allclose(clf.predict_proba(X, offset=offset), softmax(two, axis=1))
    np.testing.assert_allclose(
        clf.predict_log_proba(X, offset=offset), log_softmax(two, axis=1), atol=1e-15
    )
    predicted = clf.predict(X, offset=offset)
    np.testing.assert_array_equal(predicted, clf.classes_[two.argmax(axis=1)])
    y = np.where(np.arange(n_samples) % 3, predicted, "a")
    weight = np.arange(1, n_samples + 1)
    for sample_weight in (None, weight):
        score = clf.score(X, y, sample_weight=sample_weight, offset=offset)
        expected = accuracy_score(y, predicted, sample_weight=sample_weight)
        assert score == pytest.approx(expected, rel=1e-12)
    # What one call got, the next does not remember.
    two[:, -raw_prediction.shape[1] :] = plain
    np.testing.assert_array_equal(clf.predict(X), clf.classes_[two.argmax(axis=1)])


@pytest.mark.parametrize("n_classes", [2, 3])
def test_posterior_is_of_the_shifted_scores(n_classes):
    X, y, offset = simulate(n_classes=n_classes)
    for estimator, parameters in (
        (LogLossClassifier, {"class_weight": {0: 4.0}, "label_smoothing": 0.05}),
        (FocalLogisticRegression, {}),
    ):
        clf = estimator(probabilities="posterior", **parameters).fit(X, y, offset=offset)
        # The same scores by a model with the offset as a feature.
        wide = clone(clf)
        columns = offset.reshape(len(y), -1)
        wide.fit(np.hstack([X, columns]), y)
        wide.coef_ = np.hstack([clf.coef_, np.eye(len(clf.coef_))])
        wide.intercept_ = clf.intercept_
        for method in ("predict_proba", "predict_log_proba"):
            np.testing.assert_allclose(
                getattr(clf, method)(X, offset=offset),
                getattr(wide, method)(np.hstack([X, columns])),
                rtol=1e-12,
                atol=1e-12,
            )


def test_sparse_coefficients_and_pickles():
    X, y, offset = simulate(n_classes=3)
    clf = LogLossClassifier(l1_ratio=1, C=0.1).fit(X, y, offset=offset)
    expected = clf.predict_proba(X, offset=offset)
    again = pickle.loads(pickle.dumps(clf)).sparsify()
    np.testing.assert_allclose(again.predict_proba(X, offset=offset), expected, rtol=1e-13)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize(
    ("solver", "l1_ratio"), [*[(solver, 0.0) for solver in SOLVERS], ("auto", 0.5)]
)
@pytest.mark.parametrize("container", CONTAINERS)
def test_cross_validation(n_classes, l1_ratio, container, solver):
    X, y, offset = simulate(n_classes=n_classes)
    weight = np.random.default_rng(1).uniform(0.5, 2, size=len(y))
    cv = KFold(3)
    arguments = {"solver": solver, **TIGHT}
    clf = LogLossClassifierCV(Cs=CS, l1_ratios=[l1_ratio], cv=cv, **arguments)
    clf.fit(container(X), y, sample_weight=weight, offset=offset)
    for fold, (train, test) in enumerate(cv.split(X)):
        for i, C in enumerate(CS):
            model = LogLossClassifier(C=C, l1_ratio=l1_ratio, **TIGHT)
            model.fit(X[train], y[train], weight[train], offset=offset[train])
            # A suboptimality of 1e-11 over a curvature of at least 0.01.
            np.testing.assert_allclose(
                clf.coefs_paths_[fold, 0, i, :, :-1], model.coef_, rtol=0, atol=5e-5
            )
            proba = model.predict_proba(X[test], offset=offset[test])
            score = -log_loss(y[test], proba, sample_weight=weight[test])
            assert clf.scores_[fold, 0, i] == pytest.approx(score, abs=5e-5)
    best = LogLossClassifier(C=clf.C_, l1_ratio=l1_ratio, **TIGHT)
    best.fit(X, y, sample_weight=weight, offset=offset)
    np.testing.assert_allclose(clf.coef_, best.coef_, rtol=0, atol=1e-6)
    np.testing.assert_allclose(clf.intercept_, best.intercept_, rtol=0, atol=1e-6)
    expected = -log_loss(y, clf.predict_proba(X, offset=offset), sample_weight=weight)
    score = clf.score(container(X), y, sample_weight=weight, offset=offset)
    assert score == pytest.approx(expected, rel=1e-12)


def negative_brier(model, X, y):
    return -np.mean(np.sum((model.predict_proba(X) - np.eye(len(model.classes_))[y]) ** 2, 1))


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("probabilities", ["model", "posterior"])
@pytest.mark.parametrize("scoring", [neg_brier_scorer, negative_brier, "accuracy"])
def test_scorers_of_cross_validation_see_the_offset_of_their_rows(
    n_classes, probabilities, scoring
):
    X, y, offset = simulate(n_classes=n_classes)
    parameters = {"probabilities": probabilities, "class_weight": {0: 2.0}, **TIGHT}
    clf = LogLossClassifierCV(Cs=[0.1, 1.0], cv=KFold(3), scoring=scoring, **parameters)
    clf.fit(X, y, offset=offset)

    def expected(model, X, y, offset):
        if scoring == "accuracy":
            return model.score(X, y, offset=offset)
        squares = (model.predict_proba(X, offset=offset) - np.eye(n_classes)[y]) ** 2
        is_of_one_class = n_classes == 2 and scoring is neg_brier_scorer
        return -squares[:, 1].mean() if is_of_one_class else -squares.sum(axis=1).mean()

    for fold, (train, test) in enumerate(KFold(3).split(X)):
        for i, C in enumerate([0.1, 1.0]):
            model = LogLossClassifier(C=C, **parameters)
            model.fit(X[train], y[train], offset=offset[train])
            score = expected(model, X[test], y[test], offset[test])
            assert clf.scores_[fold, 0, i] == pytest.approx(score, abs=1e-4)
    model = LogLossClassifier(C=clf.C_, **parameters).fit(X, y, offset=offset)
    expected_score = expected(model, X, y, offset)
    assert clf.score(X, y, offset=offset) == pytest.approx(expected_score, abs=1e-6)
    # The estimator itself has kept nothing.
    assert clf.score(X, y) != clf.score(X, y, offset=offset)


def test_cross_validation_without_refit_in_float32_with_soft_targets():
    X, y, offset = simulate(n_classes=3)
    X = X.astype(np.float32)
    clf = LogLossClassifierCV(Cs=CS, cv=3, refit=False).fit(X, np.eye(3)[y], offset=offset)
    assert clf.coef_.dtype == clf.coefs_paths_.dtype == np.float32
    expected = LogLossClassifierCV(Cs=CS, cv=3, refit=False)
    expected.fit(X.astype(np.float64), y, offset=offset)
    np.testing.assert_allclose(clf.scores_, expected.scores_, rtol=1e-3)
    np.testing.assert_allclose(clf.coef_, expected.coef_, rtol=0, atol=1e-3)
    ours = clf.score(X, np.eye(3)[y], offset=offset)
    assert ours == pytest.approx(expected.score(X, y, offset=offset), rel=1e-3)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_path(n_classes, l1_ratio, container, fit_intercept):
    X, y, offset = simulate(n_classes=n_classes)
    parameters = {"l1_ratio": l1_ratio, "fit_intercept": fit_intercept, **TIGHT}
    path = logloss_path(container(X), y, Cs=4, offset=offset, **parameters)
    for C, coef, intercept in zip(path.Cs, path.coefs, path.intercepts, strict=True):
        clf = LogLossClassifier(C=C, **parameters).fit(X, y, offset=offset)
        # The curvature of the L2 penalty is small at the end of the grid, that of the loss is not.
        np.testing.assert_allclose(coef, clf.coef_, rtol=0, atol=1e-7)
        np.testing.assert_allclose(intercept, clf.intercept_, rtol=0, atol=1e-7)
    if l1_ratio > 0:
        assert not path.coefs[0].any()
        for factor in (0.999, 1.001):
            clf = LogLossClassifier(C=path.Cs[0] * factor, **parameters).fit(X, y, offset=offset)
            assert clf.coef_.any() == (factor > 1)


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
def test_path_in_float32(container):
    X, y, offset = simulate()
    X = X.astype(np.float32)
    path = logloss_path(container(X), y, Cs=5, l1_ratio=1, offset=offset)
    expected = logloss_path(X.astype(np.float64), y, Cs=5, l1_ratio=1, offset=offset)
    assert path.coefs.dtype == np.float32
    np.testing.assert_allclose(path.Cs, expected.Cs, rtol=1e-5)
    np.testing.assert_allclose(path.coefs, expected.coefs, rtol=0, atol=1e-3)


@pytest.fixture
def routing():
    with config_context(enable_metadata_routing=True):
        yield


def requesting(estimator):
    """Return an estimator that requests the offset wherever it takes one."""
    for method in ("fit", "predict", "predict_proba", "decision_function", "score"):
        getattr(estimator, f"set_{method}_request")(offset=True)
    return estimator.set_predict_log_proba_request(offset=True)


@pytest.mark.parametrize(
    "estimator", [LogLossClassifier(), FocalLogisticRegression(), LogLossClassifierCV(Cs=3)]
)
def test_pipeline(routing, estimator):
    if OLD_PIPELINE and isinstance(estimator, LogLossClassifierCV):
        pytest.skip("Pipeline.score of scikit-learn 1.6 does not route to a router")
    X, y, offset = simulate(n_classes=3)
    model = make_pipeline(StandardScaler(), requesting(clone(estimator)))
    model.fit(X, y, offset=offset)
    scaled = StandardScaler().fit_transform(X)
    expected = clone(estimator).fit(scaled, y, offset=offset)
    np.testing.assert_array_equal(model[-1].coef_, expected.coef_)
    for method in ("predict", "predict_proba", "predict_log_proba", "decision_function"):
        np.testing.assert_array_equal(
            getattr(model, method)(X, offset=offset),
            getattr(expected, method)(scaled, offset=offset),
        )
    assert model.score(X, y, offset=offset) == expected.score(scaled, y, offset=offset)
    unset = make_pipeline(StandardScaler(), clone(estimator))
    with pytest.raises(ValueError, match=r"\[offset\] are passed but are not explicitly set"):
        unset.fit(X, y, offset=offset)


@pytest.mark.parametrize("scoring", [None, neg_log_loss_scorer])
@pytest.mark.parametrize("in_pipeline", [False, True])
def test_grid_search(routing, scoring, in_pipeline):
    if OLD_PIPELINE and in_pipeline and scoring is None:
        pytest.skip("Pipeline.score of scikit-learn 1.6 does not route sample_weight")
    X, y, offset = simulate(n_classes=3)
    weight = np.random.default_rng(1).uniform(0.5, 2, size=len(y))
    clf = requesting(LogLossClassifier(**TIGHT)).set_fit_request(offset=True, sample_weight=True)
    clf.set_score_request(offset=True, sample_weight=True)
    model, name = clf, "C"
    if in_pipeline:
        model, name = make_pipeline(StandardScaler(with_mean=False, with_std=False), clf), ""
        model[0].set_fit_request(sample_weight=False)
        name = "loglossclassifier__C"
    if scoring is not None:
        scoring = clone_of(scoring).set_score_request(offset=True, sample_weight=True)
    search = GridSearchCV(model, {name: CS}, cv=KFold(3), scoring=scoring)
    search.fit(X, y, sample_weight=weight, offset=offset)
    for fold, (train, test) in enumerate(KFold(3).split(X)):
        for i, C in enumerate(CS):
            fitted = LogLossClassifier(C=C, **TIGHT)
            fitted.fit(X[train], y[train], weight[train], offset=offset[train])
            given = {"sample_weight": weight[test], "offset": offset[test]}
            if scoring is None:
                score = fitted.score(X[test], y[test], **given)
            else:
                proba = fitted.predict_proba(X[test], offset=offset[test])
                score = -log_loss(y[test], proba, sample_weight=weight[test])
            assert search.cv_results_[f"split{fold}_test_score"][i] == pytest.approx(
                score, rel=1e-7
            )
    best = LogLossClassifier(C=search.best_params_[name], **TIGHT)
    best.fit(X, y, sample_weight=weight, offset=offset)
    fitted = search.best_estimator_[-1] if in_pipeline else search.best_estimator_
    np.testing.assert_allclose(fitted.coef_, best.coef_, rtol=0, atol=ATOL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        score = search.score(X, y, sample_weight=weight, offset=offset)
    if scoring is None:
        assert score == best.score(X, y, sample_weight=weight, offset=offset)


def clone_of(scorer):
    return pickle.loads(pickle.dumps(scorer))


@pytest.mark.parametrize("probabilities", ["model", "posterior"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_scorers_of_probabilities_take_the_offset(routing, probabilities, n_classes):
    X, y, offset = simulate(n_classes=n_classes)
    clf = requesting(LogLossClassifier(probabilities=probabilities, class_weight={0: 2.0}))
    scorer = clone_of(neg_log_loss_scorer).set_score_request(offset=True)
    scores = cross_val_score(clf, X, y, scoring=scorer, cv=KFold(3), params={"offset": offset})
    for score, (train, test) in zip(scores, KFold(3).split(X), strict=True):
        fitted = clone(clf).fit(X[train], y[train], offset=offset[train])
        proba = fitted.predict_proba(X[test], offset=offset[test])
        assert score == pytest.approx(-log_loss(y[test], proba), rel=1e-9)


def test_routing_of_cross_validation(routing):
    X, y, offset = simulate()
    weight = np.random.default_rng(1).uniform(0.5, 2, size=len(y))
    arguments = {"Cs": CS, "cv": KFold(3)}
    expected = LogLossClassifierCV(**arguments).fit(X, y, offset=offset)
    weighted = get_scorer("neg_log_loss").set_score_request(sample_weight=True)
    asking = clone_of(neg_log_loss_scorer).set_score_request(offset=True)
    # The offset has its part in scores whether or not the scorer asks for it.
    for scoring in ("neg_log_loss", neg_log_loss_scorer, asking):
        clf = LogLossClassifierCV(scoring=scoring, **arguments).fit(X, y, offset=offset)
        np.testing.assert_allclose(clf.scores_, expected.scores_, rtol=1e-9)
        score = clf.score(X, y, offset=offset)
        assert score == pytest.approx(expected.score(X, y, offset=offset), rel=1e-9)
    clf = LogLossClassifierCV(scoring=weighted, **arguments)
    clf.fit(X, y, sample_weight=weight, offset=offset)
    with config_context(enable_metadata_routing=False):
        unrouted = LogLossClassifierCV(**arguments)
        unrouted.fit(X, y, sample_weight=weight, offset=offset)
    np.testing.assert_array_equal(clf.scores_, unrouted.scores_)
    # An outer cross-validation.
    outer = requesting(LogLossClassifierCV(**arguments))
    scores = cross_val_score(outer, X, y, cv=KFold(2), params={"offset": offset})
    for score, (train, test) in zip(scores, KFold(2).split(X), strict=True):
        inner = LogLossClassifierCV(**arguments).fit(X[train], y[train], offset=offset[train])
        assert score == inner.score(X[test], y[test], offset=offset[test])


def with_entry(value):
    def spoil(offset):
        return np.where(np.arange(len(offset)) == 7, value, offset.T).T

    return spoil


BAD = {
    "too short": (lambda offset: offset[:-1], ValueError, r"offset has shape \(199"),
    "too deep": (lambda offset: offset[None], ValueError, "offset has shape"),
    "number": (lambda offset: 0.5, ValueError, "offset must be an array with an entry per sample"),
    "nan": (with_entry(np.nan), ValueError, r"offset contains NaN, .* at \[7"),
    "infinity": (with_entry(-np.inf), ValueError, r"offset contains infinity .* -inf at \[7"),
    "text": (lambda offset: np.full(offset.shape, "a"), TypeError, "offset must hold real numbers"),
    "sparse": (sparse.csr_array, TypeError, "offset must be a dense array"),
}


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize(("spoil", "error", "message"), BAD.values(), ids=BAD)
def test_bad_offsets_are_named(n_classes, spoil, error, message):
    X, y, offset = simulate(n_classes=n_classes)
    if spoil is sparse.csr_array:
        offset = offset.reshape(len(y), -1)
    bad = spoil(offset)
    for estimator in (LogLossClassifier(), FocalLogisticRegression(), LogLossClassifierCV(Cs=2)):
        with pytest.raises(error, match=message):
            estimator.fit(X, y, offset=bad)
        estimator.fit(X, y)
        for method in ("predict", "predict_proba", "predict_log_proba", "decision_function"):
            with pytest.raises(error, match=message):
                getattr(estimator, method)(X, offset=bad)
        with pytest.raises(error, match=message):
            estimator.score(X, y, offset=bad)
    with pytest.raises(error, match=message):
        logloss_path(X, y, offset=bad)


def test_one_column_for_three_classes():
    X, y, offset = simulate(n_classes=3)
    with pytest.raises(ValueError, match="pass one column per class"):
        LogLossClassifier().fit(X, y, offset=offset[:, 0])
    clf = LogLossClassifier().fit(X, y)
    with pytest.raises(ValueError, match="pass one column per class"):
        clf.predict(X, offset=offset[:, 0])


@pytest.mark.parametrize("shares", [(0.01, 0.5), (0.03, 0.25)])
def test_case_control_sample_is_corrected_by_an_offset(shares):
    # Prentice and Pyke, Biometrika 66 (1979): sampling by class moves the log-odds by a constant.
    population, sample = shares
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400_000, 2))
    intercept = np.log(population / (1 - population))
    y = (rng.random(len(X)) < expit(X @ [1.0, -0.5] + intercept)).astype(int)
    cases = np.flatnonzero(y == 1)
    n_controls = round(len(cases) * (1 - sample) / sample)
    controls = rng.choice(np.flatnonzero(y == 0), n_controls, replace=False)
    rows = np.append(cases, controls)
    fraction = n_controls / np.count_nonzero(y == 0)
    offset = np.full(len(rows), -np.log(fraction))
    clf = LogLossClassifier(C=np.inf).fit(X[rows], y[rows], offset=offset)
    # Without the offset the model is of the population: standard errors are 1 / sqrt(n_cases) and
    # about that for the coefficients.
    error = 4 / np.sqrt(len(cases))
    np.testing.assert_allclose(clf.coef_[0], [1.0, -0.5], rtol=0, atol=1.5 * error)
    np.testing.assert_allclose(clf.intercept_[0], intercept, rtol=0, atol=1.5 * error)
    assert clf.predict_proba(X)[:, 1].mean() == pytest.approx(y.mean(), rel=error)


def test_columns_named_as_the_classes_may_be_in_any_order():
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 3))
    y = np.array(["c", "a", "b"])[rng.integers(0, 3, 120)]
    offset = pd.DataFrame(rng.normal(size=(120, 3)), columns=["c", "a", "b"])
    sorted_columns = offset[["a", "b", "c"]]
    clf = LogLossClassifier().fit(X, y, offset=offset)
    expected = LogLossClassifier().fit(X, y, offset=sorted_columns.to_numpy())
    np.testing.assert_array_equal(clf.coef_, expected.coef_)
    np.testing.assert_array_equal(
        clf.predict_proba(X, offset=offset), expected.predict_proba(X, offset=sorted_columns)
    )
    with pytest.raises(ValueError, match="offset"):
        clf.fit(X, y, offset=offset.rename(columns={"b": "d"}))


def test_a_number_added_to_all_classes_of_a_row_changes_no_step():
    rng = np.random.default_rng(0)
    X, offset = rng.normal(size=(500, 2)), np.zeros((500, 4))
    # A mask rules out some classes of each row.
    offset[:, 1:][rng.random((500, 3)) < 0.4] = -700
    y = (X @ rng.normal(size=(2, 4)) + offset + rng.gumbel(size=(500, 4))).argmax(axis=1)
    expected = LogLossClassifier().fit(X, y, offset=offset)
    clf = LogLossClassifier().fit(X, y, offset=offset - offset.mean(axis=1, keepdims=True))
    np.testing.assert_array_equal(clf.n_iter_, expected.n_iter_)
    # The same steps, but for rounding errors of numbers of this size, which the Hessian's condition
    # enlarges.
    np.testing.assert_allclose(clf.coef_, expected.coef_, atol=100 * np.spacing(700.0), rtol=0)


def test_the_warning_of_no_convergence_names_an_offset_far_beyond_log_odds():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(60, 2))
    y = (X[:, 0] + rng.logistic(size=60) > 0).astype(int)
    offset = 1e6 * rng.normal(size=60)
    for fit in (
        LogLossClassifier().fit,
        LogLossClassifierCV().fit,
        FirthLogisticRegression().fit,
        FirthLogisticRegression(intercept_correction="flic").fit,
        logloss_path,
    ):
        with pytest.warns(ConvergenceWarning) as caught:
            fit(X, y, offset=offset)
        message = str(caught[0].message)
        assert "look at offset" in message
        assert "rescale X" not in message
