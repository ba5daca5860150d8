"""What all solvers share: their result, and Newton's method as a skeleton of named steps."""

import math
from dataclasses import dataclass

import numpy as np

from sklogloss.linear.objective import Evaluation
from sklogloss.linear.reduction import RowReduction, is_reducible, is_reducible_in_single

__all__ = [
    "NewtonSolver",
    "SolverResult",
    "name_max_iter",
    "relative_suboptimality",
    "tolerated_suboptimality",
]

# A solver stops when the gradient is within tol and the objective is, by its own estimate, within
# this part of the optimum, times tol squared: tol alone says little about columns of very small
# size. The part is no smaller than rounding allows, and no larger than is worth a pass.
SUBOPTIMALITY_PER_SQUARED_TOL = 1e-7
SMALLEST_SUBOPTIMALITY = 1e-11
LARGEST_SUBOPTIMALITY = 1e-6
# In parts of LossKernel.unit. As small as counts for separable data, whose loss falls for ever:
SMALLEST_NATS = 1e-15
# Rounding errors of a loss below this are those of this number:
SMALL_LOSS = 1e-4
# For a suboptimality of this, the rows' cross-products may be in float32.
ENOUGH_FOR_SINGLE = 1e-9
# Rounding in the dtype of X leaves a suboptimality of about the square of this many eps, in parts
# of the objective; that of the coefficients alone, of eps / 5 each on average, a quarter of it.
ROUNDING = 1 / 4
# Where columns are far from centred, or raw predictions large, it leaves up to this.
LARGEST_ROUNDING = 8

# Mean loss of samples that are told apart, nearly all, in parts of LossKernel.unit.
LITTLE_LOSS = 0.01

# What the solution on a subset of the rows is for makes no more digits worth having.
SUBSET_SUBOPTIMALITY = 1e-5


def relative_suboptimality(tol):
    """Return the part of the objective within which tol asks the optimum to be."""
    part = SUBOPTIMALITY_PER_SQUARED_TOL * tol**2
    return min(max(part, SMALLEST_SUBOPTIMALITY), LARGEST_SUBOPTIMALITY)


def tolerated_suboptimality(objective, value, part):
    """Return the suboptimality (nats) at which an objective of this value counts as solved."""
    return max(part * abs(value), SMALLEST_NATS * objective.loss.unit)


@dataclass
class SolverResult:
    """Where a solver stopped.

    Attributes
    ----------
    theta : ndarray of shape (n_parameters,)
    value : float
        Objective in nats.
    max_gradient : float
        Largest entry of the gradient, see Evaluation.
    n_iter : int
    converged : bool
    reason : str
        Why it stopped, "" if converged.
    direction : ndarray of shape (n_parameters,) or None
        Where the last step went.
    point : Evaluation or None
        The last one, a step before theta at most; for a loss that is not convex, and of a solver
        with an L1 penalty that has looked at all features.
    curves_upwards : bool
        Whether the Hessian was found to be positive definite close to theta.
    is_sound : bool
        Whether gradient and steps told the end, not what rounding errors left of them.
    """

    theta: np.ndarray
    value: float
    max_gradient: float
    n_iter: int
    converged: bool
    reason: str = ""
    direction: np.ndarray | None = None
    point: Evaluation | None = None
    curves_upwards: bool = False
    is_sound: bool = True

    def __post_init__(self):
        if self.converged:
            self.reason = ""


def name_max_iter(result, max_iter):
    """Make max_iter the reason of a result of several solvers, not what the last had left of it."""
    if not result.converged and result.n_iter >= max_iter:
        result.reason = f"max_iter={max_iter} iterations were not enough"


