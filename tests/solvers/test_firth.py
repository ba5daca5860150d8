"""Maxima under Jeffreys' prior against the definition, and how the solver ends."""

import warnings

import mpmath
import numpy as np
import pytest
from numpy.testing import assert_allclose

from sklogloss.linear.jeffreys import JeffreysObjective
from sklogloss.linear.objective import balanced_objective
from sklogloss.linear.samples import Samples, make_design
from sklogloss.losses import LogLoss
from sklogloss.penalties import Penalty
from sklogloss.solvers.firth import (
    LEVERAGE_OF_MAXIMA,
    FirthNewton,
    firth_plan,
    solve_firth,
)
from sklogloss.solvers.plan import Start
from sklogloss.solvers.stopping import Goal, Verdict


def make_penalised(X, label, weight=None, offset=None):
    target = np.asarray(label, dtype=np.float64).reshape(-1, 1)
    samples = Samples(make_design(X), target, weight, offset)
    loss = LogLoss(int(max(label)) + 1).kernel()
    objective = balanced_objective(samples, loss, Penalty(), fit_intercept=True)
    return JeffreysObjective(objective, 1 / samples.weight_sum)


def solve(penalised, tol=1e-10, max_iter=100):
    goal = Goal.of(tol, max_iter)
    return solve_firth(firth_plan(penalised), penalised, goal)


def coefficients(result):
    """Return the coefficients and intercepts of all classes but the first, flat."""
    coef, intercept = result.objective.coef_intercept(result.theta)
    table = np.vstack([coef, intercept])
    return (table if table.shape[1] == 1 else table[:, 1:] - table[:, :1]).T.ravel()


def defined_maximum(X, label, start):
    """Return where the derivatives of l + ln |I| / 2 vanish, by 40 digits of mpmath."""
    n_classes, rows = max(label) + 1, [[mpmath.mpf(x) for x in row] + [1] for row in X.tolist()]
    size = len(rows[0])

    def value(*theta):
        information = mpmath.zeros((n_classes - 1) * size)
        total = mpmath.mpf(0)
        for x, k in zip(rows, label, strict=True):
            raw = [mpmath.mpf(0)] + [
                mpmath.fdot(theta[i * size : (i + 1) * size], x) for i in range(n_classes - 1)
            ]
            norm = mpmath.fsum(map(mpmath.exp, raw))
            p = [mpmath.exp(z) / norm for z in raw[1:]]
            total += raw[k] - mpmath.log(norm)
            for i in range((n_classes - 1) * size):
                for j in range((n_classes - 1) * size):
                    a, b = i // size, j // size
                    entry = p[a] * ((a == b) - p[b])
                    information[i, j] += entry * x[i % size] * x[j % size]
        return total + mpmath.log(mpmath.det(information)) / 2

    step = mpmath.mpf("1e-12")

    def gradient(*theta):
        theta = list(theta)
        return [
            (
                value(*theta[:i], theta[i] + step, *theta[i + 1 :])
                - value(*theta[:i], theta[i] - step, *theta[i + 1 :])
            )
            / (2 * step)
            for i in range(len(theta))
        ]

    with mpmath.workdps(40):
        return np.array(
            [float(x) for x in mpmath.findroot(gradient, list(start), tol=1e-18, maxsteps=20)]
        )


SMALL = [
    # Separated, by the first feature alone.
    (
        [[0.5, 1.0], [1.0, -1.0], [1.5, 0.0], [3.0, 0.5], [3.5, -2.0], [4.0, 1.5]],
        [0, 0, 0, 1, 1, 1],
    ),
    # Overlapping.
    (
        [[0.5, 1.0], [1.0, -1.0], [1.5, 0.0], [3.0, 0.5], [3.5, -2.0], [4.0, 1.5]],
        [0, 1, 0, 1, 0, 1],
    ),
    # Three classes, of which one is separated.
    ([[0.0], [1.0], [2.0], [1.0], [2.0], [0.5], [5.0], [6.0]], [0, 0, 0, 1, 1, 1, 2, 2]),
]


@pytest.mark.parametrize(("X", "label"), SMALL)
def test_solution_is_the_defined_maximum(X, label):
    X = np.array(X)
    found = coefficients(solve(make_penalised(X, label)))
    # The start is theirs to a digit: the reference has a root nearby, and only there.
    expected = defined_maximum(X, label, found.round(1))
    assert_allclose(found, expected, rtol=1e-8, atol=1e-8)


