"""The Hessian's diagonal block of each class, from the few rows that matter most to the class."""

from __future__ import annotations

import math

import numpy as np

from sklogloss._cython.cholesky import CholeskyFactor
from sklogloss.linear.design import BLOCK_ENTRIES
from sklogloss.linear.entries import Entries

__all__ = ["ClassRows"]


class ClassRows:
    """Solve one system for each class: the mean over the classes, and rows of its own.

    With many classes, each row has curvature in few of them, and a class gets most of its curvature
    from few rows. The block of a class has these rows exactly. All other rows are represented by
    their mean over the classes, and the formula of Sherman, Morrison and Woodbury joins the two.
    Unlike the blocks themselves, this takes little memory: one pair of a class and a row for each
    row, and for the pairs of rows within the classes no more numbers than there are rows and
    classes.

    Parameters
    ----------
    objective : Objective
        Its rows are dense and in one place.
    curvature : Curvature
        Of a point.

    Attributes
    ----------
    diagonal : ndarray of shape (size, 1)
        Diagonal of the mean over the classes of the other rows, in theta.
    """

    def __init__(self, objective, curvature):
        self.coordinates, self.shape = objective.coordinates, objective.shape
        self.entries = Entries.of(curvature.samples)
        n_samples, n_columns = self.entries.shape[0], objective.n_columns
        n_rows = self.rows_of_each(n_samples, n_columns)
        self.rows = np.empty((n_columns, n_rows), dtype=np.intp)
        root, left = np.empty((n_columns, n_rows)), np.zeros(n_samples)
        for k in range(n_columns):
            of_class = curvature.of_class(k)
            rows = np.sort(np.argpartition(of_class, n_samples - n_rows)[n_samples - n_rows :])
            self.rows[k], root[k] = rows, np.sqrt(of_class[rows] / objective.weight_sum)
            of_class[rows] = 0
            left += of_class
        hessian = curvature.gram(left / n_columns, self.coordinates) / objective.weight_sum
        l2 = objective.penalty_in_theta.l2[::n_columns]
        hessian.reshape(-1)[:: len(hessian) + 1] += l2
        self.diagonal = np.diagonal(hessian).copy()[:, None]
        self.factor = CholeskyFactor(hessian)
        self.inner = np.empty((n_columns, n_rows, n_rows), dtype=np.float32)
        for k in range(n_columns):
            half = self.factor.half_solve(self._in_theta(self.rows[k]) * root[k])
            inverse = np.linalg.inv(np.eye(n_rows) + half.T @ half)
            self.inner[k] = root[k][:, None] * inverse * root[k]

    @staticmethod
    def rows_of_each(n_samples, n_columns):
        """Return how many rows each class has for itself."""
        return int(n_samples // max(n_columns, math.sqrt(n_samples)))

    def _in_theta(self, rows):
        # Some rows, as columns: the derivatives of their raw predictions with respect to theta.
        coordinates = self.coordinates
        Z = np.ones((self.shape[0], len(rows)))
        centred = self.entries.rows(rows) - coordinates.center
        Z[: len(coordinates.center)] = (centred * coordinates.scale).T
        return Z

    def solve(self, b):
        """Return the solutions of the systems of the classes.

        Parameters
        ----------
        b : ndarray of shape (size, n_columns)
        """
        x, dtype = self.factor.solve(b), self.entries.dtype
        coef, intercept = self.coordinates.coef_intercept(x)
        coef = np.ascontiguousarray(coef.T, dtype=dtype)[:, :, None]
        of_coef, of_intercept = np.empty(coef.shape[1::-1]), np.empty(len(coef))
        n_classes = max(1, BLOCK_ENTRIES // max(1, self.rows.shape[1] * coef.shape[1]))
        for start in range(0, len(coef), n_classes):
            classes = slice(start, start + n_classes)
            X = self.entries.rows(self.rows[classes])
            raw_prediction = X @ coef[classes] + intercept[classes, None, None].astype(dtype)
            of_rows = self.inner[classes] @ raw_prediction
            of_coef[:, classes] = (X.transpose(0, 2, 1) @ of_rows.astype(dtype))[:, :, 0].T
            of_intercept[classes] = of_rows.sum(axis=(1, 2))
        of_theta = self.coordinates.gradient_in_theta(of_coef, of_intercept)
        return x - self.factor.solve(of_theta.reshape(self.shape))
