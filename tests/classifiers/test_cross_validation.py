"""LogLossClassifierCV as its users see it: folds, scores, choice, routing."""

import inspect
import pickle
import tracemalloc
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from scipy.special import logsumexp
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.metrics import get_scorer, log_loss, make_scorer
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklogloss import LogLossClassifier, LogLossClassifierCV
from sklogloss.metrics import neg_brier_scorer, neg_log_loss_scorer

pytestmark = pytest.mark.filterwarnings("error")

CS = [0.01, 0.1, 1.0, 10.0]
# The fits of folds are then within a relative 1e-11 of their optima, those of one penalty closer.
TIGHT = {"tol": 1e-8, "max_iter": 1000}


def simulate(n_samples=200, n_features=5, n_classes=2, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_samples, n_features))
    scores = X @ np.linspace(-1, 1, n_features) + rng.logistic(size=n_samples)
    return X, np.digitize(scores, np.linspace(-1, 1, n_classes + 1)[1:-1])


def split(coefs_path):
    return coefs_path[..., :-1], coefs_path[..., -1]


def test_parameters_are_those_of_logistic_regression_cv():
    ours = inspect.signature(LogLossClassifierCV).parameters
    theirs = set(inspect.signature(LogisticRegressionCV).parameters)
    assert theirs - set(ours) <= {"multi_class"}
    assert set(ours) - theirs <= {
        "selection",
        "label_smoothing",
        "probabilities",
        "penalty_factor",
        "bounds",
        "use_legacy_attributes",
    }
    for name in theirs - {"multi_class", "penalty", "scoring", "l1_ratios", "solver"}:
        if name != "use_legacy_attributes":
            default = inspect.signature(LogisticRegressionCV).parameters[name].default
            assert ours[name].default == default, name


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array, sparse.csc_matrix])
def test_folds_are_fits_to_their_training_rows(n_classes, container):
    X, y = simulate(n_classes=n_classes)
    names = np.array(["a", "b", "c"])[y]
    weight = np.random.default_rng(1).uniform(0.5, 2, size=len(y))
    Cs, l1_ratios = [1.0, 0.05], [0.0, 1.0, 0.5]
    cv = KFold(3, shuffle=True, random_state=0)
    clf = LogLossClassifierCV(Cs=Cs, l1_ratios=l1_ratios, cv=cv, **TIGHT)
    clf.fit(container(X), names, sample_weight=weight)
    n_rows = 1 if n_classes == 2 else 3
    assert clf.coefs_paths_.shape == (3, 3, 2, n_rows, 6)
    assert clf.scores_.shape == clf.n_iter_.shape == (3, 3, 2)
    for fold, (train, test) in enumerate(cv.split(X)):
        for ratio, i in np.ndindex(3, 2):
            expected = LogLossClassifier(C=Cs[i], l1_ratio=l1_ratios[ratio], **TIGHT)
            expected.fit(X[train], names[train], sample_weight=weight[train])
            coef, intercept = split(clf.coefs_paths_[fold, ratio, i])
            # A suboptimality of 1e-11 over a curvature of at least 0.01: 5e-5.
            np.testing.assert_allclose(coef, expected.coef_, rtol=0, atol=5e-5)
            np.testing.assert_allclose(intercept, expected.intercept_, rtol=0, atol=5e-5)
            score = -log_loss(
                names[test],
                expected.predict_proba(X[test]),
                sample_weight=weight[test],
                labels=expected.classes_,
            )
            assert clf.scores_[fold, ratio, i] == pytest.approx(score, abs=5e-5)
    best = LogLossClassifier(C=clf.C_, l1_ratio=clf.l1_ratio_, **TIGHT)
    best.fit(X, names, sample_weight=weight)
    np.testing.assert_allclose(clf.coef_, best.coef_, rtol=0, atol=1e-6)
    np.testing.assert_allclose(clf.intercept_, best.intercept_, rtol=0, atol=1e-6)
    mean = clf.scores_.mean(axis=0)
    assert mean[l1_ratios.index(clf.l1_ratio_), Cs.index(clf.C_)] == mean.max()
    np.testing.assert_array_equal(clf.Cs_, Cs)
    np.testing.assert_array_equal(clf.l1_ratios_, l1_ratios)
    full = LogLossClassifier(C=0.05, l1_ratio=1.0, **TIGHT).fit(X, names, weight)
    np.testing.assert_allclose(clf.full_paths_[1, 1, :, :-1], full.coef_, rtol=0, atol=5e-5)


