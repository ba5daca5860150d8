"""A few rows that stand for all."""

import numpy as np
from scipy import sparse

from sklogloss.linear.design import make_design
from sklogloss.linear.samples import Samples
from sklogloss.linear.subset import random_rows

N_SAMPLES = 200_000


def make_samples(n_samples=N_SAMPLES, weight=None):
    X = sparse.csr_array((n_samples, 1))
    return Samples(make_design(X), np.zeros((n_samples, 1)), weight)


def every_second(n_samples=N_SAMPLES):
    weight = np.zeros(n_samples)
    weight[1::2] = 1
    return weight


def test_rows_are_few_random_and_the_same_each_time():
    size = N_SAMPLES // 16
    rows = random_rows(make_samples(), size)
    # Of 12,500 draws from 200,000 rows, 12,500^2 / 400,000 = 390 are second ones.
    assert 0.95 * size < len(rows) <= size
    assert np.all(np.diff(rows) > 0)
    np.testing.assert_array_equal(rows, random_rows(make_samples(), size))
    # Sorted rows: of about 12,500 draws, the part below the middle is 1/2 up to 5 sqrt(1/4n).
    assert abs(np.mean(rows < N_SAMPLES / 2) - 0.5) < 5 * 0.5 / np.sqrt(len(rows))


def test_rows_without_weight_are_not_drawn():
    weight = np.zeros(N_SAMPLES)
    weight[1::2] = 1
    rows = random_rows(make_samples(weight=weight), 10_000)
    assert len(rows) > 9000
    assert np.all(rows % 2 == 1)


def test_few_rows_are_drawn_all():
    assert set(random_rows(make_samples(3), 100)) == {0, 1, 2}
