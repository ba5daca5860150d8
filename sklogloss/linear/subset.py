"""A few rows that stand for all."""

import numpy as np

__all__ = ["random_rows"]


def random_rows(samples, size):
    """Return the indices of a random draw of the rows that have weight, in ascending order.

    The draw is the same each time. Rows are drawn with replacement and counted once, so that there
    may be a few less than size.

    Parameters
    ----------
    samples : Samples
    size : int
    """
    candidates = samples.rows_with_weight
    n_rows = len(samples.target) if candidates is None else len(candidates)
    rows = np.sort(np.random.default_rng(0).integers(n_rows, size=size))
    rows = rows[np.append(True, np.diff(rows) > 0)]
    return rows if candidates is None else candidates[rows]
