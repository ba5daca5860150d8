"""Numbers that several modules share: rounding errors, sizes that pay, bounds of loops."""

import numpy as np

__all__ = ["EPS", "LARGEST_HESSIAN", "MAX_ROUNDS", "ROUNDING", "ROWS_PER_PARAMETER_OF_HESSIAN"]

EPS = float(np.finfo(np.float64).eps)
# Bound of the rounding errors of a sum, in eps of its dtype.
ROUNDING = 8
# Up to this many parameters, or rows in whose space a problem is solved, a matrix of all pairs of
# them costs less than what takes its place (200: +211 % on 300 x 2,000, K = 5, of
# python -m benchmarks ablation).
LARGEST_HESSIAN = 2000
# Rows for each parameter whose Hessian stands for that of all rows: with it each pass gains about a
# digit (1: +512 % on 20,000 x 500).
ROWS_PER_PARAMETER_OF_HESSIAN = 8
# Bound of any inner loop that ends by itself but for rounding errors.
MAX_ROUNDS = 1000
