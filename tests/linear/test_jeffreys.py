"""Jeffreys' penalty against its definition, whatever the layout of X."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.special import logsumexp

from sklogloss.linear.jeffreys import JeffreysObjective
from sklogloss.linear.objective import balanced_objective
from sklogloss.linear.samples import Samples, make_design
from sklogloss.losses import LogLoss
from sklogloss.penalties import Penalty

LAYOUTS = {
    "rows": np.ascontiguousarray,
    "columns": np.asfortranarray,
    "csr": sparse.csr_array,
    "csc": sparse.csc_array,
    "float32": lambda X: X.astype(np.float32),
}


def make_data(n_classes, n_samples=60, n_features=3, seed=0):
    """Return X (with zeros), labels, weights and offsets."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_samples, n_features))
    X[rng.random(X.shape) < 0.3] = 0
    X[:, 0] = 100 * X[:, 0] + 50
    # Of float32, so that all layouts hold the same numbers.
    X = X.astype(np.float32).astype(np.float64)
    label = rng.integers(n_classes, size=n_samples)
    n_columns = 1 if n_classes == 2 else n_classes
    offset = np.asfortranarray(rng.normal(size=(n_samples, n_columns)))
    return X, label, rng.uniform(0, 2, n_samples), offset


def make_penalised(X, label, weight=None, offset=None, n_threads=1, fit_intercept=True):
    n_classes = label.max() + 1
    target = label.astype(np.float64).reshape(-1, 1)
    samples = Samples(make_design(X, np.float64), target, weight, offset, n_threads)
    objective = balanced_objective(
        samples, LogLoss(n_classes).kernel(), Penalty(), fit_intercept=fit_intercept
    )
    return JeffreysObjective(objective, 1 / samples.weight_sum)


def random_theta(penalised, seed=1):
    theta = np.zeros(penalised.objective.n_parameters)
    return penalised.moved(theta, np.random.default_rng(seed).normal(size=penalised.n_free) / 2)


def defined_value(coef, intercept, X, label, weight, offset):
    """Return the mean log loss less ln |I| / 2, by loops over the rows."""
    raw = X @ coef + intercept + offset
    if raw.shape[1] == 1:
        raw = np.column_stack([np.zeros(len(raw)), raw])
    log_proba = raw - logsumexp(raw, axis=1, keepdims=True)
    loss = -weight @ log_proba[np.arange(len(raw)), label]
    information = 0
    for x, p, s in zip(
        np.column_stack([X, np.ones(len(X))]), np.exp(log_proba), weight, strict=True
    ):
        of_classes = np.diag(p) - np.outer(p, p)
        information = information + s * np.kron(of_classes[1:, 1:], np.outer(x, x))
    return (loss - np.linalg.slogdet(information)[1] / 2) / weight.sum()


@pytest.mark.parametrize("n_classes", [2, 3, 4])
def test_value_differs_from_the_definition_by_a_constant(n_classes):
    X, label, weight, offset = make_data(n_classes)
    penalised = make_penalised(X, label, weight, offset)
    differences = []
    for seed in range(3):
        theta = random_theta(penalised, seed)
        coef, intercept = penalised.objective.coef_intercept(theta)
        expected = defined_value(coef, intercept, X, label, weight, offset)
        differences.append(penalised.look(theta).value - expected)
    # That of the scale of the columns: the determinant is that of scaled ones.
    assert_allclose(differences, differences[0], rtol=0, atol=1e-13)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("n_classes", [2, 3, 4])
def test_gradient_is_the_derivative_of_the_value(n_classes, layout):
    X, label, weight, offset = make_data(n_classes)
    penalised = make_penalised(LAYOUTS[layout](X), label, weight, offset)
    theta = random_theta(penalised)
    point = penalised.complete(penalised.look(theta))
    step = 1e-3
    # Of fourth order: an error of about step^4 times a fifth derivative of size one.
    expected = [
        sum(
            factor * penalised.look(penalised.moved(theta, multiple * step * unit)).value
            for multiple, factor in ((-2, 1), (-1, -8), (1, 8), (2, -1))
        )
        / (12 * step)
        for unit in np.eye(penalised.n_free)
    ]
    assert_allclose(point.gradient, expected, rtol=0, atol=1e-11)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_all_layouts_have_the_same_gradient(layout):
    X, label, weight, offset = make_data(3)
    expected = make_penalised(X, label, weight, offset)
    penalised = make_penalised(LAYOUTS[layout](X), label, weight, offset)
    points = []
    for one in (expected, penalised):
        # The scales of a sparse X are powers of two of almost the same numbers.
        theta = one.objective.theta(*expected.objective.coef_intercept(random_theta(expected)))
        points.append(one.complete(one.look(theta)))
    assert_allclose(points[1].max_gradient, points[0].max_gradient, rtol=1e-11)


