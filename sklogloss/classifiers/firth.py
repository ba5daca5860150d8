"""Logistic regression under Jeffreys' prior: finite coefficients and less bias."""

from __future__ import annotations

import warnings
from typing import ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.exceptions import ConvergenceWarning

from sklogloss.classifiers.base import COMMON_PARAMETERS, BaseLinearClassifier
from sklogloss.classifiers.callbacks import fit_with_callbacks
from sklogloss.classifiers.problem import (
    convergence_advice,
    fitted_coefficients,
    warn_of_rounding,
)
from sklogloss.inputs.parameters import Allowed, check_parameters
from sklogloss.linear.threads import one_blas_thread
from sklogloss.solvers.firth import firth_plan, solve_firth
from sklogloss.solvers.intercept_correction import CORRECTIONS, correct_intercept
from sklogloss.solvers.stopping import Goal

__all__ = ["FirthLogisticRegression"]

SEVERAL_MAXIMA = (
    "the likelihood under Jeffreys' prior has several maxima, and the highest one that was found "
    "is taken; the samples say too little about the coefficients, or offsets are large"
)


class FirthLogisticRegression(BaseLinearClassifier):
    r"""Logistic regression under Jeffreys' prior: finite coefficients, and less bias.

    Maximises the log-likelihood plus half the logarithm of the determinant of its Fisher
    information I, which is Jeffreys' prior [1]_::

        -sum_i s_i l(y_i, x_i w + b + o_i) + ln det(I) / 2

    where l is the log loss in nats, from the sigmoid for two classes and from the softmax for more
    [3]_. s_i is the sample weight, and o_i is the offset, if there is one. There is nothing to
    tune. The prior removes the first-order bias of maximum likelihood in small samples, which is
    away from zero. Coefficients are finite even if a linear function separates the classes [2]_.

    The prior also covers the intercept. This pulls probabilities towards equal classes, which
    matters if a class is rare; `intercept_correction` undoes it.

    Parameters
    ----------
    intercept_correction : {"flac", "flic", None}, default="flac"
        With both corrections, the mean probability of each class equals its weighted fraction of
        the samples [4]_. "flac" refits the coefficients to the samples and to pseudo-samples with a
        separate intercept; it gives better probabilities. "flic" refits only the intercept. None
        applies no correction. Without an intercept, there is nothing to correct.
    tol : float, default=1e-4
        The solver stops once no entry of the gradient of the mean objective (that above divided by
        the sum of the weights) exceeds tol, and it estimates the objective to be within a relative
        1e-7 * tol**2 of its optimum (at least 1e-11, at most 1e-6). It stops earlier if rounding
        errors, which grow with the size of X, allow no more accuracy. The correction has the same
        goal.
    fit_intercept : bool, default=True
        Whether to fit the intercept b. If False, it is zero.
    max_iter : int, default=100
        Maximum number of iterations of the solver, and of the correction.
    verbose : int, default=0
        If positive, print the plan and a line for each iteration.
    n_jobs : int, default=None
        Number of threads, also for predictions. None uses the cores that the process may use,
        within the limits of OMP_NUM_THREADS and threadpoolctl; -1 uses all cores. The result has
        the same bits for any number.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels of the classes.
    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features)
        Coefficients. For more than two classes they sum to zero over the classes.
    intercept_ : ndarray of shape (1,) or (n_classes,)
        Intercepts, one for each row of ``coef_``.
    n_iter_ : ndarray of shape (1,)
        Number of iterations, including those of a second start and of the correction.
    n_features_in_ : int
        Number of features seen during fit.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features seen during fit, if X had names that are all strings.
    solver_ : str
        "newton-cholesky".
    plan_ : Plan
        The stages that solved the problem; ``str(plan_)`` describes them.
    class_weight_ : ndarray of shape (n_classes,)
        Ones.

    See Also
    --------
    LogLossClassifier : Maximum likelihood (``C=np.inf``), or an L1 or L2 penalty.

    Notes
    -----
    For two classes the score, which is zero at the maximum, is

    .. math::
        \sum_i [s_i (y_i - p_i) + h_i (1/2 - p_i)] x_i,

    where :math:`h_i` is the leverage of row i in the weighted least-squares problem of a Newton
    step. This is the score of maximum likelihood for half a pseudo-sample of each class, of weight
    :math:`h_i`, added to each row. For K classes the information is that of the coefficients of
    K - 1 classes; the estimate does not depend on which one is left out. The pseudo-samples of
    class k then have the weight :math:`r_{ik} + p_{ik} \sum_l r_{il}` with
    :math:`r_{ik} = s_i p_{ik} (e_k - p_i)' (I \otimes x_i)' \mathcal{I}^{-1}
    (I \otimes x_i) (e_k - p_i) / 2`; it is :math:`h_i / 2` for two. FLAC fits the coefficients to
    them with further intercepts. [4]_ has it for two classes; here it is the same for more.

    Sample weights are frequencies: a row of weight 2 is two rows.

    If columns of X depend linearly on others, or on the constant, the determinant is that of the
    information about the directions that change probabilities. The estimate in these directions is
    unique. Of all coefficients that give it, the solution has the smallest norm, after columns are
    scaled to about the same spread. (R's brglm2 makes the last of such columns zero, so its result
    depends on their order.)

    The penalised likelihood may have several maxima if there are few samples for each coefficient,
    especially with large offsets. If few rows decide, the solver starts twice: from even
    probabilities, and from the maximum under a hundredth of the prior. It takes the higher maximum,
    and warns if there were two.

    All arithmetic is in float64, whatever the type of X.

    References
    ----------
    .. [1] D. Firth, "Bias reduction of maximum likelihood estimates", Biometrika 80, 1993.
    .. [2] G. Heinze and M. Schemper, "A solution to the problem of separation in logistic
       regression", Statistics in Medicine 21, 2002.
    .. [3] S. B. Bull, C. Mak and C. M. T. Greenwood, "A modified score function estimator for
       multinomial logistic regression in small samples", Computational Statistics & Data Analysis
       39, 2002.
    .. [4] R. Puhr, G. Heinze, M. Nold, L. Lusa and A. Geroldinger, "Firth's logistic regression
       with rare events: accurate effect estimates and predictions?", Statistics in Medicine 36,
       2017.

    Examples
    --------
    A feature that separates the classes: without a penalty its coefficient is infinite.

    >>> import numpy as np
    >>> from sklogloss import FirthLogisticRegression
    >>> X = np.array([[0.0], [0.0], [0.0], [1.0], [1.0], [1.0]])
    >>> y = np.array([0, 0, 0, 1, 1, 1])
    >>> clf = FirthLogisticRegression().fit(X, y)
    >>> clf.coef_.round(4)
    array([[3.8918]])
    >>> clf.predict_proba([[1.0]]).round(4)
    array([[0.125, 0.875]])
    """

    # What the base class asks of every classifier, and this one does not vary.
    class_weight = None
    label_smoothing = 0.0
    penalty_factor = None
    bounds = None
    probabilities = "model"
    _allowed: ClassVar[dict[str, Allowed]] = {
        **{name: COMMON_PARAMETERS[name] for name in ("tol", "fit_intercept", "max_iter")},
        **{name: COMMON_PARAMETERS[name] for name in ("verbose", "n_jobs")},
        "intercept_correction": (*CORRECTIONS, None),
    }

    def __init__(
        self,
        *,
        intercept_correction: str | None = "flac",
        tol: float = 1e-4,
        fit_intercept: bool = True,
        max_iter: int = 100,
        verbose: int = 0,
        n_jobs: int | None = None,
    ) -> None:
        self.intercept_correction = intercept_correction
        self.tol = tol
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.verbose = verbose
        self.n_jobs = n_jobs

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        offset: ArrayLike | None = None,
    ) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            C- and F-ordered arrays and CSR and CSC matrices of float64 and float32 are read in
            place, except that the entries of a sparse float32 X are copied. Everything else becomes
            float64.
        y : array-like of shape (n_samples,) or (n_samples, n_classes)
            Labels, or for grouped data the fraction of each class: one column for each class, rows
            that sum to 1, and the number of samples in a row as its weight. The sorted column names
            of a DataFrame become ``classes_``; for an array, these are 0, 1, ...
        sample_weight : array-like of shape (n_samples,), default=None
            Number of samples that a row stands for; nonnegative. None means 1 for each row.
        offset : array-like of shape (n_samples,) or (n_samples, n_classes), default=None
            Added to the decision function of each sample, as a feature whose coefficient is 1; one
            column per class for more than two classes. 0 if None.

        Returns
        -------
        self : object
            Fitted estimator.

        Raises
        ------
        ValueError, TypeError
            If a parameter or an input is out of its range, or if the intercept is corrected and a
            class has no weight. The message names what is wrong.

        Warns
        -----
        ConvergenceWarning
            If the solver did not converge, if the penalised likelihood has several maxima, or if X
            is float32 and the coefficients need more digits than that.
        """
        if hasattr(self, "_skl_callbacks") and not hasattr(self, "_callback_fit_ctx"):
            return fit_with_callbacks(self, self.fit, X, y, sample_weight, offset)
        check_parameters(self, self._allowed)
        problem = self._validate_problem(X, y, sample_weight, offset)
        correction = self.intercept_correction if self.fit_intercept else None
        if correction is not None:
            self._check_that_classes_have_weight(problem)
        goal = Goal.of(self.tol, self.max_iter, self.verbose)
        with one_blas_thread():
            penalised = problem.jeffreys_objective(self)
            self.plan_ = firth_plan(penalised)
            self.solver_ = self.plan_.solver
            goal.report(f"plan: {self.plan_}")
            result = solve_firth(self.plan_, penalised, goal)
            self._check_entries(result, problem)
            if correction is not None:
                result = correct_intercept(result, correction, goal)
            self._warn_unless_solved(result)
            if result.has_several_maxima:
                warnings.warn(SEVERAL_MAXIMA, ConvergenceWarning, stacklevel=2)
            objective, dtype = result.objective, problem.X.dtype
            self.coef_, self.intercept_ = fitted_coefficients(objective, result.theta, dtype)
            if objective.samples.dtype != dtype:
                warn_of_rounding([result], [self.coef_], [self.intercept_])
        self.n_iter_ = np.array([result.n_iter], dtype=np.int32)
        self._set_classes(problem.targets.classes, problem.class_weight)
        return self

    def _check_that_classes_have_weight(self, problem):
        totals = problem.targets.class_totals(problem.sample_weight)
        if not totals.all():
            without = problem.targets.classes[totals == 0].tolist()
            raise ValueError(
                f"the samples of the classes {without} have no weight, and an intercept that "
                "makes their mean probability zero is infinite; drop these samples, or set "
                "intercept_correction=None"
            )

    def _check_entries(self, result, problem):
        if not np.all(np.isfinite(result.last_point.information)):
            problem.check_finite(type(self).__name__)
            raise ValueError("X has entries whose squares overflow; rescale its columns")

    def _warn_unless_solved(self, result):
        if result.verdict.is_solved:
            return
        reason = result.verdict.reason(self.max_iter)
        remedies = ["Increase max_iter", "standardise X"]
        if result.penalised.strength > 1:
            remedies.append(
                "raise sample_weight: it adds up to less than one sample, so that little but the "
                "prior counts"
            )
        advice = convergence_advice(remedies, result.objective.samples)
        warnings.warn(
            f"{self.solver_} failed to converge: {reason}; the largest entry of the gradient is "
            f"{result.max_gradient:.3g}, tol={self.tol}. {advice}",
            ConvergenceWarning,
            stacklevel=3,
        )
