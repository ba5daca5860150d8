"""Logistic regression that chooses its penalty by cross-validation."""

# Annotations stay as they are written: help() shows ArrayLike, not what it stands for.
from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import get_scorer
from sklearn.model_selection import BaseCrossValidator
from sklearn.utils import Bunch, assert_all_finite, metadata_routing
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    _raise_for_params,
    _routing_enabled,
    process_routing,
)
from sklearn.utils.validation import check_is_fitted

from sklogloss.classifiers.base import COMMON_PARAMETERS, BaseLinearClassifier
from sklogloss.classifiers.callbacks import FitTasks, fit_with_callbacks
from sklogloss.classifiers.folds import make_folds, solve_paths
from sklogloss.classifiers.grids import check_Cs, check_l1_ratios, default_Cs
from sklogloss.classifiers.path import (
    DEFAULT_TOL,
    join_coefficients,
    path_coefficients,
    penalties,
    split_coefficients,
    warn_of_unconverged,
)
from sklogloss.classifiers.problem import fitted_coefficients, warn_of_rounding
from sklogloss.classifiers.scoring import (
    check_scorer,
    is_log_loss,
    score_folds,
    surprise,
    with_labels,
)
from sklogloss.inputs.arrays import check_same_length
from sklogloss.inputs.errors import shown
from sklogloss.inputs.parameters import Allowed, check_parameters
from sklogloss.inputs.splits import check_splitter, train_test_rows
from sklogloss.inputs.targets import encode_known, encode_known_probabilities, is_soft
from sklogloss.inputs.weights import check_sample_weight
from sklogloss.linear.threads import one_blas_thread
from sklogloss.selection import best_of_each_fold, select
from sklogloss.solvers.path import solve_from
from sklogloss.solvers.stopping import Goal

__all__ = ["LogLossClassifierCV"]

# At the default tol, the fits for the choice end within this fraction of the optimum. The remaining
# error of differences between scores is far below their standard error.
FOLD_GAP, SMALLEST_FOLD_GAP = 1e-7, 1e-11
DEFAULT_N_FOLDS = 5