class NewtonSolver:
    """Newton's method with a line search; a subclass solves for the direction.

    The steps are setup, then inner_solve, check_convergence and line_search in turn.

    Parameters
    ----------
    objective : LinearObjective
    tol : float
        Bound of the largest entry of the gradient.
    max_iter : int
    verbose : int
        Whether to print a line for each iteration.

    Attributes
    ----------
    suboptimality : float
        Part of the objective within which the optimum is to be.
    """

    # Sufficient decrease of the line search: Nocedal & Wright, Numerical Optimization, 3.1.
    ARMIJO = 1e-4
    MAX_HALVINGS = 40
    # Steps in a row that do not halve what a step promises, at which to look whether only rounding
    # errors are left, and at which to look for a better way.
    FEW_SLOW_STEPS = 3
    MAX_SLOW_STEPS = 8

    def __init__(self, objective, *, tol, max_iter, verbose=0):
        self.objective = objective
        self.tol = tol
        self.max_iter = max_iter
        self.verbose = verbose
        self.suboptimality = relative_suboptimality(tol)

    def evaluate(self, theta):
        """Return the Evaluation at theta with what inner_solve needs."""
        raise NotImplementedError

    def inner_solve(self, point):
        """Return the Newton direction at a point that evaluate returned."""
        raise NotImplementedError

    def solve(self, theta):
        """Minimise the objective from theta.

        Returns
        -------
        SolverResult
        """
        # What overflows is noticed in check_convergence.
        with np.errstate(over="ignore", invalid="ignore"):
            return self._solve(theta)

    def _solve(self, theta):
        self.setup(theta)
        if self.converged:
            return self.finalize()
        while True:
            self.direction = self.inner_solve(self.point)
            self.previous_decrement = self.decrement
            # Twice the decrease that the quadratic model promises, at least.
            self.decrement = -self.objective.slope(self.point, self.direction)
            if self.verbose:
                print(
                    f"iteration {self.n_iter}: {self.objective.progress(self.point)}, "
                    f"expected decrease {self.decrement / 2:.3g}"
                )
            if self.check_convergence() or self.n_iter >= self.max_iter:
                return self.finalize()
            if not self.line_search():
                return self.finalize()
            self.n_iter += 1

    def setup(self, theta):
        """Set point to the evaluation at the start."""
        self.n_iter = 0
        self.converged = False
        self.reason = ""
        self.has_sound_direction = False
        self.is_sound = False
        self.decrement = np.inf
        self.direction = None
        self.best_decrement = np.inf
        self.n_without_progress = 0
        self.start_value = None
        if theta.any() or self.max_iter == 0:
            self.point = self.evaluate(theta)
        elif self.objective.l1 == 0 and is_reducible(self.objective.design, self.objective.l2):
            self.start_from_reduction(theta)
        elif self.objective.subset is not None:
            self.start_from_subset(theta)
        else:
            self.point = self.evaluate(theta)
        if self.start_value is None:
            self.start_value = self.point.value

    def start_from_reduction(self, theta):
        """Set point to the solution in the space of the rows, and converged if that is certain."""
        found = None
        if self.suboptimality >= ENOUGH_FOR_SINGLE and is_reducible_in_single(self.objective):
            found = self.solve_reduced(RowReduction(self.objective, single=True))
        if not self.converged:
            found = self.solve_reduced(RowReduction(self.objective), found)
        if found is None:
            self.point = self.evaluate(theta)

    def solve_reduced(self, reduction, start=None):
        """Set point and converged to what they are at the solution of a reduction.

        Parameters
        ----------
        reduction : RowReduction
        start : tuple or None
            What this returned for another reduction.

        Returns
        -------
        tuple or None
            The row_coefficients of the solution, None if there is none.
        """
        if reduction.objective is None:
            return None
        solver = type(self)(
            reduction.objective, tol=self.tol / 100, max_iter=self.max_iter, verbose=self.verbose
        )
        # A hundred times smaller than tol asks for in the coefficients: there it costs little.
        solver.suboptimality = self.suboptimality / 100**2
        theta = np.zeros(reduction.objective.n_parameters)
        if start is not None:
            theta = reduction.theta(*start)
        result = solver.solve(theta)
        self.n_iter += result.n_iter
        coef_intercept = reduction.coef_intercept(result.theta)
        self.point = self.evaluate(self.objective.theta(*coef_intercept))
        self.converged = self.is_sound = (
            self.point.max_gradient <= self.tol
            and self.objective.largest_suboptimality(self.point) <= self.tolerated(self.point)
        )
        return reduction.row_coefficients(result.theta)

    def start_from_subset(self, theta):
        """Set point to the solution on a subset of the rows, if it is better than theta."""
        solver = type(self)(self.objective.subset, tol=np.inf, max_iter=self.max_iter)
        solver.suboptimality = SUBSET_SUBOPTIMALITY
        result = solver.solve(theta)
        is_out_of_iterations = result.n_iter >= self.max_iter and np.isfinite(result.value)
        if result.converged or is_out_of_iterations:
            self.adopt(solver)
            self.point = self.evaluate(result.theta)
            # The value at theta, known from some subset: that of its optimum is another matter.
            if self.point.value <= solver.start_value:
                self.start_value = solver.start_value
                return
            self.abandon(solver)
        self.point = self.evaluate(theta)

    def adopt(self, solver):
        """Take from the solver of the subset what serves the whole."""

    def abandon(self, solver):
        """Give back what adopt took."""

    def check_convergence(self):
        """Set converged and return whether to stop.

        Where rounding keeps the gradient above tol, the decrement ceases to fall although the
        quadratic model promises next to nothing any more: that is an end, too.
        """
        point = self.point
        # An entry of the direction that is not finite makes the decrement so.
        if not (math.isfinite(point.value) and math.isfinite(self.decrement)):
            self.reason = "the objective or its gradient overflows; rescale X"
            return True
        if self.decrement <= self.best_decrement / 2:
            self.best_decrement = self.decrement
            self.n_without_progress = 0
        else:
            self.n_without_progress += 1
        # A step that is to raise the objective is made of rounding errors: it is not the last one.
        is_end = point.max_gradient <= self.tol and self.decrement >= 0
        if is_end and self.is_last_step(point):
            self.converged = self.is_sound = self.has_sound_direction = True
        elif point.max_gradient <= self.tol and self.objective.is_separated(point.value):
            # On the way to infinity the Hessian loses its rank, and the steps their meaning.
            self.converged = self.is_sound = True
        elif self.n_without_progress >= self.FEW_SLOW_STEPS:
            self.converged = self.is_solved_to_rounding()
            if not self.converged and self.n_without_progress >= self.MAX_SLOW_STEPS:
                self.reason = "the steps came to gain little"
        return self.converged or bool(self.reason)

    def is_last_step(self, point):
        """Return whether the step along direction will end close enough to the optimum.

        One of Newton's method nearly squares what is left.
        """
        if self.decrement / 2 <= self.tolerated(point):
            return True
        return self.left_after_step() <= self.negligible(point)

    def left_after_step(self):
        """Return the suboptimality to expect after the step (nats), at the rate of the last one."""
        rate = self.decrement / self.previous_decrement
        return self.decrement / 2 * (rate if 0 < rate < 1 else 1)

    def tolerated(self, point):
        """Return the suboptimality at which a point counts as solved (nats)."""
        return tolerated_suboptimality(self.objective, point.value, self.suboptimality)

    def negligible(self, point):
        """Return the suboptimality that the last step may leave (nats).

        It falls with the square of what is tolerated, as does what Newton's method leaves: at the
        default tol, coefficients are right to all digits that rounding errors leave.
        """
        part = min(self.suboptimality / (2 * LARGEST_SUBOPTIMALITY), 1)
        return max(part * self.tolerated(point), self.left_by_rounding(point, ROUNDING))

    def residual_target(self, point, norm):
        """Return down to which squared norm of the residual to solve the equations of a step.

        It halves the digits still missing with each step, but does not go below what the last step
        may leave.

        Parameters
        ----------
        point : Evaluation
        norm : float
            That of the residual at first.
        """
        forcing = min(0.25, np.sqrt(norm / max(abs(point.value), 1e-300)))
        return min(max(forcing**2 * norm, self.negligible(point)), 0.0625 * norm)

    def is_solved_to_rounding(self):
        """Return whether the decrease still to expect may be nothing but rounding errors.

        Those of the raw predictions grow with the size of X, hence the square root. No step gains
        more than the objective, whatever the model promises.
        """
        part = np.sqrt(np.finfo(self.objective.dtype).eps)
        value = abs(self.point.value)
        return min(abs(self.decrement) / 2, value) <= part * max(value, self.small_loss())

    def left_by_rounding(self, point, n_eps):
        """Return the suboptimality (nats) that parameters which are wrong by n_eps eps leave."""
        return (n_eps * np.finfo(self.objective.dtype).eps) ** 2 * abs(point.value)

    def rounding(self):
        """Return the size of the rounding errors of the objective's value."""
        value = max(abs(self.point.value), self.small_loss())
        return 8 * np.finfo(self.objective.dtype).eps * value

    def small_loss(self):
        """Return the loss (nats) whose rounding errors are those of all smaller ones."""
        return SMALL_LOSS * self.objective.loss.unit

    def line_search(self):
        """Set point to a better one along direction; return whether there is one."""
        start = self.point
        slope = -self.decrement
        step = 1.0
        for halving in range(self.MAX_HALVINGS):
            theta = start.theta + step * self.direction
            # The full step is nearly always the one to take: get all that the next step needs.
            trial = self.evaluate(theta) if halving == 0 else self.objective.value_gradient(theta)
            is_lower = trial.value <= start.value + self.ARMIJO * step * slope + self.rounding()
            if is_lower or self._is_flatter(trial):
                self.point = trial if halving == 0 else self.evaluate(theta)
                return True
            step /= 2
        self.converged = self.is_solved_to_rounding()
        self.reason = "the line search found no lower objective"
        return False

    def _is_flatter(self, trial):
        # Where rounding errors hide which objective is the lower one, the slope tells (Hager and
        # Zhang, SIAM Journal on Optimization 16, 2005: approximate Wolfe conditions).
        return (
            self.is_solved_to_rounding()
            and abs(self.objective.slope(trial, self.direction)) <= self.decrement / 2
        )

    def finalize(self):
        """Return the result.

        Where the objective is solved, the last direction is known and costs no pass: it takes
        theta from close to the optimum to very close. Not so where rounding set the end.
        """
        if not self.converged and not self.reason:
            # A small gradient alone says little where the loss or the columns are small.
            tolerated = tolerated_suboptimality(
                self.objective, self.point.value, LARGEST_SUBOPTIMALITY
            )
            self.converged = (
                self.objective.l1 == 0
                and self.point.max_gradient <= self.tol
                and abs(self.decrement) / 2 <= tolerated
            )
            self.reason = f"max_iter={self.max_iter} iterations were not enough"
        theta = self.point.theta
        if self.has_sound_direction and self.n_iter < self.max_iter:
            self.n_iter += 1
            theta = theta + self.direction
            # Without penalty, the classes may be separable and the step a long one.
            if self.objective.l2 == 0 and self.objective.l1 == 0:
                last = self.objective.value_gradient(theta)
                if not last.max_gradient <= self.point.max_gradient:
                    theta = self.point.theta
            elif (
                self.objective.l1 > 0
                or self.suboptimality > SUBSET_SUBOPTIMALITY
                or self.point.value < LITTLE_LOSS * self.objective.loss.unit
            ):
                # It may promise too much: far from the optimum, or from a model whose curvature
                # along some coefficients is all but rounding errors, as it is where all samples
                # are told apart. A long step may mix them up.
                last = self.objective.value_gradient(theta)
                if not last.value <= self.point.value + self.rounding():
                    theta = self.point.theta
        return SolverResult(
            theta,
            self.point.value,
            self.point.max_gradient,
            self.n_iter,
            self.converged,
            self.reason,
            self.direction,
            None if self.objective.loss.is_convex else self.point,
            is_sound=self.is_sound,
        )
