"""CalibratedClassifier: held-out predictions, folds, weights, routing."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn import config_context
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.model_selection import GridSearchCV, GroupKFold, ShuffleSplit
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from sklogloss import FocalLogisticRegression, LogLossClassifier
from sklogloss.calibration import CalibratedClassifier, TemperatureScaling
from sklogloss.metrics import log_loss


def data(n_classes=2, n_samples=300, seed=0):
    return make_classification(
        n_samples, 6, n_informative=4, n_redundant=0, n_classes=n_classes, random_state=seed
    )


@pytest.mark.parametrize("ensemble", [False, True])
@pytest.mark.parametrize("with_weight", [False, True])
def test_logistic_is_scikit_learns_sigmoid(ensemble, with_weight):
    X, y = data()
    weight = np.random.default_rng(0).uniform(size=300) if with_weight else None
    svm = LinearSVC(tol=1e-10, max_iter=100_000)
    theirs = CalibratedClassifierCV(svm, method="sigmoid", cv=3, ensemble=ensemble)
    ours = CalibratedClassifier(svm, "logistic", cv=3, ensemble=ensemble)
    expected = theirs.fit(X, y, sample_weight=weight).predict_proba(X)
    # As for LogisticScaling alone.
    found = ours.fit(X, y, sample_weight=weight).predict_proba(X)
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_temperature_is_scikit_learns(n_classes):
    X, y = data(n_classes)
    clf = LogisticRegression(C=100, tol=1e-10, max_iter=1000)
    try:
        theirs = CalibratedClassifierCV(clf, method="temperature", cv=3, ensemble=False).fit(X, y)
    except ValueError:
        pytest.skip("scikit-learn 1.8 brings temperature scaling")
    ours = CalibratedClassifier(clf, "temperature", cv=3).fit(X, y)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-6)


def test_labels_may_be_strings_and_features_have_names():
    X, y = data(3)
    names = np.array(["a", "b", "c"])
    frame = pd.DataFrame(X, columns=[f"x{i}" for i in range(6)])
    clf = CalibratedClassifier(GaussianNB(), "temperature").fit(frame, names[y])
    assert clf.classes_.tolist() == ["a", "b", "c"]
    assert clf.feature_names_in_.tolist() == frame.columns.tolist()
    other = CalibratedClassifier(GaussianNB(), "temperature").fit(X, y)
    np.testing.assert_allclose(clf.predict_proba(frame), other.predict_proba(X), rtol=1e-9)
    assert clf.predict(frame).tolist() == names[other.predict(X)].tolist()


def test_frozen_estimator_is_not_fitted_again():
    X, y = data(3)
    clf = LogLossClassifier().fit(X[:100], y[:100])
    coef = clf.coef_.copy()
    calibrated = CalibratedClassifier(FrozenEstimator(clf), "temperature").fit(X[100:], y[100:])
    np.testing.assert_array_equal(clf.coef_, coef)
    raw = clf.decision_function(X[100:])
    expected = TemperatureScaling().fit(raw, y[100:]).predict_proba(raw)
    np.testing.assert_allclose(calibrated.predict_proba(X[100:]), expected, rtol=1e-6)
    # Data that lack a class that the estimator knows.
    rows = np.flatnonzero(y < 2)
    lacking = CalibratedClassifier(FrozenEstimator(clf), "temperature").fit(X[rows], y[rows])
    assert lacking.classes_.tolist() == [0, 1, 2]


def test_soft_targets():
    X, y = data(3, 600)
    soft = np.full((600, 3), 0.1)
    soft[np.arange(600), y] = 0.8
    clf = CalibratedClassifier(LogLossClassifier(C=1e-3)).fit(X, soft)
    assert clf.method_ != "none"  # which is far too strongly penalised
    alone = LogLossClassifier(C=1e-3).fit(X, soft)
    assert log_loss(soft, clf.predict_proba(X)) < log_loss(soft, alone.predict_proba(X))


@pytest.mark.parametrize("estimator", [LogLossClassifier(), GaussianNB(), RidgeClassifier()])
@pytest.mark.parametrize("ensemble", [False, True])
@pytest.mark.parametrize("method", ["auto", "temperature", "isotonic"])
def test_folds_may_lack_classes(estimator, ensemble, method):
    X, y = data(3)
    # The first fold trains on two classes, the second on all.
    folds = [(np.flatnonzero(y < 2), np.flatnonzero(y == 2)[:20])]
    folds.append((np.arange(150), np.setdiff1d(np.arange(150, 300), folds[0][1])))
    folds[0] = folds[0][0], np.append(folds[0][1], np.arange(20)[y[:20] < 2])
    folds[1] = folds[1][0], np.setdiff1d(folds[1][1], folds[0][1])
    clf = CalibratedClassifier(estimator, method, cv=folds, ensemble=ensemble).fit(X, y)
    proba = clf.predict_proba(X)
    assert proba.shape == (300, 3)
    np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-9)
    assert log_loss(y, proba) < np.log(3)


def test_probabilities_of_zero_are_mended():
    X, y = data(2, 600)
    y = np.where(np.random.default_rng(0).random(600) < 0.1, 1 - y, y)
    forest = RandomForestClassifier(5, random_state=0)
    clf = CalibratedClassifier(forest).fit(X[:300], y[:300])
    assert np.isinf(clf.scores_["none"].log_loss)
    alone = forest.fit(X[:300], y[:300]).predict_proba(X[300:])
    assert (alone == 0).any()
    assert clf.predict_proba(X[300:]).min() > 0
    assert log_loss(y[300:], clf.predict_proba(X[300:])) < np.log(2)


def test_focal_loss_gives_its_posterior():
    X, y = data(2)
    clf = FocalLogisticRegression(gamma=3).fit(X, y)
    calibrated = CalibratedClassifier(FrozenEstimator(clf), "temperature").fit(X, y)
    log_proba = clf.predict_log_proba(X)
    raw = log_proba[:, 1] - log_proba[:, 0]
    expected = TemperatureScaling().fit(raw, y).predict_proba(raw)
    np.testing.assert_allclose(calibrated.predict_proba(X), expected, rtol=1e-6)


def distorted(scale, n_samples=4000, seed=0):
    """Return X, labels, and a fitted classifier whose logits are the true ones times scale."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_samples, 1))
    y = (rng.random(n_samples) < expit(2 * X[:, 0])).astype(int)
    clf = LogLossClassifier().fit(X, y)
    clf.coef_, clf.intercept_ = np.array([[2.0 * scale]]), np.zeros(1)
    return X, y, FrozenEstimator(clf)


