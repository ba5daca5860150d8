"""What a Newton step knows of the Hessian: few are formed, and none leads astray."""

import warnings
from itertools import pairwise

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_digits, load_iris

from sklogloss import LogLossClassifier
from sklogloss._cython.cholesky import CholeskyFactor, solve_blocks
from sklogloss.linear.objective import Objective, fix_class_shift
from sklogloss.losses import FocalLoss
from sklogloss.solvers import hessians
from sklogloss.solvers.hessians import ClassBlocks, ClassMeanHessian, HessianProducts
from sklogloss.solvers.newton import MAX_STEPS, ExactHessian, InverseHessian, Newton
from sklogloss.solvers.stopping import Goal, Stopping, Verdict

pytestmark = pytest.mark.filterwarnings("error")

BOUNDS = ["none", "positive", "box", "mixed", "fixed"]


def newton(objective, model, goal=None, theta=None):
    goal = goal or Goal.of(1e-8, 100)
    return Newton(objective, model, goal).solve(objective.start() if theta is None else theta)


@pytest.fixture
def count_hessians(monkeypatch):
    """Return a list of the strides of all Hessians that are formed."""
    strides, original = [], Objective.value_gradient_hessian

    def counted(self, theta, *, single=False, stride=1):
        strides.append(stride)
        return original(self, theta, single=single, stride=stride)

    monkeypatch.setattr(Objective, "value_gradient_hessian", counted)
    return strides


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("strength", [0.0, 0.01])
@pytest.mark.parametrize("name", BOUNDS)
@pytest.mark.parametrize("density", [None, 0.5])
def test_exact_hessians_with_l1_and_bounds_reach_the_optimum_of_scipy(
    log_loss_problem, log_loss_data, bounds_of, name, strength, n_classes, density
):
    X, y = log_loss_data(n_classes=n_classes, density=density)
    lower, upper = bounds_of(name, (12, 1 if n_classes == 2 else n_classes))
    factor = np.append(0.0, np.exp2(np.arange(11) % 5 - 2))[:, None]
    problem = log_loss_problem(
        X, y, l1=strength * factor, l2=0.01 * factor, lower=lower, upper=upper
    )
    objective = problem.objective()
    result = newton(objective, ExactHessian(objective))
    assert result.converged
    coef_intercept = objective.coef_intercept(result.theta)
    assert problem.violation(*coef_intercept) <= 1e-8
    assert problem.value(*coef_intercept) <= problem.optimum() * (1 + 1e-12)


def test_few_hessians_are_formed_where_they_are_costly(
    log_loss_problem, log_loss_data, count_hessians
):
    X, y = log_loss_data(3000, 150)
    objective = log_loss_problem(X, y, l2=1e-3).objective()
    assert not ExactHessian(objective).is_cheap
    result = newton(objective, ExactHessian(objective), Goal.of(1e-10, 100))
    assert result.converged
    # Near the optimum one serves several steps.
    assert len(count_hessians) < result.n_iter
    small = log_loss_problem(X[:100, :5], y[:100], l2=1e-3).objective()
    assert ExactHessian(small).is_cheap


@pytest.mark.parametrize("l1", [0.0, 0.01])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_blocks_of_rows_make_hessians(
    log_loss_problem, log_loss_data, count_hessians, n_classes, l1
):
    X, y = log_loss_data(40_000, 40, n_classes)
    problem = log_loss_problem(X, y, l1=l1, l2=1e-3)
    objective = problem.objective(n_threads=2)
    result = newton(objective, ExactHessian(objective, stride=6))
    assert result.converged
    assert count_hessians[0] == 6
    # All rows make one next to the optimum at most.
    assert count_hessians == sorted(count_hessians, reverse=True)
    assert problem.violation(*objective.coef_intercept(result.theta)) <= 1e-8


