import pickle

import numpy as np
import pytest
import statsmodels.api as sm
from numpy.testing import assert_allclose
from scipy import sparse
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from sklogloss import LogLossClassifier
from sklogloss.inference import infer


def test_wald_test_is_as_statsmodels_says(results):
    result, expected = results
    R = np.random.default_rng(0).normal(size=(3, 30))
    test, theirs = result.wald_test(R, [0, 1, 2]), expected.wald_test((R, [0, 1, 2]), scalar=True)
    assert_allclose(test.statistic, theirs.statistic, rtol=1e-8)
    assert_allclose(test.pvalue, theirs.pvalue, rtol=1e-8)
    assert test.df == 3


def test_wald_test_of_names_is_of_their_coefficients_in_any_form(anes, results, fitted):
    X, y = anes
    R = np.eye(30)[[j + 5 * k for k in range(6) for j in (2, 3)]]
    test = results[0].wald_test(["selfLR", "age"])
    assert_allclose(test, results[0].wald_test(R), rtol=1e-10)
    of_all_classes = infer(fitted(X, y), X, y, baseline="mean").wald_test(["selfLR", "age"])
    assert of_all_classes.df == 12
    assert_allclose(of_all_classes, test, rtol=1e-8)
    with pytest.raises(ValueError, match="must name terms"):
        results[0].wald_test("income")
    with pytest.raises(ValueError, match="30 columns"):
        results[0].wald_test(np.eye(3))


@pytest.mark.parametrize(
    ("R", "r", "message"),
    [
        (np.eye(30)[:2], [0, 1, 2], r"r must be a number or have shape \(2,\).*\(3,\)"),
        (np.eye(30)[:2], [[0, 1]], r"r must be a number.*\(1, 2\)"),
        (np.eye(30)[:2], [0, np.nan], "r must hold finite numbers"),
        (np.full(30, np.nan), 0, "R must hold finite numbers"),
        (np.full((1, 30), np.inf), 0, "R must hold finite numbers"),
        (np.empty((0, 30)), 0, "R must have at least one row"),
        (np.zeros((1, 2, 30)), 0, "R must have 30 columns"),
    ],
)
def test_hypotheses_are_checked(results, R, r, message):
    with pytest.raises(ValueError, match=message):
        results[0].wald_test(R, r)


def test_one_number_is_for_all_hypotheses(results):
    R = np.eye(30)[:2]
    assert results[0].wald_test(R, 1) == results[0].wald_test(R, [1, 1])
    assert results[0].wald_test(R, True) == results[0].wald_test(R, [1.0])


@pytest.mark.parametrize("offset", [None, "random"])
def test_score_test_is_as_glm_says(binary, offset, fitted):
    X, y = binary
    if offset is not None:
        offset = np.random.default_rng(0).normal(size=len(y))
    few = X[["logpopul", "selfLR"]]
    model = sm.GLM(y, sm.add_constant(few), sm.families.Binomial(), offset=offset)
    expected = model.fit(tol=1e-13).score_test(exog_extra=X[["age", "educ"]])
    result = infer(fitted(X, y, offset=offset), X, y, offset=offset)
    test = result.score_test(["age", "educ"])
    assert_allclose(test.statistic, np.squeeze(expected[0]), rtol=1e-8)
    assert_allclose(test.pvalue, np.squeeze(expected[1]), rtol=1e-8)
    assert test.df == 2


def test_score_test_of_classes_is_close_to_the_others(anes, results, fitted):
    X, y = anes
    few = X.drop(columns=["age"])
    ratio = results[0].likelihood_ratio_test(infer(fitted(few, y), few, y))
    score, wald = results[0].score_test("age"), results[0].wald_test("age")
    assert ratio.df == score.df == wald.df == 6
    # The three agree to first order: 944 samples.
    assert_allclose([score.statistic, wald.statistic], ratio.statistic, rtol=0.1)


def test_likelihood_ratio_test_is_as_statsmodels_says(anes, results, fitted):
    X, y = anes
    few = X[["selfLR"]]
    theirs = sm.MNLogit(y, sm.add_constant(few)).fit(disp=0, method="newton", tol=1e-13)
    small = infer(fitted(few, y), few, y)
    test = results[0].likelihood_ratio_test(small)
    assert_allclose(test.statistic, 2 * (results[1].llf - theirs.llf), rtol=1e-8)
    assert test.df == 18
    with pytest.raises(ValueError, match="nested"):
        small.likelihood_ratio_test(results[0])
    with pytest.raises(TypeError, match=r"other must be the InferenceResult .* got list"):
        results[0].likelihood_ratio_test(["age"])
    with pytest.raises(ValueError, match="same y"):
        results[0].likelihood_ratio_test(infer(fitted(few[:900], y[:900]), few[:900], y[:900]))


def test_a_column_called_intercept_is_not_the_intercept(binary, fitted):
    X, y = binary
    X = X.rename(columns={X.columns[1]: "intercept"})
    result = infer(fitted(X, y), X, y)
    assert list(result.params.index[:3]) == ["(intercept)", X.columns[0], "intercept"]
    assert result.params.index.is_unique


def test_a_result_prints_as_its_summary(binary, fitted):
    X, y = binary
    result = infer(fitted(X, y), X, y)
    assert repr(result) == str(result.summary())


def test_odds_ratios_are_exponentials(binary, fitted):
    X, y = binary
    result = infer(fitted(X, y), X, y)
    for method in ("wald", "profile"):
        ratios = result.odds_ratios(0.8, method)
        assert list(ratios.columns) == ["odds ratio", "lower", "upper"]
        assert_allclose(ratios["odds ratio"], np.exp(result.params))
        assert_allclose(ratios[["lower", "upper"]], np.exp(result.conf_int(0.8, method)))


def test_sparse_and_polars_are_as_dense(binary, fitted):
    polars = pytest.importorskip("polars")
    X, y = binary
    expected = infer(fitted(X, y), X, y)
    matrix = sparse.csr_matrix(X.to_numpy())
    result = infer(fitted(matrix, y), matrix, y)
    assert_allclose(result.bse, expected.bse, rtol=1e-8)
    frame = polars.DataFrame({name: X[name].to_numpy() for name in X})
    result = infer(fitted(frame, y), frame, y)
    assert_allclose(result.bse, expected.bse, rtol=1e-8)
    assert list(result.bse.index) == ["intercept", *X.columns]


def test_pipelines_are_their_last_step(binary):
    X, y = binary
    last = LogLossClassifier(C=np.inf, tol=1e-11)
    pipeline = make_pipeline(PolynomialFeatures(2, include_bias=False), StandardScaler(), last)
    result = infer(pipeline.fit(X, y), X, y)
    names = list(pipeline[:-1].get_feature_names_out())
    assert list(result.params.index) == ["intercept", *names]
    assert_allclose(result.params.iloc[1:], pipeline[-1].coef_[0])
    assert_allclose(result.predict(X).proba, pipeline.predict_proba(X), rtol=1e-10)
    assert_allclose(result.bse, infer(last, pipeline[:-1].transform(X), y).bse, rtol=1e-12)


def test_infer_leaves_the_classifier_as_it_is(binary, fitted):
    X, y = binary
    clf = fitted(X, y)
    before = pickle.dumps(clf)
    infer(clf, X.to_numpy(), y)
    assert pickle.dumps(clf) == before