@pytest.mark.parametrize(
    ("scale", "method"), [(1.0, "none"), (3.0, "temperature"), (0.3, "temperature")]
)
def test_auto_chooses_the_simplest_method_that_is_right(scale, method):
    X, y, clf = distorted(scale)
    calibrated = CalibratedClassifier(clf).fit(X, y)
    assert calibrated.method_ == method
    best = min(score.log_loss for score in calibrated.scores_.values())
    for score in calibrated.scores_.values():
        assert score.excess == score.log_loss - best
    np.testing.assert_allclose(calibrated.predict_proba(X)[:, 1], expit(2 * X[:, 0]), atol=0.03)


def test_auto_without_probabilities_of_the_estimator():
    X, y = data()
    clf = CalibratedClassifier(LinearSVC()).fit(X, y)
    assert "none" not in clf.scores_
    assert clf.method_ in clf.scores_


def test_one_held_out_set_is_enough():
    X, y = data(2, 400)
    rows = np.arange(400)
    clf = CalibratedClassifier(LogLossClassifier(), cv=[(rows[:300], rows[300:])]).fit(X, y)
    assert set(clf.scores_) >= {"none", "temperature", "isotonic"}


def test_pipelines_and_searches():
    X, y = data(3)
    inside = make_pipeline(StandardScaler(), CalibratedClassifier(LogLossClassifier(), cv=2))
    around = CalibratedClassifier(make_pipeline(StandardScaler(), LogLossClassifier()), cv=2)
    assert inside.fit(X, y).predict_proba(X).shape == around.fit(X, y).predict_proba(X).shape
    grid = {"method": ["temperature", "vector"], "estimator__C": [0.1, 1.0]}
    search = GridSearchCV(
        CalibratedClassifier(LogLossClassifier(), cv=2), grid, scoring="neg_log_loss", cv=2
    ).fit(X, y)
    assert search.best_score_ > -np.log(3)


def test_metadata_reaches_the_estimator_and_the_splitter():
    X, y = data()
    groups, weight = np.arange(300) // 10, np.random.default_rng(0).uniform(size=300)
    with config_context(enable_metadata_routing=True):
        estimator = LogLossClassifier().set_fit_request(sample_weight=True)
        clf = CalibratedClassifier(estimator, "temperature", cv=GroupKFold(3))
        clf.fit(X, y, sample_weight=weight, groups=groups)
    folds = list(GroupKFold(3).split(X, y, groups))
    plain = CalibratedClassifier(LogLossClassifier(), "temperature", cv=folds)
    plain.fit(X, y, sample_weight=weight)
    np.testing.assert_allclose(clf.predict_proba(X), plain.predict_proba(X), rtol=1e-12)


