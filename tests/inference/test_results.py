import pickle
import sys

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from numpy.testing import assert_allclose
from scipy import sparse
from scipy.special import logit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from sklogloss import LogLossClassifier
from sklogloss.inference import infer


def fitted(X, y, **arguments):
    return LogLossClassifier(C=np.inf, tol=1e-11).fit(X, y, **arguments)


@pytest.fixture(scope="module")
def anes():
    data = sm.datasets.anes96.load_pandas()
    return data.exog[["logpopul", "selfLR", "age", "educ"]], data.endog.astype(int)


@pytest.fixture(scope="module")
def binary(anes):
    X, y = anes
    return X, (y > 3).astype(int)


@pytest.fixture(scope="module")
def results(anes):
    X, y = anes
    model = sm.MNLogit(y, sm.add_constant(X))
    expected = model.fit(disp=0, method="newton", tol=1e-13, maxiter=100)
    return infer(fitted(X, y), X, y), expected


def test_wald_test_is_as_statsmodels_says(results):
    result, expected = results
    R = np.random.default_rng(0).normal(size=(3, 30))
    test, theirs = result.wald_test(R, [0, 1, 2]), expected.wald_test((R, [0, 1, 2]), scalar=True)
    assert_allclose(test.statistic, theirs.statistic, rtol=1e-8)
    assert_allclose(test.pvalue, theirs.pvalue, rtol=1e-8)
    assert test.df == 3


def test_wald_test_of_names_is_of_their_coefficients_in_any_form(anes, results):
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


@pytest.mark.parametrize("offset", [None, "random"])
def test_score_test_is_as_glm_says(binary, offset):
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


def test_score_test_of_classes_is_close_to_the_others(anes, results):
    X, y = anes
    few = X.drop(columns=["age"])
    ratio = results[0].likelihood_ratio_test(infer(fitted(few, y), few, y))
    score, wald = results[0].score_test("age"), results[0].wald_test("age")
    assert ratio.df == score.df == wald.df == 6
    # The three agree to first order: 944 samples.
    assert_allclose([score.statistic, wald.statistic], ratio.statistic, rtol=0.1)


def test_likelihood_ratio_test_is_as_statsmodels_says(anes, results):
    X, y = anes
    few = X[["selfLR"]]
    theirs = sm.MNLogit(y, sm.add_constant(few)).fit(disp=0, method="newton", tol=1e-13)
    small = infer(fitted(few, y), few, y)
    test = results[0].likelihood_ratio_test(small)
    assert_allclose(test.statistic, 2 * (results[1].llf - theirs.llf), rtol=1e-8)
    assert test.df == 18
    with pytest.raises(ValueError, match="nested"):
        small.likelihood_ratio_test(results[0])
    with pytest.raises(ValueError, match="same y"):
        results[0].likelihood_ratio_test(infer(fitted(few[:900], y[:900]), few[:900], y[:900]))


def test_baselines_are_linear_maps_of_each_other(anes, results):
    X, y = anes
    clf, params = fitted(X, y), results[0].params
    against_third = infer(clf, X, y, baseline=3)
    assert list(against_third.params.columns) == [0, 1, 2, 4, 5, 6]
    assert_allclose(against_third.params[5], params[5] - params[3], rtol=1e-9, atol=1e-9)
    reordered = (y == 3).astype(int).map({1: -1, 0: 0}) + y.where(y != 3, 0)
    expected = infer(fitted(X, reordered), X, reordered)
    assert_allclose(against_third.bse[5], expected.bse[5], rtol=1e-8)
    mean = infer(clf, X, y, baseline="mean")
    assert_allclose(mean.params.iloc[1:].T, clf.coef_, rtol=1e-9, atol=1e-12)
    assert_allclose(mean.params.sum(axis=1), 0, atol=1e-9)
    # The sum of all classes has no variance.
    cov = mean.cov_params().to_numpy().reshape(7, 5, 7, 5)
    assert_allclose(cov.sum(axis=0), 0, atol=1e-12 * np.abs(cov).max())
    assert mean.df_model == results[0].df_model


def test_two_classes_have_a_baseline_too(binary):
    X, y = binary
    clf = fitted(X, y)
    result, other = infer(clf, X, y), infer(clf, X, y, baseline=1)
    assert_allclose(other.params, -result.params)
    assert_allclose(other.bse, result.bse)
    both = infer(clf, X, y, baseline="mean")
    assert_allclose(both.params, np.column_stack([-result.params, result.params]) / 2)
    assert_allclose(both.bse[1], result.bse / 2)


def test_odds_ratios_are_exponentials(binary):
    X, y = binary
    result = infer(fitted(X, y), X, y)
    for method in ("wald", "profile"):
        ratios = result.odds_ratios(0.8, method)
        assert list(ratios.columns) == ["odds ratio", "lower", "upper"]
        assert_allclose(ratios["odds ratio"], np.exp(result.params))
        assert_allclose(ratios[["lower", "upper"]], np.exp(result.conf_int(0.8, method)))


def test_without_column_names_all_are_arrays(anes, results):
    X, y = (part.to_numpy() for part in anes)
    result, named = infer(fitted(X, y), X, y), results[0]
    assert type(result.params) is np.ndarray
    assert_allclose(result.params, named.params, rtol=1e-10)
    assert result.conf_int().shape == (6, 5, 2)
    assert_allclose(result.conf_int().reshape(-1, 2), named.conf_int(), rtol=1e-9)
    assert result.cov_params().shape == (30, 30)
    assert result.margins().margins.shape == (4, 7)
    frame = result.summary_frame()
    assert frame.index[1] == (1, "x0")


