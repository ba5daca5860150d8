"""What users of LogisticRegression do with it beyond fit and predict."""

import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV

from sklogloss import FocalLogisticRegression, LogLossClassifier, LogLossClassifierCV

X, y = [[0.0], [1.0], [2.0], [3.0]], [0, 1, 0, 1]


def test_a_subclass_may_remove_or_add_parameter_names():
    class WithoutDual(LogLossClassifier):
        @classmethod
        def _get_param_names(cls):
            names = super()._get_param_names()
            names.remove("dual")
            return names

    for _ in range(2):
        assert "dual" not in clone(WithoutDual()).get_params()
    LogLossClassifier._get_param_names().clear()  # any caller
    assert "dual" in LogLossClassifier().get_params()


@pytest.mark.parametrize("n_samples", [10, 20_000])
@pytest.mark.parametrize("intercept", [0.0, [0.5], [[0.1, 0.2, 0.3]], [0.1, 0.2, 0.3]])
def test_coefficients_set_by_hand(n_samples, intercept):
    # As in federated learning and scorecards. 20,000 rows are predicted by a pass with threads.
    rows = np.random.default_rng(0).normal(size=(n_samples, 10))
    results = []
    for model in (LogisticRegression(), LogLossClassifier()):
        model.classes_, model.coef_ = np.arange(3), np.eye(3, 10)
        model.intercept_ = np.asarray(intercept) if isinstance(intercept, list) else intercept
        results.append((model.predict_proba(rows), model.predict(rows)))
    (expected, labels), (actual, predicted) = results
    # Two softmaxes of three numbers below 10: some ten roundings each.
    np.testing.assert_allclose(actual, expected, rtol=0, atol=20 * np.finfo(float).eps)
    np.testing.assert_array_equal(predicted, labels)


def test_a_warm_start_without_intercept_asks_for_none():
    rows = np.random.default_rng(0).normal(size=(60, 10))
    model = LogLossClassifier(warm_start=True, fit_intercept=False)
    model.classes_, model.coef_ = np.arange(3), np.eye(3, 10)
    expected = LogLossClassifier(fit_intercept=False).fit(rows, np.arange(60) % 3)
    model.fit(rows, np.arange(60) % 3)
    np.testing.assert_allclose(model.coef_, expected.coef_, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(LogLossClassifier, LogisticRegression), (LogLossClassifierCV, LogisticRegressionCV)],
)
def test_parameters_of_scikit_learn_s_class_are_taken(ours, theirs):
    params = theirs().get_params()
    params.pop("multi_class", None)
    params["solver"] = "auto"
    if params.get("use_legacy_attributes", False) is not False:
        assert params["use_legacy_attributes"] == "warn"
    ours(**params).fit(np.arange(20.0)[:, None], [0, 1] * 10)


def test_a_parameter_that_scikit_learn_s_class_may_get_is_noticed():
    # With alpha instead of C, as has been proposed, the test above fails; it runs with
    # pre-releases.
    class WithAlpha(LogisticRegression):
        def get_params(self, deep=True):
            return super().get_params(deep) | {"alpha": "1/n_samples"}

    with pytest.raises(TypeError, match="alpha"):
        test_parameters_of_scikit_learn_s_class_are_taken(LogLossClassifier, WithAlpha)


@pytest.mark.parametrize(
    "model",
    [
        LogLossClassifier(penalty=None, C=2),
        LogLossClassifier(penalty="l1", l1_ratio=0.5),
        FocalLogisticRegression(penalty="l2", l1_ratio=0.5),
    ],
    ids=repr,
)
def test_warnings_of_parameters_point_to_the_caller(model):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X, y)
    assert [warning.filename for warning in caught] == [__file__]


@pytest.mark.parametrize("container", [sparse.csr_array, sparse.csc_array])
@pytest.mark.parametrize("method", ["predict", "predict_proba", "decision_function"])
def test_predictions_refuse_broken_sparse_matrices(container, method):
    S = container(sparse.random(200, 30, density=0.2, format="csr", random_state=0))
    model = LogLossClassifier().fit(S, np.arange(200) % 2)
    S.indices[3] = 10**6
    with pytest.raises(ValueError, match="X has a sparse index outside"):
        getattr(model, method)(S)
    S.indptr = S.indptr[:5].copy()
    with pytest.raises(ValueError, match=r"X\.indptr must have"):
        getattr(model, method)(S)
