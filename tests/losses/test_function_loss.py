"""A loss given as a NumPy function, against the compiled losses and SciPy."""

import threading

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit, log_softmax, softmax

from sklogloss import LogLossClassifier
from sklogloss._cython import data_pass
from sklogloss.linear.samples import make_design
from sklogloss.losses import BrierLoss, LogLoss
from sklogloss.losses.function_loss import FunctionLoss

SOLVERS = ["newton-cholesky", "newton-cg", "lbfgs"]
N_SAMPLES, N_FEATURES = 2100, 5  # two blocks of rows and a rest


def log_loss(target, raw_prediction):
    if raw_prediction.ndim == 1:
        p, q = expit(raw_prediction), expit(-raw_prediction)
        value = np.logaddexp(0, raw_prediction) - target * raw_prediction
        return value, p - target, p * q
    p = softmax(raw_prediction, axis=1)
    value = -np.sum(target * log_softmax(raw_prediction, axis=1), axis=1)
    hessian = p[:, :, None] * np.eye(p.shape[1], dtype=p.dtype) - p[:, :, None] * p[:, None, :]
    return value, p - target, hessian


def exponential(target, raw_prediction):
    of_1 = target * np.exp(-raw_prediction / 2)
    of_0 = (1 - target) * np.exp(raw_prediction / 2)
    return of_1 + of_0, (of_0 - of_1) / 2, (of_1 + of_0) / 4


def brier(target, raw_prediction):
    if raw_prediction.ndim == 1:
        p = expit(raw_prediction)
        pq, r = p * (1 - p), p - target
        return r**2, 2 * pq * r, 2 * pq * (pq + (1 - 2 * p) * r)
    p = softmax(raw_prediction, axis=1)
    r = p - target
    s = np.sum(p * r, axis=1, keepdims=True)
    v = p + r
    t = np.sum(p * v, axis=1, keepdims=True)
    pp = p[:, :, None] * p[:, None, :]
    hessian = -pp * (v[:, :, None] + v[:, None, :] - (s + t)[:, :, None])
    hessian += np.eye(p.shape[1]) * (p * (v - s))[:, :, None]
    return np.sum(r**2, axis=1), 2 * p * (r - s), 2 * hessian


def make_target(rng, n_classes, *, is_soft):
    if not is_soft:
        return rng.integers(n_classes, size=N_SAMPLES).astype(float)
    proba = rng.dirichlet(np.ones(n_classes), size=N_SAMPLES)
    return proba[:, 1] if n_classes == 2 else proba


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("is_soft", [False, True])
def test_log_loss_as_a_function_is_log_loss(n_classes, is_soft, dtype, order):
    rng = np.random.default_rng(0)
    raw_prediction = rng.normal(size=(N_SAMPLES, n_classes) if n_classes > 2 else N_SAMPLES)
    raw_prediction = np.asarray(3 * raw_prediction, dtype=dtype, order=order)
    target = make_target(rng, n_classes, is_soft=is_soft)
    weight = rng.exponential(size=N_SAMPLES)
    ours, compiled = FunctionLoss(log_loss, n_classes), LogLoss(n_classes)
    arguments = (target, raw_prediction, weight)
    # The terms of the loss are at most as large as the raw predictions; a handful of roundings.
    tolerance = 50 * np.finfo(dtype).eps * np.abs(raw_prediction).max() * weight.max()
    for method in ("value_gradient", "gradient_hessian"):
        results = (getattr(loss, method)(*arguments) for loss in (ours, compiled))
        for actual, expected in zip(*results, strict=True):
            assert actual.dtype == dtype
            np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance)
    np.testing.assert_array_equal(ours.link(raw_prediction), compiled.link(raw_prediction))
    assert ours.kernel().unit == pytest.approx(1, rel=1e-15)


