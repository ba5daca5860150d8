"""Coordinate ascent on the dual: where it leads, and when it is taken."""

import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from sklogloss._cython.dual_ascent import ascend_rows
from sklogloss.linear.objective import balanced_objective
from sklogloss.linear.samples import Samples, make_design
from sklogloss.losses import LogLoss
from sklogloss.penalties import Penalty
from sklogloss.solvers.plan import Facts, Start, make_plan
from sklogloss.solvers.solve import solve
from sklogloss.solvers.sparse_softmax.dual_ascent import dual_start
from sklogloss.solvers.stopping import Goal


def problem(n_samples=60, n_features=200, n_classes=4, seed=0):
    rng = np.random.default_rng(seed)
    X = sparse.random(n_samples, n_features, density=0.1, format="csr", random_state=seed)
    X.data = rng.integers(1, 5, size=X.nnz).astype(np.float64)
    label = rng.integers(0, n_classes, size=n_samples)
    return X, label, rng.uniform(0.5, 2, size=n_samples)


def make_objective(X, target, weight, *, fit_intercept=True, n_classes=4, l2=0.02):
    target = np.asfortranarray(target.reshape(len(target), -1).astype(X.dtype))
    kernel = LogLoss(n_classes).kernel(target_is_matrix=target.shape[1] > 1)
    weight = None if weight is None else weight.astype(X.dtype)
    samples = Samples(make_design(X), target, weight)
    return balanced_objective(samples, kernel, Penalty(l2=l2), fit_intercept=fit_intercept)


def plan_of(objective):
    parts = objective.samples, objective.loss, objective.penalty, objective.fit_intercept
    return make_plan(Facts.of(*parts), "newton-cg")


def is_worth_ascending(objective):
    return plan_of(objective).start is Start.DUAL


def test_a_step_maximises_the_dual_of_its_sample():
    rng = np.random.default_rng(1)
    X = sparse.csr_matrix(rng.normal(size=(1, 3)))
    q = softmax(rng.normal(size=(1, 4)), axis=1)
    coef, intercept = rng.normal(size=(3, 4)), rng.normal(size=4)
    scale = np.array([0.7])
    size = scale * (X.multiply(X).sum() + 1)
    z = (X @ coef + intercept)[0]
    old = q[0].copy()

    def negative_dual(log_q):
        p = softmax(log_q)
        step = old - p
        return p @ np.log(p) - z @ p + size[0] / 2 * step @ step

    expected = softmax(minimize(negative_dual, np.zeros(4), tol=1e-12).x)
    for _ in range(4):  # each ends when it has made good all but a hundredth of what was wrong
        ascend_rows(
            X.indptr, X.indices, X.data, np.array([0]), scale, size, q, coef, intercept, True
        )
    np.testing.assert_allclose(q[0], expected, atol=1e-6)
    # The coefficients follow.
    np.testing.assert_allclose((X @ coef + intercept)[0], z + size * (old - q[0]), atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("index", [np.int32, np.int64])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("soft", [False, True])
def test_start_is_close_to_the_optimum_without_an_intercept(dtype, index, weighted, soft):
    X, label, weight = problem()
    X = X.astype(dtype)
    X.indptr, X.indices = X.indptr.astype(index), X.indices.astype(index)
    target = label if not soft else 0.9 * np.eye(4)[label] + 0.025
    objective = make_objective(X, target, weight if weighted else None, fit_intercept=False)
    assert is_worth_ascending(objective)
    start = objective.value_gradient(dual_start(objective))
    zero = objective.value_gradient(np.zeros(objective.n_parameters))
    best = solve(plan_of(objective), objective, start.theta, Goal.of(1e-6, 100)).value
    assert start.value - best < 1e-4 * (zero.value - best)


def test_intercept_counts_as_a_constant_feature():
    X, label, _ = problem()
    with_ones = sparse.hstack([X, np.ones((60, 1))], format="csr")
    objective, other = make_objective(X, label, None), make_objective(
        with_ones, label, None, fit_intercept=False
    )  # fmt: skip
    coef, intercept = objective.coef_intercept(dual_start(objective))
    expected, _ = other.coef_intercept(dual_start(other))
    np.testing.assert_allclose(np.vstack([coef, intercept]), expected, atol=1e-9)


def test_empty_rows_and_rows_without_weight():
    X, label, weight = problem()
    X = sparse.vstack([X[:30], sparse.csr_matrix((2, 200)), X[30:]], format="csr")
    label, weight = np.insert(label, 30, [0, 1]), np.insert(weight, 30, [1.0, 0.0])
    assert np.all(np.isfinite(dual_start(make_objective(X, label, weight))))


def test_what_overflows_gives_no_start():
    X, label, _ = problem()
    X.data *= 1e200
    assert dual_start(make_objective(X, label, None)) is None


@pytest.mark.parametrize("case", ["plain", "weights", "soft", "no intercept", "columns", "float32"])
def test_fit_from_the_start_is_the_optimum(case):
    X, label, weight = problem(n_samples=80, n_features=100)
    if case == "columns":
        # One constant, one empty.
        X = sparse.hstack([X, np.ones((80, 1)), sparse.csr_matrix((80, 1))], format="csr")
    if case == "float32":
        X = X.astype(np.float32)
    weight = weight if case == "weights" else np.ones(80)
    target = np.eye(4)[label]
    if case == "soft":
        target = 0.9 * target + 0.025
    fit_intercept = case != "no intercept"
    l2 = 0.02
    objective = make_objective(
        X, target if case == "soft" else label, weight, fit_intercept=fit_intercept, l2=l2
    )
    assert is_worth_ascending(objective)
    dense, share = X.toarray().astype(np.float64), weight / weight.sum()

    def value_gradient(flat):
        coef, intercept = flat[:-4].reshape(-1, 4), flat[-4:] * fit_intercept
        raw_prediction = dense @ coef + intercept
        log_proba = log_softmax(raw_prediction, axis=1)
        value = -share @ np.sum(target * log_proba, axis=1) + l2 / 2 * np.sum(coef**2)
        slope = share[:, None] * (np.exp(log_proba) - target)
        by_coef = dense.T @ slope + l2 * coef
        return value, np.append(by_coef.ravel(), slope.sum(axis=0) * fit_intercept)

    n_parameters = 4 * (X.shape[1] + 1)
    options = {"maxiter": 10_000, "maxfun": 20_000, "ftol": 0, "gtol": 1e-10}
    expected = minimize(
        value_gradient, np.zeros(n_parameters), jac=True, method="L-BFGS-B", options=options
    )
    result = solve(plan_of(objective), objective, None, Goal.of(1e-6, 100))
    coef, intercept = objective.coef_intercept(result.theta)
    assert result.converged
    value, _ = value_gradient(np.append(coef.ravel(), intercept))
    # What the solver tolerates at this tol, or the rounding errors of an objective in float32. By
    # strong convexity the squared distance of coef is at most 2 / l2 times that.
    tolerated = max(1e-11, 8 * np.finfo(X.dtype).eps) * expected.fun
    assert value - expected.fun < tolerated
    assert np.linalg.norm(coef - expected.x[:-4].reshape(-1, 4)) < np.sqrt(2 / l2 * tolerated)
