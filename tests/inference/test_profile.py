import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import brentq, minimize
from scipy.special import logsumexp
from scipy.stats import chi2

from sklogloss import LogLossClassifier
from sklogloss.inference import infer

QUANTILE = chi2.ppf(0.95, 1)


def fitted(X, y, **arguments):
    return LogLossClassifier(C=np.inf, tol=1e-11).fit(X, y, **arguments)


def data(n_samples, seed=0, n_features=2):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_samples, n_features))
    return X, (rng.logistic(size=n_samples) < X[:, 0] - 0.5).astype(int)


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("n_samples", [30, 1000])
def test_ends_are_where_refits_have_lost_enough(n_samples, sign):
    X, y = data(n_samples)
    result = infer(fitted(X, y), X, y)
    rest = X[:, 1:]

    def excess(b):
        offset = b * X[:, 0]
        llf = infer(fitted(rest, y, offset=offset), rest, y, offset=offset).llf
        return 2 * (result.llf - llf) - QUANTILE

    far = result.params[1] + sign * 6 * result.bse[1]
    expected = brentq(excess, result.params[1], far, xtol=1e-12)
    ends = result.conf_int(method="profile")
    assert_allclose(ends[1, (1 + sign) // 2], expected, rtol=1e-7)


@pytest.mark.parametrize("seed", [0, 5])
def test_ends_where_the_model_at_a_point_too_far_does_not_reach_the_target(seed):
    # Strong effects of few samples: far out the curvature is larger than on the way.
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(60, 2))
    rng.normal(size=60)
    y = (rng.logistic(size=60) < 4 * X.sum(axis=1) - 0.3).astype(int)
    result = infer(fitted(X, y), X, y)
    end = result.conf_int(method="profile")[2, 0]
    offset = end * X[:, 1]
    rest = X[:, :1]
    llf = infer(fitted(rest, y, offset=offset), rest, y, offset=offset).llf
    # The end is within 1e-7 of half the width, and the statistic falls by 4 on that.
    assert_allclose(2 * (result.llf - llf), QUANTILE, rtol=1e-6)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("seed", [3, 9])
def test_coefficients_that_are_finite_beside_infinite_ones_have_ends(seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(100, 2))
    y = (rng.logistic(size=100) < X @ [1, 0.5] - 1).astype(int)
    # A column that is one for some of the events only. These rows tell nothing in the end.
    column = (y == 1) & (rng.random(100) < 0.3)
    both = np.c_[X, column]
    ends = infer(fitted(both, y), both, y).conf_int(method="profile")
    rest, of_rest = X[~column], y[~column]
    expected = infer(fitted(rest, of_rest), rest, of_rest).conf_int(method="profile")
    # Within 1e-7 of half the width on both sides.
    assert_allclose(ends[:3], expected, rtol=0, atol=2e-7 * np.ptp(expected, axis=1).max())
    assert np.isfinite(ends[3, 0])
    assert ends[3, 1] == np.inf


def test_ends_of_several_classes_are_where_refits_have_lost_enough():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 1))
    y = (X + rng.gumbel(size=(60, 3)) * [1, 1, 2]).argmax(axis=1)
    result = infer(fitted(X, y), X, y)

    def minus_llf(free, slope):
        # The slope of class 2 against class 0 is held.
        raw_prediction = np.c_[np.zeros(60), free[0] + free[1] * X, free[2] + slope * X]
        chosen = raw_prediction[np.arange(60), y]
        return np.sum(logsumexp(raw_prediction, axis=1) - chosen)

    def excess(slope):
        best = minimize(minus_llf, np.zeros(3), (slope,), tol=1e-10)
        return 2 * (result.llf + best.fun) - QUANTILE

    center, width = result.params[1, 1], result.bse[1, 1]
    expected = [brentq(excess, center, center + 5 * s * width, xtol=1e-9) for s in (-1, 1)]
    # The differences of SciPy's gradient set its accuracy.
    assert_allclose(result.conf_int(method="profile")[1, 1], expected, rtol=1e-5)


@pytest.mark.parametrize("seed", range(20))
def test_likelihood_at_every_end_has_fallen_by_the_same(seed):
    # Few samples, uneven classes, columns of very different size: hard for Newton's method.
    X, y = data(25, seed, n_features=3)
    X = X * [1.0, 1e-6, 1e6]
    result = infer(fitted(X, y), X, y)
    if np.abs(result.params[1:] * X.std(axis=0)).max() > 20:
        pytest.skip("separated")
    lower, upper = result.conf_int(method="profile").T
    assert np.all(lower < result.params)
    assert np.all(result.params < upper)
    for j, ends in enumerate(zip(lower[1:], upper[1:], strict=True)):
        for b in ends:
            rest, offset = np.delete(X, j, axis=1), b * X[:, j]
            llf = infer(fitted(rest, y, offset=offset), rest, y, offset=offset).llf
            assert_allclose(2 * (result.llf - llf), QUANTILE, rtol=1e-6)


def test_a_coefficient_without_an_end_has_an_infinite_one():
    X = np.array([[0.0], [0], [0], [0], [1], [1], [1]])
    y = np.array([0, 1, 0, 1, 1, 1, 1])
    with pytest.warns(match="separa"):
        clf = LogLossClassifier(C=np.inf).fit(X, y)
    with pytest.warns(match="separates the classes"):
        result = infer(clf, X, y)
    lower, upper = result.conf_int(method="profile")[1]
    assert np.isfinite(lower)
    assert upper == np.inf


def test_profile_is_of_the_likelihood():
    X, y = data(100)
    result = infer(fitted(X, y), X, y, covariance="robust")
    with pytest.raises(ValueError, match="covariance='model'"):
        result.conf_int(method="profile")


def test_profile_is_more_accurate_than_wald_where_events_are_rare():
    # 50 samples, of which some seven are events. Of 300 data sets.
    truth, missed, n_sets = np.array([-2.0, 1.0]), {"wald": 0, "profile": 0}, 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(50, 1))
        y = (rng.logistic(size=50) < truth[0] + truth[1] * X[:, 0]).astype(int)
        if y.sum() < 3:
            continue
        result = infer(LogLossClassifier(C=np.inf).fit(X, y), X, y)
        n_sets += 1
        for method in missed:
            lower, upper = result.conf_int(method=method).T
            missed[method] = missed[method] + np.array([truth < lower, truth > upper])
    assert n_sets > 290
    excess = {method: abs(sides.mean() / n_sets - 0.025) for method, sides in missed.items()}
    assert excess["profile"] < excess["wald"]
    # Wald's intervals miss the slope on one side, profile intervals on both.
    below, above = missed["wald"][:, 1]
    assert below < above / 3
    below, above = missed["profile"][:, 1]
    assert above / 2 < below < 2 * above
