"""The plan fits the shape of the data: which solver, which stages, from which start."""

import dataclasses

import numpy as np
import pytest
from scipy import sparse

from sklogloss.linear.samples import Samples, make_design
from sklogloss.losses import BrierLoss, FocalLoss, LogLoss
from sklogloss.penalties import Penalty
from sklogloss.solvers.plan import (
    ENTRIES_WORTH_TAKING,
    MOST_ENTRIES_TAKEN,
    ROWS_PER_PARAMETER,
    SMOOTH_SOLVERS,
    SOLVERS,
    Facts,
    Method,
    Start,
    make_plan,
)

N_SAMPLES = 200_000
EXACT, CLASS_MEAN, PRODUCTS = Method.EXACT, Method.CLASS_MEAN, Method.PRODUCTS
SPARSE_SOFTMAX = Method.SPARSE_SOFTMAX


def facts_of(
    X, target=None, weight=None, *, n_columns=1, loss=None, offset=None, penalty=None, **options
):
    """Return the facts of an X that no one looks at."""
    if target is None:
        target = np.arange(X.shape[0]) % max(n_columns, 2)
    target = np.asfortranarray(np.reshape(target, (X.shape[0], -1)), dtype=X.dtype)
    loss = LogLoss(max(n_columns, 2)) if loss is None else loss
    samples = Samples(make_design(X), target, weight, offset)
    kernel = loss.kernel(target_is_matrix=target.shape[1] > 1)
    penalty = Penalty(l2=1e-3) if penalty is None else penalty
    return Facts.of(samples, kernel, penalty, options.get("fit_intercept", True))


def dense(n_samples, n_features, dtype=np.float64):
    return np.zeros((n_samples, n_features), dtype)  # memory that is never touched


