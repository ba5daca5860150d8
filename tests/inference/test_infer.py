"""Every figure against statsmodels, or against its definition."""

import tracemalloc
import warnings

import numpy as np
import pytest
import statsmodels.api as sm
from numpy.testing import assert_allclose
from scipy.stats import binom
from sklearn.exceptions import ConvergenceWarning
from statsmodels.stats.sandwich_covariance import cov_white_simple

from sklogloss import LogLossClassifier
from sklogloss._cython import data_pass
from sklogloss.inference import infer

# Both libraries go on to their last digits: the differences are rounding errors.
RTOL = 1e-8
NEWTON = {"disp": 0, "method": "newton", "tol": 1e-13, "maxiter": 100}


def fitted(X, y, **arguments):
    return LogLossClassifier(C=np.inf, tol=1e-11).fit(X, y, **arguments)


def logit_data(name):
    if name == "spector":
        data = sm.datasets.spector.load_pandas()
        return data.exog, data.endog.astype(int)
    data = sm.datasets.fair.load_pandas()
    return data.exog, (data.endog > 0).astype(int)


def multinomial_data(name):
    if name == "anes96":
        data = sm.datasets.anes96.load_pandas()
        return data.exog[["logpopul", "selfLR", "age", "educ", "income"]], data.endog.astype(int)
    data = sm.datasets.modechoice.load_pandas().data
    chosen = data[data.choice == 1]
    return chosen[["hinc", "psize"]], chosen["mode"].astype(int)


def covariances(n_samples):
    groups = np.arange(n_samples) % 17
    return {
        "model": ({}, {}),
        "HC0": ({"covariance": "HC0"}, {"cov_type": "HC0"}),
        "cluster": (
            {"covariance": "cluster", "groups": groups},
            {"cov_type": "cluster", "cov_kwds": {"groups": groups}},
        ),
    }


def assert_same_figures(result, expected):
    for name in ("params", "bse", "pvalues", "llf", "llnull", "aic", "bic", "prsquared"):
        assert_allclose(getattr(result, name), getattr(expected, name), rtol=RTOL, err_msg=name)
    assert_allclose(result.zvalues, expected.tvalues, rtol=RTOL)
    assert_allclose(result.cov_params(), expected.cov_params(), rtol=RTOL, atol=1e-10)
    assert_allclose(result.conf_int(0.9), expected.conf_int(0.1), rtol=RTOL, atol=1e-10)
    assert (result.nobs, result.df_model, result.df_resid) == (
        expected.nobs,
        expected.df_model,
        expected.df_resid,
    )


@pytest.mark.filterwarnings("ignore:Keyword arguments have been passed")
@pytest.mark.parametrize("covariance", ["model", "HC0", "cluster"])
@pytest.mark.parametrize("name", ["spector", "fair"])
def test_two_classes_are_as_logit_says(name, covariance):
    X, y = logit_data(name)
    ours, theirs = covariances(len(y))[covariance]
    expected = sm.Logit(y, sm.add_constant(X)).fit(**NEWTON, **theirs)
    assert_same_figures(infer(fitted(X, y), X, y, **ours), expected)


@pytest.mark.filterwarnings("ignore:Keyword arguments have been passed")
@pytest.mark.parametrize("covariance", ["model", "HC0", "cluster"])
@pytest.mark.parametrize("name", ["anes96", "modechoice"])
def test_more_classes_are_as_mnlogit_says(name, covariance):
    X, y = multinomial_data(name)
    ours, theirs = covariances(len(y))[covariance]
    expected = sm.MNLogit(y, sm.add_constant(X)).fit(**NEWTON, **theirs)
    assert_same_figures(infer(fitted(X, y), X, y, **ours), expected)


def test_hc1_has_the_factor_that_statsmodels_leaves_out():
    # For Logit and GLM, statsmodels' cov_type="HC1" is HC0; its function has the factor.
    X, y = logit_data("spector")
    expected = sm.Logit(y, sm.add_constant(X)).fit(**NEWTON)
    matrix = cov_white_simple(expected, use_correction=True)
    assert_allclose(infer(fitted(X, y), X, y, covariance="HC1").cov_params(), matrix, rtol=RTOL)


def test_weights_and_offset_are_as_glm_says():
    X, y = logit_data("fair")
    rng = np.random.default_rng(0)
    weight, offset = rng.integers(1, 4, size=len(y)).astype(float), rng.normal(size=len(y))
    model = sm.GLM(
        y, sm.add_constant(X), sm.families.Binomial(), freq_weights=weight, offset=offset
    )
    expected = model.fit(tol=1e-14, tol_criterion="params")
    clf = fitted(X, y, sample_weight=weight, offset=offset)
    result = infer(clf, X, y, sample_weight=weight, offset=offset)
    for name in ("params", "bse", "pvalues", "llf", "llnull", "aic", "deviance", "df_resid"):
        assert_allclose(getattr(result, name), getattr(expected, name), rtol=RTOL, err_msg=name)
    assert result.nobs == weight.sum()


