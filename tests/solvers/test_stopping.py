"""Whether to stop: each verdict from points that call for it, and bounds of what is left."""

from types import SimpleNamespace

import numpy as np
import pytest

from sklogloss.linear.objective import Coordinates, Evaluation, Objective
from sklogloss.linear.samples import Samples, make_design
from sklogloss.losses import LogLoss
from sklogloss.penalties import Penalty
from sklogloss.solvers.newton import ExactHessian, Newton
from sklogloss.solvers.stopping import (
    Goal,
    Knowledge,
    SolverResult,
    Stopping,
    Verdict,
    decrement_of,
    progress,
    suboptimality_bound,
)

EPS = np.finfo(np.float64).eps
GOAL = Goal.of(1e-4, 100)


def make_objective(penalty=None, *, target=None, weight=None, n_classes=2, dtype=np.float64):
    X = np.random.default_rng(0).normal(size=(20, 3)).astype(dtype)
    target = np.arange(20) % n_classes if target is None else target
    target = np.asfortranarray(np.reshape(target, (20, -1)), dtype=dtype)
    samples = Samples(make_design(X), target, weight)
    kernel = LogLoss(n_classes).kernel(target_is_matrix=target.shape[1] > 1)
    penalty = Penalty(l2=0.1) if penalty is None else penalty
    plain = Coordinates(np.zeros(3), np.ones(3), kernel.n_columns, True)
    return Objective(samples, kernel, penalty, plain)


def at(value, max_gradient=1e-9):
    return Evaluation(np.zeros(4), value, np.full(4, max_gradient), max_gradient)


def model(knowledge=Knowledge.EXACT, **changes):
    facts = {"doubt": 1, "patience": 8, "max_steps": np.inf, "promises_are_real": True}
    return SimpleNamespace(knowledge=knowledge, **{**facts, **changes})


def look(decrements, *, value=0.5, max_gradient=1e-9, goal=GOAL, objective=None, of=None):
    """Return the last verdict on points whose steps promise these decrements."""
    stopping = Stopping(make_objective() if objective is None else objective, goal)
    verdicts = [
        stopping.look(at(value, max_gradient), decrement, n_iter, model() if of is None else of)
        for n_iter, decrement in enumerate(decrements)
    ]
    assert all(verdict is Verdict.GO_ON for verdict in verdicts[:-1]), verdicts
    return verdicts[-1]


def test_tol_asks_for_a_relative_gap():
    assert Goal.of(1e-4, 100).gap == 1e-11
    assert Goal.of(1e-1, 100).gap == pytest.approx(1e-9, rel=1e-12)
    # No smaller than rounding allows, no larger than is worth a pass.
    assert Goal.of(0.0, 100).gap == 1e-11
    assert Goal.of(1e3, 100).gap == 1e-6
    assert Goal.of(1e-4, 100, gap=1e-3).gap == 1e-3


def test_goals_derived_from_another():
    goal = Goal.of(1e-4, 100, verbose=1)
    assert goal.part(n_iter=30) == Goal.of(1e-4, 70, verbose=1)
    assert not goal.is_loose
    loose = goal.part(gap=1e-5)
    assert loose.is_loose
    assert (loose.tol, loose.max_iter, loose.gap, loose.verbose) == (np.inf, 100, 1e-5, 1)
    assert goal.part("fold 1").part("penalty 2", n_iter=1).name == "fold 1, penalty 2"


def test_verdicts_say_whether_and_why():
    solved = {Verdict.CONVERGED, Verdict.ROUNDING, Verdict.SEPARABLE, Verdict.STOPPED}
    assert {verdict for verdict in Verdict if verdict.is_solved} == solved
    assert {v for v in Verdict if v.is_sound} == {Verdict.CONVERGED, Verdict.SEPARABLE}
    named = {verdict for verdict in Verdict if verdict.reason(7)}
    assert named == set(Verdict) - solved - {Verdict.GO_ON}
    assert "max_iter=7" in Verdict.MAX_ITER.reason(7)
    assert "overflows" in Verdict.OVERFLOW.reason(7)