@pytest.mark.parametrize("load", [load_iris, load_breast_cancer])
def test_finds_what_grid_search_over_logistic_regression_finds(load):
    X, y = load(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    grid = GridSearchCV(
        LogisticRegression(solver="newton-cholesky", tol=1e-8), {"C": CS}, scoring="neg_log_loss"
    ).fit(X, y)
    clf = LogLossClassifierCV(Cs=CS).fit(X, y)
    assert clf.C_ == grid.best_params_["C"]
    # The fits of folds leave a relative 1e-7 of the objective, 3e-4 in the raw predictions.
    np.testing.assert_allclose(
        clf.scores_.mean(axis=0)[0], grid.cv_results_["mean_test_score"], rtol=3e-4
    )
    np.testing.assert_allclose(clf.coef_, grid.best_estimator_.coef_, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("solver", "l1_ratio"),
    [
        ("newton-cholesky", 0.0),
        ("newton-cg", 0.0),
        ("lbfgs", 0.0),
        ("coordinate-descent", 0.0),
        ("coordinate-descent", 0.5),
    ],
)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_folds_come_as_close_as_they_say(solver, l1_ratio, n_classes):
    X, y = simulate(n_samples=400, n_features=30, n_classes=n_classes)
    parameters = {"solver": solver, "max_iter": 1000}
    clf = LogLossClassifierCV(Cs=CS, l1_ratios=[l1_ratio], cv=3, **parameters).fit(X, y)

    def objective(C, coef, intercept, rows):
        raw_prediction = X[rows] @ coef.T + intercept
        if n_classes == 2:
            raw_prediction = np.hstack([np.zeros((len(rows), 1)), raw_prediction])
        losses = logsumexp(raw_prediction, axis=1) - raw_prediction[np.arange(len(rows)), y[rows]]
        penalty = (1 - l1_ratio) / 2 * np.sum(coef**2) + l1_ratio * np.abs(coef).sum()
        return C * losses.sum() + penalty

    for fold, (train, _) in enumerate(StratifiedKFold(3).split(X, y)):
        for i, C in enumerate(CS):
            exact = LogLossClassifier(C=C, l1_ratio=l1_ratio, **TIGHT).fit(X[train], y[train])
            least = objective(C, exact.coef_, exact.intercept_, train)
            value = objective(C, *split(clf.coefs_paths_[fold, 0, i]), train)
            assert value <= (1 + 1e-7) * least
    exact = LogLossClassifier(C=clf.C_, l1_ratio=l1_ratio, **parameters).fit(X, y)
    # Of the model itself no digits are missing: 1e-11 over a curvature of at least 0.01.
    np.testing.assert_allclose(clf.coef_, exact.coef_, rtol=0, atol=5e-5)


def test_many_classes_and_features():
    # More than have the Hessian taken at each step: borrowed Hessians and conjugate gradients.
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 30))
    y = np.argmax(X @ rng.normal(size=(30, 6)) + rng.gumbel(size=(600, 6)), axis=1)
    clf = LogLossClassifierCV(Cs=np.geomspace(1e-3, 1e3, 7), cv=3, **TIGHT).fit(X, y)
    for fold, (train, _) in enumerate(StratifiedKFold(3).split(X, y)):
        for i, C in enumerate(clf.Cs_):
            expected = LogLossClassifier(C=C, **TIGHT).fit(X[train], y[train])
            coef, _ = split(clf.coefs_paths_[fold, 0, i])
            # A suboptimality of 1e-11 over the curvature of the penalty, 1 / (400 C).
            atol = np.sqrt(2e-11 * 400 * C) + 1e-6
            np.testing.assert_allclose(coef, expected.coef_, rtol=0, atol=atol)


def test_one_standard_error_by_hand():
    X, y = simulate(n_samples=120)
    clf = LogLossClassifierCV(Cs=12, selection="1se").fit(X, y)
    mean = clf.scores_[:, 0].mean(axis=0)
    best = mean.argmax()
    error = clf.scores_[:, 0, best].std(ddof=1) / np.sqrt(5)
    assert clf.C_ == clf.Cs_[mean >= mean[best] - error].min()
    assert clf.C_ < clf.Cs_[best]
    assert LogLossClassifierCV(Cs=12).fit(X, y).C_ == clf.Cs_[best]


