import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from numpy.testing import assert_allclose

from sklogloss import LogLossClassifier
from sklogloss.inference import infer


@pytest.mark.parametrize("n_classes", [2, 3])
def test_null_model_has_the_offset(n_classes, fitted):
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


def test_soft_targets_have_the_figures_of_weighted_labels(binary, fitted):
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