def test_blocks_of_rows_make_new_hessians_on_the_way(log_loss_problem, count_hessians):
    # The classes overlap little, so that the Hessian changes much on the way from zero, and that of
    # all rows costs as much as dozens of passes.
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60_000, 30))
    score = X @ rng.standard_normal((30, 10)) + rng.gumbel(size=(60_000, 10))
    problem = log_loss_problem(X, np.argmax(score, axis=1), l2=1e-5)
    objective = problem.objective()
    result = newton(objective, ExactHessian(objective, stride=12))
    assert result.converged
    assert count_hessians[:2] == [12, 12]
    assert problem.violation(*objective.coef_intercept(result.theta)) <= 1e-8


@pytest.mark.parametrize("l1", [0.0, 0.01])
@pytest.mark.parametrize("is_rough", [False, True])
def test_the_hessian_of_a_subset_is_adopted(
    log_loss_problem, log_loss_data, count_hessians, is_rough, l1
):
    X, y = log_loss_data(8000, 100)
    problem = log_loss_problem(X, y, l1=l1, l2=1e-3)
    objective = problem.objective()
    part = objective.replace(samples=objective.samples.take(np.arange(4000)))
    of_part = ExactHessian(part, is_rough=True)
    rough = newton(part, of_part, Goal.of(1e-8, 100).part(gap=1e-5))
    assert rough.converged
    n_before = len(count_hessians)
    model = ExactHessian(objective, is_rough=is_rough)
    model.adopt(of_part)
    result = newton(objective, model, theta=rough.theta)
    assert result.converged
    assert problem.violation(*objective.coef_intercept(result.theta)) <= 1e-8
    if not is_rough:
        # The first steps need none of the whole.
        assert len(count_hessians) - n_before < result.n_iter
    # What was adopted is given back where it led nowhere.
    model.adopt(of_part)
    model.forget()
    assert model.evaluate(rough.theta).hessian is not None


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_similar_problem_guides_without_a_hessian_of_its_own(
    log_loss_problem, log_loss_data, count_hessians, n_classes
):
    X, y = log_loss_data(3000, 120, n_classes)
    strong = log_loss_problem(X, y, l2=2e-3).objective()
    first = ExactHessian(strong)
    start = newton(strong, first)
    guide = first.solve_hessian_at(start.theta)
    problem = log_loss_problem(X, y, l2=1e-3)
    objective = strong.replace(penalty=problem.penalty)
    count_hessians.clear()
    model = ExactHessian(objective, guide=guide, is_guided=True)
    result = newton(objective, model, theta=start.theta)
    assert result.converged
    assert not count_hessians
    assert problem.violation(*objective.coef_intercept(result.theta)) <= 1e-8


def test_a_guide_that_misleads_is_left(log_loss_problem, log_loss_data):
    X, y = log_loss_data(3000, 120)
    problem = log_loss_problem(X, y, l2=1e-3)
    objective = problem.objective()
    scales = np.exp2(np.arange(121) % 9 - 4)
    model = ExactHessian(objective, guide=lambda b: b * scales, is_guided=True)
    result = newton(objective, model)
    assert result.converged
    assert problem.violation(*objective.coef_intercept(result.theta)) <= 1e-8


@pytest.mark.parametrize("n_classes", [2, 3])
def test_solve_hessian_at_is_that_of_numpy(log_loss_problem, log_loss_data, n_classes):
    X, y = log_loss_data(300, 20, n_classes)
    objective = log_loss_problem(X, y, l2=0.1).objective()
    theta = np.random.default_rng(0).normal(size=objective.n_parameters) / 10
    lower = np.tril(objective.value_gradient_hessian(theta).hessian)
    hessian = lower + np.tril(lower, -1).T
    # In the range: the classes' intercepts have a direction without curvature.
    b = hessian @ np.random.default_rng(1).normal(size=len(theta))
    x = ExactHessian(objective).solve_hessian_at(theta)(b)
    # Rows without a thousandth of the curvature may be left out.
    np.testing.assert_allclose(hessian @ x, b, rtol=0, atol=1e-2 * np.abs(b).max())


