"""Working sets of features under an L1 penalty: all features are looked at in the end."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import make_classification

from sklogloss import LogLossClassifier, logloss_path
from sklogloss.linear.objective import Objective
from sklogloss.solvers.stopping import Goal, Verdict
from sklogloss.solvers.working_set import WorkingSets

pytestmark = pytest.mark.filterwarnings("error")


def solve(objective, goal=None, theta=None, **options):
    solver = WorkingSets(objective, goal or Goal.of(1e-7, 200), **options)
    return solver.solve(objective.start() if theta is None else theta)


@pytest.fixture
def sizes_of_sets(monkeypatch):
    """Return a list of the sizes of all working sets."""
    sizes, original = [], Objective.restricted

    def restricted(self, features):
        sizes.append(len(features))
        return original(self, features)

    monkeypatch.setattr(Objective, "restricted", restricted)
    return sizes


@pytest.mark.parametrize(("n_classes", "density"), [(2, None), (2, 0.1), (3, None), (3, 0.1)])
@pytest.mark.parametrize("case", ["l1", "elastic net", "positive", "factors", "offset"])
def test_conditions_of_the_optimum_hold(
    log_loss_problem, log_loss_data, sizes_of_sets, case, n_classes, density
):
    X, y = log_loss_data(150, 1500, n_classes, density=density)
    options = {"l1": 0.02}
    if case == "elastic net":
        options = {"l1": 0.015, "l2": 0.01}
    elif case == "positive":
        options["lower"] = 0.0
    elif case == "factors":
        # Some features have no penalty.
        options["l1"] = 0.02 * (np.arange(1500) % 500 > 0)[:, None]
        options["l2"] = 0.01
    elif case == "offset":
        n_columns = 1 if n_classes == 2 else n_classes
        options["offset"] = np.random.default_rng(1).normal(size=(150, n_columns))
    problem = log_loss_problem(X, y, **options)
    objective = problem.objective()
    result = solve(objective)
    assert result.converged
    coef_intercept = objective.coef_intercept(result.theta)
    # The objective is convex: where the conditions hold is the optimum.
    assert problem.violation(*coef_intercept) <= 1e-7
    if n_classes == 2 and density is None:
        assert problem.value(*coef_intercept) <= problem.optimum() * (1 + 1e-9)
    assert len(sizes_of_sets) > 0
    assert max(sizes_of_sets) <= 1500 / 2


@pytest.mark.parametrize("n_classes", [3, 12])
def test_descent_on_the_objective_may_come_first(log_loss_problem, log_loss_data, n_classes):
    X, y = log_loss_data(150, 600, n_classes, density=0.1)
    problem = log_loss_problem(X, y, l1=0.005)
    objective = problem.objective()
    results = [solve(objective, descends=descends) for descends in (False, True)]
    for result in results:
        assert result.converged
        assert problem.violation(*objective.coef_intercept(result.theta)) <= 1e-7
    assert results[0].value == pytest.approx(results[1].value, rel=1e-10)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_strong_rule_saves_passes_and_misses_nothing(
    log_loss_problem, log_loss_data, sizes_of_sets, n_classes
):
    X, y = log_loss_data(150, 1500, n_classes)
    strong = log_loss_problem(X, y, l1=0.03)
    objective = strong.objective()
    first = solve(objective)
    for l1 in (0.028, 0.01):
        problem = log_loss_problem(X, y, l1=l1)
        weaker = objective.replace(penalty=problem.penalty)
        sizes_of_sets.clear()
        result = solve(weaker, theta=first.theta, stronger=(first.point, 0.03))
        assert result.converged
        assert problem.violation(*weaker.coef_intercept(result.theta)) <= 1e-7
        if l1 == 0.028:
            n_nonzero = np.count_nonzero(objective.coef_intercept(result.theta)[0].any(axis=1))
            # Few but those that are needed: a penalty of 0.026 is how far the rule looks.
            assert sizes_of_sets[0] <= 4 * n_nonzero


def test_where_most_features_are_needed_all_are_solved_at_once(
    log_loss_problem, log_loss_data, sizes_of_sets
):
    X, y = log_loss_data(2000, 40)
    problem = log_loss_problem(X, y, l1=1e-5)
    objective = problem.objective()
    result = solve(objective)
    assert result.converged
    assert not sizes_of_sets
    assert problem.violation(*objective.coef_intercept(result.theta)) <= 1e-7


@pytest.mark.parametrize("n_classes", [2, 3])
def test_intercept_alone_is_found_at_a_loose_tol(log_loss_problem, log_loss_data, n_classes):
    # No feature has a say under so strong a penalty; what is left is the entropy of the classes.
    X, _ = log_loss_data(80, 700)
    y = np.arange(80) % 10 % 7 % n_classes
    share = np.bincount(y) / len(y)
    problem = log_loss_problem(X, y, l1=100.0)
    objective = problem.objective()
    result = solve(objective, Goal.of(10.0, 100))
    coef, intercept = objective.coef_intercept(result.theta)
    assert not coef.any()
    # tol=10 asks for the optimum within a millionth.
    assert problem.value(coef, intercept) == pytest.approx(-share @ np.log(share), rel=1e-6)


@pytest.mark.parametrize("max_iter", [0, 1, 3])
def test_max_iter_is_for_all_sets_together(log_loss_problem, log_loss_data, max_iter):
    X, y = log_loss_data(150, 1500)
    objective = log_loss_problem(X, y, l1=0.001).objective()
    result = solve(objective, Goal.of(1e-10, max_iter))
    assert result.verdict is Verdict.MAX_ITER
    assert result.n_iter == max_iter
    if max_iter == 0:
        assert not result.theta.any()


def test_overflow(log_loss_problem, log_loss_data):
    X, y = log_loss_data(80, 700)
    objective = log_loss_problem(X, y, l1=0.01).objective()
    result = solve(objective, theta=np.full(objective.n_parameters, np.inf))
    assert result.verdict is Verdict.OVERFLOW


def test_many_features_that_promise_more_than_there_is_to_gain():
    # Together, 1,200 features of 20 classes promised so much that the first set was taken for
    # solved, and fits ended at zero.
    X, y = make_classification(
        n_samples=60,
        n_features=1200,
        n_informative=40,
        n_redundant=0,
        n_classes=20,
        n_clusters_per_class=1,
        class_sep=2,
        random_state=0,
    )

    def value(X):
        clf = LogLossClassifier(l1_ratio=1).fit(X, y)
        surprise = -clf.predict_log_proba(X)[np.arange(60), y].sum()
        return surprise + np.abs(clf.coef_).sum()

    # Of sparse X, coordinate descent on the objective comes first. Both are within 1e-11.
    assert value(X) == pytest.approx(value(sparse.csr_array(X)), rel=2e-11)


def test_a_start_that_only_looks_solved_is_solved():
    # What the path is extrapolated to has next to no violation, and was taken for the solution.
    rng = np.random.default_rng(92)
    X, y = rng.normal(size=(8, 1121)), rng.integers(0, 2, 8)
    y[:2] = 0, 1
    loose, tight = (logloss_path(X, y, Cs=10, l1_ratio=1, tol=tol) for tol in (1e-4, 1e-9))
    for C, *ends in zip(
        loose.Cs, loose.coefs, loose.intercepts, tight.coefs, tight.intercepts, strict=True
    ):
        value, least = (
            C * np.logaddexp(0, (1 - 2 * y) * (X @ np.ravel(coef) + intercept)).sum()
            + np.abs(coef).sum()
            for coef, intercept in zip(ends[::2], ends[1::2], strict=True)
        )
        # The promise under an L1 penalty.
        assert value <= least * (1 + 1e-6)
