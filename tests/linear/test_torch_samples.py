"""Passes over torch tensors, here on the CPU: those of the compiled passes over the same rows."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from sklogloss.linear.entries import Entries
from sklogloss.linear.objective import (
    Coordinates,
    Objective,
    balanced_coordinates,
    balanced_objective,
)
from sklogloss.linear.optimum import has_no_optimum
from sklogloss.linear.samples import Samples, make_design
from sklogloss.losses import LogLoss
from sklogloss.penalties import Penalty
from sklogloss.solvers.plan import Facts, make_plan
from sklogloss.solvers.solve import solve
from sklogloss.solvers.stopping import Goal

torch = pytest.importorskip("torch")

from sklogloss.linear import torch_samples  # noqa: E402
from sklogloss.linear.torch_samples import TorchDesign, TorchSamples  # noqa: E402

N, P = 3000, 5
TARGETS = ["labels", "probabilities"]

MEANS = np.array([0, 1, -2, 5, 0])


@pytest.fixture
def X():
    return np.random.default_rng(0).normal(size=(N, P)) + MEANS


def pair(X, n_classes, *, target="labels", weighted=True, offset=False, dtype=np.float64):
    # The Samples and the TorchSamples of the same rows, and the kernel of their loss.
    rng = np.random.default_rng(1)
    is_matrix = target == "probabilities" and n_classes > 2
    if is_matrix:
        of_rows = rng.dirichlet(np.ones(n_classes), size=len(X))
    elif target == "probabilities":
        of_rows = rng.uniform(size=(len(X), 1))
    else:
        of_rows = rng.integers(n_classes, size=(len(X), 1))
    n_columns = 1 if n_classes == 2 else n_classes
    rows = [
        np.asfortranarray(of_rows, dtype=dtype),
        # Some of the rows have no weight.
        rng.poisson(2, size=len(X)).astype(dtype) if weighted else None,
        np.asfortranarray(rng.normal(size=(len(X), n_columns)), dtype=dtype) if offset else None,
    ]
    X = X.astype(dtype)  # in its memory order
    samples = Samples(make_design(X), *rows)
    return (
        samples,
        TorchSamples(TorchDesign(torch.asarray(X)), *rows),
        LogLoss(n_classes).kernel(is_matrix),
    )


def objectives(samples, others, kernel, fit_intercept):
    rng = np.random.default_rng(2)
    coordinates = Coordinates(
        rng.normal(size=P), 2.0 ** rng.integers(-2, 3, size=P), kernel.n_columns, fit_intercept
    )
    return [Objective(each, kernel, Penalty(l2=0.01), coordinates) for each in (samples, others)]


def relative(actual, expected):
    return np.abs(actual - expected).max() / np.abs(expected).max()


def tolerance(dtype):
    # Sums of N terms of mixed sign: those of the terms' rounding errors add up like a random walk.
    return np.sqrt(N) * np.finfo(dtype).eps


@pytest.mark.parametrize(
    ("order", "fit_intercept", "offset"), [("C", True, True), ("F", False, False)]
)
@pytest.mark.parametrize("target", ["labels", "probabilities"])
@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_evaluations_are_those_of_the_compiled_passes(
    X, dtype, n_classes, target, order, offset, fit_intercept
):
    of_numpy, of_torch = objectives(
        *pair(np.asarray(X, order=order), n_classes, target=target, offset=offset, dtype=dtype),
        fit_intercept,
    )
    theta = np.random.default_rng(3).normal(size=of_numpy.n_parameters)
    direction = np.random.default_rng(4).normal(size=of_numpy.n_parameters)
    eps = tolerance(dtype)
    expected, actual = (each.value_gradient(theta, curvature=True) for each in (of_numpy, of_torch))
    assert abs(actual.value - expected.value) <= eps * expected.value
    assert relative(actual.gradient, expected.gradient) <= eps
    diagonals = [
        each.hessian_diagonal(at) for each, at in ((of_torch, actual), (of_numpy, expected))
    ]
    assert relative(*diagonals) <= eps
    products = [
        each.hessian_product(at, direction)
        for each, at in ((of_torch, actual), (of_numpy, expected))
    ]
    assert relative(*products) <= eps
    curvatures = [at.curvature.of_rows() for at in (actual, expected)]
    assert relative(*curvatures) <= eps
    for stride in (1, 3):
        hessians = [
            np.tril(each.value_gradient_hessian(theta, stride=stride).hessian)
            for each in (of_torch, of_numpy)
        ]
        assert relative(*hessians) <= eps
    if n_classes > 2:
        # That of the compiled pass is in float32.
        means = [np.tril(each.class_mean_hessian(theta)) for each in (of_torch, of_numpy)]
        assert relative(*means) <= tolerance(np.float32)


@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("centred", [True, False])
def test_moments(X, weighted, centred):
    samples, others, _ = pair(X, 2, weighted=weighted)
    total, mean, spread = samples.moments(centred=centred)
    actual_total, actual_mean, actual_spread = others.moments(centred=centred)
    assert actual_total == total
    largest = np.abs(X).max()
    np.testing.assert_allclose(actual_mean, mean, atol=largest * tolerance(np.float64))
    np.testing.assert_allclose(actual_spread, spread, rtol=tolerance(np.float64))


def test_coordinates_and_constant_columns_are_the_same(X):
    X[:, 2] = 7
    samples, others, kernel = pair(X, 2)
    expected, actual = (
        balanced_coordinates(each, Penalty(l2=0.1), n_columns=kernel.n_columns, fit_intercept=True)
        for each in (samples, others)
    )
    np.testing.assert_array_equal(actual.constant, [2])
    np.testing.assert_array_equal(actual.constant, expected.constant)
    np.testing.assert_array_equal(actual.scale, expected.scale)
    np.testing.assert_array_equal(
        others.largest_entries(np.ones(P, dtype=bool)), np.abs(X).max(axis=0)
    )


def test_rows_columns_and_dtypes(X):
    samples, others, _ = pair(X, 3, target="probabilities", offset=True, dtype=np.float32)
    rows, features = np.array([2, 5, 2999]), np.array([1, 4])
    for expected, actual in (
        (samples.take(rows), others.take(rows)),
        (samples.columns(features), others.columns(features)),
        (samples.astype(np.float64), others.astype(np.float64)),
    ):
        assert type(actual) is TorchSamples
        assert actual.dtype == expected.dtype
        np.testing.assert_array_equal(actual.design.X, expected.design.X)
        for name in ("target", "weight", "offset"):
            np.testing.assert_array_equal(getattr(actual, name), getattr(expected, name))


def test_plans_and_chunks_are_those_of_the_shape(X, monkeypatch):
    samples, others, kernel = pair(X, 4)
    assert others.design.block_rows == samples.design.block_rows
    of_torch = objectives(samples, others, kernel, True)[1]
    theta = np.ones(of_torch.n_parameters)
    whole = of_torch.value_gradient_hessian(theta, stride=2)
    monkeypatch.setattr(torch_samples, "BLOCK_ENTRIES", 1)
    assert len(list(others.design.chunks())) == -(-N // torch_samples.ROWS_OF_SUM)
    cut = of_torch.value_gradient_hessian(theta, stride=2)
    assert relative(cut.hessian, whole.hessian) <= tolerance(np.float64)
    assert relative(cut.gradient, whole.gradient) <= tolerance(np.float64)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("is_separated", [False, True])
def test_an_optimum_is_missed_as_with_an_array(X, n_classes, is_separated):
    samples, others, kernel = pair(X, n_classes)
    label = samples.target[:, 0].astype(int)
    if is_separated:
        label = np.argsort(np.argsort(X[:, 0])) * n_classes // N
        samples, others = (replace(each, target=label[:, None] * 1.0) for each in (samples, others))
    for each in (samples, others):
        objective = balanced_objective(each, kernel, Penalty(), fit_intercept=True)
        plan = make_plan(Facts.of(each, kernel, objective.penalty, True))
        result = solve(plan, objective, None, Goal.of(1e-4, 100))
        for point in (result.last_point, objective.value_gradient(result.theta)):
            directions = (result.theta, result.direction)
            assert has_no_optimum(result.objective, point, directions, label) == is_separated


def test_what_needs_x_in_one_place_gets_one_copy_of_a_tensor(X):
    samples, others, _ = pair(X, 2)
    assert samples.local is samples
    assert others.local is others.local
    assert type(others.local) is Samples
    np.testing.assert_array_equal(Entries.of(others).matrix, X)


def test_digits_of_a_loss_next_to_nothing_do_not_cancel():
    rows = np.array([[40.0], [-40.0]])
    target = np.array([[1.0], [0.0]])
    for n_classes in (2, 3):
        samples = TorchSamples(TorchDesign(torch.asarray(rows)), target)
        kernel = LogLoss(n_classes).kernel(False)
        coef = np.array([[1.0]]) if n_classes == 2 else np.array([[-0.5, 0.5, -40]])
        sums, _ = samples.value_gradient(kernel, (coef, np.zeros(kernel.n_columns)))
        expected, _ = Samples(make_design(rows), target).value_gradient(
            kernel, (coef, np.zeros(kernel.n_columns))
        )
        np.testing.assert_allclose(sums, expected, rtol=1e-14)


def test_sums_of_many_rows_are_as_exact_as_their_terms():
    # Added up in float32 from the first to the last, a million terms lose four of seven digits.
    rng = np.random.default_rng(0)
    left, right = (torch.asarray(rng.uniform(size=(2**20, 2)).astype(np.float32)) for _ in range(2))
    exact = left.double().T @ right.double()
    error = (torch_samples._cross(left, right) - exact).abs() / exact
    assert error.max() <= np.finfo(np.float32).eps


def test_products_have_all_digits_whatever_the_caller_allows(X, monkeypatch):
    products = torch.backends.cuda.matmul
    _, others, kernel = pair(X, 2, dtype=np.float32)
    predictor, seen = (np.ones((P, 1)), np.zeros(1)), []
    expected, _ = others.value_gradient(kernel, predictor)

    def product(*arrays):
        seen.append(getattr(products, torch_samples.SETTING))
        return _cross(*arrays)

    _cross = torch_samples._cross
    monkeypatch.setattr(torch_samples, "_cross", product)
    given = products.allow_tf32
    try:
        for allowed in (True, False):
            products.allow_tf32 = allowed
            with torch.autocast("cpu", dtype=torch.bfloat16):
                actual, _ = others.value_gradient(kernel, predictor)
            assert products.allow_tf32 == allowed
            np.testing.assert_array_equal(actual, expected)
    finally:
        products.allow_tf32 = given
    assert set(seen) <= {torch_samples.EXACT, "none"}
    assert len(seen) == 2


def test_the_last_of_several_threads_puts_the_setting_back():
    products = torch.backends.cuda.matmul
    given = products.allow_tf32
    products.allow_tf32 = True
    try:
        first, second = torch_samples.full_precision(), torch_samples.full_precision()
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert getattr(products, torch_samples.SETTING) == torch_samples.EXACT
        second.__exit__(None, None, None)
        assert products.allow_tf32
    finally:
        products.allow_tf32 = given


def test_nothing_imports_torch_before_there_is_a_tensor(tmp_path):
    code = (
        "import sys, numpy as np; from sklogloss import LogLossClassifier\n"
        "X = np.arange(12.0).reshape(6, 2); LogLossClassifier().fit(X, [0, 1] * 3).predict(X)\n"
        "assert 'torch' not in sys.modules"
    )
    # Not among the sources, which are not compiled where the package is installed.
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)
