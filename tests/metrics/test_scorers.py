"""Scorers in scikit-learn's model selection, and on folds that lack a class."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import RFECV
from sklearn.inspection import permutation_importance
from sklearn.linear_model import (
    LinearRegression,
    LogisticRegression,
    LogisticRegressionCV,
    RidgeClassifier,
)
from sklearn.metrics import get_scorer
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    TunedThresholdClassifierCV,
    cross_val_predict,
    cross_val_score,
    cross_validate,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

from sklogloss import FocalLogisticRegression, LogLossClassifier, metrics
from sklogloss.metrics import (
    brier_score,
    d2_log_loss,
    discrimination_scorer,
    focal_loss,
    log_loss,
    log_loss_decomposition,
    make_focal_loss_scorer,
    neg_log_loss_scorer,
    neg_miscalibration_scorer,
    probability_scorers,
)

BINARY = load_breast_cancer(return_X_y=True)
SEVERAL = load_iris(return_X_y=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])


def forecast(model, X):
    """Return what a scorer sees: of two classes, scikit-learn hands it the second."""
    proba = model.predict_proba(X)
    return proba[:, 1] if proba.shape[1] == 2 else proba


METRICS = {
    "neg_log_loss": lambda y, p: -log_loss(y, p),
    "neg_focal_loss": lambda y, p: -focal_loss(y, p),
    "neg_brier": lambda y, p: -brier_score(y, p),
    "d2_log_loss": d2_log_loss,
    "neg_miscalibration": lambda y, p: -log_loss_decomposition(y, p).miscalibration,
    "discrimination": lambda y, p: log_loss_decomposition(y, p).discrimination,
}


@pytest.mark.parametrize("data", [BINARY, SEVERAL])
@pytest.mark.parametrize("name", METRICS)
def test_scorers_are_their_metrics(data, name):
    X, y = data
    model = GaussianNB().fit(X, y)
    expected = METRICS[name](y, forecast(model, X))
    assert probability_scorers[name](model, X, y) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("data", [BINARY, SEVERAL])
@pytest.mark.parametrize("theirs", ["neg_log_loss", "neg_brier_score"])
def test_scorers_are_those_of_scikit_learn(data, theirs):
    X, y = data
    if len(set(y)) > 2 and theirs == "neg_brier_score":
        pytest.importorskip("sklearn", minversion="1.7")
    model = LogisticRegression(max_iter=10_000).fit(X, y)
    expected = get_scorer(theirs)(model, X, y)
    ours = probability_scorers[theirs.removesuffix("_score")](model, X, y)
    assert ours == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("estimator", [GaussianNB(), LogLossClassifier()])
def test_a_test_set_may_lack_classes(name, estimator):
    X, y = SEVERAL
    model = estimator.fit(X, NAMES[y])
    for rows in (y == 1, y > 0):
        score = probability_scorers[name](model, X[rows], NAMES[y[rows]])
        assert np.isfinite(score)
        if name == "neg_log_loss":
            proba = model.predict_proba(X[rows])
            happened = proba[np.arange(rows.sum()), y[rows]]
            assert score == pytest.approx(np.log(happened).mean(), rel=1e-12)


@pytest.mark.parametrize("estimator", [GaussianNB(), LogLossClassifier()])
def test_a_class_never_seen_has_probability_zero(estimator):
    X, y = SEVERAL
    model = estimator.fit(X[y != 1], NAMES[y[y != 1]])
    proba = model.predict_proba(X)
    three = np.column_stack([proba[:, 0], np.zeros(len(y)), proba[:, 1]])
    expected = -log_loss(NAMES[y], three)
    assert neg_log_loss_scorer(model, X, NAMES[y]) == pytest.approx(expected, rel=1e-12)


def test_an_estimator_of_one_class():
    X, y = BINARY
    model = DummyClassifier(strategy="prior").fit(X[y == 1], y[y == 1])
    assert neg_log_loss_scorer(model, X[y == 1], y[y == 1]) == 0
    share = np.mean(y == 0)
    expected = share * np.log(np.finfo(float).eps)
    assert neg_log_loss_scorer(model, X, y) == pytest.approx(expected, rel=1e-12)


def test_sorted_folds_score_where_those_of_scikit_learn_fail():
    X, y = SEVERAL
    scores = cross_val_score(GaussianNB(), X, y, cv=KFold(5), scoring=neg_log_loss_scorer)
    assert np.isfinite(scores).all()


def test_exact_logits_of_own_classifiers():
    X, y = BINARY
    # So large that the probabilities of some samples round to 0 and 1.
    model = LogLossClassifier(C=1e8).fit(X, y)
    model.coef_ = model.coef_ * 1e4
    assert neg_log_loss_scorer(model, X, y) < -1e3
    searched = GridSearchCV(
        make_pipeline(StandardScaler(), LogLossClassifier()), {"loglossclassifier__C": [1.0]}
    ).fit(X, y)
    searched.best_estimator_[-1].coef_ *= 1e4
    assert neg_log_loss_scorer(searched, X, y) < -50
    posterior = LogLossClassifier(class_weight="balanced", probabilities="posterior").fit(X, y)
    expected = -log_loss(y, posterior.predict_proba(X))
    assert neg_log_loss_scorer(posterior, X, y) == pytest.approx(expected, rel=1e-12)


def test_soft_targets_in_cross_validate():
    X, y = SEVERAL
    soft = 0.9 * np.eye(3)[y] + 0.1 / 3
    for target in (soft, pd.DataFrame(soft, columns=[0, 1, 2])):
        scores = cross_validate(
            LogLossClassifier(), X, target, cv=KFold(5, shuffle=True, random_state=0),
            scoring=probability_scorers, error_score="raise",
        )  # fmt: skip
        assert all(np.isfinite(scores[f"test_{name}"]).all() for name in probability_scorers)
        assert scores["test_neg_log_loss"].max() < -0.3


@pytest.mark.parametrize("scorer", probability_scorers.values(), ids=probability_scorers)
def test_clone_pickle_and_repr(scorer):
    X, y = BINARY
    model = GaussianNB().fit(X, y)
    expected = scorer(model, X, y)
    for other in (clone(scorer, safe=False), pickle.loads(pickle.dumps(scorer))):
        assert other(model, X, y) == expected
        assert repr(other) == repr(scorer)
    assert "response_method='predict_proba'" in repr(scorer)


def test_sample_weight():
    X, y = BINARY
    weight = np.random.default_rng(0).uniform(size=len(y))
    model = GaussianNB().fit(X, y)
    expected = -log_loss(y, forecast(model, X), sample_weight=weight)
    given = neg_log_loss_scorer(model, X, y, sample_weight=weight)
    assert given == pytest.approx(expected, rel=1e-12)


def test_metadata_routing():
    X, y = BINARY
    weight = np.random.default_rng(0).uniform(size=len(y))
    with sklearn.config_context(enable_metadata_routing=True):
        scorer = metrics.neg_log_loss_scorer.set_score_request(sample_weight=True)
        model = LogLossClassifier().set_fit_request(sample_weight=False)
        splitter = KFold(3, shuffle=True, random_state=0)
        scores = cross_val_score(
            model, X, y, scoring=scorer, cv=splitter, params={"sample_weight": weight}
        )
        assert np.isfinite(scores).all()
        unweighted = cross_val_score(model, X, y, scoring=neg_log_loss_scorer, cv=splitter)
        assert np.all(scores != unweighted)


SCORER_NAMES = [name for name in metrics.__all__ if name.endswith("_scorer") and "make" not in name]


def requested(scorer):
    """Return the names of the metadata that a scorer requests."""
    requests = scorer.get_metadata_routing().score.requests
    return {name for name, is_requested in requests.items() if is_requested}


@pytest.mark.parametrize("name", SCORER_NAMES)
def test_what_a_scorer_requests_is_nobody_else_s(name):
    with sklearn.config_context(enable_metadata_routing=True):
        mine = getattr(metrics, name).set_score_request(sample_weight=True, offset=True)
        others = getattr(metrics, name)
        assert requested(mine) == {"sample_weight", "offset"}
        assert requested(others) == set()
        for copied in (clone(mine, safe=False), pickle.loads(pickle.dumps(mine))):
            assert requested(copied) == requested(mine)
    clf = LogLossClassifier().fit(*BINARY)
    assert mine(clf, *BINARY) == others(clf, *BINARY)


def test_scorers_of_the_dict_are_nobody_else_s():
    with sklearn.config_context(enable_metadata_routing=True):
        mine = metrics.probability_scorers
        for scorer in mine.values():
            scorer.set_score_request(sample_weight=True)
        mine.clear()
        others = metrics.probability_scorers
        assert len(others) == 6
        for scorer in others.values():
            assert requested(scorer) == set()


def test_names_of_scorers_are_found():
    assert len(SCORER_NAMES) == 6
    assert {*SCORER_NAMES, "probability_scorers", "log_loss"} <= set(dir(metrics))
    for module in (metrics, metrics.scorers):
        assert not hasattr(module, "roc_auc_scorer")
        assert not hasattr(module, "neg_brier")


def test_several_metrics_call_the_estimator_once():
    X, y = SEVERAL

    class Counting(GaussianNB):
        n_calls = 0

        def predict_proba(self, X):
            Counting.n_calls += 1
            return super().predict_proba(X)

    model = Counting().fit(X, y)
    scores = cross_validate(
        model, X, y, cv=3, scoring={**probability_scorers, "auc": "roc_auc_ovr"}
    )
    assert Counting.n_calls == 3
    assert {f"test_{name}" for name in probability_scorers} <= set(scores)


def test_grid_search_in_two_processes():
    X, y = BINARY
    search = GridSearchCV(
        make_pipeline(StandardScaler(), LogLossClassifier()),
        {"loglossclassifier__C": [0.01, 0.1, 1.0]},
        scoring=probability_scorers, refit="neg_log_loss", n_jobs=2, error_score="raise",
    ).fit(X, y)  # fmt: skip
    theirs = GridSearchCV(
        make_pipeline(StandardScaler(), LogLossClassifier()),
        {"loglossclassifier__C": [0.01, 0.1, 1.0]},
        scoring="neg_log_loss",
    ).fit(X, y)
    # Theirs sees probabilities, which round 1 - p: an error of the rounding error times
    # exp(surprise), here at most exp(10), in a mean over samples.
    np.testing.assert_allclose(
        search.cv_results_["mean_test_neg_log_loss"],
        theirs.cv_results_["mean_test_score"],
        atol=np.exp(10) * 2**-53,
        rtol=0,
    )


def test_the_rest_of_model_selection():
    X, y = BINARY
    X = StandardScaler().fit_transform(X)[:, :6]
    assert RFECV(LogLossClassifier(), scoring=neg_log_loss_scorer, cv=3).fit(X, y).n_features_ >= 1
    cross_validated = LogisticRegressionCV(Cs=3, scoring=neg_log_loss_scorer, cv=3)
    with warnings.catch_warnings():
        # Of defaults that will change.
        warnings.simplefilter("ignore", FutureWarning)
        cross_validated.fit(X, y)
    assert all(np.isfinite(scores).all() for scores in cross_validated.scores_.values())
    model = LogLossClassifier().fit(X, y)
    importance = permutation_importance(model, X, y, scoring=neg_log_loss_scorer, random_state=0)
    assert importance.importances_mean.max() > 0
    # The metric is asked about decisions: 0 or 1 as probabilities, as of scikit-learn's scorer.
    ours, theirs = (
        TunedThresholdClassifierCV(LogLossClassifier(), scoring=scoring, thresholds=20).fit(X, y)
        for scoring in (neg_log_loss_scorer, "neg_log_loss")
    )
    assert ours.best_threshold_ == theirs.best_threshold_
    assert ours.best_score_ == pytest.approx(theirs.best_score_, rel=1e-12)
    calibrated = CalibratedClassifierCV(SVC()).fit(X, y)
    assert np.isfinite(discrimination_scorer(calibrated, X, y))


def test_focal_loss_scorer_takes_its_parameters():
    X, y = BINARY
    model = GaussianNB().fit(X, y)
    expected = -focal_loss(y, forecast(model, X), gamma=1, alpha=0.3)
    scorer = make_focal_loss_scorer(gamma=1, alpha=0.3)
    assert scorer(model, X, y) == pytest.approx(expected, rel=1e-12)


def test_miscalibration_of_forecasts_across_folds():
    X, y = SEVERAL
    proba = cross_val_predict(GaussianNB(), X, y, method="predict_proba")
    expected = -log_loss_decomposition(y, proba).miscalibration

    class Fitted:
        classes_ = np.arange(3)

        def predict_proba(self, X):
            return proba

    Fitted.__sklearn_tags__ = lambda self: GaussianNB().__sklearn_tags__()
    assert neg_miscalibration_scorer(Fitted(), X, y) == pytest.approx(expected, rel=1e-12)


def test_columns_of_soft_targets_are_the_classes():
    X, y = SEVERAL
    model = LogLossClassifier().fit(X, NAMES[y])
    soft = pd.DataFrame(0.9 * np.eye(3)[y] + 0.1 / 3, columns=NAMES)
    expected = neg_log_loss_scorer(model, X, soft.to_numpy())
    assert neg_log_loss_scorer(model, X, soft[NAMES[::-1]]) == expected
    with pytest.raises(ValueError, match=r"columns of y_true, .*, are not the classes"):
        neg_log_loss_scorer(model, X, soft.rename(columns={"setosa": "rose"}))


def test_regressors_are_refused():
    with pytest.raises(TypeError, match=r"scores classifiers; .* has no classes_"):
        neg_log_loss_scorer(LinearRegression().fit(*BINARY), *BINARY)


def test_unfitted_classifiers_are_refused():
    with pytest.raises(NotFittedError):
        neg_log_loss_scorer(LogLossClassifier(), *BINARY)


def test_scorer_names_what_has_no_probabilities():
    X, y = np.arange(12.0).reshape(-1, 1), np.arange(12) % 2
    with pytest.raises(AttributeError, match=r"RidgeClassifier.* has no predict_proba"):
        neg_log_loss_scorer(RidgeClassifier().fit(X, y), X, y)


@pytest.mark.parametrize("labels", [["a", "b"], [None, 1], [0.5, 1.5], [np.nan, 1.0]])
def test_labels_of_another_kind_are_no_unseen_classes(labels):
    X, y = np.arange(12.0).reshape(-1, 1), np.arange(12) % 2
    clf = LogLossClassifier().fit(X, y)
    with pytest.raises(ValueError, match=r"y_true must have labels of the type|Input|continuous"):
        neg_log_loss_scorer(clf, X, np.array(labels * 6))
    # Of the same kind they are.
    assert np.isfinite(neg_log_loss_scorer(clf, X, y.astype(float) + 1))


def test_posterior_probabilities_next_to_zero_count_as_they_are():
    X = np.linspace(-1, 1, 40)[:, None]
    y = (X[:, 0] > 0).astype(int)
    clf = FocalLogisticRegression(C=100).fit(X, y)
    far = np.array([[-3.0]])
    expected = clf.predict_log_proba(far)[0, 1]
    assert expected < np.log(np.finfo(float).eps)
    for model in (clf, make_pipeline(FunctionTransformer(), clf)):
        assert neg_log_loss_scorer(model, far, [1]) == pytest.approx(expected, rel=1e-12)
    # A class never seen still has the probability 0, which is clipped.
    assert neg_log_loss_scorer(clf, far, [2]) == np.log(np.finfo(float).eps)
    X, y = SEVERAL
    clf = FocalLogisticRegression().fit(X, y)
    expected = np.mean(clf.predict_log_proba(X)[np.arange(len(y)), y])
    assert neg_log_loss_scorer(clf, X, y) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", ["neg_miscalibration", "discrimination"])
def test_miscalibration_of_few_samples_is_warned_of(name):
    X, y = load_breast_cancer(return_X_y=True)
    clf = LogLossClassifier().fit(X, y)
    scorer = probability_scorers[name]
    with pytest.warns(UserWarning, match="of 57 samples are too large: isotonic"):
        scorer(clf, X[:57], y[:57])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scorer(clf, X, y)