def test_sparse_and_polars_are_as_dense(binary):
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


def test_without_pandas_all_are_arrays(binary, monkeypatch):
    X, y = binary
    clf = fitted(X, y)
    monkeypatch.setitem(sys.modules, "pandas", None)
    result = infer(clf, X.to_numpy(), y.to_numpy())
    assert type(result.params) is np.ndarray
    assert "age" in str(result.summary())
    with pytest.raises(ImportError, match="install pandas"):
        result.summary_frame()


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


def test_infer_leaves_the_classifier_as_it_is(binary):
    X, y = binary
    clf = fitted(X, y)
    before = pickle.dumps(clf)
    infer(clf, X.to_numpy(), y)
    assert pickle.dumps(clf) == before


def test_predictions_are_as_glm_says(binary):
    X, y = binary
    offset = np.random.default_rng(0).normal(size=len(y))
    model = sm.GLM(y, sm.add_constant(X), sm.families.Binomial(), offset=offset)
    theirs = model.fit(tol=1e-13).get_prediction(sm.add_constant(X), offset=offset)
    frame = theirs.summary_frame(alpha=0.1)
    result = infer(fitted(X, y, offset=offset), X, y, offset=offset)
    ours = result.predict(X, 0.9, offset=offset)
    assert_allclose(ours.proba[:, 1], frame["mean"], rtol=1e-8)
    assert_allclose(ours.lower[:, 1], frame["mean_ci_lower"], rtol=1e-8)
    assert_allclose(ours.upper[:, 1], frame["mean_ci_upper"], rtol=1e-8)
    assert_allclose(ours.lower[:, 0], 1 - ours.upper[:, 1], rtol=1e-8, atol=1e-15)


def test_intervals_of_several_classes_are_those_of_the_delta_method(anes, results):
    X, y = anes
    result, clf = results[0], fitted(X, y)
    prediction = result.predict(X[:5])
    assert_allclose(prediction.proba, clf.predict_proba(X[:5]), rtol=1e-9)
    params = result.params.to_numpy()
    columns = np.column_stack([np.ones(5), X[:5]])

    def log_odds(flat):
        raw = np.column_stack([np.zeros(5), columns @ flat.reshape(6, 5).T])
        proba = np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True)
        return logit(proba).ravel()

    flat = params.T.ravel()
    step = 1e-5
    jacobian = np.column_stack(
        [(log_odds(flat + h) - log_odds(flat - h)) / (2 * step) for h in step * np.eye(30)]
    )
    error = np.sqrt(np.diagonal(jacobian @ result.cov_params().to_numpy() @ jacobian.T))
    half = (logit(prediction.upper) - logit(prediction.lower)).ravel() / 2
    # The differences have an error of step squared.
    assert_allclose(half, 1.959963984540054 * error, rtol=1e-5)


def test_soft_targets_have_the_figures_of_weighted_labels(binary):
    X, y = binary
    share = np.where(y == 1, 0.8, 0.3)
    soft = np.column_stack([1 - share, share])
    twice, labels = pd.concat([X, X]), np.repeat([0, 1], len(y))
    weight = np.concatenate([1 - share, share])
    result = infer(fitted(X, soft), X, soft)
    expected = infer(
        fitted(twice, labels, sample_weight=weight), twice, labels, sample_weight=weight
    )
    for name in ("params", "bse", "llf", "llnull", "aic"):
        assert_allclose(getattr(result, name), getattr(expected, name), rtol=1e-8, err_msg=name)
    saturated = np.sum(share * np.log(share) + (1 - share) * np.log(1 - share))
    assert_allclose(result.deviance, 2 * (saturated - result.llf), rtol=1e-10)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_null_model_has_the_offset(n_classes):
    rng = np.random.default_rng(0)
    X, offset = rng.normal(size=(200, 2)), rng.normal(size=(200, n_classes if n_classes > 2 else 1))
    y = rng.integers(0, n_classes, size=200)
    zeros = np.zeros((200, 1))
    null = LogLossClassifier(C=1, tol=1e-11).fit(zeros, y, offset=offset)
    proba = null.predict_proba(zeros, offset=offset)
    result = infer(fitted(X, y, offset=offset), X, y, offset=offset)
    assert_allclose(result.llnull, np.sum(np.log(proba[np.arange(200), y])), rtol=1e-10)


def test_without_intercept_there_is_none(binary):
    X, y = binary
    clf = LogLossClassifier(C=np.inf, fit_intercept=False, tol=1e-11).fit(X, y)
    result, expected = infer(clf, X, y), sm.Logit(y, X).fit(disp=0, tol=1e-13)
    for name in ("params", "bse", "llf", "llnull", "aic", "df_resid"):
        assert_allclose(getattr(result, name), getattr(expected, name), rtol=1e-8, err_msg=name)


def test_summary_has_a_line_for_each_coefficient(binary, results):
    X, y = binary
    result = infer(fitted(X, y), X, y)
    text = str(result.summary(0.9))
    assert "[0.05" in text
    lines = text.splitlines()
    assert len(set(map(len, lines[-6:]))) == 1
    assert [line.split()[0] for line in lines[-6:-1]] == ["intercept", *X.columns]
    assert float(next(line for line in lines if line.startswith("age")).split()[1]) == round(
        result.params["age"], 4
    )
    html = result._repr_html_()
    assert html.count("<table>") == 2
    assert "<td>age</td>" in html
    assert results[0].summary()._repr_html_().count("<table>") == 7
    assert list(result.summary_frame().columns) == [
        "coef", "std err", "z", "P>|z|", "[0.025", "0.975]",
    ]  # fmt: skip
