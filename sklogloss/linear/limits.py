"""Numbers that several modules share: rounding errors, sizes that pay, bounds of loops.

The comment of each constant of the solvers says what gets worse with another value: the counted
work of a fit of ``python -m benchmarks ablation``, or a test.
"""

import numpy as np

from sklogloss._cython.data_pass import SMALL_WORK

__all__ = [
    "EPS",
    "LARGEST_HESSIAN",
    "MAX_ROUNDS",
    "ROUNDING",
    "ROWS_PER_PARAMETER_OF_HESSIAN",
    "SMALL_PART",
    "SMALL_WORK",
]

EPS = float(np.finfo(np.float64).eps)
# Bound of the rounding errors of a sum, in eps of its dtype (0:
# tests/linear/test_jeffreys.py::test_basis_has_the_directions_that_change_raw_predictions fails).
ROUNDING = 8
# Up to this many parameters, or rows in whose space a problem is solved, a matrix of all their
# pairs costs less than its substitutes (2: +158 % on 300 x 2,000, K = 5).
LARGEST_HESSIAN = 2000
# Rows for each parameter in a Hessian that represents that of all rows: each pass then gains about
# a digit (1: +513 % on 20,000 x 500).
ROWS_PER_PARAMETER_OF_HESSIAN = 8
# A part below this fraction of a whole is negligible (1: +50 % on text 1,500 x 4,000, K = 12,
# C = 100; 1e-6: +29 % on 100,000 x 20, tol = 1e-1).
SMALL_PART = 1e-3
# Bound of any inner loop that only rounding errors keep from ending (1: +252 % on text
# 1,500 x 4,000, K = 12, C = 100).
MAX_ROUNDS = 1000
