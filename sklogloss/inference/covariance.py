"""Covariances of the coefficients: of the model, robust, of clusters, and Laplace's."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import get_lapack_funcs, solve_triangular

from sklogloss.inference.likelihood import Likelihood
from sklogloss.inference.rows import row_blocks, rows_in_theta
from sklogloss.linear.entries import Entries
from sklogloss.linear.scores import weighted_gram
from sklogloss.linear.threads import one_blas_thread

__all__ = ["Information", "cluster_products", "sandwich", "score_products"]

# A column is linearly dependent if less than this many eps per parameter of it is left after a
# projection on the other columns.
ROUNDING = 100


class Information:
    """The Hessian of minus the log-likelihood, factored.

    Where its rank is not full, that of the independent parameters is inverted, and the dependent
    ones stay where they are: solutions are right for gradients, which depend in the same way.

    Parameters
    ----------
    hessian : ndarray of shape (n_parameters, n_parameters)
        Its lower triangle.

    Attributes
    ----------
    rank : int
    dependent : ndarray of int
        Parameters whose column is a linear combination of the others, empty if the rank is full.
    rounding : float
        Relative rounding error of the inverse: what those of the Hessian make of the parameter that
        is the least independent of the others.
    """

    def __init__(self, hessian: NDArray[np.float64]) -> None:
        size = len(hessian)
        diagonal = np.diagonal(hessian)
        self._scale = 1 / np.sqrt(np.where(diagonal > 0, diagonal, 1))
        even = hessian * self._scale * self._scale[:, None]
        (pstrf,) = get_lapack_funcs(("pstrf",), (even,))
        tolerance = ROUNDING * size * np.finfo(np.float64).eps
        # To LAPACK, which is column-major, the lower triangle is the upper one.
        with one_blas_thread():
            upper, pivots, self.rank, _ = pstrf(
                even.T, lower=False, tol=tolerance, overwrite_a=True
            )
        self._pivots = pivots - 1
        self._upper = np.triu(upper)
        self._independent = self._upper[: self.rank, : self.rank]
        self.dependent = self._pivots[self.rank :]
        pivots = np.diagonal(self._independent)
        eps = np.finfo(np.float64).eps
        self.rounding = float(size * eps / pivots.min(initial=1.0) ** 2)

    def root(self) -> NDArray[np.float64]:
        """Return R of shape (rank, n_parameters) with R' R = H."""
        root = np.empty((self.rank, len(self._pivots)))
        root[:, self._pivots] = self._upper[: self.rank]
        return root / self._scale

    def half_solve(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return V with V' V = vectors' H^-1 vectors, for vectors of shape (n_parameters, n)."""
        scaled = (vectors.T * self._scale).T[self._pivots[: self.rank]]
        if self.rank == 0:
            # SciPy 1.13 does not solve empty systems.
            return scaled
        # OpenBLAS wakes all its threads even for the smallest system.
        with one_blas_thread():
            half = solve_triangular(self._independent, scaled, trans="T")
        return half

    def inverse(self) -> NDArray[np.float64]:
        """Return H^-1."""
        half = self.half_solve(np.eye(len(self._pivots)))
        return half.T @ half

    def solve(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return H^-1 vectors, for vectors of shape (n_parameters,) or (n_parameters, n)."""
        solution, half = np.zeros_like(vectors), self.half_solve(vectors)
        if self.rank == 0:
            return solution
        with one_blas_thread():
            solution[self._pivots[: self.rank]] = solve_triangular(self._independent, half)
        return (solution.T * self._scale).T

    def dependencies(self, parameter: int) -> NDArray[np.float64]:
        """Return the combination of the independent parameters that a dependent one is."""
        place = self.rank + int(np.flatnonzero(self.dependent == parameter)[0])
        upper = self._upper[: self.rank]
        combination = np.zeros(len(self._pivots))
        combination[self._pivots[: self.rank]] = solve_triangular(
            upper[:, : self.rank], upper[:, place]
        )
        return combination


def sandwich(information: Information, products: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return H^-1 products H^-1, a product of two halves: no variance is negative by rounding."""
    half = information.solve(Information(products).root().T)
    return half @ half.T


def score_products(likelihood: Likelihood, theta: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sum over the rows of the outer products of their scores, in theta.

    A row's score is its weight times the derivative of its loss: the weight counts twice, as is
    right for sampling weights.

    Returns
    -------
    products : ndarray of shape (n_parameters, n_parameters)
    """
    products: NDArray[np.float64] = likelihood.sum_over_rows("scores", _score_products, theta)
    return products


def _score_products(likelihood: Likelihood, theta: NDArray[np.float64]) -> NDArray[np.float64]:
    objective = likelihood.objective
    gradient = likelihood.row_gradient(theta)
    n_terms, n_columns = objective.shape
    products = np.empty((n_terms, n_columns, n_terms, n_columns))
    for k in range(n_columns):
        for other in range(k, n_columns):
            weight = gradient[:, k] * gradient[:, other]
            pair = weighted_gram(
                objective.samples, weight, objective.coordinates, signed_weight=other > k
            )
            products[:, k, :, other] = products[:, other, :, k] = pair
    return products.reshape(objective.n_parameters, -1)


def cluster_products(
    likelihood: Likelihood, theta: NDArray[np.float64], cluster: Any, n_clusters: int
) -> NDArray[np.float64]:
    """Return the sum over clusters of the outer products of the clusters' summed scores, in theta.

    Parameters
    ----------
    likelihood : Likelihood
    theta : ndarray of shape (n_parameters,)
    cluster : ndarray of shape (n_samples,), or PartitionedRows
        The index of each row's cluster. Of rows in partitions the sums of each cluster come here:
        n_clusters * n_parameters numbers.
    n_clusters : int

    Returns
    -------
    products : ndarray of shape (n_parameters, n_parameters)
    """
    if not likelihood.objective.samples.is_partitioned:
        return _cluster_products(likelihood, theta, cluster)
    sums = np.zeros((n_clusters, likelihood.objective.n_parameters))
    for found, of_part in likelihood.of_each_part("scores", _cluster_sums, theta, rows=(cluster,)):
        sums[found] += of_part
    return sums.T @ sums


def _cluster_sums(
    likelihood: Likelihood, theta: NDArray[np.float64], cluster: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    # The clusters of some rows, and the sums of their scores.
    found, place = np.unique(cluster, return_inverse=True)
    objective, gradient = likelihood.objective, likelihood.row_gradient(theta)
    entries, size = Entries.of(objective.samples), objective.n_parameters
    sums = np.zeros((len(found), size))
    for block in row_blocks(len(place), size):
        columns = rows_in_theta(entries, block, objective.coordinates)
        scores = columns[:, :, None] * gradient[block][:, None, :]
        np.add.at(sums, place[block], scores.reshape(len(columns), -1))
    return found, sums


def _cluster_products(
    likelihood: Likelihood, theta: NDArray[np.float64], cluster: NDArray[np.intp]
) -> NDArray[np.float64]:
    objective = likelihood.objective
    gradient = likelihood.row_gradient(theta)
    entries, coordinates = Entries.of(objective.samples), objective.coordinates
    size = objective.n_parameters
    products = np.zeros((size, size))
    open_cluster, open_sum = -1, np.zeros(size)
    order = np.argsort(cluster, kind="stable")
    for block in row_blocks(len(order), size):
        rows = order[block]
        columns = rows_in_theta(entries, rows, coordinates)
        scores = (columns[:, :, None] * gradient[rows][:, None, :]).reshape(len(rows), -1)
        starts = np.flatnonzero(np.diff(cluster[rows], prepend=-1))
        sums = np.add.reduceat(scores, starts, axis=0)
        # A cluster may continue in the next block.
        if cluster[rows[0]] == open_cluster:
            sums[0] += open_sum
        else:
            products += np.outer(open_sum, open_sum)
        open_cluster, open_sum = cluster[rows[-1]], sums[-1]
        products += sums[:-1].T @ sums[:-1]
    return products + np.outer(open_sum, open_sum)
