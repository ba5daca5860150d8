"""Raw predictions that are distorted in a known way."""

import numpy as np
import pytest


def draw(n_samples, n_classes, seed=0):
    """Return labels and the true logits, of one dimension for two classes."""
    rng = np.random.default_rng(seed)
    if n_classes == 2:
        z = 2 * rng.normal(size=n_samples)
        return (rng.logistic(size=n_samples) < z).astype(int), z
    z = 2 * rng.normal(size=(n_samples, n_classes))
    return (z + rng.gumbel(size=z.shape)).argmax(axis=1), z


@pytest.fixture(scope="session")
def forecasts():
    return draw