def few_entries(n_samples, n_features, make=sparse.csr_array):
    """Return a sparse array of ten ones in each row."""
    columns = (np.arange(n_samples)[:, None] + np.arange(10) * (n_features // 10)) % n_features
    indptr = np.arange(0, 10 * n_samples + 1, 10)
    X = sparse.csr_array((np.ones(10 * n_samples), columns.ravel(), indptr))
    X.resize(n_samples, n_features)
    return make(X)


def binary_target(n_positive):
    return np.arange(N_SAMPLES) < n_positive


@pytest.mark.parametrize(
    ("n_samples", "n_features", "n_columns", "expected"),
    [
        (1000, 20, 1, "newton-cholesky"),
        (1000, 5, 10, "newton-cholesky"),
        (20, 2000, 1, "newton-cg"),
        (4000, 800, 10, "newton-cholesky"),
        (4000, 3000, 10, "newton-cg"),
        # The Hessian of all rows would cost more, that of a subset does not.
        (4000, 400, 1, "newton-cg"),
        (40_000, 400, 1, "newton-cholesky"),
    ],
)
def test_auto_on_dense_data(n_samples, n_features, n_columns, expected):
    assert expected in SOLVERS
    facts = facts_of(dense(n_samples, n_features), n_columns=n_columns)
    assert make_plan(facts).solver == expected


def test_many_sparse_features_never_form_a_hessian():
    X = sparse.csr_array((1000, 100_000))
    plan = make_plan(facts_of(X))
    assert plan.solver == "newton-cg"
    assert plan.methods == (PRODUCTS,)


L1, BOUNDED = Penalty(l1=1e-3), Penalty(l2=1e-3, lower=0.0)
TABLE = [
    # solver, X, columns, penalty, methods
    ("newton-cholesky", dense(1000, 20), 1, None, (EXACT,)),
    ("newton-cholesky", dense(1000, 20), 3, None, (EXACT,)),
    ("newton-cholesky", dense(4000, 800), 10, None, (CLASS_MEAN, PRODUCTS)),
    ("newton-cholesky", dense(1000, 20), 3, BOUNDED, (EXACT,)),
    ("newton-cholesky", dense(4000, 800), 10, BOUNDED, (PRODUCTS,)),
    ("newton-cg", dense(1000, 20), 3, None, (PRODUCTS, EXACT)),
    ("newton-cg", dense(1000, 800), 3, None, (PRODUCTS,)),
    ("newton-cg", few_entries(1000, 500), 1, None, (PRODUCTS, EXACT)),
    ("newton-cg", few_entries(1000, 500), 3, None, (SPARSE_SOFTMAX, EXACT)),
    ("newton-cg", few_entries(1000, 800), 3, None, (SPARSE_SOFTMAX,)),
    ("newton-cg", few_entries(1000, 500), 3, Penalty(), (PRODUCTS, EXACT)),
    ("newton-cg", few_entries(1000, 500), 3, BOUNDED, (PRODUCTS, EXACT)),
    ("lbfgs", dense(1000, 20), 1, None, (Method.LBFGS, PRODUCTS, EXACT)),
    ("lbfgs", few_entries(1000, 800), 3, None, (Method.LBFGS, SPARSE_SOFTMAX)),
    ("coordinate-descent", dense(1000, 20), 1, L1, (EXACT,)),
    ("coordinate-descent", dense(5000, 400), 10, L1, (PRODUCTS, Method.WORKING_SETS)),
    ("coordinate-descent", dense(20_000, 400), 10, L1, (PRODUCTS,)),
    ("coordinate-descent", dense(1000, 2000), 1, L1, (Method.WORKING_SETS,)),
    # Coefficients whose bounds exclude zero are in every set. Without L1, no set is small.
    ("coordinate-descent", dense(1000, 600), 1, Penalty(l1=0.1, lower=0.1), (Method.WORKING_SETS,)),
    ("coordinate-descent", dense(1000, 600), 1, Penalty(l2=1e-3), (EXACT,)),
]


@pytest.mark.parametrize(("solver", "X", "n_columns", "penalty", "methods"), TABLE)
def test_methods_of_each_solver(solver, X, n_columns, penalty, methods):
    plan = make_plan(facts_of(X, n_columns=n_columns, penalty=penalty), solver)
    assert plan.solver == solver
    assert plan.methods == methods


@pytest.mark.parametrize("loss", [FocalLoss(2.0, 3), BrierLoss(3)], ids=repr)
def test_the_compiled_softmax_is_for_log_loss_alone(loss):
    X = few_entries(1000, 500)
    assert make_plan(facts_of(X, n_columns=3, loss=loss), "newton-cg").methods[0] is PRODUCTS
    penalty = Penalty(l1=1e-3)
    for other, descends in ((loss, False), (LogLoss(12), True)):
        facts = facts_of(few_entries(1000, 2000), n_columns=12, loss=other, penalty=penalty)
        assert make_plan(facts).descends == descends


def test_l1_is_solved_by_coordinate_descent():
    for X in (dense(1000, 20), dense(1000, 2000), few_entries(1000, 2000)):
        assert make_plan(facts_of(X, penalty=L1)).solver == "coordinate-descent"
    factors = Penalty(l1=np.array([[0.0], [1e-3]]))
    assert make_plan(facts_of(dense(100, 2), penalty=factors)).solver == "coordinate-descent"


def test_descent_on_the_objective_is_for_several_classes():
    def descends(X, n_columns, penalty=L1):
        return make_plan(facts_of(X, n_columns=n_columns, penalty=penalty)).descends

    # Few rows for each coefficient, or many classes of sparse data.
    for X in (few_entries(1000, 2000), dense(1000, 2000), dense(50, 200), dense(800, 300)):
        assert descends(X, 3)
        assert descends(X, 12)
        assert not descends(X, 1)
        assert not descends(X, 12, Penalty(l1=1e-3, lower=0.0))
        assert not descends(X, 12, Penalty(l2=1e-3))
    assert descends(few_entries(20_000, 2000), 12)
    assert not descends(few_entries(20_000, 2000), 3)
    assert not descends(dense(10_000, 2000), 12)
    # Beside the loss that soft targets leave, the gains of a descent from zero look small.
    few = dense(50, 200)
    assert make_plan(facts_of(few, n_columns=3, penalty=L1)).start is Start.ZERO
    soft = make_plan(facts_of(few, np.full((50, 3), 1 / 3), n_columns=3, penalty=L1))
    assert soft.descends
    assert soft.start is Start.STRONGER
    # So few coefficients have a small Hessian, and so many entries take too much memory twice.
    assert not descends(dense(30, 60), 3)
    assert not descends(dense(2000, 2001), 3)


@pytest.mark.parametrize("solver", ["newton-cholesky", "newton-cg"])
def test_large_problems_start_on_subsets(solver):
    X = dense(N_SAMPLES, 20)
    plan = make_plan(facts_of(X), solver)
    assert plan.start is Start.SUBSET
    *_, size = plan.subset_sizes
    assert N_SAMPLES / 16 <= size <= N_SAMPLES / 8
    # A subset may have one of its own.
    plan = make_plan(facts_of(dense(2_000_000, 20)), solver)
    small, large = plan.subset_sizes
    assert small <= large / 8 <= 2_000_000 / 64
    assert small >= 4096
    assert make_plan(facts_of(X), "lbfgs").start is Start.ZERO
    # Rows cannot be taken from CSC.
    csc = sparse.csc_array((N_SAMPLES, 20))
    assert make_plan(facts_of(csc), solver).start is Start.ZERO
    assert make_plan(facts_of(csc.tocsr()), solver).start is Start.SUBSET


def has_subset(target, weight=None, *, n_columns=1, n_features=20):
    X = dense(np.shape(target)[0], n_features)
    sizes = make_plan(facts_of(X, target, weight, n_columns=n_columns), "newton-cg").subset_sizes
    return bool(sizes)


def test_rows_without_weight_make_no_subset():
    weight = np.zeros(N_SAMPLES)
    weight[::2] = 1
    target = binary_target(N_SAMPLES // 2)
    assert has_subset(target, weight)
    weight[1000:] = 0
    assert not has_subset(target, weight)


@pytest.mark.parametrize("n_features", [20, 9999])
@pytest.mark.parametrize("n_samples", [1000, N_SAMPLES])
def test_small_problems_have_no_subset(n_features, n_samples):
    # And 500 of 200,000 positives make about 30 of 12,500: too rare.
    assert not has_subset(binary_target(500)[:n_samples], n_features=n_features)


def test_no_class_is_rare_in_the_subset():
    index = np.arange(N_SAMPLES) % 3
    X = dense(N_SAMPLES, 9)
    plan = make_plan(facts_of(X, index, n_columns=3), "newton-cg")
    assert plan.subset_sizes[0] / 3 >= ROWS_PER_PARAMETER
    index[index == 2] = 0
    index[:10] = 2
    assert not has_subset(index, n_columns=3, n_features=9)
    proba = np.full((N_SAMPLES, 3), [0.5, 0.5 - 1e-5, 1e-5])
    assert not has_subset(proba, n_columns=3, n_features=9)
    assert has_subset(np.full((N_SAMPLES, 3), 1 / 3), n_columns=3, n_features=9)


def test_starts_are_followed_on_a_quarter_of_the_rows_at_most():
    def n_rows(target, weight=None, loss=None):
        loss = FocalLoss(2.0) if loss is None else loss
        X = dense(len(target), 400)
        return make_plan(facts_of(X, target, weight, loss=loss)).rows_for_starts

    for n_samples in (10_000, N_SAMPLES):
        assert n_samples / 16 <= n_rows(np.arange(n_samples) % 2) <= n_samples / 4
    assert n_rows(binary_target(500)[:1000]) is None
    assert n_rows(binary_target(500)) is None
    weight = np.zeros(N_SAMPLES)
    weight[::4] = 1
    assert n_rows(binary_target(N_SAMPLES // 2), weight) <= N_SAMPLES / 16
    assert n_rows(np.arange(N_SAMPLES) % 2, loss=LogLoss()) is None


def test_blocks_make_the_first_hessian_of_many_features_and_rows():
    plan = make_plan(facts_of(dense(50_000, 400)), "newton-cholesky")
    assert plan.start is Start.ZERO
    # Enough rows for each parameter, in blocks of which there are some.
    assert plan.hessian_stride >= 4
    assert 50_000 / plan.hessian_stride >= 7 * 401
    assert plan.coordinate_rows <= 5000
    for n_samples, n_features in ((50_000, 20), (5000, 400)):
        plan = make_plan(facts_of(dense(n_samples, n_features)), "newton-cholesky")
        assert plan.hessian_stride == 1


def is_reduced(X, penalty=None, **options):
    return make_plan(facts_of(X, penalty=penalty, **options), "newton-cg").start is Start.ROWS


def test_few_dense_rows_of_many_features_are_solved_in_the_space_of_the_rows():
    assert is_reduced(dense(40, 1200))
    assert is_reduced(dense(40, 1200), n_columns=3)
    assert is_reduced(dense(40, 1200), Penalty(l2=np.full((1200, 1), 0.1)))
    assert not is_reduced(dense(40, 1200), Penalty())
    assert not is_reduced(dense(40, 1200), Penalty(l2=np.arange(1200.0)[:, None]))
    assert not is_reduced(dense(40, 1200), Penalty(l2=1.0, lower=0.0))
    assert not is_reduced(sparse.csr_array(dense(40, 1200)))
    assert not is_reduced(dense(40, 60))
    assert not is_reduced(dense(2001, 6003))
    assert make_plan(facts_of(dense(40, 1200)), "lbfgs").start is Start.ZERO


def test_in_the_space_of_few_rows_the_hessian_is_formed():
    few, many = facts_of(dense(40, 1200)), facts_of(dense(400, 1200))
    assert make_plan(few).method_of_rows is Method.EXACT
    assert make_plan(many).method_of_rows is Method.PRODUCTS
    assert make_plan(few, "newton-cg").method_of_rows is Method.PRODUCTS
    assert make_plan(many, "newton-cholesky").method_of_rows is Method.EXACT
    assert make_plan(facts_of(dense(400, 60))).method_of_rows is None


def test_where_ascent_on_the_dual_is_worth_while():
    X = few_entries(60, 200)

    def ascends(X, n_columns=4, l2=0.02, **options):
        facts = facts_of(X, n_columns=n_columns, penalty=Penalty(l2=l2), **options)
        return make_plan(facts, "newton-cg").start is Start.DUAL

    assert ascends(X)
    assert not ascends(X.tocsc())
    assert not ascends(X.toarray())
    assert not ascends(X[:, :40])
    assert not ascends(X, l2=0.0)
    assert not ascends(X, l2=np.full((200, 1), 0.02))
    assert not ascends(X, n_columns=1)
    assert not ascends(X, offset=np.zeros((60, 4), order="F"))
    assert not ascends(X, loss=FocalLoss(1.0, 4))


@pytest.mark.parametrize("solver", ["auto", *SOLVERS])
@pytest.mark.parametrize("X", [dense(N_SAMPLES, 20), few_entries(60, 200), dense(40, 1200)])
def test_plans_are_pure_functions_of_facts(solver, X):
    penalty = Penalty(l1=1e-3 if solver == "coordinate-descent" else 0, l2=1e-3)
    # The values of X, the threads and the weights' size do not matter, nor who asks and when.
    facts = facts_of(X, n_columns=3, penalty=penalty)
    same = facts_of(X.copy(), weight=np.full(X.shape[0], 3.0), n_columns=3, penalty=penalty)
    assert facts == same
    assert hash(facts) == hash(same)
    assert make_plan(facts, solver) == make_plan(same, solver)
    before = dataclasses.astuple(facts)
    make_plan(facts, solver)
    assert dataclasses.astuple(facts) == before


def test_facts_of_the_penalty():
    X = dense(100, 3)
    assert not facts_of(X, penalty=BOUNDED).is_smooth
    assert facts_of(X, penalty=BOUNDED).is_bounded
    assert facts_of(X, penalty=L1).has_l1
    assert not facts_of(X, penalty=Penalty()).has_l2
    some = facts_of(X, penalty=Penalty(l2=np.array([[1.0], [0.0], [1.0]])))
    assert not some.has_l2
    assert not some.has_equal_l2


def test_facts_of_samples():
    X = few_entries(50, 30)
    facts = facts_of(X, weight=np.arange(50.0), n_columns=3, fit_intercept=False)
    assert (facts.n_samples, facts.n_weighted, facts.n_features) == (50, 49, 30)
    assert (facts.n_columns, facts.n_parameters, facts.n_stored) == (3, 90, 500)
    assert facts.is_sparse
    assert facts.has_rows
    assert not facts.fit_intercept
    assert facts.rarest_class == 16
    assert facts.is_convex
    assert facts.is_log_loss
    assert not facts_of(dense(10, 2), loss=FocalLoss(2.0)).is_convex
    assert not facts_of(dense(10, 2), loss=BrierLoss()).is_log_loss
    assert facts_of(dense(10, 2)).n_parameters == 3


def test_a_plan_without_its_start_has_the_same_methods():
    for X in (dense(N_SAMPLES, 20), dense(40, 1200), dense(50_000, 400)):
        plan = make_plan(facts_of(X), "newton-cholesky")
        other = plan.without_start()
        assert other.methods == plan.methods
        assert other.start is Start.ZERO
        assert other.subset_sizes == ()
        assert other.hessian_stride == 1


def test_l1_without_enough_rows_starts_from_stronger_penalties():
    def start(X, n_columns=1, weight=None, **penalty):
        facts = facts_of(X, weight=weight, n_columns=n_columns, penalty=Penalty(**penalty))
        return make_plan(facts, "auto").start

    # 7 rows of K classes have curvature along 7 (K - 1) of the coefficients and intercepts.
    assert start(dense(21, 20), l1=0.1) is Start.STRONGER
    assert start(dense(22, 20), l1=0.1) is Start.ZERO
    assert start(dense(31, 20), n_columns=3, l1=0.1) is Start.STRONGER
    assert start(dense(32, 20), n_columns=3, l1=0.1) is Start.ZERO
    assert start(dense(100, 5000), l1=0.1) is Start.STRONGER
    # Rows without weight have none, and an L2 penalty does not choose among the coefficients.
    weight = (np.arange(40) < 20).astype(float)
    assert start(dense(40, 20), weight=weight, l1=0.1) is Start.STRONGER
    assert start(dense(21, 20), l2=0.1) is Start.ZERO
    # Coordinate descent on sparse classes takes coefficients in one by one.
    assert start(few_entries(300, 1500), n_columns=5, l1=0.1) is Start.ZERO


@pytest.mark.parametrize(
    ("solver", "X", "n_columns", "words"),
    [
        (
            "newton-cholesky",
            dense(N_SAMPLES, 20),
            1,
            "newton-cholesky: from the solution on random subsets of the rows (12,500), "
            "then Newton steps with the exact Hessian",
        ),
        (
            "lbfgs",
            dense(100, 20),
            1,
            "lbfgs: from zero, then L-BFGS, then Newton steps by conjugate gradients, "
            "then Newton steps with the exact Hessian",
        ),
        (
            "newton-cg",
            dense(40, 1200),
            1,
            "newton-cg: from the solution in the space that the rows span, "
            "then Newton steps by conjugate gradients, then Newton steps with the exact Hessian",
        ),
    ],
)
def test_a_plan_reads(solver, X, n_columns, words):
    assert str(make_plan(facts_of(X, n_columns=n_columns), solver)) == words


def test_every_plan_has_words():
    for solver in SMOOTH_SOLVERS:
        for X in (dense(50_000, 400), few_entries(60, 200), few_entries(1000, 500)):
            plan = make_plan(facts_of(X, n_columns=3), solver)
            words = str(plan)
            assert words.startswith(f"{solver}: from ")
            assert all(method.value in words for method in plan.methods)
            assert plan.start.value in words


@pytest.mark.parametrize("n_features", [1000, 5000])
@pytest.mark.parametrize("solver", ["auto", "newton-cholesky", "lbfgs"])
@pytest.mark.parametrize("is_convex", [True, False])
def test_few_entries_come_from_partitions_elsewhere(n_features, solver, is_convex):
    n_samples = 100_000_000
    of_rows = facts_of(dense(1000, n_features))
    facts = dataclasses.replace(
        of_rows,
        n_samples=n_samples,
        n_weighted=n_samples,
        n_stored=n_samples * n_features,
        is_partitioned=True,
        is_convex=is_convex,
    )
    plan = make_plan(facts, solver)
    rows = max([*plan.subset_sizes, plan.rows_for_starts or 0])
    assert rows * n_features <= MOST_ENTRIES_TAKEN


@pytest.mark.parametrize(
    ("n_features", "rarest", "is_partitioned", "expected"),
    [
        (50, 2_000_000, True, ENTRIES_WORTH_TAKING // 50),
        (500, 2_000_000, True, ROWS_PER_PARAMETER * 501),
        (50, 2_000, True, ROWS_PER_PARAMETER * 2_000),
        # A file that is read in place may be larger than the memory.
        (100, 2_000_000, False, MOST_ENTRIES_TAKEN // 100),
        (1_000, 2_000_000, False, ROWS_PER_PARAMETER * 1_001),
        (20, 2_000_000, False, 4_000_000 // 16),
    ],
)
def test_a_subset_has_no_more_rows_than_help(n_features, rarest, is_partitioned, expected):
    facts = dataclasses.replace(
        facts_of(dense(1000, n_features)),
        n_samples=4_000_000,
        n_weighted=4_000_000,
        n_stored=4_000_000 * n_features,
        rarest_class=rarest,
        is_partitioned=is_partitioned,
    )
    assert max(make_plan(facts).subset_sizes) == expected
