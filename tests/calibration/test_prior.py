"""PriorCorrection: the log-odds move as the shares of the classes do."""

import numpy as np
import pytest
from scipy.special import expit
from sklearn import config_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from sklogloss import LogLossClassifier
from sklogloss.calibration import PriorCorrection


def normal_classes(shares, n_samples=20_000, seed=0):
    """Return X and labels of classes that are normal with unit variance, at 0, 1, 2, ..."""
    rng = np.random.default_rng(seed)
    y = rng.choice(len(shares), size=n_samples, p=shares)
    return rng.normal(size=(n_samples, 1)) + y[:, None], y


def true_proba(X, shares):
    density = np.exp(-((X - np.arange(len(shares))) ** 2) / 2) * shares
    return density / density.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("shares", [[0.95, 0.05], [0.7, 0.25, 0.05]])
def test_class_weights_are_undone(shares):
    X, y = normal_classes(shares)
    clf = LogLossClassifier(C=np.inf, class_weight="balanced", tol=1e-8)
    corrected = PriorCorrection(clf).fit(X, y)
    # Standard errors are some 0.005.
    np.testing.assert_allclose(corrected.predict_proba(X), true_proba(X, shares), atol=0.05)
    # The same formula in the posterior of the classifier.
    clf.set_params(probabilities="posterior").fit(X, y)
    np.testing.assert_allclose(corrected.predict_proba(X), clf.predict_proba(X), rtol=1e-9)


def test_resampled_data_have_the_probabilities_of_the_given_data():
    shares = [0.95, 0.05]
    X, y = normal_classes(shares)
    rows = np.concatenate([np.flatnonzero(y == 1), np.flatnonzero(y == 0)[: np.sum(y == 1)]])
    clf = LogLossClassifier(C=np.inf).fit(X[rows], y[rows])
    corrected = PriorCorrection(FrozenEstimator(clf)).fit(X, y)
    # The coefficients of 2,000 samples have standard errors of 0.05, and the probabilities, which
    # are 0.05 on average, some 0.003 of them on average.
    errors = np.abs(corrected.predict_proba(X) - true_proba(X, shares))
    assert errors.mean() < 0.01


@pytest.mark.parametrize(
    ("sampling", "expected"),
    [
        ("balanced", [0.5, 0.5]),
        (None, [0.9, 0.1]),
        ({1: 300}, [0.75, 0.25]),
        ({"0": 100}, None),
        ({0: 100, 1: 300}, [0.25, 0.75]),
        ([1, 9], [0.5, 0.5]),
    ],
)
def test_shares_after_sampling(sampling, expected):
    y = np.repeat([0, 1], [900, 100])
    X = np.random.default_rng(0).normal(size=(1000, 1))
    clf = PriorCorrection(GaussianNB(), sampling=sampling)
    if expected is None:
        with pytest.raises(ValueError, match="sampling must have labels of"):
            clf.fit(X, y)
        return
    clf.fit(X, y)
    np.testing.assert_allclose(clf.fit_prior_, expected)
    np.testing.assert_allclose(clf.class_prior_, [0.9, 0.1])
    log_odds = np.diff(clf.predict_log_proba(X), axis=1)
    alone = np.diff(GaussianNB().fit(X, y).predict_log_proba(X), axis=1)
    shift = np.log(0.1 / 0.9) - np.log(expected[1] / expected[0])
    np.testing.assert_allclose(log_odds, alone + shift, atol=1e-9)


@pytest.mark.parametrize("class_prior", [[0.2, 0.3, 0.5], {2: 5, 0: 2, 1: 3}])
def test_other_shares_in_use(class_prior):
    X, y = normal_classes([0.6, 0.3, 0.1])
    clf = LogLossClassifier(C=np.inf)
    corrected = PriorCorrection(clf, class_prior=class_prior, sampling=None).fit(X, y)
    np.testing.assert_allclose(
        corrected.predict_proba(X), true_proba(X, [0.2, 0.3, 0.5]), atol=0.05
    )
    assert (corrected.predict(X) == corrected.predict_proba(X).argmax(axis=1)).all()


@pytest.mark.parametrize(
    ("given", "wanted"), [([0.5, 0.5], [0.9, 0.1]), ([0.4, 0.3, 0.3], [0.1, 0.2, 0.7])]
)
def test_shares_are_estimated_from_data_without_labels(given, wanted):
    X, y = normal_classes(given)
    clf = PriorCorrection(LogLossClassifier(C=np.inf), sampling=None).fit(X, y)
    X_new, _ = normal_classes(wanted, seed=1)
    clf.estimate_prior(X_new)
    # Standard errors are some 0.01; classes overlap.
    np.testing.assert_allclose(clf.class_prior_, wanted, atol=0.05)
    # The fixed point of equation 2.9.
    np.testing.assert_allclose(clf.predict_proba(X_new).mean(axis=0), clf.class_prior_, atol=1e-6)
    # The likelihood is not larger nearby.
    odds = clf.estimator_.predict_proba(X_new) / clf.fit_prior_
    for shift in (1.02, 0.98):
        other = clf.class_prior_ * np.append(shift, np.ones(len(given) - 1))
        other /= other.sum()
        assert np.log(odds @ clf.class_prior_).sum() >= np.log(odds @ other).sum()