def test_two_groups_add_half_a_sample_to_each_cell():
    # Firth's method on a saturated model is Haldane's and Anscombe's log-odds.
    X = np.repeat([0.0, 1.0], [7, 4]).reshape(-1, 1)
    label = [0] * 7 + [0, 1, 1, 1]
    slope, intercept = coefficients(solve(make_penalised(X, label)))
    assert_allclose(intercept, np.log(0.5 / 7.5), rtol=1e-10)
    assert_allclose(slope, np.log(3.5 / 1.5) - np.log(0.5 / 7.5), rtol=1e-10)


@pytest.mark.parametrize("n_features", [1, 20])
def test_separated_classes_need_few_steps(n_features):
    # With the information alone instead of secants 26 and 35 steps.
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, n_features))
    X[:, 0] = np.linspace(-3, 3, 50)
    penalised = make_penalised(X, (X[:, 0] > 0).astype(int))
    start = penalised.look(penalised.start())
    result = FirthNewton(penalised, Goal.of(1e-6, 100)).solve(start)
    assert result.verdict is Verdict.CONVERGED
    assert result.n_iter <= 20


def highest_on_a_grid(x, label, offset, half_width):
    """Return the largest l + ln |I| / 2 of a grid of slopes and intercepts, by the definition."""
    slope, intercept = np.meshgrid(*[np.linspace(-half_width, half_width, 601)] * 2)
    raw = slope[..., None] * x + intercept[..., None] + offset
    # Where p is the probability of the class that came, that of the other is p exp(towards_other).
    towards_other = np.where(label, -raw, raw)
    log_p = -np.logaddexp(0, towards_other)
    weight = np.exp(2 * log_p + towards_other)
    sums = np.moveaxis(weight @ x[:, None] ** np.arange(3), -1, 0)
    determinant = sums[0] * sums[2] - sums[1] ** 2
    with np.errstate(all="ignore"):
        return np.nanmax(log_p.sum(axis=-1) + np.log(determinant) / 2)


@pytest.mark.parametrize("seed", [3, 5, 54])
def test_of_several_maxima_the_higher_one_is_taken(seed):
    # From even probabilities alone the solver ends 0.9 to 3.2 nats below the highest maximum.
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(10, 1))
    label = (X @ rng.normal(size=1) > 0).astype(int)
    offset = 3 * rng.normal(size=10)
    penalised = make_penalised(X, label, offset=offset.reshape(-1, 1))
    result = solve(penalised)
    assert result.verdict.is_solved
    assert result.has_several_maxima
    coef, intercept = result.objective.coef_intercept(result.theta)
    # The definition at the estimate alone, then on a grid around it.
    x = X[:, 0]
    found = highest_on_a_grid(x, label, offset + coef[0, 0] * x + intercept[0], 0)
    assert found >= highest_on_a_grid(x, label, offset, 20)
    first = FirthNewton(penalised, Goal.of(1e-10, 100)).solve(penalised.look(penalised.start()))
    assert penalised.look(result.theta).value < penalised.look(first.theta).value - 0.01


def test_one_maximum_is_not_called_several():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20, 2))
    result = solve(make_penalised(X, (X[:, 0] > 0).astype(int)))
    assert result.last_point.typical_leverage > LEVERAGE_OF_MAXIMA  # it has started twice
    assert not result.has_several_maxima


@pytest.mark.parametrize("n_classes", [2, 3])
def test_start_on_a_subset_leads_to_the_same_solution(n_classes):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(5_000, 4))
    raw = np.column_stack([X[:, k] + 1.5 * rng.gumbel(size=len(X)) for k in range(n_classes)])
    penalised = make_penalised(X, raw.argmax(axis=1))
    plan = firth_plan(penalised)
    assert plan.start is Start.SUBSET
    results = [
        solve_firth(one, penalised, Goal.of(1e-4, 100)) for one in (plan, plan.without_start())
    ]
    # A relative gap of 1e-11 of the mean objective, times 5,000 rows, is 5e-8 nats: 3e-4 standard
    # errors of 0.03 to 0.05.
    assert_allclose(results[0].theta, results[1].theta, rtol=0, atol=1.5e-5)