@pytest.mark.parametrize("knowledge", Knowledge)
def test_converged_where_the_step_promises_next_to_nothing(knowledge):
    for max_gradient, verdict in ((1e-4, Verdict.CONVERGED), (1.1e-4, Verdict.GO_ON)):
        assert look([1e-17], max_gradient=max_gradient, of=model(knowledge)) is verdict


def test_an_exact_hessian_squares_what_is_left():
    # A gap of 1e-11 is left before the step, and the square of that after it; or the rate of the
    # last steps says so.
    assert look([1e-11]) is Verdict.CONVERGED
    assert look([1e-9]) is Verdict.GO_ON
    assert look([1e-3, 1e-10]) is Verdict.CONVERGED
    assert look([1e-9, 1e-10]) is Verdict.GO_ON
    # With a Hessian that has learnt, the last step counts by its rate alone.
    stale = model(Knowledge.STALE)
    assert look([1e-11], of=stale) is Verdict.GO_ON
    assert look([1e-3, 1e-10], of=stale) is Verdict.CONVERGED
    assert look([1e-3, 1e-10], of=model(Knowledge.STALE, doubt=100)) is Verdict.GO_ON
    # A rough one leaves as much as the step promises, more or less.
    assert look([1e-3, 1e-11], of=model(Knowledge.ROUGH)) is Verdict.GO_ON


def test_a_step_that_promises_less_than_nothing_is_not_the_last():
    assert look([-1e-20]) is Verdict.GO_ON


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_overflow(bad):
    assert look([bad]) is Verdict.OVERFLOW
    assert look([1.0], value=bad) is Verdict.OVERFLOW


def test_rounding_where_the_decrement_ceases_to_fall_above_tol():
    # Three steps that do not halve the decrement, of the root of eps at most.
    assert look([1e-10, 1e-10, 1e-10, 1e-10], max_gradient=1.0) is Verdict.ROUNDING
    assert look([1e-10, 1e-10, 1e-10], max_gradient=1.0) is Verdict.GO_ON
    assert look([1e-10, 4e-11, 1e-11, 4e-12, 1e-12], max_gradient=1.0) is Verdict.GO_ON
    rough = model(promises_are_real=False)
    assert look([1e-10] * 4, max_gradient=1.0, of=rough) is Verdict.GO_ON
    assert look([1e-6] * 4, max_gradient=1.0) is Verdict.GO_ON
    single = make_objective(dtype=np.float32)
    assert look([1e-6] * 4, max_gradient=1.0, objective=single) is Verdict.ROUNDING
    # What is left must be small beside the objective, too, however little that is.
    assert look([1.0] * 4, value=1e-13, max_gradient=1.0) is Verdict.GO_ON
    assert look([1e-18] * 4, value=1e-13, max_gradient=1.0) is Verdict.GO_ON
    assert look([1e-20] * 4, value=1e-13, max_gradient=1.0) is Verdict.ROUNDING
    # Slow steps come before those that solve the model to all digits.
    l1 = make_objective(Penalty(l1=0.1))
    assert look([1e-10] * 6, max_gradient=1.0, objective=l1) is Verdict.GO_ON
    assert look([1e-10] * 7, max_gradient=1.0, objective=l1) is Verdict.ROUNDING


def test_stalled_where_patience_or_steps_end():
    assert look([1.0] * 8, max_gradient=1.0) is Verdict.GO_ON
    assert look([1.0] * 9, max_gradient=1.0) is Verdict.STALLED
    assert look([1.0] * 6, max_gradient=1.0, of=model(max_steps=5)) is Verdict.STALLED


def test_max_iter():
    goal = Goal.of(1e-4, 2)
    assert look([1.0, 0.1, 0.01], goal=goal) is Verdict.MAX_ITER
    assert look([1.0, 0.1, 1.1e-6], goal=goal) is Verdict.MAX_ITER
    # What the last step promises is less than anyone would miss.
    assert look([1.0, 0.1, 9e-7], goal=goal) is Verdict.CONVERGED
    assert look([1.0, 0.1, 9e-7], goal=goal, max_gradient=1e-3) is Verdict.MAX_ITER
    l1 = make_objective(Penalty(l1=0.1))
    assert look([1.0, 0.1, 9e-7], goal=goal, objective=l1) is Verdict.MAX_ITER


SOFT = np.linspace(0, 1, 20)