@pytest.mark.parametrize("l2", [0.0, 0.1, np.array([[0.0], [0.1], [0.0], [0.2]])], ids=str)
def test_class_shift_gets_curvature_and_steps_stay(log_loss_problem, log_loss_data, l2):
    X, y = log_loss_data(200, 4, 3)
    objective = log_loss_problem(X, y, l2=l2).objective()
    theta = np.random.default_rng(0).normal(size=objective.n_parameters) / 10
    point = objective.value_gradient_hessian(theta)
    if np.ndim(l2) == 0 and l2 == 0:
        # Equal changes of all classes cost nothing, nor does the gradient see them.
        shift = np.tile(np.eye(5)[0][:, None], 3).ravel()
        assert abs(point.gradient @ shift) < 1e-14
    lower = np.tril(point.hessian)
    hessian = lower + np.tril(lower, -1).T
    fixed = lower.copy()
    fix_class_shift(fixed, objective)
    fixed = np.tril(fixed) + np.tril(fixed, -1).T
    assert np.linalg.eigvalsh(fixed)[0] > 1e-3
    step = np.linalg.solve(fixed, -point.gradient)
    np.testing.assert_allclose(hessian @ step, -point.gradient, rtol=0, atol=1e-12)


@pytest.mark.parametrize("l1_ratio", [0.0, 1.0])
@pytest.mark.parametrize("order", ["random", "by class", "copies of few", "weights on few"])
def test_the_optimum_does_not_depend_on_the_blocks(order, l1_ratio):
    rng = np.random.default_rng(0)
    X = rng.integers(-3, 4, size=(14_000, 250)).astype(np.float64)
    y = (X[:, 0] + 3 * rng.logistic(size=14_000) > 0).astype(np.float64)
    weight = None
    if order == "by class":
        rows = np.lexsort([X[:, 0], y])
        X, y = X[rows], y[rows]
    elif order == "copies of few":
        # A block has copies of two rows at most, and all the Hessian's blocks together of 40.
        X, y = np.repeat(X[::200], 200, axis=0), np.repeat(y[::200], 200)
    elif order == "weights on few":
        weight = (np.arange(len(X)) % 3000 < 600).astype(np.float64)
    clf = LogLossClassifier(C=0.05, l1_ratio=l1_ratio, tol=1e-8).fit(X, y, weight)
    assert (clf.plan_.hessian_stride > 1) == (order != "weights on few")
    row_weight = np.ones(len(X)) if weight is None else weight
    p = 1 / (1 + np.exp(-clf.decision_function(X)))
    gradient = X.T @ (row_weight * (p - y)) / row_weight.sum()
    strength = 1 / (0.05 * row_weight.sum())
    coef = clf.coef_[0]
    if l1_ratio == 0:
        gradient += strength * coef
    else:
        gradient = np.where(
            coef != 0,
            gradient + strength * np.sign(coef),
            np.maximum(np.abs(gradient) - strength, 0),
        )
    assert np.abs(gradient).max() <= 1e-8
    assert abs(row_weight @ (p - y)) / row_weight.sum() <= 1e-8


# Rare classes, from which the mean of the Hessian's blocks is far.
@pytest.mark.parametrize("tol", [1e-4, 1e-10])
@pytest.mark.parametrize(("skew", "strength"), [(0.5, 3), (0.8, 2), (1.2, 1)])
def test_rare_classes_reach_the_optimum(skew, strength, tol, plain_objective):
    rng = np.random.default_rng(5)
    X = rng.normal(size=(1500, 100))
    raw_prediction = X @ rng.normal(size=(100, 10)) * strength / 10 - skew * np.arange(10)
    y = (raw_prediction + rng.gumbel(size=raw_prediction.shape)).argmax(axis=1)
    clf = LogLossClassifier(tol=tol).fit(X, y)
    assert clf.solver_ == "newton-cholesky"
    objective = plain_objective(X, y)
    expected = LogLossClassifier(solver="newton-cg", tol=1e-10).fit(X, y)
    # 1e-11 is what tol promises; so are sums of 1,500 terms exact, and more.
    assert objective.value(clf) <= (1 + 1e-11) * objective.value(expected)


