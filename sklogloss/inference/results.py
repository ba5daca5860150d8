"""What `infer` returns: figures, tests and follow-up questions, in the words of statsmodels."""

from __future__ import annotations

from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import chi2, norm

from sklogloss.inference.covariance import Information
from sklogloss.inference.likelihood import Likelihood, Point
from sklogloss.inference.null_model import null_log_likelihood, target_entropy
from sklogloss.inference.summary import Summary
from sklogloss.inference.terms import Terms, require_pandas
from sklogloss.inputs.arrays import real_array
from sklogloss.inputs.parameters import FRACTION, check_parameter

__all__ = ["HypothesisTest", "InferenceResult"]


class HypothesisTest(NamedTuple):
    """The result of a test.

    Attributes
    ----------
    statistic : float
        Of a chi-squared distribution where the hypothesis is true.
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


class InferenceResult:
    """How sure the coefficients of a fit are; made by `infer`.

    Numbers per coefficient are pandas objects with the column names of X, if it had any, else
    arrays. The intercept comes first. For two classes they have shape (n_terms,); for more they
    are tables of shape (n_terms, n_labels), one column for each class but the baseline, and flat
    ones go class by class.

    Attributes
    ----------
    params : Series, DataFrame or ndarray
        The coefficients, of the log-odds of a class against the baseline.
    bse : Series, DataFrame or ndarray
        Their standard errors.
    zvalues, pvalues : Series, DataFrame or ndarray
        params / bse, and the two-sided p-values of "this coefficient is zero".
    llf : float
        Log-likelihood in nats, without the penalty: minus the sum of the weighted losses. It is a
        likelihood for log loss, and where weights are frequencies.
    deviance : float
        2 (the largest that llf could be - llf): -2 llf for labels.
    aic, bic : float
        -2 llf + 2 k and -2 llf + k ln(nobs) for k free parameters; NaN under a penalty, where
        fewer than k are free.
    df_model : int
        Free coefficients without the intercepts.
    df_resid : float
        nobs less all free coefficients.
    nobs : float
        Number of observations: the sum of the weights for "model" and "laplace", the rows that
        have weight for the others.
    covariance : str
        As `infer` got it.

    See Also
    --------
    infer : Makes this.
    """

    def __init__(
        self,
        estimator: Any,
        likelihood: Likelihood,
        point: Point,
        information: Information,
        terms: Terms,
        matrix: NDArray[np.float64],
        *,
        covariance: str,
        nobs: float,
    ) -> None:
        self._estimator, self._likelihood, self._point = estimator, likelihood, point
        self._information, self._terms, self._matrix = information, terms, matrix
        objective = likelihood.objective
        self._flat = terms.linear_map(objective.coordinates) @ point.theta
        self._flat_bse = np.sqrt(np.diagonal(matrix))
        with np.errstate(all="ignore"):
            self._flat_z = self._flat / self._flat_bse
        self.covariance = covariance
        self.params = terms.vector(self._flat)
        self.bse = terms.vector(self._flat_bse)
        self.zvalues = terms.vector(self._flat_z)
        self.pvalues = terms.vector(2 * norm.sf(np.abs(self._flat_z)))
        self.nobs = nobs
        n_free = terms.n_free_parameters
        n_intercepts = n_free // len(terms.names) if objective.fit_intercept else 0
        self.df_model = n_free - n_intercepts
        self.df_resid = nobs - n_free
        penalty = objective.penalty_in_theta.l2 @ point.theta**2 / 2 * likelihood.total
        self.llf = float(penalty - point.value)
        self.deviance = -2 * (self.llf + target_entropy(likelihood))
        k = n_free if objective.penalty.is_none else np.nan
        self.aic = -2 * self.llf + 2 * k
        self.bic = -2 * self.llf + k * np.log(nobs)

    @cached_property
    def llnull(self) -> float:
        """The log-likelihood of a model with intercepts, and the offset, alone."""
        return null_log_likelihood(self._likelihood)

    @property
    def prsquared(self) -> float:
        """McFadden's pseudo R squared, 1 - llf / llnull."""
        return 1 - self.llf / self.llnull

    def cov_params(self) -> Any:
        """Return the covariance of the coefficients, of shape (n_parameters, n_parameters).

        Returns
        -------
        covariance : DataFrame or ndarray
            Class by class for more than two classes.
        """
        return self._terms.square(self._matrix.copy())

    def conf_int(self, level: float = 0.95, method: str = "wald") -> Any:
        """Return confidence intervals of the coefficients.

        Parameters
        ----------
        level : float in (0, 1), default=0.95
        method : {"wald", "profile"}, default="wald"
            "wald": params -+ z bse. "profile": the values that a likelihood-ratio test at this
            level does not reject, the other coefficients fitted again; more accurate where
            samples are few. For covariance "model" only.

        Returns
        -------
        interval : DataFrame with the columns "lower" and "upper", or ndarray
            Of shape (n_terms, 2), or (n_labels, n_terms, 2) for more than two classes.
        """
        lower, upper = self._interval(level, method)
        return self._terms.table({"lower": lower, "upper": upper})

    def odds_ratios(self, level: float = 0.95, method: str = "wald") -> Any:
        """Return exp(params) and the same of the ends of their confidence intervals.

        Parameters
        ----------
        level, method
            As for `conf_int`.

        Returns
        -------
        odds_ratios : DataFrame with the columns "odds ratio", "lower" and "upper", or ndarray
            By which the odds are multiplied where the column of X grows by one.
        """
        lower, upper = self._interval(level, method)
        with np.errstate(over="ignore"):
            return self._terms.table(
                {"odds ratio": np.exp(self._flat), "lower": np.exp(lower), "upper": np.exp(upper)}
            )

    def _interval(
        self, level: float, method: str
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        check_parameter("level", level, FRACTION)
        check_parameter("method", method, ("wald", "profile"))
        half = norm.isf((1 - level) / 2) * self._flat_bse
        return self._flat - half, self._flat + half

    def summary(self, level: float = 0.95) -> Summary:
        """Return the table of the coefficients under the figures of the fit, to be printed.

        Parameters
        ----------
        level : float in (0, 1), default=0.95
            Of the confidence intervals.
        """
        return Summary.of(self, self._terms, self._rows(level))

    def summary_frame(self, level: float = 0.95) -> Any:
        """Return the table of the coefficients as a DataFrame.

        Parameters
        ----------
        level : float in (0, 1), default=0.95

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        pandas = require_pandas("summary_frame")
        return pandas.DataFrame(self._rows(level), index=self._terms.index(pandas))

    def _rows(self, level: float) -> dict[str, NDArray[np.float64]]:
        lower, upper = self._interval(level, "wald")
        return {
            "coef": self._flat,
            "std err": self._flat_bse,
            "z": self._flat_z,
            "P>|z|": 2 * norm.sf(np.abs(self._flat_z)),
            f"[{(1 - level) / 2:.4g}": lower,
            f"{(1 + level) / 2:.4g}]": upper,
        }

    def _repr_html_(self) -> str:
        return self.summary()._repr_html_()

    def wald_test(self, R: ArrayLike | str | list[str], r: ArrayLike = 0.0) -> HypothesisTest:
        """Test the linear hypothesis R params = r by the covariance.

        Parameters
        ----------
        R : array-like of shape (n_parameters,) or (n_hypotheses, n_parameters), str or list of str
            A name, or several: the coefficients of these terms, for all classes.
        r : float or array-like of shape (n_hypotheses,), default=0.0

        Returns
        -------
        test : HypothesisTest
            Named tuple of statistic, df and pvalue.
        """
        matrix = self._terms.hypothesis(R)
        values = real_array("r", r)
        difference = matrix @ self._flat - values
        covariance = matrix @ self._matrix @ matrix.T
        size = np.sqrt(np.diagonal(covariance))
        size[size == 0] = 1
        even = covariance / size / size[:, None]
        # Coefficients that sum to zero over the classes have a singular covariance.
        rank = int(np.linalg.matrix_rank(even, hermitian=True, rtol=1e-10))
        inverse = np.linalg.pinv(even, hermitian=True, rtol=1e-10)
        scaled = difference / size
        return HypothesisTest.of(scaled @ inverse @ scaled, rank)
