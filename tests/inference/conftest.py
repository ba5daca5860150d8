"""Data that several modules of tests share."""

import numpy as np
import pytest
import statsmodels.api as sm

from sklogloss import LogLossClassifier
from sklogloss.inference import infer


@pytest.fixture(scope="session")
def fitted():
    """Return the function that fits without a penalty, to the last digits."""

    def fit(X, y, **arguments):
        return LogLossClassifier(C=np.inf, tol=1e-11).fit(X, y, **arguments)

    return fit


@pytest.fixture(scope="session")
def anes():
    data = sm.datasets.anes96.load_pandas()
    return data.exog[["logpopul", "selfLR", "age", "educ"]], data.endog.astype(int)


@pytest.fixture(scope="session")
def binary(anes):
    X, y = anes
    return X, (y > 3).astype(int)


@pytest.fixture(scope="session")
def results(anes, fitted):
    X, y = anes
    model = sm.MNLogit(y, sm.add_constant(X))
    expected = model.fit(disp=0, method="newton", tol=1e-13, maxiter=100)
    return infer(fitted(X, y), X, y), expected