@pytest.mark.parametrize(("n_classes", "is_soft"), [(2, True), (3, False), (3, True)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_passes_equal_those_of_the_compiled_log_loss(n_classes, is_soft, dtype):
    rng = np.random.default_rng(1)
    n_columns = 1 if n_classes == 2 else n_classes
    X = rng.normal(size=(N_SAMPLES, N_FEATURES)).astype(dtype)
    target = make_target(rng, n_classes, is_soft=is_soft).reshape(N_SAMPLES, -1)
    target = np.asfortranarray(target, dtype=dtype)
    weight = rng.exponential(size=N_SAMPLES).astype(dtype)
    coef = rng.normal(size=(N_FEATURES, n_columns)).astype(dtype)
    intercept = rng.normal(size=n_columns).astype(dtype)
    center, scale = np.zeros(N_FEATURES, dtype=dtype), np.ones(N_FEATURES, dtype=dtype)
    results = []
    for loss in (FunctionLoss(log_loss, n_classes), LogLoss(n_classes)):
        kernel = loss.kernel(target_is_matrix=target.shape[1] > 1)
        curvature = np.empty((N_SAMPLES, kernel.n_curvature_columns), dtype=dtype, order="F")
        design = make_design(X)
        rows = (design, kernel, target, weight, None, coef, intercept)
        kept = (design, kernel, curvature, weight)
        results.append(
            [
                data_pass.value_gradient(*rows, curvature, 2),
                data_pass.value_gradient_hessian(*rows, center, scale, True, False, 1, 2),
                data_pass.hessian_product(*kept, coef, intercept, 2),
                data_pass.hessian_diagonal(*kept, center, 2),
                np.tril(data_pass.class_mean_gram(*kept, center, scale, True, False, 2)),
            ]
        )
    # Sums of blocks of at most 1024 terms. The raw predictions, sums of N_FEATURES + 1 terms, move
    # the derivatives by at most twice their error; a handful of roundings more.
    X1 = np.abs(np.c_[X, np.ones(N_SAMPLES)])
    largest = (X1 @ np.abs(np.r_[coef, intercept[None]])).max()
    tolerance = (1024 + 2 * (N_FEATURES + 1) * largest + 50) * np.finfo(dtype).eps
    moment, gram = X1.T @ weight, X1.T @ (weight[:, None] * X1)
    # Derivatives are at most 1; a row of the Hessian has n_columns of them.
    gradient_size = np.r_[(1 + largest) * weight.sum(), np.repeat(moment, n_columns)]
    pairs = np.tile(gram.ravel(), n_columns * (n_columns + 1) // 2)
    sizes = [
        gradient_size,
        np.r_[gradient_size, pairs],
        np.repeat(moment, n_columns) * n_columns * largest,
        np.repeat(np.diag(gram), n_columns),
        gram,
    ]
    for actual, expected, size in zip(*results, sizes, strict=True):
        assert np.all(np.abs(actual - expected) <= tolerance * size)


@pytest.mark.parametrize("n_classes", [2, 4])
def test_a_loss_that_is_not_convex_has_a_convex_kernel(n_classes):
    rng = np.random.default_rng(2)
    raw_prediction = 3 * rng.normal(size=(500, n_classes) if n_classes > 2 else 500)
    target = rng.integers(n_classes, size=500)
    loss, compiled = FunctionLoss(brier, n_classes, is_convex=False), BrierLoss(n_classes)
    assert not loss.is_convex
    assert not loss.kernel().is_convex
    assert loss.kernel(convex=True).is_convex
    arguments = (target, raw_prediction)
    gradient, hessian = loss.gradient_hessian(*arguments)
    for actual, expected in zip(
        (gradient, hessian), compiled.gradient_hessian(*arguments), strict=True
    ):
        np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-14)
    convex_gradient, convex_hessian = loss._evaluate(
        *arguments, None, 1, convex=True, gradient=None, hessian=None
    )
    np.testing.assert_array_equal(convex_gradient, gradient)
    expected = brier(np.eye(n_classes)[target] if n_classes > 2 else target, raw_prediction)[2]
    if n_classes == 2:
        np.testing.assert_array_equal(convex_hessian, np.maximum(expected, 0))
        return
    values, vectors = np.linalg.eigh(expected)
    assert values.min() < -0.01
    expected = np.einsum("ikj,ij,ikj->ik", vectors, np.maximum(values, 0), vectors)
    np.testing.assert_allclose(convex_hessian, expected, rtol=0, atol=1e-14)


class FunctionClassifier(LogLossClassifier):
    function = staticmethod(log_loss)

    def _loss(self, n_classes):
        return FunctionLoss(self.function, n_classes)


class ExponentialClassifier(FunctionClassifier):
    function = staticmethod(exponential)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_every_dense_solver_fits_by_a_function(solver, n_classes):
    rng = np.random.default_rng(3)
    X = rng.normal(size=(600, 4))
    y = (X[:, 0] + rng.logistic(size=600) > 0).astype(int)
    y += rng.integers(n_classes - 1, size=600)
    options = {"C": 0.5, "solver": solver, "tol": 1e-10}
    ours = FunctionClassifier(**options).fit(X, y)
    compiled = LogLossClassifier(**options).fit(X, y)
    # Per unit of weight the objective's curvature is at least that of the penalty, 1 / (C n).
    tolerance = 2e-10 * 0.5 * 600
    np.testing.assert_allclose(ours.coef_, compiled.coef_, rtol=0, atol=tolerance)
    np.testing.assert_allclose(ours.predict_proba(X), compiled.predict_proba(X), atol=tolerance)


@pytest.mark.parametrize("solver", SOLVERS)
def test_the_exponential_loss_is_minimised(solver):
    rng = np.random.default_rng(4)
    X = rng.normal(size=(400, 3))
    y = (X[:, 0] + rng.logistic(size=400) > 0).astype(int)

    def objective(theta):
        value, gradient, _ = exponential(y, X @ theta[:-1] + theta[-1])
        penalty = np.r_[theta[:-1], 0]
        return value.sum() + penalty @ penalty / 2, np.r_[X.T @ gradient, gradient.sum()] + penalty

    clf = ExponentialClassifier(solver=solver, tol=1e-10).fit(X, y)
    expected = minimize(objective, np.zeros(4), jac=True, method="BFGS", options={"gtol": 1e-9}).x
    # The smallest curvature of the objective is that of the penalty in the coefficients, 1, and the
    # sum of the second derivatives in the intercept, which is larger.
    np.testing.assert_allclose(np.r_[clf.coef_[0], clf.intercept_], expected, rtol=0, atol=1e-7)


class Refused(Exception):
    pass


def test_what_the_function_raises_goes_to_the_caller():
    is_broken = False

    def function(target, raw_prediction):
        if is_broken:
            raise Refused("no")
        return log_loss(target, raw_prediction)

    loss = FunctionLoss(function)
    kernel = loss.kernel()
    X, target = np.ones((N_SAMPLES, 1)), np.zeros((N_SAMPLES, 1))
    arguments = (target, None, None, np.zeros((1, 1)), np.zeros(1), None, 1)
    is_broken = True
    with pytest.raises(Refused, match="no"):
        data_pass.value_gradient(make_design(X), kernel, *arguments)
    with pytest.raises(Refused, match="no"):
        loss.value([1], np.zeros(1))
    with pytest.raises(ValueError, match="target"):
        loss.value([2], np.zeros(1))
    is_broken = False
    sums = data_pass.value_gradient(make_design(X), kernel, *arguments)
    assert sums[0] == pytest.approx(N_SAMPLES * np.log(2))

    class BrokenClassifier(FunctionClassifier):
        def _loss(self, n_classes):
            return loss

    clf = BrokenClassifier(solver="lbfgs")
    clf.fit([[0.0], [1.0]], [0, 1])
    is_broken = True
    with pytest.raises(Refused, match="no"):
        clf.fit([[0.0], [1.0]], [0, 1])


def test_the_function_runs_on_the_thread_of_the_caller():
    threads = set()

    def function(target, raw_prediction):
        threads.add(threading.get_ident())
        return log_loss(target, raw_prediction)

    loss = FunctionLoss(function)
    loss.value(np.zeros(100_000), np.zeros(100_000), n_threads=2)
    X = np.ones((200_000, 20))
    target, coef = np.zeros((len(X), 1)), np.zeros((20, 1))
    kernel = loss.kernel()
    data_pass.value_gradient(make_design(X), kernel, target, None, None, coef, np.zeros(1), None, 2)
    assert threads == {threading.get_ident()}
    assert kernel.runs_python
    assert not LogLoss().kernel().runs_python


def test_bad_functions_are_refused():
    with pytest.raises(TypeError, match="value_gradient_curvature must be callable, got int"):
        FunctionLoss(1)
    with pytest.raises(ValueError, match=r"arrays of shapes \(1,\), \(1,\), \(1,\), got \(\),"):
        FunctionLoss(lambda target, raw_prediction: (0.0, raw_prediction, raw_prediction))
    with pytest.raises(ValueError, match=r"\(1,\), \(1, 3\), \(1, 3, 3\), got"):
        FunctionLoss(lambda y, z: (z[:, 0], z, z), n_classes=3)
    with pytest.raises(ValueError, match="For two classes the target is one-dimensional"):
        FunctionLoss(log_loss).kernel(target_is_matrix=True)
