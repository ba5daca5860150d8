"""Results of `infer`: figures, tests and follow-up questions, named as in statsmodels."""

from __future__ import annotations

from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import chi2, norm

from sklogloss.inference.checks import prepared
from sklogloss.inference.covariance import Information
from sklogloss.inference.estimates import Estimates
from sklogloss.inference.likelihood import Likelihood, Point
from sklogloss.inference.margins import (
    Margins,
    are_binary,
    average_effects,
    effects_of_rows,
    mean_row,
)
from sklogloss.inference.nesting import check_same_rows, is_nested
from sklogloss.inference.null_model import null_log_likelihood, target_entropy
from sklogloss.inference.prediction import PredictionInterval, logit_intervals
from sklogloss.inference.profile import Profile
from sklogloss.inference.restricted import maximise_without, parameters_of
from sklogloss.inference.terms import Terms
from sklogloss.inputs.arrays import real_array
from sklogloss.inputs.parameters import FRACTION, check_parameter
from sklogloss.linear.entries import Entries

__all__ = ["HypothesisTest", "InferenceResult"]


class HypothesisTest(NamedTuple):
    """The result of a test.

    Attributes
    ----------
    statistic : float
        Has a chi-squared distribution if the hypothesis is true.
    df : int
        Its degrees of freedom.
    pvalue : float
    """

    statistic: float
    df: int
    pvalue: float

    @classmethod
    def of(cls, statistic: float, df: int) -> HypothesisTest:
        """Return the test with the p-value of its statistic."""
        return cls(float(statistic), int(df), float(chi2.sf(statistic, df)))