@pytest.mark.parametrize("selection", ["best", "1se"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_without_refit_what_folds_choose_is_averaged(selection, n_classes):
    X, y = simulate(n_samples=90, n_classes=n_classes)
    clf = LogLossClassifierCV(
        Cs=CS, l1_ratios=[0.1, 0.9], refit=False, selection=selection, cv=4
    ).fit(X, y)
    chosen = []
    for scores in clf.scores_:
        ratio, i = np.unravel_index(scores.argmax(), scores.shape)
        chosen.append((ratio, i))
    if selection == "1se":
        refitted = clone(clf).set_params(refit=True).fit(X, y)
        assert clf.C_ == refitted.C_
        ratio, i = int(refitted.l1_ratio_ > 0.5), CS.index(refitted.C_)
        chosen = [(ratio, i)] * 4
    assert clf.C_ == pytest.approx(np.mean([CS[i] for _, i in chosen]))
    assert clf.l1_ratio_ == pytest.approx(np.mean([[0.1, 0.9][ratio] for ratio, _ in chosen]))
    mean = np.mean(
        [path[choice] for path, choice in zip(clf.coefs_paths_, chosen, strict=True)], axis=0
    )
    np.testing.assert_array_equal(clf.coef_, mean[:, :-1])
    np.testing.assert_array_equal(clf.intercept_, mean[:, -1])
    assert clf.predict_proba(X).shape == (90, n_classes)


SCORERS = {
    "labels": make_scorer(
        log_loss, greater_is_better=False, response_method="predict_proba", labels=[0, 1, 2]
    ),
    "sklogloss": neg_log_loss_scorer,
    "callable": lambda model, X, y: -log_loss(y, model.predict_proba(X), labels=[0, 1, 2]),
}


@pytest.mark.parametrize("scoring", SCORERS.values(), ids=SCORERS)
def test_scorers_of_log_loss_agree(scoring):
    X, y = simulate(n_classes=3)
    # The folds' test rows lack classes.
    X, y = X[np.argsort(y, kind="stable")], np.sort(y)
    X, y = np.vstack([X, X[::7]]), np.append(y, y[::7])
    cv = [(np.arange(200, len(y)), np.arange(0, 200, 2)), (np.arange(20, 180), np.arange(20))]
    assert set(y[:20]) == {0}
    expected = LogLossClassifierCV(Cs=CS, cv=cv).fit(X, y)
    clf = LogLossClassifierCV(Cs=CS, cv=cv, scoring=scoring).fit(X, y)
    np.testing.assert_allclose(clf.scores_, expected.scores_, rtol=1e-9)
    assert clf.C_ == expected.C_
    # Data that lacks a class.
    assert clf.score(X[:20], y[:20]) == pytest.approx(expected.score(X[:20], y[:20]), rel=1e-9)


@pytest.mark.parametrize("scoring", ["accuracy", "f1_macro", "neg_brier_score", None])
def test_scores_by_name_are_those_of_cross_val_score(scoring):
    X, y = simulate(n_samples=150, n_classes=2)
    clf = LogLossClassifierCV(Cs=[0.1, 10], cv=3, scoring=scoring, **TIGHT).fit(X, y)
    scorer = get_scorer(scoring or "accuracy")
    for fold, (train, test) in enumerate(StratifiedKFold(3).split(X, y)):
        for i, C in enumerate([0.1, 10]):
            model = LogLossClassifier(C=C, **TIGHT).fit(X[train], y[train])
            score = scorer(model, X[test], y[test])
            assert clf.scores_[fold, 0, i] == pytest.approx(score, abs=1e-5)
    assert clf.score(X, y) == pytest.approx(scorer(clf, X, y))


def test_default_score_is_minus_the_log_loss():
    X, y = simulate(n_classes=3)
    weight = np.random.default_rng(1).uniform(0.5, 2, size=len(y))
    clf = LogLossClassifierCV(Cs=[1.0]).fit(X, y)
    expected = -log_loss(y, clf.predict_proba(X), sample_weight=weight)
    assert clf.score(X, y, sample_weight=weight) == pytest.approx(expected, rel=1e-12)
    # Soft targets, of which labels are a case.
    assert clf.score(X, np.eye(3)[y]) == pytest.approx(clf.score(X, y), rel=1e-12)
    with pytest.raises(ValueError, match=r"y has labels that fit has not seen: \[7\]"):
        clf.score(X[:2], [0, 7])


def test_soft_targets_to_score_by_are_of_the_classes_of_fit():
    X, y = simulate(n_classes=3)
    names = np.array(["a", "b", "c"])
    clf = LogLossClassifierCV(Cs=[1.0], cv=3).fit(X, names[y])
    soft = pd.DataFrame(np.random.default_rng(0).dirichlet(np.ones(3), size=len(y)), columns=names)
    expected = np.mean(np.sum(soft.to_numpy() * clf.predict_log_proba(X), axis=1))
    for y_test in (soft, soft[["c", "a", "b"]], soft.to_numpy(), soft.to_numpy().tolist()):
        assert clf.score(X, y_test) == pytest.approx(expected, rel=1e-12)
    # All samples may be of one class.
    one = pd.DataFrame({"b": [1.0, 1.0], "a": [0.0, 0.0], "c": [0.0, 0.0]})
    assert clf.score(X[:2], one) == pytest.approx(clf.score(X[:2], ["b", "b"]), rel=1e-12)

    numbered = LogLossClassifierCV(Cs=[1.0], cv=3).fit(X, y)
    of_polars = pl.DataFrame({str(i): soft.to_numpy()[:, i] for i in (2, 0, 1)})
    assert numbered.score(X, of_polars) == pytest.approx(expected, rel=1e-12)

    with pytest.raises(ValueError, match=r"columns of y, .*'x'.*, are not the classes that fit"):
        clf.score(X, soft.rename(columns={"a": "x"}))
    with pytest.raises(ValueError, match="y has probabilities of 2 classes, fit has seen 3"):
        clf.score(X, np.full((len(y), 2), 0.5))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        clf.score(X, soft[:10])
    for weight, message in ((-1.0, "must not be negative"), (np.nan, "NaN"), ([1.0], "shape")):
        with pytest.raises(ValueError, match=f"sample_weight.*{message}"):
            clf.score(X, soft, sample_weight=weight)


def test_posterior_is_what_is_scored():
    X, y = simulate(n_classes=3)
    parameters = {"class_weight": {0: 5.0}, "label_smoothing": 0.1, "probabilities": "posterior"}
    clf = LogLossClassifierCV(Cs=[1.0], cv=3, **parameters, **TIGHT).fit(X, y)
    for fold, (train, test) in enumerate(StratifiedKFold(3).split(X, y)):
        model = LogLossClassifier(**parameters, **TIGHT).fit(X[train], y[train])
        expected = -log_loss(y[test], model.predict_proba(X[test]))
        assert clf.scores_[fold, 0, 0] == pytest.approx(expected, abs=1e-5)
    assert clf.score(X, y) == pytest.approx(-log_loss(y, clf.predict_proba(X)), rel=1e-9)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_soft_targets(n_classes):
    X, _ = simulate(n_samples=90)
    proba = np.random.default_rng(2).dirichlet(np.ones(n_classes) / 2, size=90)
    clf = LogLossClassifierCV(Cs=CS, cv=3, **TIGHT).fit(X, proba)
    folds = StratifiedKFold(3).split(X, proba.argmax(axis=1))
    for fold, (train, test) in enumerate(folds):
        model = LogLossClassifier(C=CS[1], **TIGHT).fit(X[train], proba[train])
        expected = np.mean(np.sum(proba[test] * model.predict_log_proba(X[test]), axis=1))
        assert clf.scores_[fold, 0, 1] == pytest.approx(expected, abs=1e-5)
    by_scorer = LogLossClassifierCV(Cs=CS, cv=3, scoring=neg_log_loss_scorer, **TIGHT)
    np.testing.assert_allclose(by_scorer.fit(X, proba).scores_, clf.scores_, rtol=1e-6)
    with pytest.raises(ValueError, match="takes labels, and y has class probabilities"):
        LogLossClassifierCV(scoring="accuracy").fit(X, proba)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_class_that_the_training_rows_of_a_fold_lack(n_classes):
    X, y = simulate(n_classes=n_classes)
    X, y = X[np.argsort(y, kind="stable")], np.sort(y)
    first = np.flatnonzero(y == 0)
    rest = np.flatnonzero(y > 0)
    # The second fold learns nothing of class 0, and is scored by the others.
    cv = [(np.arange(0, 200, 2), np.arange(1, 200, 2)), (rest[::2], np.append(first, rest[1::2]))]
    clf = LogLossClassifierCV(Cs=CS, cv=cv).fit(X, y)
    assert np.isfinite(clf.scores_).all()
    assert np.all(clf.scores_ > -3)
    # A fold that has nothing else to be scored by.
    clf = LogLossClassifierCV(Cs=CS, cv=[cv[0], (rest, first)]).fit(X, y)
    assert np.isnan(clf.scores_[1]).all()
    assert clf.C_ == LogLossClassifierCV(Cs=CS, cv=cv[:1]).fit(X, y).C_
    with pytest.raises(ValueError, match="cv has no fold whose test samples can be scored"):
        LogLossClassifierCV(Cs=CS, cv=[(rest, first)]).fit(X, y)


def test_score_of_a_fold_that_is_undefined_is_left_out():
    X, y = simulate()
    cv = [
        (np.arange(100), np.arange(100, 200)),
        (np.arange(100), 100 + np.flatnonzero(y[100:] == 1)),
    ]
    with warnings.catch_warnings():
        # Of scikit-learn: the area under the curve is not defined with one class only.
        warnings.simplefilter("ignore")
        clf = LogLossClassifierCV(Cs=CS, cv=cv, scoring="roc_auc").fit(X, y)
    assert clf.C_ == clf.Cs_[clf.scores_[0, 0].argmax()]


def test_weights_are_repeated_rows():
    X, y = simulate(n_samples=60, n_classes=3)
    weight = np.random.default_rng(0).integers(0, 4, size=60)
    repeated = np.repeat(np.arange(60), weight)
    groups = np.arange(60) % 3
    splits = [
        [(np.flatnonzero(of_row != k), np.flatnonzero(of_row == k)) for k in range(3)]
        for of_row in (groups, groups[repeated])
    ]
    by_weight, by_row = (LogLossClassifierCV(Cs=CS, cv=cv) for cv in splits)
    by_weight.fit(X, y, sample_weight=weight)
    by_row.fit(X[repeated], y[repeated])
    np.testing.assert_allclose(by_weight.scores_, by_row.scores_, rtol=1e-9)
    assert by_weight.C_ == by_row.C_
    np.testing.assert_allclose(by_weight.coef_, by_row.coef_, rtol=0, atol=1e-9)


def test_rows_named_twice_and_masks():
    X, y = simulate(n_samples=60)
    train = np.random.default_rng(0).integers(40, size=60)
    clf = LogLossClassifierCV(Cs=CS, cv=[(train, np.arange(60) >= 40)], **TIGHT).fit(X, y)
    expected = LogLossClassifier(C=CS[2], **TIGHT).fit(X[train], y[train])
    np.testing.assert_allclose(clf.coefs_paths_[0, 0, 2, :, :-1], expected.coef_, atol=5e-5, rtol=0)
    score = -log_loss(y[40:], expected.predict_proba(X[40:]))
    assert clf.scores_[0, 0, 2] == pytest.approx(score, abs=5e-5)


@pytest.mark.parametrize("n_samples", [300, 6000])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_same_bits_for_any_number_of_threads(n_samples, n_classes):
    X, y = simulate(n_classes=n_classes, n_samples=n_samples, n_features=30)
    one, *others = (
        LogLossClassifierCV(Cs=3, l1_ratios=[0.0, 0.5, 1.0], n_jobs=n_jobs).fit(X, y)
        for n_jobs in (1, 2, 4)
    )
    for other in others:
        for name in ("scores_", "coefs_paths_", "full_paths_", "coef_", "n_iter_"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_float32_is_kept():
    X, y = simulate(n_classes=3)
    clf = LogLossClassifierCV(Cs=CS).fit(X.astype(np.float32), y)
    expected = LogLossClassifierCV(Cs=CS).fit(X, y)
    for name in ("coef_", "intercept_", "coefs_paths_", "full_paths_"):
        assert getattr(clf, name).dtype == np.float32, name
    assert clf.predict_proba(X.astype(np.float32)).dtype == np.float32
    assert clf.C_ == expected.C_
    np.testing.assert_allclose(clf.scores_, expected.scores_, rtol=1e-3)


@pytest.mark.parametrize("order", ["C", "F"])
def test_data_is_read_in_place(order, tmp_path):
    X, y = simulate(n_samples=20_000, n_features=60)
    np.save(tmp_path / "X.npy", np.asarray(X, order=order))
    X = np.load(tmp_path / "X.npy", mmap_mode="r")
    LogLossClassifierCV(Cs=2, n_jobs=2).fit(X[:500], y[:500])
    tracemalloc.start()
    LogLossClassifierCV(Cs=2, n_jobs=2).fit(X, y)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # Of which the largest part is the random subset of the rows that the first fit starts from.
    assert peak < X.nbytes / 2


def test_cv_of_groups_needs_metadata_routing():
    X, y = simulate(n_samples=60)
    groups = np.arange(60) % 3
    weight = np.random.default_rng(0).uniform(0.5, 2, size=60)
    with pytest.raises(ValueError, match="enable_metadata_routing"):
        LogLossClassifierCV(cv=GroupKFold(3)).fit(X, y, groups=groups)
    folds = list(GroupKFold(3).split(X, y, groups))
    expected = LogLossClassifierCV(Cs=CS, cv=folds).fit(X, y, sample_weight=weight)
    with config_context(enable_metadata_routing=True):
        scorer = get_scorer("neg_log_loss")
        weighted = scorer.set_score_request(sample_weight=True)
        clf = LogLossClassifierCV(Cs=CS, cv=GroupKFold(3), scoring=weighted)
        clf.fit(X, y, sample_weight=weight, groups=groups)
        np.testing.assert_array_equal(clf.scores_, expected.scores_)
        unweighted = get_scorer("neg_log_loss").set_score_request(sample_weight=False)
        clf = LogLossClassifierCV(Cs=CS, cv=GroupKFold(3), scoring=unweighted)
        clf.fit(X, y, sample_weight=weight, groups=groups)
        assert not np.allclose(clf.scores_, expected.scores_)
        np.testing.assert_array_equal(clf.coefs_paths_, expected.coefs_paths_)


def test_scikit_learns_ways_to_say_it():
    X, y = simulate()
    for parameters, l1_ratios in [
        ({"penalty": "l2", "l1_ratios": None}, [0.0]),
        ({"penalty": "l1"}, [1.0]),
        ({"penalty": "deprecated", "l1_ratios": (0.5,)}, [0.5]),
        ({"solver": "saga", "dual": True, "random_state": 0, "intercept_scaling": 2.0}, [0.0]),
    ]:
        clf = LogLossClassifierCV(Cs=2, **parameters).fit(X, y)
        np.testing.assert_array_equal(clf.l1_ratios_, l1_ratios)


def test_takes_the_parameters_of_logistic_regression_cv():
    X, y = simulate()
    parameters = LogisticRegressionCV().get_params()
    # "warn" announces the defaults of the future, which are those of this class.
    taken = {name: value for name, value in parameters.items() if value != "warn"}
    taken.pop("multi_class", None)
    assert LogLossClassifierCV(**taken).fit(X, y).score(X, y) < 1


def test_no_penalty_and_unsorted_grid():
    X, y = simulate()
    clf = LogLossClassifierCV(Cs=[np.inf, 1e-3, 1.0], **TIGHT).fit(X, y)
    expected = LogLossClassifier(C=np.inf, **TIGHT).fit(X, y)
    np.testing.assert_allclose(clf.full_paths_[0, 0, :, :-1], expected.coef_, atol=5e-5, rtol=0)
    norms = np.sum(clf.full_paths_[0, :, :, :-1] ** 2, axis=(1, 2))
    assert norms[0] > norms[2] > norms[1]


def test_without_intercept():
    X, y = simulate(n_classes=3)
    clf = LogLossClassifierCV(Cs=CS, fit_intercept=False).fit(X, y)
    assert clf.coefs_paths_.shape == (5, 1, 4, 3, 5)
    assert not clf.intercept_.any()


def test_pipeline_data_frame_pickle_and_clone():
    X, y = load_iris(return_X_y=True)
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    model = make_pipeline(StandardScaler(), LogLossClassifierCV(Cs=3)).fit(frame, names)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(frame), model.predict_proba(frame))
    clf = LogLossClassifierCV(Cs=3).fit(frame, names)
    assert list(clf.feature_names_in_) == list("abcd")
    refitted = clone(clf).fit(frame, names)
    np.testing.assert_array_equal(refitted.coef_, clf.coef_)


def test_scorers_of_sklogloss_see_what_they_need():
    X, y = simulate(n_classes=3)
    clf = LogLossClassifierCV(Cs=CS, scoring=neg_brier_scorer, cv=3, **TIGHT).fit(X, y)
    for fold, (train, test) in enumerate(StratifiedKFold(3).split(X, y)):
        model = LogLossClassifier(C=CS[0], **TIGHT).fit(X[train], y[train])
        expected = -np.mean(np.sum((model.predict_proba(X[test]) - np.eye(3)[y[test]]) ** 2, 1))
        assert clf.scores_[fold, 0, 0] == pytest.approx(expected, abs=1e-5)


def test_fits_that_do_not_converge_are_counted():
    X, y = simulate()
    with pytest.warns(ConvergenceWarning, match=r"of 12 fits failed to converge"):
        LogLossClassifierCV(Cs=[1, 100], max_iter=1, tol=1e-10).fit(X, y)


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"Cs": 0}, ValueError, "Cs must be an integer >= 1"),
        ({"Cs": [0.0]}, ValueError, "Cs must be in"),
        ({"l1_ratios": [1.5]}, ValueError, r"l1_ratios must be in \[0, 1\], got 1.5"),
        ({"l1_ratios": []}, ValueError, "l1_ratios must be a one-dimensional array"),
        ({"l1_ratios": 0.5}, ValueError, "l1_ratios must be a one-dimensional array"),
        ({"l1_ratios": [0, 1], "solver": "lbfgs"}, ValueError, "solver='lbfgs' knows no L1"),
        ({"penalty": None}, ValueError, "penalty must be one of"),
        ({"selection": "2se"}, ValueError, "selection must be one of"),
        ({"refit": "yes"}, TypeError, "refit must be True or False"),
        ({"use_legacy_attributes": True}, ValueError, "use_legacy_attributes must be False"),
        ({"scoring": "no such score"}, ValueError, "no such score"),
        ({"cv": []}, ValueError, "cv must have folds"),
        ({"cv": [([], [0])]}, ValueError, "the training rows of fold 0 of cv have no weight"),
        ({"label_smoothing": 1}, ValueError, "label_smoothing must be in"),
    ],
)
def test_bad_parameters(parameters, error, message):
    with pytest.raises(error, match=message):
        LogLossClassifierCV(**parameters).fit(*simulate())


