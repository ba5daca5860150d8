"""What several folders of tests need: the objective in plain NumPy, and who has which cores."""

import os

import numpy as np
import pytest
from scipy import sparse
from scipy.special import log_softmax
from threadpoolctl import threadpool_limits

BLAS_LIMIT = pytest.StashKey()


def pytest_configure(config):
    """Share the cores among the workers of pytest-xdist.

    Threads of BLAS that wait for others keep their cores busy: two workers with two threads each
    are slower on two cores than one. Programs that tests start have no such limit.
    """
    n_workers = getattr(config, "workerinput", {}).get("workercount", 1)
    n_threads = max(1, os.cpu_count() // n_workers) if n_workers > 1 else None
    config.stash[BLAS_LIMIT] = threadpool_limits(n_threads, user_api="blas")


@pytest.fixture(scope="module")
def all_blas_threads(pytestconfig):
    """Give BLAS as many threads as without pytest-xdist, for tests of what becomes of them."""
    pytestconfig.stash[BLAS_LIMIT].restore_original_limits()
    yield
    pytest_configure(pytestconfig)


class PlainObjective:
    """C * sum_i s_i l(y_i, x_i w + b) + |w|^2 / 2 and its gradient at a fitted classifier.

    Parameters
    ----------
    X : array or sparse matrix of shape (n_samples, n_features)
    y : array of shape (n_samples,) or, for class probabilities, (n_samples, n_classes)
    C : float
        np.inf for the plain mean loss.
    sample_weight : array of shape (n_samples,), default=None
    """

    def __init__(self, X, y, C=1.0, sample_weight=None):
        X = X.toarray() if sparse.issparse(X) else np.asarray(X)
        self.X = X.astype(np.float64)
        self.proba = np.eye(len(np.unique(y)))[np.unique(y, return_inverse=True)[1]]
        if np.ndim(y) == 2:
            self.proba = np.asarray(y, dtype=np.float64)
        self.weight = np.ones(len(X)) if sample_weight is None else np.asarray(sample_weight)
        self.l2 = 1 / (C * self.weight.sum())

    def _log_proba(self, clf):
        raw_prediction = self.X @ clf.coef_.T.astype(np.float64) + clf.intercept_
        if raw_prediction.shape[1] == 1:
            raw_prediction = np.c_[np.zeros(len(self.X)), raw_prediction]
        return log_softmax(raw_prediction, axis=1)

    def value(self, clf):
        """Return the objective over C times the sum of the weights, in nats."""
        loss = -np.sum(self.proba * self._log_proba(clf), axis=1)
        mean = self.weight @ loss / self.weight.sum()
        return mean + self.l2 / 2 * np.sum(clf.coef_.astype(np.float64) ** 2)

    def max_gradient(self, clf):
        """Return the largest entry of the gradient of value."""
        residual = (np.exp(self._log_proba(clf)) - self.proba)[:, -len(clf.coef_) :]
        residual *= self.weight[:, None] / self.weight.sum()
        gradient = residual.T @ self.X + self.l2 * clf.coef_
        in_intercept = residual.sum(axis=0) if clf.fit_intercept else 0
        return max(np.abs(gradient).max(), np.abs(in_intercept).max())


@pytest.fixture
def plain_objective():
    return PlainObjective


def make_quasi_separated(seed, *, spoilt=False):
    """Return X, label and which pairs are separated, all of it certain.

    Points with t = 0 happen with every class: margins are zero there, which leaves a direction no
    entry but that of t. Samples with t > 0 are of the last class. A spoilt set has a point with
    t > 0 of every class, and no separation is left. The columns are whole numbers, mixed by a
    matrix with an inverse of whole numbers, so that nothing rounds.
    """
    rng = np.random.default_rng(seed)
    n_classes, p = int(rng.integers(2, 5)), int(rng.integers(1, 5))
    n_points, n_separated = p + 1 + int(rng.integers(0, 20)), int(rng.integers(1, 40))
    # With the unit vectors and zero, the points span all features and the intercept.
    points = np.vstack([np.zeros(p), np.eye(p), rng.integers(-5, 6, size=(n_points, p))])
    Z = np.repeat(points, n_classes, axis=0)
    label = np.tile(np.arange(n_classes), len(points))
    t = np.floor(10 ** rng.uniform(0, rng.uniform(0, 6), size=n_separated))
    X = np.vstack(
        [
            np.column_stack([np.zeros(len(Z)), Z]),
            np.column_stack([t, rng.integers(-5, 6, size=(n_separated, p))]),
        ]
    )
    label = np.append(label, np.full(n_separated, n_classes - 1))
    is_separated = np.zeros((len(X), 1 if n_classes == 2 else n_classes), dtype=bool)
    is_separated[len(Z) :, : n_classes - 1] = True
    if spoilt:
        X = np.vstack([X, np.repeat(X[-1:], n_classes, axis=0)])
        label = np.append(label, np.arange(n_classes))
        is_separated = np.zeros((len(X), is_separated.shape[1]), dtype=bool)
    mix = np.tril(rng.integers(-1, 2, size=(p + 1, p + 1)), -1) + np.eye(p + 1)
    order = rng.permutation(len(X))
    return (X @ mix)[order], label[order], is_separated[order]


@pytest.fixture(scope="session")
def quasi_separated():
    """Sets that are separated in part, or all but, whose truth is certain."""
    return make_quasi_separated
