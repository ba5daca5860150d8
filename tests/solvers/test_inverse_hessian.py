"""The BFGS update, against its definition with matrices."""

import numpy as np

from sklogloss.solvers.inverse_hessian import MAX_STEPS, InverseHessian


def definite(rng, n):
    root = rng.normal(size=(n, n))
    return root @ root.T + np.eye(n)


def test_update_is_the_one_of_bfgs():
    rng = np.random.default_rng(0)
    n = 6
    start, hessian = definite(rng, n), definite(rng, n)
    inverse = np.linalg.inv(start)
    updated = InverseHessian(lambda b: np.linalg.solve(start, b))
    for _ in range(4):
        step = rng.normal(size=n)
        change = hessian @ step
        updated.update(step, change)
        # Nocedal & Wright, Numerical Optimization, equation 6.17.
        rho = 1 / (step @ change)
        left = np.eye(n) - rho * np.outer(step, change)
        inverse = left @ inverse @ left.T + rho * np.outer(step, step)
        vector = rng.normal(size=n)
        np.testing.assert_allclose(updated @ vector, inverse @ vector, rtol=1e-9)
        # The secant equation.
        np.testing.assert_allclose(updated @ change, step, rtol=1e-9)


def test_steps_without_curvature_teach_nothing():
    updated = InverseHessian(lambda b: b)
    updated.update(np.array([1.0, 0.0]), np.array([0.0, 1.0]))
    updated.update(np.array([1.0, 0.0]), np.array([-1.0, 0.0]))
    np.testing.assert_array_equal(updated @ np.array([3.0, 4.0]), [3.0, 4.0])


def test_memory_is_bounded():
    updated = InverseHessian(lambda b: b)
    for _ in range(2 * MAX_STEPS):
        updated.update(np.array([1.0]), np.array([2.0]))
    assert len(updated.steps) == MAX_STEPS
