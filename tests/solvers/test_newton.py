"""Newton's skeleton: line search, ends, and what the result says, for every model."""

from dataclasses import replace

import numpy as np
import pytest

from sklogloss.losses import BrierLoss
from sklogloss.solvers.hessians import ClassMeanHessian, HessianProducts
from sklogloss.solvers.newton import ExactHessian, HessianModel, Newton
from sklogloss.solvers.proximal_products import ProximalProducts
from sklogloss.solvers.stopping import Goal, Knowledge, SolverResult, Verdict

pytestmark = pytest.mark.filterwarnings("error")

MODELS = {
    "exact": ExactHessian,
    "products": HessianProducts,
    "proximal": ProximalProducts,
    "class mean": lambda objective: ClassMeanHessian(objective, 100),
}
every_model = pytest.mark.parametrize("model", MODELS)


def newton(objective, model, goal=None):
    return Newton(objective, MODELS[model](objective), goal or Goal.of(1e-8, 100))


@every_model
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("has_offset", [False, True])
def test_optimum_is_that_of_scipy(
    log_loss_problem, log_loss_data, model, n_classes, fit_intercept, has_offset
):
    X, y = log_loss_data(n_classes=n_classes)
    rng = np.random.default_rng(1)
    offset = rng.normal(size=(len(y), 1 if n_classes == 2 else n_classes)) if has_offset else None
    weight = rng.exponential(size=len(y))
    problem = log_loss_problem(
        X, y, l2=0.01, weight=weight, offset=offset, fit_intercept=fit_intercept
    )
    objective = problem.objective()
    result = newton(objective, model).solve(objective.start())
    assert result.converged
    coef_intercept = objective.coef_intercept(result.theta)
    assert problem.violation(*coef_intercept) <= 1e-8
    assert problem.value(*coef_intercept) <= problem.optimum() * (1 + 1e-13)
    assert result.value == pytest.approx(problem.value(*coef_intercept), rel=1e-13)


def test_a_step_that_leaves_most_of_the_slope_is_made_longer(log_loss_problem, log_loss_data):
    class Timid(ExactHessian):
        def direction(self, point, stopping):
            step = super().direction(point, stopping) / 8
            self.minimiser = point.theta + step
            return step

    X, y = log_loss_data(n_classes=2)
    problem = log_loss_problem(X, y, l1=1e-6, l2=0.01)
    objective = problem.objective()
    optimum = newton(objective, "exact").solve(objective.start()).theta

    def part_of_gain(theta):
        value = objective.value_gradient(theta).value
        result = Newton(objective, Timid(objective), Goal.of(1e-8, 1)).solve(theta)
        return (value - result.value) / (value - problem.optimum())

    # After a quarter of Newton's step, three quarters of the slope are left; half of the step gains
    # three quarters of what the whole one does.
    assert part_of_gain(0.99 * optimum) > 0.7
    # Far away, where curvature may vanish, an eighth gains 1 - (7 / 8)^2 = 0.23.
    assert part_of_gain(objective.start()) < 0.3


# The mean of the classes may learn too slowly there, and stall.
@pytest.mark.parametrize("model", ["exact", "products", "proximal"])
def test_a_start_on_the_wrong_side_is_as_good(log_loss_problem, log_loss_data, model):
    # With a mean loss of many times ln 3.
    X, y = log_loss_data(n_classes=3)
    problem = log_loss_problem(X, y, l2=0.01)
    objective = problem.objective()
    theta = 3 * np.random.default_rng(0).normal(size=objective.n_parameters)
    result = newton(objective, model).solve(theta)
    assert result.start_value == pytest.approx(objective.value_gradient(theta).value, rel=1e-12)
    assert result.start_value > 5
    assert result.converged
    assert result.value <= problem.optimum() * (1 + 1e-13)


class HalfWrong(HessianModel):
    """Directions that are those of steepest descent, too long by far, or lead upwards."""

    knowledge = Knowledge.ROUGH

    def __init__(self, objective, length):
        self.objective, self.length = objective, length
        self.values = []

    def evaluate(self, theta):
        point = self.objective.value_gradient(theta)
        self.values.append(point.value)
        return point

    def direction(self, point, stopping):
        return -self.length * point.gradient