def test_weights_that_the_estimator_does_not_take_are_used_for_calibration():
    X, y = data()
    pipeline = make_pipeline(StandardScaler(), LogLossClassifier())
    weight = np.where(y == 1, 1.0, 5.0)
    clf = CalibratedClassifier(pipeline, "logistic")
    with pytest.warns(UserWarning, match="does not appear to accept sample_weight"):
        clf.fit(X, y, sample_weight=weight)
    mean = np.average(clf.predict_proba(X)[:, 1], weights=weight)
    assert mean == pytest.approx(np.average(y, weights=weight), abs=0.02)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"method": "platt"}, "method must be one of"),
        ({"cv": "prefit"}, "FrozenEstimator"),
        ({"cv": 1}, "cv"),
        ({"cv": ShuffleSplit(5, test_size=0.5)}, "ensemble=True"),
        ({"ensemble": "yes"}, "ensemble must be True or False"),
        ({"estimator": LogLossClassifier}, "estimator must be a classifier"),
        ({"estimator": LinearSVC(), "method": "none"}, "predict_proba"),
        ({"method": "venn-abers"}, "2 classes for Venn-Abers"),
    ],
)
def test_bad_parameters_are_named(parameters, message):
    X, y = data(3)
    clf = CalibratedClassifier(LogLossClassifier()).set_params(**parameters)
    with pytest.raises((TypeError, ValueError), match=message):
        clf.fit(X, y)


def test_overlapping_test_sets_are_fine_for_an_ensemble():
    X, y = data()
    cv = ShuffleSplit(3, test_size=0.5, random_state=0)
    clf = CalibratedClassifier(LogLossClassifier(), "temperature", cv=cv, ensemble=True).fit(X, y)
    assert len(clf.estimators_) == len(clf.calibrators_) == 3


@pytest.mark.parametrize(
    ("of_fit", "of_calibration", "message"),
    [
        ([-1, 1], [0, 1], r"y must have classes of the fitted estimator, \[-1, 1\], got \[0\]"),
        ([0, 1], ["a", "b"], r"y must have classes of the fitted estimator"),
    ],
)
def test_labels_that_a_fitted_estimator_does_not_know(of_fit, of_calibration, message):
    X, y = make_classification(100, random_state=0)
    fitted = GaussianNB().fit(X, np.array(of_fit)[y])
    clf = CalibratedClassifier(FrozenEstimator(fitted))
    with pytest.raises(ValueError, match=message):
        clf.fit(X, np.array(of_calibration)[y])


def test_labels_that_a_fitted_step_does_not_know():
    X, y = make_classification(100, random_state=0)
    fitted = FrozenEstimator(GaussianNB().fit(X, y))
    clf = CalibratedClassifier(make_pipeline(FrozenEstimator(StandardScaler().fit(X)), fitted))
    with pytest.raises(ValueError, match=r"y must have all classes .* but lacks \[0\]"):
        clf.fit(X, np.array([1, 5])[y])


def test_only_classifiers_are_calibrated():
    X, y = make_classification(100, random_state=0)
    with pytest.raises(TypeError, match="estimator must be a classifier, got StandardScaler"):
        CalibratedClassifier(StandardScaler()).fit(X, y)


def test_a_new_fit_forgets_the_old_one():
    X, y = make_classification(100, random_state=0)
    frame = pd.DataFrame(X).add_prefix("x")
    clf = CalibratedClassifier(GaussianNB()).fit(frame, y)
    clf.set_params(method="logistic").fit(X[:, :3], y)
    assert not hasattr(clf, "scores_")
    assert not hasattr(clf, "feature_names_in_")
    assert clf.n_features_in_ == 3


def test_classes_of_which_nothing_is_held_out_are_warned_of():
    X, y = make_classification(100, random_state=0)
    order = np.argsort(y)
    # Training rows of the first class only.
    folds = [(np.arange(50), np.arange(40, 100))]
    assert y[order][:50].max() == 0
    with pytest.warns(UserWarning, match=r"no sample of the classes \[1\] is held out"):
        CalibratedClassifier(GaussianNB(), "logistic", cv=folds, ensemble=True).fit(
            X[order], y[order]
        )


def test_groups_without_metadata_routing_say_how_to_route_them():
    X, y = data()
    groups = np.arange(len(y)) % 5
    model = CalibratedClassifier(LogLossClassifier(), "temperature", cv=GroupKFold(5))
    with pytest.raises(ValueError, match="enable_metadata_routing=True"):
        model.fit(X, y, groups=groups)
    model.set_params(cv=list(GroupKFold(5).split(X, y, groups))).fit(X, y)