def test_pseudo_counts_of_two_classes_are_half_the_leverages():
    X, label, weight, _ = make_data(2)
    penalised = make_penalised(X, label, weight)
    theta = random_theta(penalised)
    coef, intercept = penalised.objective.coef_intercept(theta)
    p = 1 / (1 + np.exp(-(X @ coef + intercept)[:, 0]))
    root = np.sqrt(weight * p * (1 - p))[:, None] * np.column_stack([X, np.ones(len(X))])
    leverage = np.diagonal(root @ np.linalg.solve(root.T @ root, root.T))
    point = penalised.complete(penalised.look(theta), keeps_counts=True)
    typical = leverage @ leverage / leverage.sum()
    assert_allclose(point.typical_leverage, typical, rtol=1e-11)
    assert_allclose(point.counts, np.column_stack([leverage, leverage]) / 2, rtol=1e-11)


@pytest.mark.parametrize("n_classes", [2, 3, 5])
def test_pseudo_counts_have_the_gradient_of_the_penalty_and_sum_to_the_parameters(n_classes):
    X, label, weight, offset = make_data(n_classes)
    penalised = make_penalised(X, label, weight, offset)
    objective = penalised.objective
    point = penalised.complete(penalised.look(random_theta(penalised)), keeps_counts=True)
    counts = point.counts
    assert_allclose(counts.sum(), penalised.n_free, rtol=1e-12)
    assert counts.min() >= 0
    coef, intercept = objective.coef_intercept(point.theta)
    proba = LogLoss(n_classes).link(X @ coef + intercept + offset)
    of_raw = counts - proba * counts.sum(axis=1, keepdims=True)
    if n_classes == 2:
        of_raw = of_raw[:, 1:]
    centred = (X - objective.coordinates.center) * objective.coordinates.scale
    of_theta = np.column_stack([centred, np.ones(len(X))]).T @ of_raw / weight.sum()
    assert_allclose(point.of_penalty, -penalised.of_theta(of_theta.ravel()), rtol=0, atol=1e-14)


def test_penalty_does_not_depend_on_which_class_has_no_parameters():
    X, label, weight, _ = make_data(3)
    values = []
    for first in range(3):
        penalised = make_penalised(X, (label - first) % 3, weight)
        theta = random_theta(make_penalised(X, label, weight))
        # The classes in another order, and then the first one zero.
        theta = np.roll(theta.reshape(-1, 3), -first, axis=1)
        theta = (theta - theta[:, :1]).ravel()
        values.append(penalised.look(theta).value)
    assert_allclose(values, values[0], rtol=1e-13)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_any_number_of_threads_has_the_same_bits(n_classes):
    X, label, weight, offset = make_data(n_classes, n_samples=20_000, n_features=20)
    results = []
    for n_threads in (1, 2, 5):
        penalised = make_penalised(X, label, weight, offset, n_threads)
        point = penalised.complete(penalised.look(random_theta(penalised)), keeps_counts=True)
        results.append((point.gradient, point.counts))
    for gradient, counts in results[1:]:
        assert_array_equal(gradient, results[0][0])
        assert_array_equal(counts, results[0][1])


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_basis_has_the_directions_that_change_raw_predictions(n_classes, layout):
    X, label, weight, _ = make_data(n_classes)
    dependent = np.column_stack([X, -2 * X[:, 1], np.full(len(X), 3.0)])
    penalised = make_penalised(LAYOUTS[layout](dependent), label, weight)
    identified = penalised.identified()
    assert identified.n_free == 4 * (n_classes - 1)
    assert identified.n_free < penalised.n_free
    point = identified.complete(identified.look(random_theta(identified)))
    coef, intercept = identified.objective.coef_intercept(point.theta)
    # The same predictions without the columns too many have the same gradient of the intercept.
    smaller = make_penalised(LAYOUTS[layout](X), label, weight)
    assert smaller.identified() is smaller
    same = smaller.objective.theta(
        coef[:3] + np.outer([0, -2, 0], coef[3]), intercept + 3 * coef[4]
    )
    expected = smaller.complete(smaller.look(same))
    assert_allclose(point.max_gradient, expected.max_gradient, rtol=1e-10)


def test_wrong_arrays_are_errors():
    from sklogloss._cython.jeffreys_pass import jeffreys_gradient

    X, label, weight, _ = make_data(2)
    penalised = make_penalised(X, label, weight)
    samples, loss = penalised.objective.samples, penalised.objective.loss
    coef, intercept = np.zeros((3, 5)), np.zeros(5)

    def call(design=samples.design, weight=weight, offset=None, coef=coef, counts=None):
        return jeffreys_gradient(design, loss, weight, offset, coef, intercept, counts, 1)

    assert call().shape == (5,)
    with pytest.raises(TypeError, match="float64"):
        call(design=make_design(X.astype(np.float32)))
    for wrong in (
        {"weight": weight[1:]},
        {"offset": np.zeros((59, 1), order="F")},
        {"coef": np.zeros((2, 5))},
        {"coef": np.zeros((3, 4))},
        {"counts": np.zeros((60, 3), order="F")},
    ):
        with pytest.raises(ValueError, match="must"):
            call(**wrong)
