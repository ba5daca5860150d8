"""Which stages solve a problem, and why: one pure function of the facts before a fit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

from sklogloss._cython.data_pass import N_SLOTS
from sklogloss.linear.limits import LARGEST_HESSIAN, ROWS_PER_PARAMETER_OF_HESSIAN

from .costs import costs_of

__all__ = ["SMOOTH_SOLVERS", "SOLVERS", "Facts", "Method", "Plan", "Start", "make_plan"]

# Those that minimise an objective without an L1 penalty.
SMOOTH_SOLVERS = ("newton-cholesky", "newton-cg", "lbfgs")
SOLVERS = (*SMOOTH_SOLVERS, "coordinate-descent")

# Products that conjugate gradients make in one Newton step (5: +158 % on 20,000 x 500; 80: +253 %
# on 5,000 x 100, K = 6, rare classes).
PRODUCTS_PER_STEP = 20
# Above this number of parameters, the Hessian and its factor take more than half a gigabyte (600:
# +36 % on digits[:600], cross-validation).
MANY_PARAMETERS = 6000
# Maximum number of entries of a random subset of the rows, unless the rows are not partitioned and
# the parameters need more. The subset is copied, or transferred to where the solver runs. 144
# megabytes, half of a symmetric Hessian.
MOST_ENTRIES_TAKEN = MANY_PARAMETERS**2 // 2
# Entries of partitioned rows that are worth a transfer, if they are ROWS_PER_PARAMETER: 18
# megabytes. A few more rows save no pass (400,000 x 20 and 300,000 x 50: as many with an eighth).
ENTRIES_WORTH_TAKING = MOST_ENTRIES_TAKEN // 8
# A random subset has at least this fraction of the rows, unless that exceeds the maximum above, and
# at most twice this fraction (1 / 64: +35 % on 100,000 x 20).
SUBSET_FRACTION = 1 / 16
# Minimum number of rows of a subset. As many rows determine center and scale (1024: +27 % on
# 11,000 x 6; 16,384: +35 % on 100,000 x 20).
SMALLEST_SUBSET = 4096
# Minimum number of rows for each parameter in a subset whose solution is close to that of all rows.
# With fewer rows of a class, its coefficients are mostly noise (12: +20 % on 40,000 x 200; 200:
# +56 % on 100,000 x 100).
ROWS_PER_PARAMETER = 50
# Maximum of rows times (classes - 1), for each parameter, for coordinate descent on the objective
# before working sets. With few rows, a weak penalty decides which coefficients are not zero (1:
# tests/solvers/test_solve.py::test_few_rows_of_several_classes_take_few_products fails).
EQUATIONS_PER_PARAMETER = 4
# Minimum number of features that fit a working set. There must be more than twice as many (64:
# +93 % on 300 x 2,000, K = 5, L1, bounds). This many coefficients of several classes are worth a
# descent on the objective.
SMALLEST_SET = 256


@dataclass(frozen=True)
class Facts:
    """What is known about a problem before it is solved.

    Attributes
    ----------
    n_samples, n_weighted : int
        All rows of X, and the rows with weight.
    n_features, n_columns : int
    n_parameters : int
        Coefficients and intercepts.
    n_stored : int
        Entries that a pass reads.
    block_rows : int
        Rows of a block of a pass.
    is_sparse, has_rows : bool
        Whether X is sparse, and whether rows can be taken from it.
    is_partitioned : bool
        Whether the rows lie in several places, and X nowhere as a whole.
    fits_int32 : bool
        Whether 32-bit indices are large enough for X.
    dtype : str
        The dtype of X.
    fit_intercept, has_offset : bool
    has_soft_classes : bool
        Whether targets are probabilities of several classes.
    rarest_class : float
        Number of rows with weight in the class that has the fewest.
    is_convex, is_log_loss : bool
        Properties of the loss.
    has_l1, has_l2, has_equal_l2, is_bounded, is_smooth : bool
        Properties of the penalty: L1 anywhere, L2 everywhere, the same L2 everywhere, bounds
        anywhere, neither L1 nor bounds.
    """

    n_samples: int
    n_weighted: int
    n_features: int
    n_columns: int
    n_parameters: int
    n_stored: int
    block_rows: int
    is_sparse: bool
    has_rows: bool
    is_partitioned: bool
    fits_int32: bool
    dtype: str
    fit_intercept: bool
    has_offset: bool
    has_soft_classes: bool
    rarest_class: float
    is_convex: bool
    is_log_loss: bool
    has_l1: bool = False
    has_l2: bool = True
    has_equal_l2: bool = True
    is_bounded: bool = False
    is_smooth: bool = True

    @classmethod
    def of(cls, samples, loss, penalty, fit_intercept) -> Facts:
        """Return the facts of samples, a loss and a penalty, without a pass over X."""
        design, rows = samples.design, samples.rows_with_weight
        return cls(
            n_samples=design.n_samples,
            n_weighted=design.n_samples if rows is None else len(rows),
            n_features=design.n_features,
            n_columns=loss.n_columns,
            n_parameters=(design.n_features + fit_intercept) * loss.n_columns,
            n_stored=design.n_stored,
            block_rows=design.block_rows,
            is_sparse=design.is_sparse,
            has_rows=design.has_rows,
            is_partitioned=samples.is_partitioned,
            fits_int32=max(design.n_samples, design.n_features) < 2**31,
            dtype=samples.dtype.name,
            fit_intercept=fit_intercept,
            has_offset=samples.offset is not None,
            has_soft_classes=not samples.is_partitioned and samples.target.shape[1] > 1,
            rarest_class=samples.rarest_class(loss.n_columns),
            is_convex=loss.is_convex,
            is_log_loss=loss.is_log_loss,
            has_l1=penalty.has_l1,
            has_l2=penalty.has_l2_everywhere,
            has_equal_l2=np.ndim(penalty.l2) == 0,
            is_bounded=penalty.is_bounded,
            is_smooth=penalty.is_smooth,
        )

    @property
    def is_softmax(self):
        """Whether the loss is log loss of several classes, and X in one place."""
        return self.n_columns > 1 and self.is_log_loss and not self.is_partitioned

    @property
    def is_sparse_softmax(self):
        """Whether the compiled solvers for log loss of many classes on a sparse X can be used."""
        return self.is_sparse and self.is_softmax


class Method(Enum):
    """The method that solves a stage. `Plan` prints the values."""

    EXACT = "Newton steps with the exact Hessian"
    CLASS_MEAN = "Newton steps with the mean over the classes of the Hessian's blocks"
    PRODUCTS = "Newton steps by conjugate gradients"
    SPARSE_SOFTMAX = "Newton steps by conjugate gradients on sparse classes in float32"
    LBFGS = "L-BFGS"
    MODIFIED_SCORE = "Newton steps with the score that Jeffreys' prior modifies"
    WORKING_SETS = "working sets of the features whose coefficients are not zero"


class Start(Enum):
    """Where a cold start comes from. `Plan` prints the values."""

    ZERO = "from zero"
    SUBSET = "from the solution on random subsets of the rows"
    ROWS = "from the solution in the space that the rows span"
    DUAL = "from coordinate ascent on the dual"
    STRONGER = "from solutions under stronger penalties"


@dataclass(frozen=True)
class Plan:
    """The stages that solve a problem.

    Attributes
    ----------
    solver : str
        One of SOLVERS.
    methods : tuple of Method
        Each continues where the previous one stalled.
    start : Start
    method_of_rows : Method or None
        The method in the space that the rows span.
    subset_sizes : tuple of int
        Sizes of nested random subsets of the rows, solved one after the other from small to large.
    hessian_stride : int
        On the way, only every stride-th block of rows contributes to the Hessian.
    descends : bool
        Whether coordinate descent on the objective runs before the working sets.
    coordinate_rows : int or None
        Number of rows that determine center and scale of the columns, None for all.
    rows_for_starts : int or None
        Number of rows on which the starts of a loss that is not convex are followed, None for all.
        It does not depend on the number of parameters, so the optimum of these rows may be far from
        that of all.
    """

    solver: str
    methods: tuple[Method, ...]
    start: Start = Start.ZERO
    method_of_rows: Method | None = None
    subset_sizes: tuple[int, ...] = ()
    hessian_stride: int = 1
    descends: bool = False
    coordinate_rows: int | None = None
    rows_for_starts: int | None = None

    def without_start(self) -> Plan:
        """Return the plan for a start that is already a solution."""
        return replace(self, start=Start.ZERO, subset_sizes=(), hessian_stride=1)

    def for_design(self, design) -> Plan:
        """Return the plan for the same data in a design of another kind."""
        if design.is_sparse:
            return self
        methods = [
            Method.PRODUCTS if method is Method.SPARSE_SOFTMAX else method
            for method in self.methods
        ]
        return replace(self, methods=tuple(methods), descends=False)

    def __str__(self):
        words = self.start.value
        if self.subset_sizes:
            words += f" ({', '.join(f'{size:,}' for size in self.subset_sizes)})"
        for method in self.methods:
            if self.descends and method is Method.WORKING_SETS:
                words += ", then coordinate descent on the objective"
            words += f", then {method.value}"
        if self.hessian_stride > 1:
            words += f", the first Hessian from one block of rows in {self.hessian_stride}"
        return f"{self.solver}: {words}"


def make_plan(facts, solver="auto") -> Plan:
    """Return the stages that solve a problem.

    Parameters
    ----------
    facts : Facts
    solver : str
        One of SOLVERS. Any other name, such as "auto", leaves the choice to the plan.
    """
    most, enough = (
        entries * facts.n_samples // max(facts.n_stored, 1)
        for entries in (MOST_ENTRIES_TAKEN, ENTRIES_WORTH_TAKING)
    )
    if not facts.is_partitioned:
        most, enough = facts.n_samples, most
    # This many rows have enough of the rarest class.
    of_rarest = -(-ROWS_PER_PARAMETER * facts.n_weighted // max(facts.rarest_class, 1))
    enough = max(enough, int(of_rarest))
    # With few rows, a subset saves no time.
    has_subsets = 2 * SUBSET_FRACTION * facts.n_weighted >= SMALLEST_SUBSET
    sizes = _subset_sizes(facts, most, enough) if has_subsets else ()
    # With few parameters, the Hessian of all rows costs little more than a pass. It takes
    # n_parameters / 4 times the multiplications of a product.
    is_costly = facts.n_parameters > 4 * PRODUCTS_PER_STEP
    stride = _hessian_stride(facts) if is_costly else 1
    # The optimum lies in the space that the rows span, because all coefficients have an L2 penalty.
    is_wide = not facts.is_sparse and facts.n_samples < facts.n_features
    is_reducible = is_wide and facts.has_l2 and facts.is_smooth and _is_cheap_in_rows(facts)
    is_open = solver not in SOLVERS
    n_equations = facts.n_weighted * max(facts.n_columns - 1, 1)
    has_few_equations = n_equations <= facts.n_parameters
    descends = facts.has_l1 and _may_descend(facts) and _descends_first(facts, n_equations)
    solver, methods = _solver_and_methods(facts, solver, is_reducible, sizes, stride, descends)
    options = {}
    if is_reducible or sizes or stride > 1:
        options["coordinate_rows"] = min(SMALLEST_SUBSET, facts.n_weighted)
    if not facts.is_convex:
        # Half as many rows as a solution needs show where starts lead.
        size = min(max(int(facts.n_weighted * SUBSET_FRACTION), SMALLEST_SUBSET // 2), most)
        is_large = size > 4 * SUBSET_FRACTION * facts.n_weighted
        is_rare = facts.rarest_class * size < ROWS_PER_PARAMETER * facts.n_weighted
        options["rows_for_starts"] = None if not facts.has_rows or is_large or is_rare else size
    # If the rows leave some directions without curvature, only the L1 penalty decides which
    # coefficients are not zero. From zero, too many coefficients enter and then leave one at a
    # time. Coordinate descent on the objective lets few enter, unless the loss of soft targets is
    # so large that all gains are small in comparison.
    if methods[-1] is Method.WORKING_SETS and (descends or len(methods) > 1):
        options["descends"] = True
    if facts.has_l1 and has_few_equations and (not descends or facts.has_soft_classes):
        options["start"] = Start.STRONGER
    elif methods[0] not in (Method.WORKING_SETS, Method.LBFGS):
        if is_reducible:
            is_exact = is_open and _forms_hessian(_of_rows(facts), (), 1)
            method = Method.EXACT if is_exact else methods[0]
            options |= {"start": Start.ROWS, "method_of_rows": method}
        elif sizes:
            options |= {"start": Start.SUBSET, "subset_sizes": sizes}
        elif methods[0] is Method.SPARSE_SOFTMAX and _has_easy_dual(facts):
            options["start"] = Start.DUAL
        else:
            options["hessian_stride"] = stride
    return Plan(solver, methods, **options)


def _may_descend(facts):
    # Whether there is coordinate descent on the objective. It reads X by columns: a copy is no
    # larger than the largest Hessian.
    if facts.is_bounded or not facts.is_softmax:
        return False
    return _is_large_and_sparse(facts) or facts.n_stored <= LARGEST_HESSIAN**2


def _is_large_and_sparse(facts):
    is_large = 2 * SMALLEST_SET * facts.n_columns > LARGEST_HESSIAN
    return facts.is_sparse and facts.n_features > 2 * SMALLEST_SET and is_large


def _descends_first(facts, n_equations):
    # Whether coordinate descent on the objective finds the nonzero coefficients sooner than working
    # sets.
    has_few_equations = n_equations <= EQUATIONS_PER_PARAMETER * facts.n_parameters
    has_many_parameters = facts.n_parameters > 2 * SMALLEST_SET
    return _is_large_and_sparse(facts) or (has_few_equations and has_many_parameters)


def _of_rows(facts):
    # In the space that the rows span, there are as many features as rows.
    n_rows = facts.n_samples
    n_parameters = (n_rows + facts.fit_intercept) * facts.n_columns
    return replace(facts, n_features=n_rows, n_stored=n_rows**2, n_parameters=n_parameters)


def _is_cheap_in_rows(facts):
    # Whether products with the Hessian are cheap enough in the space that the rows span to soon pay
    # for the cross-products of the rows.
    if facts.is_partitioned or facts.n_samples > LARGEST_HESSIAN:
        return False
    across = replace(facts, n_samples=facts.n_features, n_features=facts.n_samples)
    costs = costs_of(across, 1, facts.dtype, float32_hessian=True)
    whole, rows = (
        costs_of(each, facts.n_columns, facts.dtype).product_pass
        for each in (facts, _of_rows(facts))
    )
    seconds = costs.class_mean_hessian + costs.class_mean_factor
    return seconds <= 4 * PRODUCTS_PER_STEP * (whole - rows)


def _has_easy_dual(facts):
    # The dual of log loss is easier for many classes and fewer rows than features.
    return (
        facts.has_rows
        and facts.has_equal_l2
        and not facts.has_offset
        and facts.n_features >= facts.n_samples
    )


def _subset_sizes(facts, most, enough):
    # The sizes of nested random subsets that are worth solving first, from small to large.
    n_rows, sizes = facts.n_weighted, []
    smallest = max(ROWS_PER_PARAMETER * facts.n_parameters, SMALLEST_SUBSET)
    while facts.has_rows:
        size = max(min(int(n_rows * SUBSET_FRACTION), enough), smallest)
        size = min(size, most)
        is_rare = facts.rarest_class * size < ROWS_PER_PARAMETER * facts.n_weighted
        if size < smallest or size > 2 * SUBSET_FRACTION * n_rows or is_rare:
            break
        sizes.insert(0, size)
        n_rows = size
    return tuple(sizes)


def _hessian_stride(facts):
    # The stride between the blocks of neighbouring rows that are used. Each slot of a pass has at
    # least one, because the rows may be sorted.
    stride = min(
        facts.n_weighted // (ROWS_PER_PARAMETER_OF_HESSIAN * facts.n_parameters),
        facts.n_samples // (N_SLOTS * facts.block_rows),
    )
    return max(stride, 1)


def _solver_and_methods(facts, solver, is_reducible, sizes, stride, descends):
    # One of SOLVERS, the best one if the choice is open, and its methods. The Hessian is small if
    # its products pay in one step: as many products as parameters would form it, and it is
    # symmetric.
    is_small = facts.n_columns == 1 and facts.n_parameters <= 2 * PRODUCTS_PER_STEP
    if solver not in SOLVERS:
        if facts.has_l1:
            solver = "coordinate-descent"
        elif is_reducible or facts.n_features >= min(facts.n_samples, MANY_PARAMETERS):
            solver = "newton-cg"
        elif is_small or _forms_hessian(facts, sizes, stride) or _has_cheap_mean(facts):
            solver = "newton-cholesky"
        else:
            solver = "newton-cg"
    # Under a weak penalty, too many products may be needed. A small Hessian then follows.
    by_hessian, by_products = (Method.EXACT,), (Method.PRODUCTS, Method.EXACT)
    if facts.n_parameters > LARGEST_HESSIAN:
        by_hessian = by_products = (Method.PRODUCTS,)
    if solver == "coordinate-descent":
        has_many_features = facts.n_features > 2 * SMALLEST_SET
        if facts.has_l1 and (has_many_features or descends):
            return solver, (Method.WORKING_SETS,)
        if by_hessian == (Method.PRODUCTS,) and facts.has_l1 and _may_descend(facts):
            # Where a product gains little, a sweep over the columns gains more.
            return solver, (Method.PRODUCTS, Method.WORKING_SETS)
        return solver, by_hessian
    if solver == "newton-cholesky":
        if not facts.is_smooth:
            return solver, by_hessian
        if facts.n_columns == 1 or _forms_hessian(facts, sizes, stride):
            return solver, (Method.EXACT,)
        return solver, (Method.CLASS_MEAN, *by_products)
    if facts.is_smooth and facts.is_sparse_softmax and facts.has_l2 and facts.fits_int32:
        by_products = (Method.SPARSE_SOFTMAX, *by_products[1:])
    return solver, ((Method.LBFGS, *by_products) if solver == "lbfgs" else by_products)


def _forms_hessian(facts, sizes, stride):
    # Whether forming and factoring the whole Hessian costs less than the products that it saves.
    if facts.n_parameters > MANY_PARAMETERS:
        return False
    whole = part = costs_of(facts, facts.n_columns, facts.dtype)
    if sizes:
        # The largest subset provides the Hessian.
        n_stored = max(1, round(facts.n_stored * sizes[-1] / facts.n_samples))
        some = replace(facts, n_samples=sizes[-1], n_stored=n_stored)
        part = costs_of(some, facts.n_columns, facts.dtype)
    seconds = part.hessian / stride + part.factor
    return seconds <= PRODUCTS_PER_STEP * whole.product_pass


def _has_cheap_mean(facts):
    # With few rows for each feature, the classes are separated, and the mean is far from each
    # block.
    if not (facts.n_columns > 1 and facts.is_smooth and 2 * facts.n_features <= facts.n_samples):
        return False
    costs = costs_of(facts, facts.n_columns, facts.dtype)
    seconds = costs.class_mean_hessian + costs.class_mean_factor
    return seconds <= PRODUCTS_PER_STEP * costs.product_pass
