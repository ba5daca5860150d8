"""Logistic regression: the linear classifier that minimises log loss."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sklogloss.classifiers.base import BaseLinearClassifier

__all__ = ["LogLossClassifier"]


class LogLossClassifier(BaseLinearClassifier):
    """Logistic regression, a drop-in for scikit-learn's LogisticRegression.

    Minimises::

        C * sum_i s_i l(y_i, x_i w + b + o_i) + (1 - l1_ratio) / 2 |w|_2^2 + l1_ratio |w|_1

    where l is the log loss in nats: -ln p for the probability p of the observed class, from the
    sigmoid for two classes and from the softmax for more. s_i is the sample weight times the weight
    of the class, and o_i is the offset, if there is one. The intercept is not penalised.

    Parameters
    ----------
    penalty : {"elasticnet", "l2", "l1", None}, default="elasticnet"
        "elasticnet" leaves the penalty to ``l1_ratio``; "l2" means ``l1_ratio=0``, "l1" means
        ``l1_ratio=1`` and None means ``C=np.inf``.
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
        its optimum (at least 1e-11, at most 1e-6). It stops earlier if rounding errors, which grow
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
    solver : {"auto", "newton-cholesky", "newton-cg", "lbfgs", "coordinate-descent", "liblinear", \
            "sag", "saga", "newton-cd", "newton-cd-gram"}, default="auto"
        "newton-cholesky" forms the Hessian, or for many classes the mean of its blocks; it is the
        fastest for few features. "newton-cg" only multiplies by the Hessian, which suits many
        features. "lbfgs" needs the least memory. With an L1 penalty, only "coordinate-descent" is
        available. All reach the same optimum. "auto" chooses by the penalty and the shape of the
        data. The names of scikit-learn's other solvers mean "auto".
    max_iter : int, default=100
        Maximum number of iterations of the solver.
    verbose : int, default=0
        If positive, print the plan and a line for each iteration.
    warm_start : bool, default=False
        Start from ``coef_`` and ``intercept_`` of the previous fit.
    n_jobs : int, default=None
        Number of threads, also for predictions. None uses the cores that the process may use,
        within the limits of OMP_NUM_THREADS and threadpoolctl; -1 uses all cores. The result has
        the same bits for any number.
    label_smoothing : float, default=0.0
        In [0, 1). The targets become (1 - label_smoothing) y + label_smoothing / n_classes. A class
        whose smoothed probability is below label_smoothing / n_classes gets almost no posterior
        probability: 2e-308 (1e-38 for float32).
    probabilities : {"model", "posterior"}, default="model"
        What `predict_proba` returns. "model": the sigmoid or softmax of `decision_function`, as
        in LogisticRegression. "posterior": the probabilities in the population of the data, with
        the effects of ``class_weight`` and ``label_smoothing`` undone. `predict` uses
        `decision_function` in either case.
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
        Number of iterations.
    n_features_in_ : int
        Number of features seen during fit.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features seen during fit, if X had names that are all strings.
    solver_ : str
        The solver that was used.
    plan_ : Plan
        The stages that solved the problem; ``str(plan_)`` describes them.
    class_weight_ : ndarray of shape (n_classes,)
        The weights of the classes in the fit.

    See Also
    --------
    sklogloss.losses.LogLoss : The loss itself.

    Notes
    -----
    Minimising log loss is maximum likelihood. The gradient of a sample with respect to its score is
    p - y, also for soft targets.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklogloss import LogLossClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = LogLossClassifier().fit(X, y)
    >>> clf.predict(X[:2])
    array([0, 0])
    >>> clf.predict_proba(X[:1]).round(4)
    array([[0.9816, 0.0184, 0.    ]])
    >>> round(clf.score(X, y), 4)
    0.9733
    """

    _takes_array_api = True

    def __init__(
        self,
        penalty: str | None = "elasticnet",
        *,
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
        probabilities: str = "model",
        penalty_factor: ArrayLike | None = None,
        bounds: tuple[ArrayLike | None, ArrayLike | None] | None = None,
    ) -> None:
        self.penalty = penalty
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