@pytest.mark.parametrize(
    ("options", "value", "is_separated"),
    [
        ({}, 1e-8, True),
        ({}, 1e-5, False),
        ({"n_classes": 3}, 1e-8, True),
        ({"target": np.eye(3)[np.arange(20) % 3], "n_classes": 3}, 1e-8, True),
        ({"target": np.full((20, 3), 1 / 3), "n_classes": 3}, 1e-8, False),
        ({"target": SOFT}, 1e-8, False),
        ({"penalty": Penalty(l2=1e-9)}, 1e-8, False),
        ({"penalty": Penalty(l1=1e-9)}, 1e-8, False),
        ({"penalty": Penalty(lower=0.0)}, 1e-8, False),
        # All on the lightest sample, it would be a loss of 20 times as much.
        ({}, 9e-7, False),
        ({"weight": np.append(0.0, np.ones(19))}, 1e-8, True),
        ({"weight": np.append(1e-4, np.ones(19))}, 1e-8, False),
    ],
)
def test_separable_where_a_loss_this_small_has_no_optimum(options, value, is_separated):
    objective = make_objective(**{"penalty": Penalty(), **options})
    assert Stopping(objective, GOAL).is_separated(value) == is_separated
    # Steps promise too much, for ever.
    expected = Verdict.SEPARABLE if is_separated else Verdict.GO_ON
    assert look([value], value=value, objective=objective) is expected
    assert look([value], value=value, objective=objective, max_gradient=1.0) is Verdict.GO_ON


def test_decrement_is_what_the_model_promises():
    objective = make_objective(Penalty(l1=0.3))
    gradient, theta = np.array([1.0, -2.0, 0.5, 0.1]), np.array([0.5, 0.0, -1.0, 2.0])
    point, direction = Evaluation(theta, 0.0, gradient, 0.0), np.array([-1.0, 1.0, 1.0, 1.0])
    change = 0.3 * (np.abs(theta + direction)[:3].sum() - np.abs(theta)[:3].sum())
    expected = -(gradient @ direction) - change
    assert decrement_of(objective, point, direction) == pytest.approx(expected, rel=1e-14)


def test_results_carry_value_and_gradient_at_their_own_theta():
    objective = make_objective()
    first = objective.value_gradient(np.zeros(4))
    theta = np.full(4, 0.1)
    result = SolverResult(objective, theta, 3, Verdict.CONVERGED, first)
    expected = objective.value_gradient(theta)
    assert result.converged
    assert result.value == expected.value != first.value
    assert result.max_gradient == expected.max_gradient
    assert result.point is result.point
    # Without another pass where the last point is the end.
    at_end = SolverResult(objective, first.theta, 3, Verdict.MAX_ITER, first)
    assert at_end.point is first
    assert not at_end.converged


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("per_feature", [False, True])
def test_bound_of_the_suboptimality(
    log_loss_problem, log_loss_data, n_classes, l1_ratio, per_feature
):
    X, y = log_loss_data(300, 20, n_classes)
    strength = 0.02 * (np.exp2(np.arange(20) % 5 - 2)[:, None] if per_feature else 1)
    problem = log_loss_problem(X, y, l1=l1_ratio * strength, l2=(1 - l1_ratio) * strength)
    objective = problem.objective()

    def solve(n_iter):
        goal = Goal.of(1e-10, n_iter)
        return Newton(objective, ExactHessian(objective), goal).solve(objective.start())

    best = solve(100)
    assert best.converged
    optimum = problem.optimum()
    for n_iter in range(1, best.n_iter):
        point = objective.value_gradient(solve(n_iter).theta)
        gap = suboptimality_bound(objective, point)
        assert point.value - optimum <= gap + 1e-13
    assert gap < 1e-4


def test_progress_tells_the_duality_gap_where_there_is_one():
    point = at(0.5, 0.01)
    line = "objective 0.5, largest gradient 0.01"
    assert progress(make_objective(), point) == line
    assert progress(make_objective(Penalty(l1=0.1)), point).startswith(f"{line}, duality gap ")
    # Coefficients that nothing bounds leave none.
    factors = Penalty(l1=np.array([[0.1], [0.0], [0.1]]))
    assert progress(make_objective(factors), point) == line
    assert progress(make_objective(Penalty(l1=0.1, lower=0.0)), point) == line
