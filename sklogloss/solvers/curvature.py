"""Whether a stationary point is a minimum: a direction of negative curvature, if there is one."""

import numpy as np
from scipy.linalg import eigh, eigh_tridiagonal
from scipy.linalg.lapack import dpotrf

from .costs import costs_of
from .plan import PRODUCTS_PER_STEP

__all__ = ["costs_few_passes", "is_definite", "negative_curvature"]

# Maximum number of products with the Hessian, each a pass, in the search for a negative eigenvalue:
# as many as three steps take.
MAX_PRODUCTS = 3 * PRODUCTS_PER_STEP


def costs_few_passes(objective):
    """Return whether the Hessian costs no more than the products that could replace it."""
    samples = objective.samples
    costs = costs_of(samples.design, objective.n_columns, samples.dtype.name)
    return costs.hessian + costs.factor <= PRODUCTS_PER_STEP * costs.product_pass


def is_definite(hessian, margin):
    """Return whether a Hessian, scaled to a diagonal of ones, has no eigenvalue below margin.

    Parameters
    ----------
    hessian : ndarray of shape (n_parameters, n_parameters)
        Lower triangle.
    margin : float
    """
    if not (margin < 1 and np.all(np.diagonal(hessian) > 0)):
        return False
    root = np.sqrt(np.diagonal(hessian))
    shifted = hessian / root
    shifted /= root[:, None]
    shifted.reshape(-1)[:: len(root) + 1] -= margin
    # The transpose of a C-ordered lower triangle is an upper triangle to LAPACK.
    _, info = dpotrf(shifted.T, lower=False, overwrite_a=True, clean=False)
    return info == 0


def negative_curvature(objective, theta, point=None):
    """Return a direction along which the objective curves downwards, None if none was found.

    The Hessian is scaled to a diagonal of ones, so that the units and the rarity of features do not
    matter. Eigenvalues above minus the square root of the dtype's precision count as zero.
    Parameters that an L1 penalty keeps at zero stay there, because its kink outweighs any
    curvature. Parameters at a bound stay there, too.

    If the Hessian costs little, its Cholesky factor decides. Otherwise the Lanczos method searches
    for negative eigenvalues from a random vector, until it has approximated the smallest one well
    enough, or for at most MAX_PRODUCTS products.

    Parameters
    ----------
    objective : Objective
        Its loss has exact Hessians.
    theta : ndarray of shape (n_parameters,)
    point : Evaluation or None
        A point next to theta. If it has curvature, it saves passes.

    Returns
    -------
    direction : ndarray of shape (n_parameters,) or None
        Of length one in the scaled parameters.
    """
    is_free = objective.penalty_in_theta.is_free(theta)
    threshold = -np.sqrt(np.finfo(objective.samples.dtype).eps)
    if costs_few_passes(objective):
        return _from_hessian(objective, theta, is_free, threshold)
    if point is None or point.curvature is None:
        point = objective.value_gradient(theta, curvature=True)
    return _from_products(objective, point, is_free, threshold)


def _from_hessian(objective, theta, is_free, threshold):
    hessian = objective.value_gradient_hessian(theta).hessian
    places = np.flatnonzero(is_free)
    hessian = hessian[np.ix_(places, places)]
    if not np.all(np.isfinite(hessian)) or is_definite(hessian, threshold):
        return None
    root = _root(np.diagonal(hessian))
    hessian /= root
    hessian /= root[:, None]
    eigenvalue, vector = eigh(hessian, lower=True, subset_by_index=[0, 0])
    if not eigenvalue[0] < threshold:
        return None
    direction = np.zeros_like(theta)
    direction[places] = vector[:, 0] / root
    return direction


def _from_products(objective, point, is_free, threshold):
    inverse_root = is_free / _root(objective.hessian_diagonal(point))

    def product(vector):
        return inverse_root * objective.hessian_product(point, inverse_root * vector)

    start = np.random.default_rng(0).standard_normal(len(is_free)) * is_free
    coefficients = _lanczos(product, start, threshold)
    if coefficients is None:
        return None
    # There may be too many vectors to keep. They are computed again for the direction.
    direction = np.zeros(len(is_free))
    for coefficient, (vector, _, _) in zip(
        coefficients, _lanczos_vectors(product, start), strict=False
    ):
        direction += coefficient * vector
    return inverse_root * direction


def _root(diagonal):
    size = np.abs(diagonal)
    return np.sqrt(np.where(size > 0, size, 1))


def _lanczos_vectors(product, start):
    # Yields vectors, and the two diagonals of the matrix of the product in the basis of these
    # vectors (Golub and Van Loan, Matrix Computations, algorithm 10.1.1).
    vector, previous, norm = start / np.linalg.norm(start), 0.0, 0.0
    while True:
        image = product(vector) - norm * previous
        diagonal = float(vector @ image)
        image -= diagonal * vector
        norm = float(np.linalg.norm(image))
        yield vector, diagonal, norm
        if not norm > 0:
            return
        vector, previous = image / norm, vector


def _lanczos(product, start, threshold):
    # The coefficients, in the Lanczos basis, of a vector with negative curvature, or None. An
    # eigenvalue of the small matrix is never below the smallest one of the large matrix. The last
    # coefficient of its vector bounds how far above it may be.
    diagonals, norms = [], []
    for _, diagonal, norm in _lanczos_vectors(product, start):
        if not np.isfinite(diagonal) or not np.isfinite(norm):
            return None
        diagonals.append(diagonal)
        norms.append(norm)
        is_end = len(diagonals) == MAX_PRODUCTS or not norm > 0
        eigenvalue, vector = eigh_tridiagonal(
            diagonals, norms[:-1], select="i", select_range=(0, 0)
        )
        if eigenvalue[0] < threshold:
            return vector[:, 0]
        if is_end or norm * abs(vector[-1, 0]) < (eigenvalue[0] - threshold) / 2:
            return None
    return None