def test_the_class_mean_is_given_up_after_half_of_the_iterations(log_loss_problem, log_loss_data):
    X, y = log_loss_data(n_classes=3)
    objective = log_loss_problem(X, y, l2=1e-6).objective()
    result = newton(objective, ClassMeanHessian(objective, 8), Goal.of(1e-12, 8))
    assert result.verdict is Verdict.STALLED
    assert result.n_iter == 4


@pytest.fixture
def count_gradients(monkeypatch):
    """Return a list with an entry for each pass for the gradient."""
    passes, original = [], Objective.value_gradient

    def counted(self, theta, *, curvature=False):
        passes.append(theta)
        return original(self, theta, curvature=curvature)

    monkeypatch.setattr(Objective, "value_gradient", counted)
    return passes


def test_steps_of_the_class_mean_are_seldom_halved(
    log_loss_problem, log_loss_data, count_gradients
):
    # Few rows of each class: all are told apart, and most curvature is that of few rows.
    X, y = log_loss_data(400, 80, 40)
    objective = log_loss_problem(X, y, l2=1 / 400).objective()
    result = newton(objective, ClassMeanHessian(objective, 100), Goal.of(1e-4, 100))
    # Each class mean takes one pass more. Unscaled, two steps in three were halved.
    assert len(count_gradients) <= 1.4 * result.n_iter


@pytest.mark.parametrize("n_features", [100, 200])
def test_the_class_mean_takes_few_passes_beside_its_steps(
    log_loss_problem, count_gradients, n_features
):
    rng = np.random.default_rng(1)
    n_samples, y = 5 * n_features, np.arange(5 * n_features) % 50
    X = rng.normal(size=(50, n_features))[y] + rng.normal(size=(n_samples, n_features))
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    objective = log_loss_problem(X, y, l2=1e-3).objective()
    result = newton(objective, ClassMeanHessian(objective, 1000), Goal.of(1e-4, 1000))
    assert result.converged
    # The second of two class means takes one pass at a point that is known, as no other step does.
    # Where rounding errors hide which value is lower, the slope tells.
    n_points = len({theta.tobytes() for theta in count_gradients})
    assert len(count_gradients) <= n_points + 1
    assert n_points <= 1.25 * result.n_iter


def test_a_class_mean_is_not_taken_anew_for_the_last_step(
    log_loss_problem, log_loss_data, count_gradients
):
    # A strong penalty leaves one class much like the other: a step gains two digits.
    X, y = log_loss_data(400, 40, 10)
    objective = log_loss_problem(X, y, l2=10.0).objective()
    result = newton(objective, ClassMeanHessian(objective, 100), Goal.of(1e-4, 100).part(gap=1e-6))
    assert result.converged
    n_points = len({theta.tobytes() for theta in count_gradients})
    assert len(count_gradients) == n_points


def test_rows_of_the_classes_spare_steps_where_these_are_many(
    log_loss_problem, count_gradients, monkeypatch
):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 40))[np.arange(600) % 200] + rng.normal(size=(600, 40))
    objective = log_loss_problem(X, np.arange(600) % 200, l2=1e-3).objective()
    if not objective.samples.design.has_class_grams:
        pytest.skip("built without vector types")
    monkeypatch.setattr(hessians, "steps_per_class_blocks", lambda objective: np.inf)
    results, n_passes = [], []
    for cost in (0, np.inf):
        monkeypatch.setattr(hessians, "steps_per_class_rows", lambda objective, cost=cost: cost)
        model = ClassMeanHessian(objective, 1000)
        model.max_steps = 1000
        results.append(newton(objective, model, Goal.of(1e-4, 1000)))
        n_passes.append(len(count_gradients) - sum(n_passes))
    assert all(result.converged for result in results)
    assert n_passes[0] < 0.8 * n_passes[1]
    # 1e-11 is what the default tol promises.
    assert results[0].value <= results[1].value * (1 + 1e-11)


