"""Inference under Jeffreys' prior: by the penalised likelihood."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from sklogloss.classifiers import FirthLogisticRegression
from sklogloss.inference.likelihood import Likelihood, Point
from sklogloss.inference.null_model import target_entropy
from sklogloss.inference.penalised_profile import PenalisedProfile
from sklogloss.inference.results import HypothesisTest, InferenceResult
from sklogloss.linear.jeffreys import JeffreysObjective
from sklogloss.linear.objective import fix_class_shift
from sklogloss.linear.threads import one_blas_thread

__all__ = ["FirthInference", "PenalisedLikelihood", "check_firth"]


def check_firth(clf: FirthLogisticRegression, covariance: str) -> None:
    """Raise a ValueError if the errors of the coefficients are unknown.

    Parameters
    ----------
    clf : FirthLogisticRegression
    covariance : str
    """
    if covariance != "model":
        raise ValueError(
            "covariance must be 'model' for FirthLogisticRegression, because Jeffreys' prior is "
            f"made from the information of the model, got {covariance!r}"
        )
    if clf.intercept_correction is not None and clf.fit_intercept:
        raise ValueError(
            f"clf has intercept_correction={clf.intercept_correction!r}, so its coefficients do "
            "not maximise the penalised likelihood. Fit with intercept_correction=None for "
            "standard errors, intervals and tests; the correction is for probabilities"
        )


@dataclass(frozen=True, eq=False)
class PenalisedLikelihood(Likelihood):
    """Minus the log-likelihood and minus ln |I| / 2, where I is the Fisher information.

    I takes the place of the Hessian, since the Hessian of the penalty is not computed.
    """

    def __call__(self, theta: NDArray[np.float64]) -> Point:
        """Evaluate at theta, with the information: two passes over X."""
        objective, total = self.objective, self.total
        penalised = JeffreysObjective(objective, 1 / total)
        table = theta.reshape(objective.shape)
        if objective.n_columns > 1:
            table = table - table[:, :1]
        with one_blas_thread(), np.errstate(all="ignore"):
            point = penalised.look(np.ravel(table))
            if np.isfinite(point.value):
                penalised.complete(point)
        gradient: Any = np.zeros(objective.shape)
        gradient.ravel()[penalised.entries] = point.gradient * total
        if objective.n_columns > 1:
            gradient[:, 0] = -gradient.sum(axis=1)
        hessian: Any = point.information
        fix_class_shift(hessian, objective)
        hessian *= total
        value = float(point.value) * total - self._log_scale(penalised)
        return Point(theta, value, gradient.ravel(), hessian)

    def without_hessian(self, theta: NDArray[np.float64]) -> Point:
        """Evaluate at theta: the gradient of the penalty needs the information, too."""
        return self(theta)

    def _log_scale(self, penalised: JeffreysObjective) -> float:
        # Half the logarithm of the ratio of two determinants: the total information in the
        # coefficients, and the mean information in theta.
        n_labels = max(1, self.objective.n_columns - 1)
        log_scale = np.log(self.objective.coordinates.scale).sum() * n_labels
        return float(penalised.n_free * np.log(self.total) / 2 - log_scale)


class FirthInference(InferenceResult):
    """Coefficients of a FirthLogisticRegression with their uncertainty; created by `infer`.

    Like `InferenceResult`, with the penalised likelihood instead of the likelihood. The covariance
    is the inverse of the Fisher information at the estimate. If samples are few or separated, the
    penalised log-likelihood is far from a parabola. Then trust its intervals
    (``conf_int(method="profile")``) and tests (`profile_pvalues`, `likelihood_ratio_test`) [1]_.

    Attributes
    ----------
    llf : float
        Penalised log-likelihood in nats, with the Fisher information for the unscaled columns of X.
    aic, bic : float
        NaN: not defined for a penalised likelihood.

    See Also
    --------
    sklogloss.FirthLogisticRegression

    References
    ----------
    .. [1] G. Heinze and M. Schemper, "A solution to the problem of separation in logistic
       regression", Statistics in Medicine 21 (2002), 2409-2419. https://doi.org/10.1002/sim.1047

    Examples
    --------
    A treatment without a single failure: the classes are separated.

    >>> import numpy as np
    >>> from sklogloss import FirthLogisticRegression
    >>> from sklogloss.inference import infer
    >>> X = np.repeat([[0.0], [1.0]], [20, 20], axis=0)
    >>> y = np.repeat([0, 1, 0], [14, 6, 20])
    >>> clf = FirthLogisticRegression(intercept_correction=None).fit(X, y)
    >>> result = infer(clf, X, y)
    >>> result.conf_int(method="profile").round(2)
    array([[-1.8 ,  0.08],
           [-7.81, -0.65]])
    >>> result.profile_pvalues.round(4)
    array([0.0771, 0.0076])
    """

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.aic = self.bic = np.nan

    @cached_property
    def deviance(self) -> float:
        """The log-likelihood without the penalty: a pass."""
        likelihood = self._likelihood
        with one_blas_thread():
            mean = likelihood.objective.value_gradient(self._point.theta).value
        return 2 * (mean * likelihood.total - target_entropy(likelihood))

    @cached_property
    def llnull(self) -> float:
        """The penalised log-likelihood with all coefficients but the intercepts at zero.

        The information is still that of all coefficients, as in R's logistf.
        """
        features = np.arange(self._likelihood.objective.n_features)
        return -self._profile.maximum(self._hypothesis_of(features)).value

    @cached_property
    def profile_pvalues(self) -> Any:
        """P-values of the hypothesis that a coefficient is zero, by the penalised likelihood ratio.

        Series, DataFrame or ndarray.
        """
        tests = [self._ratio_test(row[None]) for row in self._linear_map]
        return self._terms.vector(np.array([test.pvalue for test in tests]))

    def likelihood_ratio_test(self, columns: Any) -> HypothesisTest:
        """Test whether the coefficients of some columns are zero, by the penalised likelihood.

        The others are refitted under the prior of all coefficients, as in R's logistftest. The
        penalised likelihoods of two separate fits cannot be compared, because their priors differ.

        Parameters
        ----------
        columns : str, int or list of them
            Names or places of columns of X.

        Returns
        -------
        test : HypothesisTest

        Raises
        ------
        TypeError
            If the result of another fit is passed.
        """
        if isinstance(columns, InferenceResult):
            raise TypeError(
                "columns must be names or places of the columns to be tested, not the result of a "
                "fit without them: under Jeffreys' prior the likelihoods of two fits cannot be "
                "compared"
            )
        return self._ratio_test(self._hypothesis_of(self._terms.features(columns)))

    def score_test(self, columns: Any) -> NoReturn:
        """Raise a ValueError: `likelihood_ratio_test` tests columns."""
        raise ValueError(
            "score_test needs a maximum-likelihood fit; use likelihood_ratio_test(columns) or "
            "wald_test for FirthLogisticRegression"
        )

    def _hypothesis_of(self, features: NDArray[np.intp]) -> NDArray[np.float64]:
        # The reported coefficients of some columns of X, as linear functions of theta.
        first = int(self._likelihood.objective.fit_intercept)
        n_terms = len(self._terms.names)
        labels = np.arange(len(self._terms.labels))
        return self._linear_map[np.ravel(labels[:, None] * n_terms + first + features)]

    def _ratio_test(self, constraints: NDArray[np.float64]) -> HypothesisTest:
        statistic = 2 * (self.llf + self._profile.maximum(constraints).value)
        rank = int(np.linalg.matrix_rank(constraints))
        return HypothesisTest.of(max(statistic, 0.0), rank)

    @property
    def _profile(self) -> PenalisedProfile:
        return PenalisedProfile(self._likelihood, self._point, self._information)