def test_each_point_is_lower_than_the_one_before(log_loss_problem, log_loss_data):
    X, y = log_loss_data()
    problem = log_loss_problem(X, y, l2=0.01)
    objective = problem.objective()
    model = HalfWrong(objective, length=1e6)
    values = []
    for n_iter in range(1, 10):
        result = Newton(objective, model, Goal.of(1e-8, n_iter)).solve(objective.start())
        assert result.verdict is Verdict.MAX_ITER
        values.append(result.value)
    assert np.all(np.diff(values) < 0)


def test_no_lower_point_is_a_stall(log_loss_problem, log_loss_data):
    X, y = log_loss_data()
    objective = log_loss_problem(X, y, l2=0.01).objective()
    result = Newton(objective, HalfWrong(objective, -1.0), Goal.of(1e-8, 100)).solve(
        objective.start()
    )
    assert result.verdict is Verdict.STALLED
    np.testing.assert_array_equal(result.theta, objective.start())


@pytest.mark.parametrize("model", ["exact", "products"])
@pytest.mark.parametrize("size", [1e200, np.inf])
def test_overflow_is_a_verdict_and_no_warning(log_loss_problem, log_loss_data, model, size):
    X, y = log_loss_data()
    objective = log_loss_problem(X, y, l2=0.01).objective()
    theta = np.full(objective.n_parameters, size)
    result = newton(objective, model).solve(theta)
    assert result.verdict is Verdict.OVERFLOW
    assert not result.converged


@every_model
@pytest.mark.parametrize("max_iter", [0, 1, 2])
def test_max_iter(log_loss_problem, log_loss_data, model, max_iter):
    X, y = log_loss_data(n_classes=3)
    objective = log_loss_problem(X, y, l2=1e-4).objective()
    result = newton(objective, model, Goal.of(1e-8, max_iter)).solve(objective.start())
    assert result.verdict is Verdict.MAX_ITER
    assert result.n_iter == max_iter
    if max_iter == 0:
        np.testing.assert_array_equal(result.theta, objective.start())


@every_model
def test_the_optimum_is_an_end_at_once(log_loss_problem, log_loss_data, model):
    X, y = log_loss_data(n_classes=3)
    objective = log_loss_problem(X, y, l2=0.01).objective()
    first = newton(objective, model).solve(objective.start())
    again = newton(objective, model).solve(first.theta)
    assert again.converged
    assert again.n_iter <= 2
    assert again.value <= first.value * (1 + 1e-15)


@pytest.mark.parametrize(("l2", "by_gradient"), [(0.0, True), (1e-3, False)])
def test_a_last_step_without_a_penalty_must_flatten(
    log_loss_problem, log_loss_data, monkeypatch, l2, by_gradient
):
    # Without a penalty the last step may run along what separates the classes: the value falls
    # there, whatever happens to the gradient. Under a penalty the value decides.
    X, y = log_loss_data()
    objective = log_loss_problem(X, y, l2=l2).objective()
    # This gap is loose enough to look at the end of the last step under a penalty, too.
    solver = newton(objective, "exact", Goal.of(1e-4, 100, gap=1e-3))
    point = objective.value_gradient(objective.start())
    lower_and_steeper = replace(point, value=0.5 * point.value, max_gradient=2 * point.max_gradient)
    higher_and_flatter = replace(point, value=2 * point.value, max_gradient=point.max_gradient / 2)
    for last, is_taken in ((higher_and_flatter, by_gradient), (lower_and_steeper, not by_gradient)):
        monkeypatch.setattr(objective, "value_gradient", lambda theta, last=last: last)
        result = SolverResult(objective, point.theta, 0, Verdict.CONVERGED, point)
        solver._take_last_step(result, last.theta, rounding=0.0)
        assert (result.last_point is last) is is_taken