def test_class_blocks_spare_most_steps_where_rows_tell_classes_apart(
    log_loss_problem, count_gradients, monkeypatch
):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2000, 30))
    y = np.argmax(X @ rng.normal(size=(30, 20)) + rng.gumbel(size=(2000, 20)), axis=1)
    objective = log_loss_problem(X, y, l2=1e-3).objective()
    if not objective.samples.design.has_class_grams:
        pytest.skip("built without vector types")
    results, n_passes = [], []
    for has_blocks in (True, False):
        if not has_blocks:
            monkeypatch.setattr(hessians, "steps_per_class_blocks", lambda objective: np.inf)
        model = ClassMeanHessian(objective, 1000)
        model.max_steps = 1000
        results.append(newton(objective, model))
        assert model.has_blocks == has_blocks
        n_passes.append(len(count_gradients) - sum(n_passes))
    assert all(result.converged for result in results)
    assert 2 * n_passes[0] < n_passes[1]
    # 1e-11 is what the default tol promises.
    assert results[0].value <= results[1].value * (1 + 1e-11)


def test_class_blocks_solve_where_the_sum_over_the_classes_is_zero():
    rng = np.random.default_rng(0)
    A = rng.normal(size=(4, 8, 6))
    blocks = np.einsum("kij,kil->kjl", A, A)
    diagonal, factors = np.einsum("kjj->jk", blocks), [CholeskyFactor(b) for b in blocks.copy()]
    solve = ClassBlocks(diagonal, lambda b: solve_blocks(factors, b)).solve
    b = rng.normal(size=(6, 4))
    b -= b.mean(axis=1, keepdims=True)
    x = solve(b.ravel()).reshape(6, 4)
    # A sum of four terms, each some hundred roundings of it from the condition of a block.
    atol = 1e4 * np.finfo(np.float64).eps * np.abs(x).max()
    np.testing.assert_allclose(x.sum(axis=1), 0, atol=atol)
    # The equations hold but for what is the same in all classes.
    own = np.stack([np.linalg.solve(block, b[:, k]) for k, block in enumerate(blocks)], axis=1)
    np.testing.assert_allclose(x, own - own.mean(axis=1, keepdims=True), atol=atol)
    # It is symmetric and positive definite, also beside such steps.
    whole = np.stack([solve(column) for column in np.eye(24)])
    np.testing.assert_allclose(whole, whole.T, atol=1e4 * np.finfo(float).eps * np.abs(whole).max())
    assert np.linalg.eigvalsh((whole + whole.T) / 2)[0] > 0


@pytest.mark.parametrize("spread", [0.0, 1.2])
def test_the_diagonal_serves_steps_whose_sum_over_the_classes_is_zero(
    log_loss_problem, monkeypatch, spread
):
    # Classes as frequent as each other, or less and less frequent; columns with common factors.
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 10)) @ rng.normal(size=(10, 300)) / 3 + rng.normal(size=(600, 300))
    scores = X @ rng.normal(size=(300, 3))
    scores = 2 * scores / scores.std() - spread * np.arange(3)
    y = np.argmax(scores + rng.gumbel(size=scores.shape), axis=1)
    objective = log_loss_problem(X, y, l2=1 / 600).objective()
    products, original = [], Objective.hessian_product
    monkeypatch.setattr(
        Objective, "hessian_product", lambda *args: products.append(1) or original(*args)
    )
    monkeypatch.setattr(hessians, "products_per_class_mean", lambda objective: np.inf)
    assert newton(objective, HessianProducts(objective)).converged
    n_products = len(products)
    monkeypatch.setattr(
        ClassBlocks, "solve", lambda self, b: self.solve_blocks(b.reshape(-1, 3)).ravel()
    )
    assert newton(objective, HessianProducts(objective)).converged
    assert n_products < 0.9 * (len(products) - n_products)


