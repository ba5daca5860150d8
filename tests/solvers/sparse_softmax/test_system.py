"""Conjugate gradients for sparse data of K classes: the solution of the equations in float64."""

import numpy as np
import pytest
from scipy import sparse
from scipy.special import softmax

from sklogloss import LogLossClassifier
from sklogloss.linear.objective import balanced_objective
from sklogloss.linear.samples import Samples, make_design
from sklogloss.losses import LogLoss
from sklogloss.penalties import Penalty
from sklogloss.solvers.hessians import HessianProducts
from sklogloss.solvers.newton import Newton
from sklogloss.solvers.sparse_softmax.system import SoftmaxSystem
from sklogloss.solvers.stopping import Goal


def make_objective(
    *,
    n_samples=60,
    n_features=30,
    n_classes=5,
    weighted=False,
    fit_intercept=True,
    dtype=np.float64,
    index=np.int32,
    layout="csr",
    l2=0.05,
    per_feature=False,
    n_threads=1,
):
    rng = np.random.default_rng(0)
    X = sparse.random(n_samples, n_features, density=0.2, format=layout, random_state=0)
    X.data = rng.integers(1, 5, size=X.nnz).astype(dtype)
    X.indptr, X.indices = X.indptr.astype(index), X.indices.astype(index)
    target = np.asfortranarray(rng.integers(0, n_classes, (n_samples, 1)).astype(dtype))
    weight = rng.uniform(0.5, 2, n_samples).astype(dtype) if weighted else None
    kernel = LogLoss(n_classes).kernel(target_is_matrix=False)
    if per_feature:
        l2 = l2 * np.exp2(np.arange(n_features) % 5 - 2)[:, None]
    samples = Samples(make_design(X), target, weight, n_threads=n_threads)
    return balanced_objective(samples, kernel, Penalty(l2=l2), fit_intercept=fit_intercept)


def hessian_and_gradient(objective, theta):
    """In theta, by the definition, in float64."""
    samples = objective.samples
    X = samples.design.X.toarray().astype(np.float64)
    n_samples, weight = len(X), samples.weight
    weight = np.ones(n_samples) if weight is None else weight.astype(np.float64)
    weight = weight / weight.sum()
    scale = objective.coordinates.scale
    A = (X - objective.coordinates.center) * scale
    penalty = np.ravel(objective.penalty.l2) * scale**2
    if objective.fit_intercept:
        A = np.hstack([A, np.ones((n_samples, 1))])
        penalty = np.append(penalty, 0)
    k = objective.n_columns
    theta = theta.reshape(-1, k)
    proba = softmax(A @ theta, axis=1)
    label = samples.target[:, 0].astype(int)
    gradient = A.T @ (weight[:, None] * (proba - np.eye(k)[label])) + penalty[:, None] * theta
    curvature = proba[:, :, None] * (np.eye(k) - proba[:, None, :])
    hessian = np.einsum("i,ij,ikl,im->jkml", weight, A, curvature, A)
    hessian = hessian.reshape(A.shape[1] * k, -1) + np.diag(np.repeat(penalty, k))
    return hessian, gradient.ravel()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"weighted": True},
        {"fit_intercept": False},
        {"dtype": np.float32},
        {"index": np.int64},
        {"layout": "csc"},
        {"n_classes": 3},
        {"n_classes": 32, "n_features": 15},
        {"n_classes": 38, "n_features": 15},
        {"per_feature": True},
    ],
    ids=str,
)
def test_solves_the_equations(options):
    objective = make_objective(**options)
    theta = np.random.default_rng(1).normal(size=objective.n_parameters) / 4
    point = objective.value_gradient(theta, curvature=True)
    diagonal = objective.hessian_diagonal(point).reshape(objective.shape).mean(axis=1)
    hessian, gradient = hessian_and_gradient(objective, theta)
    system = SoftmaxSystem(objective)
    system.start(point, diagonal)
    inverse = 1 / np.repeat(diagonal, objective.n_columns)
    np.testing.assert_allclose(system.norm, gradient**2 @ inverse, rtol=1e-5)
    gains = 0.0
    for _ in range(100):
        gain = system.advance()
        gains += gain
        if not gain > 1e-12 * gains:
            break
    # The sum of the intercepts is free: the solution is that of the smallest norm, up to it.
    expected = -np.linalg.pinv(hessian, rcond=1e-10, hermitian=True) @ gradient
    difference = system.direction - expected
    # In the energy norm conjugate gradients in float32 leave a few of its last digits, squared.
    energy = expected @ hessian @ expected
    assert difference @ hessian @ difference < (1000 * np.finfo(np.float32).eps) ** 2 * energy
    np.testing.assert_allclose(gains, energy, rtol=1e-4)


def test_same_bits_for_any_number_of_threads():
    directions = []
    for n_threads in (1, 2, 3):
        objective = make_objective(n_samples=3000, n_features=600, n_classes=7, n_threads=n_threads)
        point = objective.value_gradient(np.zeros(objective.n_parameters), curvature=True)
        system = SoftmaxSystem(objective)
        assert system._n_threads == n_threads
        system.start(point, np.ones(objective.shape[0]))
        for _ in range(5):
            system.advance()
        directions.append(system.direction)
    assert np.array_equal(directions[0], directions[1])
    assert np.array_equal(directions[0], directions[2])


def test_no_curvature_ends_it():
    objective = make_objective(l2=0.0)
    point = objective.value_gradient(np.zeros(objective.n_parameters), curvature=True)
    point.curvature.values[:] = 0
    system = SoftmaxSystem(objective)
    system.start(point, np.ones(objective.shape[0]))
    assert system.advance() == 0


@pytest.mark.parametrize("l2", [0.0, 1e-3])
def test_newton_ends_at_the_optimum(l2):
    objective = make_objective(n_samples=2000, n_features=20, weighted=True, l2=l2)
    # Without a penalty float32 has not the digits, see SoftmaxSystem.
    model = HessianProducts(objective, is_sparse_softmax=l2 > 0)
    result = Newton(objective, model, Goal.of(1e-8, 100)).solve(objective.start())
    assert result.converged
    hessian, gradient = hessian_and_gradient(objective, result.theta)
    # What is left by the quadratic model, beside the rounding errors of the objective.
    left = gradient @ np.linalg.pinv(hessian, rcond=1e-10, hermitian=True) @ gradient / 2
    assert left < np.finfo(np.float64).eps * result.value


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("n_samples", [15, 60])
@pytest.mark.parametrize("C", [1.0, 1e4, 1e6, 1e8])
def test_weak_penalties_that_float32_has_not_the_digits_for(C, n_samples):
    rng = np.random.default_rng(n_samples)
    X = rng.uniform(size=(n_samples, 2 * n_samples))
    y = rng.integers(0, 3, size=n_samples)

    def objective(X):
        clf = LogLossClassifier(C=C, solver="newton-cg").fit(X, y)
        surprise = -clf.predict_log_proba(X)[np.arange(n_samples), y].sum()
        return C * surprise + (clf.coef_**2).sum() / 2

    # tol=1e-4 asks for the optimum to a relative 1e-11.
    assert objective(sparse.csr_array(X)) == pytest.approx(objective(X), rel=1e-10)