class InferenceResult(Estimates):
    """Coefficients of a fit with their uncertainty; created by `infer`.

    Results with one number per coefficient are pandas objects if X has column names, and arrays
    otherwise. The intercept comes first. For two classes, they have shape (n_terms,). For more,
    they are tables of shape (n_terms, n_labels), with one column for each class but the baseline.
    Flattened results, such as a covariance matrix, are in the order of the classes.

    Attributes
    ----------
    params : Series, DataFrame or ndarray
        The coefficients, of the log-odds of a class against the baseline.
    bse : Series, DataFrame or ndarray
        Standard errors of the coefficients.
    zvalues, pvalues : Series, DataFrame or ndarray
        params / bse, and the two-sided p-values of the hypothesis that a coefficient is zero.
    llf : float
        Log-likelihood in nats, without the penalty: minus the sum of the weighted losses. It is a
        likelihood only for log loss, and if weights are frequencies.
    aic, bic : float
        -2 llf + 2 k and -2 llf + k ln(nobs) for k free parameters. NaN for a fit with a penalty,
        which leaves fewer degrees of freedom.
    df_model : int
        Number of free coefficients, not counting intercepts.
    df_resid : float
        nobs minus the number of all free coefficients.
    nobs : float
        Number of observations: the sum of the weights for "model" and "laplace", and the number of
        rows with nonzero weight for the others.
    covariance : str
        The argument `covariance` of `infer`.
    feature_names : list of str
        The names of the columns of X; x0, x1, ... if X has none.
    labels : list
        The classes that have coefficients of their own.

    See Also
    --------
    infer : Creates this result.
    sklogloss.displays.CoefficientIntervalDisplay : Draws the intervals.
    """

    def __init__(
        self,
        estimator: Any,
        likelihood: Likelihood,
        point: Point,
        information: Information,
        terms: Terms,
        of_theta: NDArray[np.float64],
        *,
        covariance: str,
        nobs: float,
    ) -> None:
        self._estimator, self._likelihood, self._point = estimator, likelihood, point
        self._information, self._of_theta = information, of_theta
        objective = likelihood.objective
        linear_map = terms.linear_map(objective.coordinates)
        flat = linear_map @ point.theta
        super().__init__(flat, linear_map @ of_theta @ linear_map.T, terms)
        self._linear_map = linear_map
        self.covariance = covariance
        self.params = terms.vector(flat)
        self.nobs = nobs
        n_free = terms.n_free_parameters
        n_intercepts = n_free // len(terms.names) if objective.fit_intercept else 0
        self.df_model = n_free - n_intercepts
        self.df_resid = nobs - n_free
        penalty = objective.penalty_in_theta.l2 @ point.theta**2 / 2 * likelihood.total
        self.llf = float(penalty - point.value)
        k = n_free if objective.penalty.is_none else np.nan
        self.aic = -2 * self.llf + 2 * k
        self.bic = -2 * self.llf + k * np.log(nobs)

    @cached_property
    def llnull(self) -> float:
        """The log-likelihood of a model that has only intercepts and the offset."""
        return null_log_likelihood(self._likelihood)

    @cached_property
    def deviance(self) -> float:
        """Twice the difference of llf to its largest possible value; -2 llf for labels."""
        return -2 * (self.llf + target_entropy(self._likelihood))

    @property
    def prsquared(self) -> float:
        """McFadden's pseudo R squared, 1 - llf / llnull."""
        return 1 - self.llf / self.llnull

    def conf_int(self, level: float = 0.95, method: str = "wald") -> Any:
        """Return confidence intervals of the coefficients.

        Parameters
        ----------
        level : float in (0, 1), default=0.95
        method : {"wald", "profile"}, default="wald"
            "wald": params -+ z bse. "profile": the values that a likelihood-ratio test at this
            level does not reject, with the other coefficients refitted for each value. Profile
            intervals extend further to the side where the likelihood falls more slowly. They need
            covariance "model".

        Returns
        -------
        interval : DataFrame with the columns "lower" and "upper", or ndarray
            Of shape (n_terms, 2), or (n_labels, n_terms, 2) for more than two classes.
        """
        lower, upper = self._interval(level, method)
        return self._terms.table({"lower": lower, "upper": upper})

    def odds_ratios(self, level: float = 0.95, method: str = "wald") -> Any:
        """Return exp(params), and exp of the ends of their confidence intervals.

        Parameters
        ----------
        level, method
            See `conf_int`.

        Returns
        -------
        odds_ratios : DataFrame with the columns "odds ratio", "lower" and "upper", or ndarray
            The factors by which the odds change if the column of X grows by one.
        """
        lower, upper = self._interval(level, method)
        with np.errstate(over="ignore"):
            return self._terms.table(
                {"odds ratio": np.exp(self._flat), "lower": np.exp(lower), "upper": np.exp(upper)}
            )

    def _interval(
        self, level: float, method: str
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        check_parameter("method", method, ("wald", "profile"))
        wald = self._wald(level)
        if method == "wald":
            return wald
        _check_likelihood(self, "a profile interval")
        profile = self._profile
        fall = chi2.ppf(level, 1) / 2
        ends = [[profile.end(c, fall, sign) for sign in (-1, 1)] for c in self._linear_map]
        lower, upper = np.array(ends).T
        return lower, upper

    @property
    def _profile(self) -> Any:
        return Profile(self._likelihood, self._point, self._information)

    def _figures(self) -> list[tuple[str, str]]:
        return [
            ("Observations", f"{self.nobs:.10g}"),
            ("Log-likelihood", f"{self.llf:.6g}"),
            ("Df model", f"{self.df_model}"),
            ("Null log-likelihood", f"{self.llnull:.6g}"),
            ("Df residuals", f"{self.df_resid:.10g}"),
            ("Pseudo R-squared", f"{self.prsquared:.4g}"),
            ("Covariance", self.covariance),
            ("AIC", f"{self.aic:.6g}"),
        ]

    def wald_test(self, R: ArrayLike | str | list[str], r: ArrayLike = 0.0) -> HypothesisTest:
        """Test the linear hypothesis R params = r by Wald's test.

        Parameters
        ----------
        R : array-like of shape (n_parameters,) or (n_hypotheses, n_parameters), str or list of str
            A matrix, or one or more names of terms. Names test the coefficients of these terms, for
            all classes.
        r : float or array-like of shape (n_hypotheses,), default=0.0

        Returns
        -------
        test : HypothesisTest
            Named tuple of statistic, df and pvalue.

        Raises
        ------
        ValueError
            If R or r has a wrong shape, contains an unknown name, or contains NaN or infinity.
        """
        matrix = self._terms.hypothesis(R)
        values = real_array("r", r).astype(np.float64)
        if values.shape not in ((), (1,), (len(matrix),)):
            raise ValueError(
                f"r must be a number or have shape ({len(matrix)},), one entry for each row of R, "
                f"got shape {values.shape}"
            )
        if not np.all(np.isfinite(values)):
            raise ValueError("r must hold finite numbers, got NaN or infinity")
        difference = matrix @ self._flat - values
        covariance = matrix @ self._matrix @ matrix.T
        size = np.sqrt(np.diagonal(covariance))
        size[size == 0] = 1
        even = covariance / size / size[:, None]
        # Coefficients that sum to zero over the classes have a singular covariance.
        rank = int(np.linalg.matrix_rank(even, hermitian=True, rtol=1e-10))
        inverse = np.linalg.pinv(even, hermitian=True, rtol=1e-10)
        scaled = difference / size
        return HypothesisTest.of(float(scaled @ inverse @ scaled), rank)

    def score_test(self, columns: Any) -> HypothesisTest:
        """Test whether the coefficients of some columns are zero, by Rao's score test.

        The model without these columns is fitted. The statistic measures how steep the likelihood
        of this model is at that fit.

        Parameters
        ----------
        columns : str, int or list of them
            Names or places of columns of X.

        Returns
        -------
        test : HypothesisTest

        Raises
        ------
        ValueError
            If the covariance is not "model".
        """
        _check_likelihood(self, "a score test")
        likelihood, terms = self._likelihood, self._terms.features(columns)
        held = parameters_of(likelihood, terms)
        point = maximise_without(likelihood, self._point.theta, self._information, held)
        information = Information(point.hessian)
        statistic = float(point.gradient @ information.solve(point.gradient))
        return HypothesisTest.of(statistic, len(terms) * self._terms.n_free_labels)

    def likelihood_ratio_test(self, other: InferenceResult) -> HypothesisTest:
        """Test whether a smaller model, nested in this one, is sufficient.

        Parameters
        ----------
        other : InferenceResult
            The result for a smaller model of the same rows. Its coefficients must be those of this
            model under linear constraints, for example without some of the columns.

        Returns
        -------
        test : HypothesisTest

        Raises
        ------
        ValueError
            If the other model has different rows, y, weights or offsets; if it is not smaller; or
            if it is not nested, because its scores are not a linear function of the columns of this
            model. If the covariance of either is not "model".
        TypeError
            If other is not an InferenceResult.
        """
        if not isinstance(other, InferenceResult):
            raise TypeError(
                "other must be the InferenceResult of a smaller model, as infer returns it, got "
                f"{type(other).__name__}; score_test(columns) tests columns without a second fit"
            )
        _check_likelihood(self, "a likelihood-ratio test")
        _check_likelihood(other, "a likelihood-ratio test")
        check_same_rows(self._likelihood, other._likelihood)
        n_free, n_other = (each._terms.n_free_parameters for each in (self, other))
        df = n_free - n_other
        if df <= 0:
            raise ValueError(
                "other must be nested in this model, with fewer coefficients: it has "
                f"{n_other}, this one has {n_free}"
            )
        if not is_nested(other._likelihood, other._point.theta, self._likelihood):
            raise ValueError(
                "other must be nested in this model, but has columns that are not linear "
                "combinations of the columns of this one"
            )
        statistic = 2 * (self.llf - other.llf)
        return HypothesisTest.of(max(statistic, 0), df)

    def margins(self, columns: Any = None, kind: str = "average", discrete: Any = None) -> Margins:
        """Return marginal effects: the change of a probability per unit of a column.

        The effect of a column j is the derivative dp / dx_j. For a column of zeros and ones, it is
        the difference of p at 1 and at 0. Means use the sample weights, which statsmodels ignores.
        They do not use class weights: these change the fit, not the population.

        Parameters
        ----------
        columns : str, int or list of them, default=None
            Names or places of columns of X; None for all.
        kind : {"average", "at means"}, default="average"
            "average": the mean of the effects over the rows. "at means": the effect at the mean of
            the rows. Both means are weighted by sample_weight.
        discrete : bool or list of str or int, default=None
            The columns whose effect is a difference. None or True means those that contain only 0
            and 1, False means none.

        Returns
        -------
        margins : Margins
            Of the probabilities of the model, whatever the parameter `probabilities` is.
        """
        check_parameter("kind", kind, ("average", "at means"))
        likelihood, theta = self._likelihood, self._point.theta
        features = self._terms.features(columns)
        is_discrete = np.zeros(likelihood.objective.n_features, dtype=bool)
        if isinstance(discrete, bool | None):
            is_discrete[features] = discrete is not False and are_binary(likelihood)[features]
        else:
            is_discrete[self._terms.features(discrete)] = True
        if kind == "average":
            effects, jacobian = effects_of_rows(likelihood, theta, is_discrete)
        else:
            row, raw_prediction = mean_row(likelihood, theta)
            effects, jacobian = average_effects(
                likelihood, theta, Entries(row), raw_prediction, np.ones(1), is_discrete
            )
        effects, jacobian = effects[:, features], jacobian[:, features]
        rows = jacobian.reshape(effects.size, -1)
        terms = self._terms.of_margins(features)
        names = [self._terms.feature_names[j] for j in features if is_discrete[j]]
        return Margins(effects.ravel(), rows @ self._of_theta @ rows.T, terms, kind, names)

    def predict(
        self, X: ArrayLike, level: float = 0.95, offset: ArrayLike | None = None
    ) -> PredictionInterval:
        """Return the probabilities of the classes with confidence intervals.

        The intervals are computed for the log-odds of each class against the others, so they stay
        between 0 and 1. They are intervals for the probability, not for the outcome.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            As in `predict_proba` of the classifier or Pipeline that was passed to `infer`.
        level : float in (0, 1), default=0.95
        offset : array-like of shape (n_samples,) or (n_samples, n_classes), default=None

        Returns
        -------
        prediction : PredictionInterval
            Named tuple of proba, lower and upper, each of shape (n_samples, n_classes). The
            probabilities are those of the model, whatever the parameter `probabilities` is.
        """
        check_parameter("level", level, FRACTION)
        X, offset = prepared(self._estimator, X, offset)
        coordinates = self._likelihood.objective.coordinates
        quantile = norm.isf((1 - level) / 2)
        return logit_intervals(X, offset, self._point.theta, self._of_theta, coordinates, quantile)


def _check_likelihood(result: InferenceResult, what: str) -> None:
    if result.covariance != "model":
        raise ValueError(
            f"{what} uses the likelihood and needs covariance='model', got "
            f"{result.covariance!r}; wald_test and conf_int(method='wald') work with all"
        )
