"""Blocks of rows of X in the solver's coordinates."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from sklogloss.linear.design import row_slices
from sklogloss.linear.objective import Coordinates
from sklogloss.linear.threads import one_blas_thread

__all__ = ["row_blocks", "rows_in_theta", "sliceable"]

# Numbers in a block of rows and what is computed from it: they stay in the cache.
BLOCK_NUMBERS = 65_536


def sliceable(X: Any) -> Any:
    """Return X, a CSC matrix as CSR: taking rows of CSC reads all of it each time."""
    return X.tocsr() if sparse.issparse(X) and X.format != "csr" else X


def row_blocks(n_rows: int, numbers_per_row: int) -> Iterator[slice]:
    """Yield slices of rows that are small enough for temporaries of so many numbers per row."""
    # Products of blocks are too small for threads of BLAS.
    with one_blas_thread():
        yield from row_slices(n_rows, numbers_per_row, BLOCK_NUMBERS)


def rows_in_theta(rows: Any, coordinates: Coordinates) -> NDArray[np.float64]:
    """Return rows of X as those that theta multiplies: shape (n_rows, n_terms).

    Parameters
    ----------
    rows : ndarray or CSR matrix of shape (n_rows, n_features)
    coordinates : Coordinates
    """
    dense = rows.toarray() if sparse.issparse(rows) else rows
    dense = (dense - coordinates.center) * coordinates.scale
    if coordinates.fit_intercept:
        dense = np.column_stack([dense, np.ones(len(dense))])
    return dense
