"""Rare classes, from which the mean of the Hessian's blocks is far."""

import numpy as np
import pytest

from sklogloss import LogLossClassifier

pytestmark = pytest.mark.filterwarnings("error")


@pytest.mark.parametrize("tol", [1e-4, 1e-10])
@pytest.mark.parametrize(("skew", "strength"), [(0.5, 3), (0.8, 2), (1.2, 1)])
def test_rare_classes_reach_the_optimum(skew, strength, tol, plain_objective):
    rng = np.random.default_rng(5)
    X = rng.normal(size=(1500, 100))
    raw_prediction = X @ rng.normal(size=(100, 10)) * strength / 10 - skew * np.arange(10)
    y = (raw_prediction + rng.gumbel(size=raw_prediction.shape)).argmax(axis=1)
    clf = LogLossClassifier(tol=tol).fit(X, y)
    assert clf.solver_ == "newton-cholesky"
    objective = plain_objective(X, y)
    expected = LogLossClassifier(solver="newton-cg", tol=1e-10).fit(X, y)
    # 1e-11 is what tol promises; so are sums of 1,500 terms exact, and more.
    assert objective.value(clf) <= (1 + 1e-11) * objective.value(expected)
