import numpy as np
import pytest
from scipy.optimize import isotonic_regression

from sklogloss.calibration import VennAbers


def with_new_sample(z, y, weight, z_new, label):
    """Return the isotonic regression at a sample that joins the others, by its definition."""
    place = np.unique(np.append(z, z_new), return_inverse=True)[1]
    weight, y = np.append(weight, 1), np.append(y, label)
    mass = np.bincount(place, weight)
    mean = np.bincount(place, weight * y) / mass
    return isotonic_regression(mean, weights=mass).x[place[-1]]


@pytest.mark.parametrize("seed", range(30))
def test_interval_is_that_of_the_definition(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 15))
    # Ties, events that are all the same, soft targets, weights.
    z = rng.integers(-4, 5, size=n).astype(float)
    y = rng.integers(0, 2, size=n) if seed % 3 else rng.random(n)
    weight = rng.integers(1, 4, size=n) if seed % 2 else rng.exponential(size=n)
    soft = np.column_stack([1 - y, y])
    fitted = VennAbers().fit(z, soft, sample_weight=weight)
    for z_new in np.arange(-5, 5.5, 0.5):
        expected = [with_new_sample(z, y, weight, z_new, label) for label in (0, 1)]
        np.testing.assert_allclose(fitted.predict_interval([z_new])[0], expected, atol=1e-12)


def test_probability_lies_in_the_interval(forecasts):
    y, z = forecasts(300, 2)
    fitted = VennAbers().fit(z, y)
    lower, upper = fitted.predict_interval(z).T
    proba = fitted.predict_proba(z)[:, 1]
    assert (lower < upper).all()
    assert (lower <= proba).all()
    assert (proba <= upper).all()
    # More samples say more.
    y, z = forecasts(30_000, 2)
    many = VennAbers().fit(z, y)
    assert np.ptp(many.predict_interval(z), axis=1).mean() < (upper - lower).mean() / 5


def test_venn_abers_of_pypi_agrees(forecasts):
    venn_abers = pytest.importorskip("venn_abers")
    y, z = forecasts(500, 2)
    proba = 1 / (1 + np.exp(-z))
    theirs = venn_abers.VennAbers()
    theirs.fit(np.column_stack([1 - proba, proba]), y)
    ours = VennAbers().fit(z, y)
    z_new = np.random.default_rng(0).normal(size=50)
    p_new = 1 / (1 + np.exp(-z_new))
    expected, interval = theirs.predict_proba(np.column_stack([1 - p_new, p_new]))
    np.testing.assert_allclose(ours.predict_proba(z_new), expected, atol=1e-9)
    np.testing.assert_allclose(ours.predict_interval(z_new), interval, atol=1e-9)