@pytest.fixture
def learnt_class_mean(log_loss_problem, log_loss_data):
    """An objective of 40 classes, the model that has led to its optimum, and theta there."""
    X, y = log_loss_data(400, 80, 40)
    objective = log_loss_problem(X, y, l2=1 / 400).objective()
    mean = ClassMeanHessian(objective, 40)
    return objective, mean, newton(objective, mean, Goal.of(1e-4, 40)).theta


def test_an_adopted_inverse_spares_the_pass_for_the_diagonal(learnt_class_mean, monkeypatch):
    objective, mean, theta = learnt_class_mean
    monkeypatch.delattr(Objective, "hessian_diagonal")
    products = HessianProducts(objective)
    products.adopt(mean)
    assert newton(objective, products, Goal.of(1e-4, 40), theta).converged


def test_class_blocks_are_taken_anew_where_a_weak_penalty_lets_the_loss_fall(
    log_loss_problem, monkeypatch
):
    X, y = load_digits(return_X_y=True)
    objective = log_loss_problem(X / 16, y, l2=1 / (1e4 * len(y))).objective()
    values, take_blocks = [], ClassMeanHessian._take_blocks

    def counted(self, point):
        values.append(point.value)
        take_blocks(self, point)

    monkeypatch.setattr(ClassMeanHessian, "_take_blocks", counted)
    with_blocks = newton(objective, ClassMeanHessian(objective, 100))
    assert len(values) > 1
    assert all(2 * after <= before for before, after in pairwise(values))
    monkeypatch.setattr(hessians, "steps_per_class_blocks", lambda objective: np.inf)
    without = newton(objective, ClassMeanHessian(objective, 100))
    assert with_blocks.n_iter <= without.n_iter
    assert 2 * with_blocks.value < without.value


def test_class_blocks_that_overflow_are_not_taken(log_loss_problem, log_loss_data, monkeypatch):
    X, y = log_loss_data(2000, 30, 20)
    objective = log_loss_problem(X, y, l2=1e-3).objective()
    monkeypatch.setattr(
        Objective, "class_hessians", lambda self, theta: np.full((20, 31, 31), np.inf)
    )
    model = ClassMeanHessian(objective, 1000)
    model.max_steps = 1000
    assert newton(objective, model).converged
    assert not model.has_blocks


def test_products_take_over_what_the_class_mean_has_learnt(learnt_class_mean, monkeypatch):
    objective, mean, theta = learnt_class_mean
    count, original = [], Objective.hessian_product
    monkeypatch.setattr(
        Objective, "hessian_product", lambda *arguments: count.append(1) or original(*arguments)
    )
    n_products = []
    for model in (None, mean):
        products = HessianProducts(objective)
        if model is not None:
            products.adopt(model)
        assert newton(objective, products, Goal.of(1e-4, 40), theta).converged
        n_products.append(len(count) - sum(n_products))
    assert n_products[1] < n_products[0]


@pytest.mark.parametrize("has_l2", [False, True])
@pytest.mark.parametrize("is_weighted", [False, True])
def test_products_in_float32_reach_the_optimum(
    log_loss_problem, log_loss_data, has_l2, is_weighted
):
    X, y = log_loss_data(200, 40, 4, density=0.2)
    weight = np.random.default_rng(1).exponential(size=200) if is_weighted else None
    problem = log_loss_problem(X, y, l2=0.01 if has_l2 else 1e-6, weight=weight)
    objective = problem.objective()
    results = [
        newton(objective, HessianProducts(objective, is_sparse_softmax=is_sparse_softmax))
        for is_sparse_softmax in (False, True)
    ]
    optimum = problem.optimum()
    for result in results:
        assert result.converged
        assert problem.violation(*objective.coef_intercept(result.theta)) <= 1e-8
        # What tol asks for at most.
        assert result.value <= optimum * (1 + 1e-11)