class LogLossClassifierCV(BaseLinearClassifier):
    """Logistic regression that chooses C and l1_ratio by cross-validation.

    A drop-in for scikit-learn's LogisticRegressionCV. For each l1_ratio, fits go from strong to
    weak penalties. Each penalty is fitted first to all data and then, from that solution, to the
    training rows of each fold. All fits read X in place: rows that a fold leaves out have weight
    zero.

    Parameters
    ----------
    Cs : int or array-like of shape (n_Cs,), default=10
        Values of C, the inverse strength of the penalty, or the number of values, spaced evenly on
        a log scale from 1e-4 to 1e4. ``np.inf`` means no penalty.
    l1_ratios : array-like of shape (n_l1_ratios,), default=(0.0,)
        Fractions of the penalty that are L1, from 0 to 1; None means (0.0,).
    fit_intercept : bool, default=True
        Whether to fit the intercept. If False, it is zero.
    cv : int, cross-validation generator or iterable, default=None
        The folds. An integer is a number of stratified folds; None means 5, or fewer if no class
        has 5 samples. Soft targets are stratified by their most probable class.
    dual : bool, default=False
        Without effect, accepted for compatibility.
    penalty : {"elasticnet", "l2", "l1"}, default="elasticnet"
        "elasticnet" leaves the penalty to ``l1_ratios``; "l2" means ``l1_ratios=(0,)`` and "l1"
        means ``l1_ratios=(1,)``.
    scoring : str, callable or None, default="neg_log_loss"
        The score that decides; larger is better. A name of a scorer of scikit-learn, a scorer of
        scikit-learn or of `sklogloss.metrics`, or a callable ``scorer(estimator, X, y)``. None is
        accuracy. With "neg_log_loss", no probability of the model is rounded to 0. Test samples
        whose class is missing from the training rows of the fold are left out, because their loss
        has no bound.
    solver : {"auto", "newton-cholesky", "newton-cg", "lbfgs", "coordinate-descent", \
            "liblinear", "sag", "saga", "newton-cd", "newton-cd-gram"}, default="auto"
        See `LogLossClassifier`.
    tol : float, default=1e-4
        See `LogLossClassifier`. Fits that only serve the choice (those of the folds and, without an
        L1 penalty, of ``full_paths_``) stop within a relative 10 * tol**2 of the optimum (at least
        1e-11, at most 1e-7).
    max_iter : int, default=100
        Maximum number of iterations of the solver for each fit.
    class_weight : dict or "balanced", default=None
        Weights of the classes; see `LogLossClassifier`. "balanced" uses the frequencies of all
        data.
    n_jobs : int, default=None
        Number of threads, also for predictions. None uses the cores that the process may use,
        within the limits of OMP_NUM_THREADS and threadpoolctl; -1 uses all cores. The result has
        the same bits for any number.
    verbose : int, default=0
        If positive, print the plan and a line for each iteration.
    refit : bool, default=True
        Whether to fit all data with the chosen penalty. If not, each fold chooses a penalty, and
        ``coef_``, ``intercept_``, ``C_`` and ``l1_ratio_`` are means over the folds.
    intercept_scaling : float, default=1
        Without effect, accepted for compatibility.
    random_state : int, RandomState instance or None, default=None
        Without effect, accepted for compatibility.
    use_legacy_attributes : bool, default=False
        Accepted for compatibility. Only False is supported, the future default of scikit-learn.
    selection : {"best", "1se"}, default="best"
        "best" chooses the penalty with the best mean score. "1se" chooses the strongest penalty,
        for the same l1_ratio, whose mean score is within one standard error of the best [1]_.
    label_smoothing : float, default=0.0
        In [0, 1): training targets become (1 - label_smoothing) y + label_smoothing / n_classes. A
        class whose smoothed probability is below label_smoothing / n_classes has almost no
        posterior probability: 2e-308 (1e-38 for float32). Scores use the targets without smoothing.
    probabilities : {"model", "posterior"}, default="model"
        The probabilities that `predict_proba` returns and that are scored; see `LogLossClassifier`.
    penalty_factor : array-like of shape (n_features,), default=None
        Factor of the penalty of each feature; see `LogLossClassifier`.
    bounds : pair (lower, upper), default=None
        Limits of the coefficients; see `LogLossClassifier`.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels of the classes.
    coef_ : ndarray of shape (1, n_features) or (n_classes, n_features)
        Coefficients. For more than two classes, they sum to zero over the classes, as far as
        bounds allow; with an L1 penalty, they need not.
    intercept_ : ndarray of shape (1,) or (n_classes,)
        Intercepts, one for each row of ``coef_``.
    C_ : float
        The chosen C.
    l1_ratio_ : float
        The chosen fraction of the penalty that is L1.
    Cs_ : ndarray of shape (n_Cs,)
    l1_ratios_ : ndarray of shape (n_l1_ratios,)
    scores_ : ndarray of shape (n_folds, n_l1_ratios, n_Cs)
    coefs_paths_ : ndarray of shape (n_folds, n_l1_ratios, n_Cs, 1, n_features + 1) or \
            (n_folds, n_l1_ratios, n_Cs, n_classes, n_features + 1)
        Coefficients of the folds, followed by the intercept if there is one.
    full_paths_ : ndarray of shape (n_l1_ratios, n_Cs, 1, n_features + 1) or \
            (n_l1_ratios, n_Cs, n_classes, n_features + 1)
        The same for the fits to all data.
    n_iter_ : ndarray of shape (n_folds, n_l1_ratios, n_Cs)
        Number of iterations. Fits of folds start from the solution of all data.
    n_features_in_ : int
        Number of features seen during fit.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features seen during fit, if X had names that are all strings.
    solver_ : str
        The solver that was used for the chosen penalty.
    plan_ : Plan
        The stages that solved the problem; ``str(plan_)`` describes them.
    class_weight_ : ndarray of shape (n_classes,)
        The weights of the classes in the fit.

    See Also
    --------
    LogLossClassifier : The same for a given penalty.
    logloss_path : Coefficients for a grid of C, without cross-validation.
    sklogloss.displays.CVCurveDisplay : Plot of the scores.

    References
    ----------
    .. [1] T. Hastie, R. Tibshirani and J. Friedman, The Elements of Statistical Learning, 2nd
       edition, Springer, 2009, section 7.10.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklogloss import LogLossClassifierCV
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = LogLossClassifierCV(Cs=[0.1, 1, 10, 100, 1000]).fit(X, y)
    >>> clf.scores_.mean(axis=0).round(3)
    array([[-0.331, -0.14 , -0.068, -0.055, -0.073]])
    >>> clf.C_
    100.0
    >>> LogLossClassifierCV(Cs=[0.1, 1, 10, 100, 1000], selection="1se").fit(X, y).C_
    10.0
    """

    _allowed: ClassVar[dict[str, Allowed]] = {
        **COMMON_PARAMETERS,
        # "deprecated" is LogisticRegressionCV's default: get_params brings it from there.
        "penalty": ("elasticnet", "l2", "l1", "deprecated"),
        "refit": bool,
        "selection": ("best", "1se"),
    }
    # As in scikit-learn, the scorer decides what score does with the weights.
    __metadata_request__score = {"sample_weight": metadata_routing.UNUSED}  # noqa: RUF012

    def __init__(
        self,
        *,
        Cs: int | ArrayLike = 10,
        l1_ratios: ArrayLike | None = (0.0,),
        fit_intercept: bool = True,
        cv: int | BaseCrossValidator | Iterable[Any] | None = None,
        dual: bool = False,
        penalty: str | None = "elasticnet",
        scoring: str | Callable[..., float] | None = "neg_log_loss",
        solver: str = "auto",
        tol: float = DEFAULT_TOL,
        max_iter: int = 100,
        class_weight: dict[Any, float] | str | None = None,
        n_jobs: int | None = None,
        verbose: int = 0,
        refit: bool = True,
        intercept_scaling: float = 1,
        random_state: int | np.random.RandomState | None = None,
        use_legacy_attributes: bool = False,
        selection: str = "best",
        label_smoothing: float = 0.0,
        probabilities: str = "model",
        penalty_factor: ArrayLike | None = None,
        bounds: tuple[ArrayLike | None, ArrayLike | None] | None = None,
    ) -> None:
        self.Cs = Cs
        self.l1_ratios = l1_ratios
        self.fit_intercept = fit_intercept
        self.cv = cv
        self.dual = dual
        self.penalty = penalty
        self.scoring = scoring
        self.solver = solver
        self.tol = tol
        self.max_iter = max_iter
        self.class_weight = class_weight
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.refit = refit
        self.intercept_scaling = intercept_scaling
        self.random_state = random_state
        self.use_legacy_attributes = use_legacy_attributes
        self.selection = selection
        self.label_smoothing = label_smoothing
        self.probabilities = probabilities
        self.penalty_factor = penalty_factor
        self.bounds = bounds

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        offset: ArrayLike | None = None,
        **params: Any,
    ) -> Self:
        """Choose the penalty, and fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            As for `LogLossClassifier.fit`.
        y : array-like of shape (n_samples,) or (n_samples, n_classes)
            Labels or soft targets; see `LogLossClassifier.fit`.
        sample_weight : array-like of shape (n_samples,), default=None
            Nonnegative; None means 1 for each sample. Without metadata routing, weights are also
            used in scores.
        offset : array-like of shape (n_samples,) or (n_samples, n_classes), default=None
            Added to the decision function of each sample, as in `LogLossClassifier.fit`, in fits
            and in scores. Scorers get estimators that know the offset of the scored rows.
        **params : dict
            With metadata routing, arguments that the splitter and the scorer request.

        Returns
        -------
        self : object
            Fitted estimator.

        Raises
        ------
        ValueError, TypeError
            If a parameter or an input is out of its range; the message names it.

        Warns
        -----
        ConvergenceWarning
            If some of the fits did not converge.
        """
        if hasattr(self, "_skl_callbacks") and not hasattr(self, "_callback_fit_ctx"):
            return fit_with_callbacks(self, self.fit, X, y, sample_weight, offset, **params)
        _raise_for_params(params, self, "fit")
        check_parameters(self, self._allowed)
        # "warn" is LogisticRegressionCV's default: get_params brings it from there.
        legacy: Any = self.use_legacy_attributes
        if not (legacy is False or (isinstance(legacy, str) and legacy == "warn")):
            raise ValueError(
                "use_legacy_attributes must be False: fitted attributes have the layout of "
                f"use_legacy_attributes=False, got {shown(legacy)}"
            )
        self._set_grid()
        routed = self._route("fit", params, sample_weight=sample_weight, offset=offset)
        problem = self._validate_problem(X, y, sample_weight, offset)
        self._set_classes(problem.targets.classes, problem.class_weight)
        folds = self._folds(problem, routed.splitter.split)
        with one_blas_thread():
            objective, _ = problem.objective(self, problem.penalty(self.Cs_.max(), 0.0))
            full_paths = self._solve_paths(objective, problem, folds)
            score_params = dict(routed.scorer.score)
            for name in score_params.keys() & {"sample_weight", "offset"}:
                score_params[name] = getattr(problem, name)
            self.scores_ = self._score_folds(problem, folds, score_params)
            selection = select(self.scores_, self.Cs_)
            ratio, i = selection.simplest if self.selection == "1se" else selection.best
            self.plan_ = full_paths[ratio][i].plan
            self.solver_ = self.plan_.solver
            if self.refit:
                self.C_, self.l1_ratio_ = float(self.Cs_[i]), float(self.l1_ratios_[ratio])
                result: Any = solve_from(
                    full_paths[ratio][i],
                    objective.replace(penalty=problem.penalty(self.C_, self.l1_ratio_)),
                    Goal.of(self.tol, self.max_iter, self.verbose).part("refit"),
                ).result
                if full_paths[ratio][i].result.converged:
                    self._warn_of_no_optimum(result, problem.targets, self.C_)
                objective, dtype = result.objective, problem.X.dtype
                self.coef_, self.intercept_ = fitted_coefficients(objective, result.theta, dtype)
                if objective.samples.dtype != dtype:
                    warn_of_rounding([result], [self.coef_], [self.intercept_])
            else:
                self._take_means_over_folds(ratio, i)
        return self

    def _set_grid(self):
        check_Cs(self.Cs)
        # As for scoring: the value that LogisticRegressionCV's get_params returns.
        is_default = isinstance(self.l1_ratios, str) and self.l1_ratios == "warn"
        l1_ratios = None if is_default else self.l1_ratios
        self.l1_ratios_ = check_l1_ratios(l1_ratios, self.penalty, self.solver)
        if np.ndim(self.Cs) == 0:
            self.Cs_ = default_Cs(self.Cs)
        else:
            self.Cs_ = np.array(self.Cs, dtype=np.float64)

    def _route(self, method, params, **of_samples):
        # The parameters that the splitter and the scorer get. Scorers use the offset in any case,
        # see _known_offset; one gets it if it asks for it.
        given = {name: value for name, value in of_samples.items() if value is not None}
        if _routing_enabled():
            return process_routing(self, method, **params, **given)
        given.pop("offset", None)
        return Bunch(splitter=Bunch(split={}), scorer=Bunch(score=given))

    def _folds(self, problem, split_params):
        labels = self.classes_[problem.targets.most_probable()]
        cv = self.cv
        if cv is None:
            n_most = np.bincount(problem.targets.most_probable()).max()
            cv = max(2, min(DEFAULT_N_FOLDS, n_most))
        splitter = check_splitter(cv, labels, classifier=True)
        row_weight = problem.row_weight
        if row_weight is None:
            row_weight = np.ones(len(labels), dtype=problem.target.dtype)
        splits = train_test_rows(splitter, problem.X, labels, len(labels), **split_params)
        return make_folds(splits, row_weight)

    def _score_folds(self, problem, folds, score_params):
        return score_folds(self, self._get_scorer(), problem, folds, score_params)

    def _solve_paths(self, objective, problem, folds):
        # Set the attributes that hold paths; return those of all data, in the order of Cs_.
        from_strong_to_weak = np.argsort(self.Cs_, kind="stable")
        as_given = np.argsort(from_strong_to_weak)
        Cs = self.Cs_[from_strong_to_weak]
        gap = np.clip(FOLD_GAP * (self.tol / DEFAULT_TOL) ** 2, SMALLEST_FOLD_GAP, FOLD_GAP)
        goal = Goal.of(self.tol, self.max_iter, self.verbose)
        if hasattr(self, "_callback_fit_ctx"):
            goal = replace(goal, watch=FitTasks(self, problem))
        grids = [penalties(problem, Cs, l1_ratio) for l1_ratio in self.l1_ratios_.tolist()]
        fold_grids = [
            [penalties(problem, Cs, ratio, fold.row_weight) for ratio in self.l1_ratios_.tolist()]
            for fold in folds
        ]
        # The sparsest first, because its zeros are the start of the next.
        from_sparse = np.argsort(-self.l1_ratios_)
        full_paths, fold_paths = solve_paths(
            objective,
            [grids[ratio] for ratio in from_sparse],
            folds,
            [[of_fold[ratio] for ratio in from_sparse] for of_fold in fold_grids],
            goal,
            gap=gap,
            solver=self.solver,
        )
        ratios_as_given = np.argsort(from_sparse)
        full_paths = [full_paths[i] for i in ratios_as_given]
        fold_paths = [[paths[i] for i in ratios_as_given] for paths in fold_paths]
        results = [point.result for path in full_paths for point in path]
        if not np.all(np.isfinite([result.max_gradient for result in results])):
            assert_all_finite(problem.X, estimator_name=type(self).__name__, input_name="X")
        results += [point.result for paths in fold_paths for path in paths for point in path]
        warn_of_unconverged(results, self.max_iter, self.tol, stacklevel=3)

        def coefficients(paths):
            arrays = [
                path_coefficients(objective, *pair) for pair in zip(grids, paths, strict=True)
            ]
            joined = [join_coefficients(*pair, self.fit_intercept) for pair in arrays]
            return np.array(joined)[:, as_given]

        self.full_paths_ = coefficients(full_paths)
        self.coefs_paths_ = np.array([coefficients(paths) for paths in fold_paths])
        self.n_iter_ = np.array(
            [[[point.result.n_iter for point in path] for path in paths] for paths in fold_paths],
            dtype=np.int32,
        )[:, :, as_given]
        return [[path[i] for i in as_given] for path in full_paths]

    def _take_means_over_folds(self, ratio, i):
        # Each fold makes its own choice, except for "1se": the standard error needs all folds.
        if self.selection == "best":
            folds, ratios, indices = best_of_each_fold(self.scores_)
        else:
            folds, ratios, indices = slice(None), ratio, i
        self.C_ = float(np.mean(self.Cs_[indices]))
        self.l1_ratio_ = float(np.mean(self.l1_ratios_[ratios]))
        mean = np.mean(self.coefs_paths_[folds, ratios, indices], axis=0)
        self.coef_, self.intercept_ = split_coefficients(mean, self.fit_intercept)

    def score(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        offset: ArrayLike | None = None,
        **score_params: Any,
    ) -> float:
        """Return the score of the predictions by `scoring`; larger is better.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_classes)
            Labels, of which some classes may be missing, or soft targets as in `fit`. The columns
            of a DataFrame must be ``classes_``, in any order.
        sample_weight : array-like of shape (n_samples,), default=None
        offset : array-like of shape (n_samples,) or (n_samples, n_classes), default=None
            See `decision_function`.
        **score_params : dict
            With metadata routing, arguments that the scorer requests.

        Returns
        -------
        score : float
        """
        _raise_for_params(score_params, self, "score")
        check_is_fitted(self)
        routed = self._route("score", score_params, sample_weight=sample_weight, offset=offset)
        params, scorer = routed.scorer.score, self._get_scorer()
        if not is_log_loss(scorer):
            model = copy.copy(self)
            model._known_offset = offset
            return with_labels(scorer, self.classes_)(model, X, y, **params)
        raw_prediction = self._raw_prediction(X, offset)
        dtype = raw_prediction.dtype
        if is_soft(y):
            targets = encode_known_probabilities(y, self.classes_)
        else:
            targets = encode_known(y, self.classes_)
        target = targets.as_array(0, dtype)
        check_same_length(X=raw_prediction, y=target)
        losses = surprise(self, target, raw_prediction)
        weight = check_sample_weight(params.get("sample_weight"), len(losses))
        return -float(np.average(losses, weights=weight))

    def _get_scorer(self):
        # "warn" is LogisticRegressionCV's default: get_params brings it from there.
        names = {None: "accuracy", "warn": "neg_log_loss"}
        is_name = self.scoring is None or isinstance(self.scoring, str)
        scorer = get_scorer(names.get(self.scoring, self.scoring) if is_name else self.scoring)
        check_scorer(scorer)
        return scorer

    def get_metadata_routing(self) -> MetadataRouter:
        """Return the routing of metadata: to the splitter, and to the scorer.

        Returns
        -------
        routing : MetadataRouter
        """
        return (
            MetadataRouter(owner=type(self).__name__)
            .add_self_request(self)
            .add(
                splitter=self.cv,
                method_mapping=MethodMapping().add(caller="fit", callee="split"),
            )
            .add(
                scorer=self._get_scorer(),
                method_mapping=MethodMapping()
                .add(caller="score", callee="score")
                .add(caller="fit", callee="score"),
            )
        )