def test_weights_make_the_shares():
    X, y = normal_classes([0.5, 0.5], 1000)
    weight = np.where(y == 1, 1.0, 3.0)
    clf = PriorCorrection(LogLossClassifier(), sampling=None).fit(X, y, sample_weight=weight)
    np.testing.assert_allclose(clf.class_prior_[1], weight @ y / weight.sum())
    with config_context(enable_metadata_routing=True):
        request = LogLossClassifier().set_fit_request(sample_weight=True)
        routed = PriorCorrection(request, sampling=None).fit(X, y, sample_weight=weight)
    np.testing.assert_allclose(routed.predict_proba(X), clf.predict_proba(X), rtol=1e-12)


def test_pipelines_of_imbalanced_learn():
    sampling = pytest.importorskip("imblearn.under_sampling")
    pipeline = pytest.importorskip("imblearn.pipeline")
    shares = [0.9, 0.1]
    X, y = normal_classes(shares)
    sampler = sampling.RandomUnderSampler(random_state=0)
    inner = pipeline.make_pipeline(sampler, LogLossClassifier(C=np.inf))
    corrected = PriorCorrection(inner).fit(X, y)
    np.testing.assert_allclose(corrected.predict_proba(X), true_proba(X, shares), atol=0.05)
    counts = {0: 4000}
    sampler = sampling.RandomUnderSampler(sampling_strategy=counts, random_state=0)
    inner = pipeline.make_pipeline(sampler, LogLossClassifier(C=np.inf))
    corrected = PriorCorrection(inner, sampling=counts).fit(X, y)
    np.testing.assert_allclose(corrected.predict_proba(X), true_proba(X, shares), atol=0.05)


def test_pipelines_of_scikit_learn():
    X, y = normal_classes([0.8, 0.2], 500)
    names = np.array(["no", "yes"])
    inner = make_pipeline(StandardScaler(), LogLossClassifier(class_weight="balanced"))
    outer = make_pipeline(
        StandardScaler(), PriorCorrection(LogLossClassifier(class_weight="balanced"))
    )
    one = PriorCorrection(inner).fit(X, names[y])
    np.testing.assert_allclose(one.predict_proba(X), outer.fit(X, y).predict_proba(X), rtol=1e-9)
    assert set(one.predict(X)) <= {"no", "yes"}


def test_small_probabilities_keep_their_digits():
    X, y = normal_classes([0.5, 0.5], 500)
    clf = LogLossClassifier().fit(X, y)
    clf.coef_, clf.intercept_ = np.array([[1.0]]), np.zeros(1)
    corrected = PriorCorrection(FrozenEstimator(clf), class_prior=[3, 1]).fit(X, y)
    far = np.array([[-600.0]])
    assert corrected.predict_log_proba(far)[0, 1] == pytest.approx(-600 - np.log(3), rel=1e-14)
    assert corrected.predict_proba([[0.0]])[0, 1] == pytest.approx(expit(-np.log(3)))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"sampling": "under"}, "sampling must be one of"),
        ({"sampling": [1.0]}, "sampling must have shape"),
        ({"sampling": [1.0, -1.0]}, "sampling must be positive"),
        ({"sampling": {1: "many"}}, "sampling must be a number"),
        ({"class_prior": {0: 1}}, "class_prior must have all classes, but lacks"),
        ({"class_prior": [0, 1]}, "class_prior must be positive"),
        ({"class_prior": "even"}, "class_prior must hold real numbers"),
        ({"estimator": LinearSVC()}, "estimator must be a classifier with predict_proba"),
    ],
)
def test_bad_parameters_are_named(parameters, message):
    X, y = normal_classes([0.5, 0.5], 50)
    clf = PriorCorrection(LogLossClassifier()).set_params(**parameters)
    with pytest.raises((TypeError, ValueError), match=message):
        clf.fit(X, y)


def test_a_series_of_labels_goes_by_its_labels():
    pandas = pytest.importorskip("pandas")
    X, y = np.arange(10.0)[:, None], np.array(["no"] * 3 + ["yes"] * 7)
    shares = pandas.Series(y).value_counts(normalize=True)
    assert shares.index.tolist() == ["yes", "no"]
    clf = PriorCorrection(LogisticRegression(), class_prior=shares, sampling=None).fit(X, y)
    np.testing.assert_allclose(clf.class_prior_, [0.3, 0.7])
    weights = pandas.Series({"yes": 3.0, "no": 7.0})
    clf = PriorCorrection(LogisticRegression(), sampling=weights).fit(X, y)
    np.testing.assert_allclose(clf.fit_prior_, [0.5, 0.5])


def test_no_prior_for_a_class_of_which_nothing_is_known():
    X, y = np.arange(9.0)[:, None], np.arange(9) % 3
    clf = PriorCorrection(LogLossClassifier(), class_prior=[0.4, 0.4, 0.2], sampling=None)
    with pytest.raises(ValueError, match=r"class_prior needs samples .* none of \[2\]"):
        clf.fit(X, y, sample_weight=1.0 * (y < 2))


def test_estimating_a_prior_says_when_it_stops_too_early():
    X, y = np.arange(20.0)[:, None], np.arange(20) % 2
    clf = PriorCorrection(LogisticRegression(), sampling=None).fit(X, y)
    with pytest.warns(ConvergenceWarning, match="did not converge in max_iter=1 iterations"):
        clf.estimate_prior(X[15:], max_iter=1, tol=0)


@pytest.mark.parametrize("weights", [{0: 1, 1: 10}, {0: 0.2, 1: 0.8}])
def test_a_dict_of_class_weights_is_an_error(weights):
    X, y = np.arange(20.0)[:, None], np.arange(20) % 2
    with pytest.raises(
        ValueError, match=r"numbers of samples .* Weights of the classes are an array"
    ):
        PriorCorrection(LogLossClassifier(class_weight=weights), sampling=weights).fit(X, y)