def test_products_solve_for_the_step_roughly_at_first(log_loss_problem, log_loss_data, monkeypatch):
    X, y = log_loss_data(500, 60)
    objective = log_loss_problem(X, y, l2=1e-4).objective()
    n_products, original = [], Objective.hessian_product
    # The Hessian itself as the preconditioner would solve each time at once.
    monkeypatch.setattr(hessians, "products_per_class_mean", lambda objective: np.inf)

    def counted(self, evaluation, direction):
        n_products[-1] += 1
        return original(self, evaluation, direction)

    monkeypatch.setattr(Objective, "hessian_product", counted)
    model, stopping = HessianProducts(objective), Stopping(objective, Goal.of(1e-10, 100))
    theta = objective.start()
    for _ in range(8):
        n_products.append(0)
        point = model.evaluate(theta)
        direction = model.direction(point, stopping)
        stopping.look(point, -float(point.gradient @ direction), 0, model)
        theta = theta + direction
    assert n_products[0] < n_products[-1]
    assert objective.value_gradient(theta).max_gradient < 1e-6


def test_a_second_fit_goes_on_where_one_of_few_rows_stopped():
    # The first has learnt nothing that the second lacks.
    X, y = load_iris(return_X_y=True)
    whole = LogLossClassifier(solver="newton-cg", max_iter=2)
    parts = LogLossClassifier(solver="newton-cg", max_iter=1, warm_start=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole.fit(X, y)
        parts.fit(X, y).fit(X, y)
    # By rounding errors of the coefficients, from which the second fit starts.
    np.testing.assert_allclose(parts.coef_, whole.coef_, rtol=1e-10)


@pytest.mark.parametrize("n_classes", [2, 5])
def test_a_factor_spares_products_once_they_have_cost_as_much(
    log_loss_problem, log_loss_data, monkeypatch, n_classes
):
    X, y = log_loss_data(400, 60, n_classes=n_classes)
    # One direction has most of the variance: the diagonal is a poor preconditioner.
    X = X + 10 * X[:, :1]
    objective = log_loss_problem(X, y, l2=1e-5).objective()
    n_products, n_factors = [], []
    product, mean = Objective.hessian_product, Objective.class_mean_hessian
    monkeypatch.setattr(
        Objective, "hessian_product", lambda *args: n_products.append(1) or product(*args)
    )
    monkeypatch.setattr(
        Objective, "class_mean_hessian", lambda *args: n_factors.append(1) or mean(*args)
    )
    # As if passes over so few rows cost something.
    monkeypatch.setattr(hessians, "SMALL_WORK", 0)
    counts, values = {}, {}
    for cost in (np.inf, 20.0):
        monkeypatch.setattr(hessians, "products_per_class_mean", lambda objective, c=cost: c)
        n_products.clear()
        n_factors.clear()
        result = newton(objective, HessianProducts(objective))
        assert result.converged
        counts[cost], values[cost] = len(n_products), result.value
        assert len(n_factors) <= len(n_products) / cost
    assert n_factors
    assert counts[20.0] < counts[np.inf]
    assert values[20.0] == pytest.approx(values[np.inf], rel=1e-11)


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
def test_losses_that_are_not_convex_take_the_hessian_of_all_rows_once(
    log_loss_problem, log_loss_data, count_hessians, container
):
    X, y = log_loss_data(3000, 12)
    objective = log_loss_problem(container(X), y, l2=0.1).objective()
    objective = objective.replace(loss=FocalLoss(2.0).kernel())
    result = newton(objective, ExactHessian(objective, stride=2))
    assert result.converged
    assert result.curves_upwards
    assert 1 in count_hessians
    lower = np.tril(objective.value_gradient_hessian(result.theta).hessian)
    assert np.linalg.eigvalsh(lower + np.tril(lower, -1).T)[0] > 0


def definite(rng, n):
    root = rng.normal(size=(n, n))
    return root @ root.T + np.eye(n)


def test_update_of_the_inverse_is_the_one_of_bfgs():
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
