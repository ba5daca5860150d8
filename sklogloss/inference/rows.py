"""Blocks of rows of X in the solver's coordinates."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from sklogloss.linear.design import row_slices
from sklogloss.linear.entries import Entries
from sklogloss.linear.objective import Coordinates
from sklogloss.linear.threads import one_blas_thread

__all__ = ["row_blocks", "rows_in_theta"]

# Number of entries in a block of rows and in what is computed from it: they stay in the cache.
BLOCK_NUMBERS = 65_536


def row_blocks(n_rows: int, numbers_per_row: int) -> Iterator[slice]:
    """Yield slices of rows, small enough for temporaries of this many numbers per row."""
    # Products of blocks are too small for threads of BLAS.
    with one_blas_thread():
        yield from row_slices(n_rows, numbers_per_row, BLOCK_NUMBERS)


def rows_in_theta(
    entries: Entries, rows: slice | NDArray[np.intp], coordinates: Coordinates
) -> NDArray[np.float64]:
    """Return some rows of X as those that theta multiplies: shape (n_rows, n_terms).

    Parameters
    ----------
    entries : Entries
    rows : slice or ndarray of int
    coordinates : Coordinates
    """
    columns: NDArray[np.float64] = entries.rows(rows) - coordinates.center
    columns = columns * coordinates.scale
    if coordinates.fit_intercept:
        columns = np.column_stack([columns, np.ones(len(columns))])
    return columns
