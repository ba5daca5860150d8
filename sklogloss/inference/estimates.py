"""Estimates with their uncertainty: what coefficients and marginal effects have in common."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from sklogloss.inference.summary import Summary
from sklogloss.inference.terms import Terms, require_pandas
from sklogloss.inputs.parameters import FRACTION, check_parameter

__all__ = ["Estimates"]


class Estimates:
    """Normally distributed estimates with their covariance.

    Parameters
    ----------
    flat : ndarray of shape (n_parameters,)
    covariance : ndarray of shape (n_parameters, n_parameters)
    terms : Terms

    Attributes
    ----------
    bse, zvalues, pvalues : Series, DataFrame or ndarray
    feature_names : list of str
    labels : list
    """

    # Name of the estimates in tables.
    _header = "coef"

    def _figures(self) -> list[tuple[str, str]]:
        # Names and values of the figures above the table.
        raise NotImplementedError

    def __init__(
        self, flat: NDArray[np.float64], covariance: NDArray[np.float64], terms: Terms
    ) -> None:
        self._flat, self._terms = flat, terms
        self.feature_names, self.labels = list(terms.feature_names), list(terms.labels)
        self._matrix = (covariance + covariance.T) / 2
        self._flat_bse = np.sqrt(np.maximum(np.diagonal(covariance), 0))
        with np.errstate(all="ignore"):
            self._flat_z = flat / self._flat_bse
        self.bse = terms.vector(self._flat_bse)
        self.zvalues = terms.vector(self._flat_z)
        self.pvalues = terms.vector(2 * norm.sf(np.abs(self._flat_z)))

    def cov_params(self) -> Any:
        """Return the covariance of the estimates, of shape (n_parameters, n_parameters).

        Returns
        -------
        covariance : DataFrame or ndarray
            Class by class for more than two classes.
        """
        return self._terms.square(self._matrix.copy())

    def conf_int(self, level: float = 0.95) -> Any:
        """Return Wald's confidence intervals: the estimates -+ z bse.

        Parameters
        ----------
        level : float in (0, 1), default=0.95

        Returns
        -------
        interval : DataFrame with the columns "lower" and "upper", or ndarray
            Of shape (n_terms, 2), or (n_labels, n_terms, 2) for more than two classes.
        """
        lower, upper = self._wald(level)
        return self._terms.table({"lower": lower, "upper": upper})

    def summary_frame(self, level: float = 0.95) -> Any:
        """Return estimates, standard errors, tests and intervals as a DataFrame.

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

    def summary(self, level: float = 0.95) -> Summary:
        """Return the table of the estimates, to be printed or shown in a notebook.

        Parameters
        ----------
        level : float in (0, 1), default=0.95
            Of the confidence intervals.
        """
        return Summary.of(self._figures(), self._terms, self._rows(level))

    def __repr__(self) -> str:
        return str(self.summary())

    def _repr_html_(self) -> str:
        return self.summary()._repr_html_()

    def _rows(self, level: float) -> dict[str, NDArray[np.float64]]:
        lower, upper = self._wald(level)
        return {
            self._header: self._flat,
            "std err": self._flat_bse,
            "z": self._flat_z,
            "P>|z|": 2 * norm.sf(np.abs(self._flat_z)),
            f"[{(1 - level) / 2:.4g}": lower,
            f"{(1 + level) / 2:.4g}]": upper,
        }

    def _wald(self, level: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        check_parameter("level", level, FRACTION)
        half = norm.isf((1 - level) / 2) * self._flat_bse
        return self._flat - half, self._flat + half