def test_values_that_are_not_finite_are_named():
    X, y = simulate()
    X[3, 1] = np.inf
    with pytest.raises(ValueError, match="Input X contains infinity"):
        LogLossClassifierCV().fit(X, y)


@pytest.mark.parametrize("score", [np.inf, -np.inf])
def test_infinite_scores_are_named(score):
    X, y = load_iris(return_X_y=True)
    with pytest.raises(ValueError, match="scoring must return finite scores"):
        LogLossClassifierCV(scoring=lambda *_: score).fit(X, y)


def test_scores_of_minus_infinity_are_not_chosen():
    X, y = load_iris(return_X_y=True)

    def small(clf, X, y):
        return clf.score(X, y) if np.abs(clf.coef_).max() < 1 else -np.inf

    clf = LogLossClassifierCV(Cs=[1e-2, 1e-1, 1e3], scoring=small).fit(X, y)
    assert clf.C_ < 1e3


@pytest.mark.parametrize("scoring", ["neg_log_loss", "accuracy", neg_log_loss_scorer])
def test_a_fold_whose_test_samples_have_no_weight_does_not_count(scoring):
    X, y = load_iris(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))
    X, y, weight = X[order], y[order], (np.arange(len(y)) >= 50) * 1.0
    clf = LogLossClassifierCV(Cs=2, cv=KFold(3), scoring=scoring).fit(X, y, sample_weight=weight)
    assert np.isnan(clf.scores_[0]).all()
    assert np.isfinite(clf.scores_[1:]).all()
