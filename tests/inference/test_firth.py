"""Inference under Jeffreys' prior against R's logistf, firthmodels and its definition."""

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse
from scipy.optimize import minimize, root
from scipy.special import expit
from scipy.stats import chi2

from sklogloss import FirthLogisticRegression
from sklogloss.inference import FirthInference, infer

DATA = Path(__file__).resolve().parents[1] / "data"


def fit(X, y, **arguments):
    """Return the result for a fit that is tight enough for eight digits."""
    clf = FirthLogisticRegression(intercept_correction=None, tol=1e-9).fit(X, y, **arguments)
    return infer(clf, X, y, **arguments)


@pytest.fixture
def endometrial():
    table = np.loadtxt(DATA / "endometrial.csv", delimiter=",", skiprows=1)
    return fit(table[:, :-1], table[:, -1].astype(int))


@pytest.fixture
def sex2():
    table = np.loadtxt(DATA / "sex2.csv", delimiter=",", skiprows=1)
    return fit(table[:, 1:-1], table[:, 0].astype(int), sample_weight=table[:, -1])


@pytest.fixture
def three_classes():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 2))
    return X, (X[:, [0]] * [0, 1, 2] + rng.gumbel(size=(40, 3))).argmax(axis=1)


def test_profile_intervals_of_sex2_are_those_of_logistf(sex2):
    # R's logistf, case ~ age + oc + vic + vicl + vis + dia, in the tests of firthlogist.
    expected = [
        [-0.8185591, 1.07315122],
        [-1.9737884, -0.30742514],
        [-0.9414363, 0.78920202],
        [1.2730216, 3.43543273],
        [-3.2608611, -1.11773495],
        [-1.6080879, 0.01518468],
        [0.7745682, 8.03029352],
    ]
    assert isinstance(sex2, FirthInference)
    assert_allclose(sex2.conf_int(method="profile"), expected, rtol=2e-6)


def test_profile_intervals_of_endometrial_are_those_of_logistf(endometrial):
    # As above, HG ~ NV + PI + EH.
    expected = [
        [1.0825371, 7.20928050],
        [0.6097244, 7.85463171],
        [-0.1244587, 0.04045547],
        [-4.3651832, -1.23272106],
    ]
    assert_allclose(endometrial.conf_int(method="profile"), expected, rtol=2e-6)


def test_standard_errors_of_endometrial_are_those_of_brglm2(endometrial):
    # type="AS_mean" of R's brglm2, three decimals: Rigon and Aliverti, Conjugate priors and bias
    # reduction for logistic regression models, 2023, the material on this study.
    assert_allclose(endometrial.bse, [1.489, 1.551, 0.040, 0.776], atol=5e-4)


def test_two_classes_are_those_of_firthmodels(sex2):
    firthmodels = pytest.importorskip("firthmodels")
    table = np.loadtxt(DATA / "sex2.csv", delimiter=",", skiprows=1)
    X, y, count = table[:, 1:-1], table[:, 0].astype(int), table[:, -1]
    model = firthmodels.FirthLogisticRegression(gtol=1e-8, xtol=1e-8, max_iter=200)
    model.fit(X, y, sample_weight=count).lrt()
    # Its intercept comes last.
    assert_allclose(sex2.profile_pvalues, np.roll(model.lrt_pvalues_, 1), rtol=1e-6)
    assert_allclose(sex2.llf, model.loglik_, rtol=1e-10)


def defined_objective(X, y, n_classes):
    """Return minus the penalised log-likelihood as a function of coefficients, by loops."""
    rows = np.column_stack([np.ones(len(X)), X])

    def objective(flat):
        raw = np.column_stack([np.zeros(len(X)), rows @ flat.reshape(n_classes - 1, -1).T])
        raw = raw - raw.max(axis=1, keepdims=True)
        proba = np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True)
        information = sum(
            np.kron((np.diag(p) - np.outer(p, p))[1:, 1:], np.outer(x, x))
            for p, x in zip(proba, rows, strict=True)
        )
        loss = -np.log(proba[np.arange(len(X)), y]).sum()
        return loss - np.linalg.slogdet(information)[1] / 2

    return objective


def test_tests_of_three_classes_are_those_of_the_definition(three_classes):
    X, y = three_classes
    result = fit(X, y)
    objective, n_terms = defined_objective(X, y, 3), 3
    start = np.asarray(result.params).T.ravel()
    assert_allclose(result.llf, -objective(start), rtol=1e-10)
    pvalues = np.asarray(result.profile_pvalues).T.ravel()
    for held in ([1], [5]):
        statistic = _statistic(objective, start, held)
        assert_allclose(pvalues[held[0]], chi2.sf(statistic, 1), rtol=1e-5)
    test = result.likelihood_ratio_test(0)
    assert test.df == 2
    assert_allclose(test.statistic, _statistic(objective, start, [1, 1 + n_terms]), rtol=1e-5)


def _statistic(objective, start, held):
    # Twice the fall of the maximum where some coefficients are zero.
    free = np.setdiff1d(np.arange(len(start)), held)

    def restricted(values):
        flat = np.zeros_like(start)
        flat[free] = values
        return objective(flat)

    found = minimize(restricted, start[free], method="BFGS", options={"gtol": 1e-5})
    return 2 * (found.fun - objective(start))


def test_baseline_changes_no_test_of_columns(three_classes):
    X, y = three_classes
    clf = FirthLogisticRegression(intercept_correction=None, tol=1e-9).fit(X, y)
    tests = [infer(clf, X, y, baseline=b).likelihood_ratio_test([0, 1]) for b in (0, 2, "mean")]
    for test in tests[1:]:
        assert test.df == tests[0].df == 4
        assert_allclose(test.statistic, tests[0].statistic, rtol=1e-8)