@pytest.mark.parametrize("covariance", ["model", "robust", "profile"])
def test_intervals_cover_the_truth_as_often_as_they_say(covariance):
    n_covered, truth = 0, np.array([0.5, 1.0, -0.5, 0.0, 0.25])
    for seed in range(20):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(200, 4))
        y = (rng.logistic(size=200) < truth[0] + X @ truth[1:]).astype(int)
        method = "profile" if covariance == "profile" else "wald"
        result = infer(
            fitted(X, y), X, y, covariance="robust" if covariance == "robust" else "model"
        )
        lower, upper = result.conf_int(method=method).T
        n_covered += np.count_nonzero((lower < truth) & (truth < upper))
    # Of 100 intervals of 95 %; those of a data set are nearly independent.
    assert 1e-4 < binom.cdf(n_covered, 100, 0.95)


def test_model_covariance_takes_two_passes(monkeypatch):
    passes = []
    for name in ("moments", "value_gradient", "value_gradient_hessian", "gram", "predict"):
        function = getattr(data_pass, name)

        def counted(*arguments, name=name, function=function):
            passes.append(name)
            return function(*arguments)

        monkeypatch.setattr(data_pass, name, counted)
    X, y = logit_data("fair")
    clf = fitted(X, y)
    passes.clear()
    result = infer(clf, X, y)
    assert result.conf_int().shape == (9, 2)
    assert str(result.summary())
    assert passes == ["moments", "value_gradient_hessian"]


def test_nothing_as_large_as_X_is_made():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50_000, 50))
    y = (rng.logistic(size=50_000) < X[:, 0]).astype(int)
    clf = LogLossClassifier(C=np.inf).fit(X, y)
    groups = rng.integers(0, 10_000, size=50_000)
    tracemalloc.start()
    infer(clf, X, y, covariance="robust")
    result = infer(clf, X, y, covariance="cluster", groups=groups)
    result.margins()
    result = infer(clf, X, y)
    result.score_test([0, 1])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # A few numbers for each row, and blocks of BLOCK_NUMBERS.
    assert peak < X.nbytes / 4


def test_weights_up_to_the_end_of_float64():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 2)), rng.integers(2, size=60)
    clf = fitted(X, y)
    expected = infer(clf, X, y).bse
    large = infer(clf, X, y, sample_weight=np.full(60, 2.0**1000), covariance="robust").bse
    assert_allclose(large, infer(clf, X, y, covariance="robust").bse, rtol=RTOL)
    large = infer(clf, X, y, sample_weight=np.full(60, 2.0**40)).bse
    assert_allclose(large * 2.0**20, expected, rtol=RTOL)
    with pytest.raises(ValueError, match="sample_weight must sum to at most"):
        infer(clf, X, y, sample_weight=np.full(60, 1e308))


@pytest.mark.parametrize("size", [1e-100, 1e20, 1e100, 1e300])
def test_weights_of_any_size_leave_no_distance_that_a_fit_could_have_gone(size):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 5))
    y = X[:, 0] + rng.logistic(size=300) > 0
    weight = np.full(300, size)
    clf = LogLossClassifier(C=np.inf).fit(X, y, sample_weight=weight)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = infer(clf, X, y, sample_weight=weight)
    one = infer(LogLossClassifier(C=np.inf).fit(X, y), X, y)
    np.testing.assert_allclose(np.asarray(result.bse) * np.sqrt(size), one.bse, rtol=1e-9)
    clf.coef_ = 1.01 * clf.coef_
    with pytest.warns(ConvergenceWarning, match="standard errors from its optimum"):
        infer(clf, X, y, sample_weight=np.full(300, max(size, 1e20)))


def test_columns_next_to_dependent_are_warned_of_where_digits_are_lost():
    rng = np.random.default_rng(0)
    X, difference = rng.normal(size=(300, 2)), rng.normal(size=300)
    y = X[:, 0] + rng.logistic(size=300) > 0

    def standard_error(column, unit):
        X1 = np.column_stack([X, column])
        clf = LogLossClassifier(C=np.inf).fit(X1, y)
        return infer(clf, X1, y).bse[3] * unit

    for distance in (1e-6, 1e-4):
        close = X[:, 0] + distance * difference
        expected = standard_error((close - X[:, 0]) / distance, 1.0)
        if distance == 1e-6:
            with pytest.warns(UserWarning, match="next to linearly dependent"):
                standard_error(close, distance)
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert standard_error(close, distance) == pytest.approx(expected, rel=1e-4)
