import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse

from sklogloss.inference.rows import row_blocks, rows_in_theta
from sklogloss.linear.entries import Entries
from sklogloss.linear.objective import Coordinates


def test_blocks_are_all_rows_in_order(monkeypatch):
    monkeypatch.setattr("sklogloss.inference.rows.BLOCK_NUMBERS", 100)
    blocks = list(row_blocks(95, 10))
    assert [block.start for block in blocks] == list(range(0, 95, 10))
    assert blocks[-1].stop == 95
    assert len(list(row_blocks(3, 1000))) == 3


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix, sparse.csc_matrix])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_rows_times_theta_are_raw_predictions(form, fit_intercept):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20, 3))
    center = rng.normal(size=3) if fit_intercept else np.zeros(3)
    coordinates = Coordinates(center, np.array([0.5, 1, 4]), 2, fit_intercept)
    theta = rng.normal(size=coordinates.shape)
    coef, intercept = coordinates.coef_intercept(theta.ravel())
    rows = rows_in_theta(Entries(form(X)), slice(5, 15), coordinates)
    assert_allclose(rows @ theta, X[5:15] @ coef + intercept, rtol=1e-12)
