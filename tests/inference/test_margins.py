import pickle

import numpy as np
import pytest
import statsmodels.api as sm
from numpy.testing import assert_allclose
from scipy import sparse
from scipy.special import expit, softmax

from sklogloss import LogLossClassifier
from sklogloss.inference import infer


def fitted(X, y, **arguments):
    return LogLossClassifier(C=np.inf, tol=1e-11).fit(X, y, **arguments)


def fair():
    data = sm.datasets.fair.load_pandas()
    X = data.exog[["rate_marriage", "age", "religious"]].copy()
    X["graduate"] = (data.exog["educ"] > 14).astype(float)
    return X, (data.endog > 0).astype(int)


def anes():
    data = sm.datasets.anes96.load_pandas()
    return data.exog[["logpopul", "selfLR", "age"]], data.endog.astype(int)


@pytest.mark.parametrize("discrete", [True, False])
@pytest.mark.parametrize(("kind", "at"), [("average", "overall"), ("at means", "mean")])
def test_two_classes_are_as_logit_says(kind, at, discrete):
    X, y = fair()
    expected = (
        sm.Logit(y, sm.add_constant(X)).fit(disp=0, tol=1e-13).get_margeff(at=at, dummy=discrete)
    )
    margins = infer(fitted(X, y), X, y).margins(kind=kind, discrete=discrete)
    assert_allclose(margins.margins, expected.margeff, rtol=1e-8)
    assert_allclose(margins.bse, expected.margeff_se, rtol=1e-8)
    assert_allclose(margins.conf_int(0.9), expected.conf_int(0.1), rtol=1e-7)
    assert margins.discrete == (["graduate"] if discrete else [])
    frame = margins.summary_frame()
    assert list(frame.index) == list(X.columns)
    assert_allclose(frame["P>|z|"], expected.pvalues, rtol=1e-7)


@pytest.mark.parametrize(("kind", "at"), [("average", "overall"), ("at means", "mean")])
def test_more_classes_are_as_mnlogit_says(kind, at):
    X, y = anes()
    model = sm.MNLogit(y, sm.add_constant(X))
    expected = model.fit(disp=0, method="newton", tol=1e-13, maxiter=100).get_margeff(at=at)
    result = infer(fitted(X, y), X, y)
    margins = result.margins(kind=kind)
    assert_allclose(margins.margins, expected.margeff, rtol=1e-8)
    assert_allclose(margins.bse, expected.margeff_se, rtol=1e-8)
    other_baseline = infer(fitted(X, y), X, y, baseline="mean").margins(kind=kind)
    assert_allclose(other_baseline.bse, margins.bse, rtol=1e-8)


def test_margins_print_as_their_table():
    X, y = anes()
    margins = infer(fitted(X, y), X, y).margins()
    text = repr(margins)
    assert text == str(margins.summary())
    n_classes, n_columns, n_discrete = len(np.unique(y)), X.shape[1], len(margins.discrete)
    assert f"Steps from 0 to 1  {n_discrete} of {n_columns} columns" in text
    assert text.count("dy/dx") == n_classes
    value = f"{margins.margins.iloc[0, 0]:.4f}"
    assert next(line for line in text.splitlines() if X.columns[0] in line).split()[1] == value
    html = margins._repr_html_()
    assert html.count("<table>") == 1 + n_classes
    assert f"<td>{value}</td>" in html


def average_by_definition(params, X, weight, column, is_discrete):
    """Return the weighted mean effect on each class, params of shape (n_terms, n_classes)."""

    def proba(X):
        return softmax(params[0] + X @ params[1:], axis=1)

    if is_discrete:
        at_one, at_zero = X.copy(), X.copy()
        at_one[:, column], at_zero[:, column] = 1, 0
        effect = proba(at_one) - proba(at_zero)
    else:
        p = proba(X)
        effect = p * (params[1 + column] - p @ params[1 + column][:, None])
    return weight @ effect / weight.sum()


@pytest.mark.parametrize("covariance", ["model", "robust"])
@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix, sparse.csc_matrix])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_weights_count(n_classes, form, covariance):
    # statsmodels takes the plain mean over the rows, whatever the weights: the definition it is.
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=400), rng.integers(0, 2, size=400)])
    y = (X[:, :1] + rng.gumbel(size=(400, n_classes)) * np.arange(1, n_classes + 1)).argmax(axis=1)
    weight = rng.uniform(0.2, 3, size=400)
    clf = fitted(X, y, sample_weight=weight)
    result = infer(clf, form(X), y, sample_weight=weight, covariance=covariance)
    margins = result.margins()
    free = np.asarray(result.params).reshape(3, -1)

    def effects(flat):
        params = np.column_stack([np.zeros(3), flat.reshape(-1, 3).T])
        return np.array([average_by_definition(params, X, weight, j, j == 1) for j in range(2)]).T[
            n_classes == 2 :
        ]

    flat = free.T.ravel()
    assert_allclose(np.asarray(margins.margins).T, np.squeeze(effects(flat)), rtol=1e-10)
    # Differences of the fourth order; their rounding errors are 1e-16 / 1e-3.
    jacobian = np.empty((effects(flat).size, len(flat)))
    for i, step in enumerate(1e-3 * np.eye(len(flat))):
        near = effects(flat + step) - effects(flat - step)
        far = effects(flat + 2 * step) - effects(flat - 2 * step)
        jacobian[:, i] = ((8 * near - far) / (12 * 1e-3)).ravel()
    covariance = jacobian @ result.cov_params() @ jacobian.T
    assert_allclose(margins.cov_params(), covariance, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", ["average", "at means"])
def test_weights_of_classes_do_not_count(kind, weighted):
    rng = np.random.default_rng(0)
    X, offset = rng.normal(size=(400, 2)), rng.normal(size=400)
    y = (rng.logistic(size=400) < X[:, 0] - 2 + offset).astype(int)
    weight = rng.uniform(0.2, 3, size=400) if weighted else None
    clf = LogLossClassifier(C=np.inf, tol=1e-11, class_weight={0: 1, 1: 50})
    clf.fit(X, y, sample_weight=weight, offset=offset)
    result = infer(clf, X, y, sample_weight=weight, offset=offset, covariance="robust")
    rows = np.column_stack([X, offset])
    if kind == "at means":
        rows = np.average(rows, axis=0, weights=weight)[None]
        weight = None
    slope = expit(rows[:, :2] @ clf.coef_[0] + clf.intercept_ + rows[:, 2])
    slope *= 1 - slope
    expected = np.average(slope, weights=weight) * clf.coef_[0]
    for each in (result, pickle.loads(pickle.dumps(result))):
        assert_allclose(each.margins(kind=kind).margins, expected, rtol=1e-10)


def test_columns_are_chosen_by_name_or_place():
    X, y = fair()
    result = infer(fitted(X, y), X, y)
    every = result.margins()
    assert result.margins(["age", "graduate"]).margins.equals(every.margins[["age", "graduate"]])
    assert result.margins(1).margins.equals(every.margins[["age"]])
    assert result.margins(discrete=["graduate"]).discrete == ["graduate"]
    for wrong in ("educ", 7, ["age", "age"], [], -1):
        with pytest.raises(ValueError, match="columns must"):
            result.margins(wrong)
    with pytest.raises(ValueError, match="kind must"):
        result.margins(kind="median")


def test_effects_on_the_classes_sum_to_zero():
    X, y = anes()
    margins = infer(fitted(X, y), X, y).margins()
    assert_allclose(margins.margins.sum(axis=1), 0, atol=1e-15)
    assert list(margins.margins.columns) == list(range(7))
