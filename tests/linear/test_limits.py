"""Numbers that several modules share."""

import math

import numpy as np
import pytest

from sklogloss.linear.limits import EPS, ROUNDING
from sklogloss.linear.objective import balanced_objective
from sklogloss.linear.samples import Samples, make_design
from sklogloss.losses import LogLoss
from sklogloss.penalties import Penalty


@pytest.mark.parametrize("n_samples", [100, 30_000])
def test_sums_over_the_rows_are_as_exact_as_rounding_says(n_samples):
    rng = np.random.default_rng(0)
    X, label = rng.standard_normal((n_samples, 3)), rng.integers(2, size=n_samples)
    samples = Samples(make_design(X), np.asfortranarray(label[:, None].astype(float)))
    kernel = LogLoss(2).kernel(target_is_matrix=False)
    objective = balanced_objective(samples, kernel, Penalty(), fit_intercept=False)
    coef = rng.standard_normal((3, 1))
    value = objective.value_gradient(objective.theta(coef, 0.0)).value
    margin = np.where(label == 1, 1, -1) * (X @ coef)[:, 0]
    # Each loss has rounding errors of its own, of either sign, which the sum does not add to.
    exact = math.fsum(np.logaddexp(0, -margin)) / n_samples
    assert abs(value - exact) <= ROUNDING * EPS * exact