def test_few_passes_with_leverages_follow_a_subset(monkeypatch):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(5_000, 20))
    label = (X @ rng.normal(size=20) - 2 + rng.logistic(size=len(X)) > 0).astype(int)
    penalised, counts = make_penalised(X, label), []
    plan, complete = firth_plan(penalised), JeffreysObjective.complete

    def counted(self, *arguments, **options):
        counts[-1] += self.objective.samples.n_samples == len(X)
        return complete(self, *arguments, **options)

    monkeypatch.setattr(JeffreysObjective, "complete", counted)
    for one in (plan, plan.without_start()):
        counts.append(0)
        assert solve_firth(one, penalised, Goal.of(1e-4, 100)).verdict.is_solved
    # Newton's method that starts next to the solution squares what is left: two steps, not seven.
    assert counts[0] <= 2
    assert counts[1] >= 2 * counts[0]


def test_subset_without_some_of_the_columns_is_no_start():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(5_000, 3))
    X[:, 2] = 0
    X[[7, 8], 2] = 1
    label = rng.integers(2, size=len(X))
    label[[7, 8]] = 1
    result = solve(make_penalised(X, label))
    assert result.verdict.is_solved
    # Two rows of one class, beside which the others hardly matter: ln(2.5 / 0.5).
    assert_allclose(coefficients(result)[2], np.log(5), atol=0.1)


def test_tol_of_zero_ends_at_rounding_errors():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 5))
    result = solve(make_penalised(X, rng.integers(2, size=100)), tol=0, max_iter=50)
    assert result.verdict is Verdict.ROUNDING
    assert result.max_gradient < 1e-14


def test_max_iter_ends_the_steps():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 5))
    result = solve(make_penalised(X, (X[:, 0] > 0).astype(int)), max_iter=2)
    assert result.verdict is Verdict.MAX_ITER
    assert result.n_iter == 2


def test_steps_are_printed(capsys):
    X = np.arange(8.0).reshape(-1, 1)
    penalised = make_penalised(X, [0, 0, 0, 1, 0, 1, 1, 1])
    solve_firth(firth_plan(penalised), penalised, Goal.of(1e-4, 100, 1))
    assert "iteration 0: penalised objective" in capsys.readouterr().out


def test_x_that_is_not_finite_is_an_overflow():
    X = np.array([[0.0], [np.nan], [2.0], [3.0]])
    assert solve(make_penalised(X, [0, 1, 0, 1])).verdict is Verdict.OVERFLOW


@pytest.mark.parametrize("scale", [1e-150, 1e-6, 1e6, 1e150])
def test_scale_of_a_column_scales_its_coefficient(scale):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 2))
    label = (X[:, 0] > 0).astype(int)
    expected = coefficients(solve(make_penalised(X, label)))
    scaled = coefficients(solve(make_penalised(X * [scale, 1], label)))
    assert_allclose(scaled * [scale, 1, 1], expected, rtol=1e-8)


@pytest.mark.parametrize("seed", range(8))
def test_uneven_weights_offsets_and_a_rare_category_have_their_maximum(seed):
    firthmodels = pytest.importorskip("firthmodels")
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(150, 4))
    X[:, 0] = rng.random(150) < 0.02
    X[0, 0] = 1
    label = (X[:, 1] + rng.logistic(size=150) > 0).astype(int)
    weight, offset = 10 ** rng.uniform(-3, 3, size=150), 10 * rng.normal(size=150)
    target = label.astype(np.float64).reshape(-1, 1)
    samples = Samples(make_design(X), target, weight, offset.reshape(-1, 1))
    objective = balanced_objective(samples, LogLoss(2).kernel(), Penalty(), fit_intercept=True)
    penalised = JeffreysObjective(objective, 1 / samples.weight_sum)
    result = solve(penalised, tol=1e-6)
    assert result.verdict.is_solved
    other = firthmodels.FirthLogisticRegression(max_iter=500, max_halfstep=50)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        other.fit(X, label, sample_weight=weight, offset=offset)
    # There may be several maxima: it is no lower, by the rounding errors of the sum.
    theirs = objective.theta(other.coef_[:, None], np.array([other.intercept_]))
    value = penalised.look(theirs).value
    assert penalised.look(result.theta).value <= value + 1e-9 * abs(value)
