"""Blocks of a partition: what a worker makes of them."""

import dask
import dask.array as da
import numpy as np
import pytest
from scipy import sparse

from sklogloss.dask import LogLossClassifier


@pytest.mark.parametrize("kind", [sparse.coo_array, sparse.lil_array, sparse.coo_matrix])
def test_blocks_of_other_sparse_formats(kind):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3)) * (rng.random((200, 3)) < 0.5)
    y = rng.integers(2, size=200)
    of_X = da.from_array(X, chunks=(100, 3))
    meta = sparse.csr_array((0, 0))
    with dask.config.set(scheduler="sync"):
        csr = LogLossClassifier().fit(of_X.map_blocks(sparse.csr_array, meta=meta), y)
        other = LogLossClassifier().fit(of_X.map_blocks(kind, meta=meta), y)
    np.testing.assert_array_equal(other.coef_, csr.coef_)