def largest_penalised_likelihood(rows, y, count, n_free):
    """Return the maximum of l + ln |I| / 2 over the first coefficients, the others zero.

    By the definition: where the score vanishes, as SciPy finds it.
    """

    def parts(theta):
        p = expit(rows[:, :n_free] @ theta)
        weight = count * p * (1 - p)
        return p, weight, (rows.T * weight) @ rows

    def score(theta):
        p, weight, information = parts(theta)
        leverage = weight * np.einsum("ij,ji->i", rows, np.linalg.solve(information, rows.T))
        return (rows.T @ (count * (y - p) + leverage * (0.5 - p)))[:n_free]

    found = root(score, np.zeros(n_free), tol=1e-12)
    assert np.abs(found.fun).max() < 1e-9
    p, _, information = parts(found.x)
    return count @ np.log(np.where(y == 1, p, 1 - p)) + np.linalg.slogdet(information)[1] / 2


def test_null_model_keeps_the_prior_of_all_coefficients(sex2):
    table = np.loadtxt(DATA / "sex2.csv", delimiter=",", skiprows=1)
    rows = np.column_stack([np.ones(len(table)), table[:, 1:-1]])
    data = (rows, table[:, 0], table[:, -1])
    maxima = [largest_penalised_likelihood(*data, n_free) for n_free in (7, 1)]
    expected = 2 * (maxima[0] - maxima[1])
    assert_allclose(2 * (sex2.llf - sex2.llnull), expected, rtol=1e-9)
    assert_allclose(sex2.likelihood_ratio_test(list(range(6))).statistic, expected, rtol=1e-9)
    assert 0 < sex2.prsquared < 1


def test_end_of_a_profile_interval_is_where_the_test_rejects():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 2))
    y = (X[:, 0] + rng.logistic(size=30) > 0).astype(int)
    end = fit(X, y).conf_int(level=0.9, method="profile")[1, 0]
    # With the end as an offset the coefficient is zero.
    shifted = fit(X, y, offset=end * X[:, 0])
    assert_allclose(shifted.profile_pvalues[1], 0.1, rtol=1e-6)


def test_sparse_x_and_names_of_columns(three_classes):
    pandas = pytest.importorskip("pandas")
    X, y = three_classes
    expected = fit(X, y)
    found = fit(sparse.csr_array(X), y)
    assert_allclose(found.profile_pvalues, expected.profile_pvalues, rtol=1e-6)
    named = fit(pandas.DataFrame(X, columns=["a", "b"]), y)
    assert named.profile_pvalues.index.tolist() == ["intercept", "a", "b"]
    assert_allclose(named.likelihood_ratio_test("b"), expected.likelihood_ratio_test(1), rtol=1e-9)


def test_scale_of_the_columns_does_not_matter():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 2))
    y = (X[:, 0] > 0).astype(int)
    expected, scaled = fit(X, y), fit(X * [1e6, 1e-6], y)
    assert_allclose(scaled.profile_pvalues, expected.profile_pvalues, rtol=1e-6)
    # Columns of X multiply the information, and its determinant.
    assert_allclose(scaled.llf, expected.llf, rtol=1e-9)
    interval = np.asarray(scaled.conf_int(method="profile"))
    interval[1:] *= np.array([[1e6], [1e-6]])
    assert_allclose(interval, expected.conf_int(method="profile"), rtol=1e-6)


def test_repeated_rows_are_weights():
    rng = np.random.default_rng(0)
    X, y, weight = rng.normal(size=(30, 2)), np.arange(30) % 2, rng.integers(1, 4, size=30)
    weighted = fit(X, y, sample_weight=weight)
    repeated = fit(np.repeat(X, weight, axis=0), np.repeat(y, weight))
    assert_allclose(weighted.llf, repeated.llf, rtol=1e-10)
    assert_allclose(weighted.bse, repeated.bse, rtol=1e-7)
    assert_allclose(weighted.profile_pvalues, repeated.profile_pvalues, rtol=1e-6)


def test_follow_up_questions_of_maximum_likelihood_are_answered(endometrial):
    assert endometrial.wald_test("x0").df == 1
    assert endometrial.margins().bse.shape == (3,)
    assert np.isnan(endometrial.aic)
    assert "Log-likelihood" in str(endometrial.summary())
    assert endometrial.deviance > 0
    with pytest.raises(ValueError, match="likelihood_ratio_test"):
        endometrial.score_test(0)


@pytest.mark.parametrize("covariance", ["robust", "laplace"])
def test_other_covariances_are_an_error(covariance):
    X, y = np.arange(6.0).reshape(-1, 1), [0, 1, 0, 1, 0, 1]
    clf = FirthLogisticRegression(intercept_correction=None).fit(X, y)
    with pytest.raises(ValueError, match="covariance must be 'model'"):
        infer(clf, X, y, covariance=covariance)


@pytest.mark.parametrize("correction", ["flac", "flic"])
def test_corrected_intercept_is_an_error_that_says_what_to_do(correction):
    X, y = np.arange(6.0).reshape(-1, 1), [0, 1, 0, 1, 0, 1]
    clf = FirthLogisticRegression(intercept_correction=correction).fit(X, y)
    with pytest.raises(ValueError, match="Fit with intercept_correction=None"):
        infer(clf, X, y)
    clf = FirthLogisticRegression(intercept_correction=correction, fit_intercept=False).fit(X, y)
    assert infer(clf, X, y).bse.shape == (1,)


def test_likelihood_ratio_test_with_a_second_fit_says_what_to_pass():
    X, y = np.arange(12.0).reshape(-1, 2) % 5, np.arange(6) % 2
    result = fit(X, y)
    with pytest.raises(TypeError, match="columns must be names or places"):
        result.likelihood_ratio_test(fit(X[:, :1], y))