@pytest.mark.parametrize(("length", "is_looked_at"), [(1e-3, False), (0.1, True)])
def test_the_end_of_a_long_last_step_under_a_penalty_is_looked_at(
    log_loss_problem, log_loss_data, monkeypatch, length, is_looked_at
):
    # A step may promise little and be long, where curvature has vanished.
    X, y = log_loss_data()
    objective = log_loss_problem(X, y, l2=1e-3).objective()
    solver = newton(objective, "exact", Goal.of(1e-4, 100))
    point = objective.value_gradient(objective.start())
    higher = replace(point, theta=point.theta + 1, value=2 * point.value)
    monkeypatch.setattr(objective, "value_gradient", lambda theta: higher)
    direction = np.full_like(point.theta, length)
    result = SolverResult(objective, point.theta, 0, Verdict.CONVERGED, point, direction)
    solver._take_last_step(result, point.theta + direction, rounding=0.0)
    assert (result.theta is point.theta) is is_looked_at


def test_the_end_of_a_long_last_step_without_a_penalty_is_looked_at(
    log_loss_problem, log_loss_data
):
    X, y = log_loss_data()
    objective = log_loss_problem(X, y, l2=0.0).objective()
    result = newton(objective, "exact", Goal.of(1e-4, 100)).solve(objective.start())
    assert result.last_point.theta is not result.theta
    assert result.point.max_gradient <= result.last_point.max_gradient
    # All samples are separated: every step moves the margins by about one.
    separated = log_loss_problem(X, (X[:, 0] > 0).astype(float), l2=0.0).objective()
    result = newton(separated, "exact", Goal.of(1e-4, 100)).solve(separated.start())
    assert result.last_point.theta is result.theta


def test_a_start_that_is_worse_than_zero_is_not_taken(log_loss_problem, log_loss_data):
    X, y = log_loss_data()
    objective = log_loss_problem(X, y, l2=0.01).objective()
    zero = objective.value_gradient(objective.start()).value
    theta = np.full(objective.n_parameters, 100.0)
    for start, at_most, expected in (
        (theta, zero, zero),
        (theta, np.inf, objective.value_gradient(theta).value),
        (np.full(objective.n_parameters, 1e-3), 1.0, None),
    ):
        result = newton(objective, "exact").solve(start, at_most=at_most)
        assert result.converged
        if expected is None:
            expected = objective.value_gradient(start).value
        assert result.start_value == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", ["none", "positive", "box", "mixed", "fixed"])
@pytest.mark.parametrize("model", ["exact", "proximal"])
def test_points_are_within_the_bounds_exactly(
    log_loss_problem, log_loss_data, bounds_of, model, name
):
    X, y = log_loss_data(n_classes=3)
    lower, upper = bounds_of(name, (12, 3))
    problem = log_loss_problem(X, y, l1=0.01, l2=0.01, lower=lower, upper=upper)
    objective = problem.objective()
    for max_iter in (1, 2, 100):
        result = newton(objective, model, Goal.of(1e-8, max_iter)).solve(objective.start())
        coef, _ = objective.coef_intercept(result.theta)
        assert np.all((lower <= coef) & (coef <= upper))
    assert result.converged


@pytest.mark.parametrize("solver_model", ["exact", "products"])
def test_verbose_prints_a_line_for_each_iteration(
    log_loss_problem, log_loss_data, capsys, solver_model
):
    X, y = log_loss_data()
    objective = log_loss_problem(X, y, l2=0.01).objective()
    result = newton(objective, solver_model, Goal.of(1e-8, 100, verbose=1)).solve(objective.start())
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == result.n_iter
    for i, line in enumerate(lines):
        assert line.startswith(f"iteration {i}: objective 0.")
        assert "expected decrease " in line


def test_a_minimum_is_known_to_curve_upwards_where_the_hessian_is_exact(
    log_loss_problem, log_loss_data
):
    X, y = log_loss_data()
    objective = log_loss_problem(X, y, l2=0.01).objective()
    objective = objective.replace(loss=BrierLoss().kernel())
    assert not objective.loss.is_convex
    result = newton(objective, "exact").solve(objective.start())
    assert result.converged
    assert result.curves_upwards
