"""Focal logistic regression: the linear classifier that minimises focal loss."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sklogloss.classifiers.base import BaseLinearClassifier
from sklogloss.inputs.parameters import Interval
from sklogloss.losses import FocalLoss, LogLoss
from sklogloss.solvers.nonconvex import NonconvexSolver
from sklogloss.solvers.solve import solve

__all__ = ["FocalLogisticRegression"]

# Maximum number of steps in which gamma is raised from 0; one for each unit below that.
MAX_GAMMA_STEPS = 10


class FocalLogisticRegression(BaseLinearClassifier):
    """Logistic regression with focal loss, and probabilities that mean what they say.

    Minimises::

        C * sum_i s_i f(y_i, x_i w + b + o_i) + (1 - l1_ratio) / 2 |w|_2^2 + l1_ratio |w|_1

    where f is the focal loss in nats [1]_: -(1 - p)^gamma ln p for the output p of the observed
    class, from the sigmoid for two classes and from the softmax for more. s_i is the sample weight
    times the weight of the class, and o_i is the offset, if there is one. The intercept is not
    penalised.

    Focal loss is not proper: the p that minimises it is not the probability of the class. But the
    probability follows from p, and `predict_proba` returns it. Focal loss is not convex either. The
    fit has two starts, on a subset of the rows if there are many. It keeps the lower minimum, and
    does not stop at saddle points.

    Parameters
    ----------
    penalty : {"elasticnet", "l2", "l1", None}, default="elasticnet"
        "elasticnet" leaves the penalty to ``l1_ratio``; "l2" means ``l1_ratio=0``, "l1" means
        ``l1_ratio=1`` and None means ``C=np.inf``.
    gamma : float, default=2.0
        Focusing parameter, finite and nonnegative. 0 is log loss. The larger gamma, the less
        well-predicted samples count. A gamma above 1022 (126 for float32 X) is an error, because
        almost no loss is left.
    alpha : float or array-like of shape (n_classes,), default=None
        Additional weights of the classes, which multiply those of ``class_weight``. For two
        classes, a float between 0 and 1 is the weight of ``classes_[1]``, and the other class has
        the weight 1 - alpha, as in [1]_. None means 1 for each class.
    C : float, default=1.0
        Inverse strength of the penalty, positive. ``np.inf`` means no penalty.
    l1_ratio : float, default=0.0
        Fraction of the penalty that is L1, from 0 to 1; None means 0. An L1 penalty sets
        coefficients to exactly zero: the smaller C, the more of them.
    dual : bool, default=False
        Without effect, accepted for compatibility.
    tol : float, default=1e-4
        The solver stops once no entry of the gradient of the mean objective (the objective above
        divided by C times the sum of the weights; with an L1 penalty, of the subgradient closest to
        zero) exceeds tol, and it estimates the objective to be within a relative 1e-7 * tol**2 of
        a minimum (at least 1e-11, at most 1e-6). It stops earlier if rounding errors, which grow
        with the size of X, allow no more accuracy.
    fit_intercept : bool, default=True
        Whether to fit the intercept b. If False, it is zero.
    intercept_scaling : float, default=1
        Without effect, accepted for compatibility.
    class_weight : dict or "balanced", default=None
        Weights of the classes, ``{label: weight}``; classes that are missing have weight 1.
        "balanced" weights a class inversely to its total sample weight. For soft targets, the
        weight of a class multiplies its probability.
    random_state : int, RandomState instance or None, default=None
        Without effect, accepted for compatibility: a fit has the same bits each time.
    solver : {"auto", "newton-cholesky", "newton-cg", "lbfgs", "coordinate-descent", \
            "liblinear", "sag", "saga", "newton-cd", "newton-cd-gram"}, default="auto"
        "newton-cholesky" forms the Hessian, or for many classes the mean of its blocks; it is the
        fastest for few features. "newton-cg" only multiplies by the Hessian, which suits many
        features. "lbfgs" needs the least memory. With an L1 penalty, only "coordinate-descent" is
        available. "auto" chooses by the penalty and the shape of the data. The names of
        scikit-learn's other solvers mean "auto".
    max_iter : int, default=100
        Maximum number of iterations of the solver from each start.
    verbose : int, default=0
        If positive, print the plan and a line for each iteration.
    warm_start : bool, default=False
        Start from ``coef_`` and ``intercept_`` of the previous fit instead of zero.
    n_jobs : int, default=None
        Number of threads, also for predictions. None uses the cores that the process may use,
        within the limits of OMP_NUM_THREADS and threadpoolctl; -1 uses all cores. The result has
        the same bits for any number.
    label_smoothing : float, default=0.0
        In [0, 1). The targets become (1 - label_smoothing) y + label_smoothing / n_classes. A class
        whose smoothed probability is below label_smoothing / n_classes gets almost no posterior
        probability: 2e-308 (1e-38 for float32).
    probabilities : {"posterior", "model"}, default="posterior"
        What `predict_proba` returns. "posterior": the probabilities in the population of the data,
        with the effects of the loss, ``alpha``, ``class_weight`` and ``label_smoothing`` undone.
        "model": the sigmoid or softmax of `decision_function`, as in deep-learning code.
        `predict` uses `decision_function` in either case.
    penalty_factor : array-like of shape (n_features,), default=None
        Nonnegative factor of the L1 and L2 penalty of each feature; 0 means no penalty. None means
        1 for each. Like glmnet's penalty.factor, but not rescaled: glmnet divides the factors by
        their mean. A Series with the names of the features may have them in any order.
    bounds : pair (lower, upper), default=None
        Limits of the coefficients, not of the intercept. Each is None (no bound), a number, or an
        array of shape (n_features,) or of the shape of ``coef_``. ``(0, None)`` makes all
        coefficients nonnegative. A Series or DataFrame with the names of the features, and of
        the classes as its index, may have them in any order.
        Coefficients of a float32 `X` are float32, and so are their bounds: one that is no float32
        becomes the next one within the bounds.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels of the classes.
    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features)
        Coefficients. For more than two classes, they sum to zero over the classes, as far as
        bounds allow; with an L1 penalty, they need not.
    intercept_ : ndarray of shape (1,) or (n_classes,)
        Intercepts, one for each row of ``coef_``.
    n_iter_ : ndarray of shape (1,)
        Number of iterations on the way to the minimum that was kept.
    n_features_in_ : int
        Number of features seen during fit.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features seen during fit, if X had names that are all strings.
    solver_ : str
        The solver that was used.
    plan_ : Plan
        The stages that solved the problem; ``str(plan_)`` describes them.
    class_weight_ : ndarray of shape (n_classes,)
        The weights of the classes in the fit, including ``alpha``.
    n_starts_ : int
        Number of starts: 2, or 1 for ``gamma=0``, where the objective is convex.
    start_objectives_ : ndarray of shape (n_starts,)
        The mean objective (the objective above divided by C times the sum of the weights, in nats)
        at the minimum that each start led to. The first start is zero, the second the minimum of
        log loss. The second one ends early if both lead to the same minimum. The lower one is kept.

    See Also
    --------
    LogLossClassifier : The same with log loss, whose probabilities need no correction.
    sklogloss.losses.FocalLoss : The loss itself.

    Notes
    -----
    Minimising the expected focal loss of two classes gives a score z with

    .. math::
        \\ln \\frac{P(y = 1 | x)}{P(y = 0 | x)} = \\gamma z + L(-z) - L(z), \\quad
        L(z) = \\ln [\\sigma(-z) + \\gamma \\sigma(z) \\ln(1 + e^{-z})],

    minus the logarithm of the ratio of the class weights. For more classes, probabilities p of the
    softmax stand for class probabilities proportional to p / phi(p), where phi(p) = (1 - p)^gamma -
    gamma p (1 - p)^(gamma - 1) ln p, divided by the weights.

    An ``offset`` is added to the score z, which is not the log-odds unless ``gamma=0``. For known
    log-odds, use the offset of `LogLossClassifier`.

    The negative curvature of focal loss is small. Several minima are rare, and need samples of very
    unequal size or weight.

    References
    ----------
    .. [1] T.-Y. Lin, P. Goyal, R. Girshick, K. He and P. Dollar, "Focal Loss for Dense Object
       Detection", ICCV 2017.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklogloss import FocalLogisticRegression
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> X = StandardScaler().fit_transform(X)
    >>> clf = FocalLogisticRegression(gamma=2).fit(X, y)
    >>> clf.predict_proba(X[20:22]).round(4)
    array([[3.000e-04, 9.997e-01],
           [0.000e+00, 1.000e+00]])
    >>> clf.set_params(probabilities="model").predict_proba(X[20:22]).round(4)
    array([[0.0507, 0.9493],
           [0.0103, 0.9897]])
    """

    _takes_array_api = True
    _allowed = BaseLinearClassifier._allowed | {"gamma": Interval(0, np.inf, "[)")}

    def __init__(
        self,
        penalty: str | None = "elasticnet",
        *,
        gamma: float = 2.0,
        alpha: ArrayLike | None = None,
        C: float = 1.0,
        l1_ratio: float | None = 0.0,
        dual: bool = False,
        tol: float = 1e-4,
        fit_intercept: bool = True,
        intercept_scaling: float = 1,
        class_weight: dict[Any, float] | str | None = None,
        random_state: int | np.random.RandomState | None = None,
        solver: str = "auto",
        max_iter: int = 100,
        verbose: int = 0,
        warm_start: bool = False,
        n_jobs: int | None = None,
        label_smoothing: float = 0.0,
        probabilities: str = "posterior",
        penalty_factor: ArrayLike | None = None,
        bounds: tuple[ArrayLike | None, ArrayLike | None] | None = None,
    ) -> None:
        self.penalty = penalty
        self.gamma = gamma
        self.alpha = alpha
        self.C = C
        self.l1_ratio = l1_ratio
        self.dual = dual
        self.tol = tol
        self.fit_intercept = fit_intercept
        self.intercept_scaling = intercept_scaling
        self.class_weight = class_weight
        self.random_state = random_state
        self.solver = solver
        self.max_iter = max_iter
        self.verbose = verbose
        self.warm_start = warm_start
        self.n_jobs = n_jobs
        self.label_smoothing = label_smoothing
        self.probabilities = probabilities
        self.penalty_factor = penalty_factor
        self.bounds = bounds

    def _loss(self, n_classes):
        return _loss_of(self.gamma, n_classes)

    def _solve(self, plan, objective, start, goal):
        # If a probability of 1/2 has a loss of zero, there is no direction of descent.
        dtype = objective.samples.dtype
        smallest = np.finfo(dtype).tiny
        if objective.loss.unit < smallest:
            raise ValueError(
                f"gamma must be at most {-int(np.log2(smallest))} for {dtype} X, got "
                f"{self.gamma!r}; a larger gamma makes the loss too small for this dtype"
            )
        if self.gamma == 0:
            result = solve(plan, objective, start, goal)
            self.start_objectives_ = np.array([result.value])
        else:
            n_classes, of_matrix = max(2, objective.n_columns), objective.loss.target_is_matrix
            path = _kernels_from_log_loss(self.gamma, n_classes, of_matrix)
            solver = NonconvexSolver(self.solver, objective, path, goal)
            result = solver.solve(start)
            self.start_objectives_ = solver.start_values
        self.n_starts_ = len(self.start_objectives_)
        return result


# One object serves all fits with the same gamma.
@functools.lru_cache
def _loss_of(gamma, n_classes):
    return FocalLoss(gamma, n_classes) if gamma > 0 else LogLoss(n_classes)


@functools.lru_cache
def _kernels_from_log_loss(gamma, n_classes, target_is_matrix):
    # The path of the second start, with Hessians that leave out the negative terms.
    n_steps = min(int(np.ceil(gamma)), MAX_GAMMA_STEPS)
    steps = [
        FocalLoss(gamma * step / n_steps, n_classes).kernel(target_is_matrix, convex=True)
        for step in range(1, n_steps + 1)
    ]
    return [LogLoss(n_classes).kernel(target_is_matrix), *steps]
