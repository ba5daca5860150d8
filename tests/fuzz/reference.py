"""The objective by its definition, in NumPy, and a descent that asks whether more was to be had.

Nothing here comes from the package. Raw predictions are extended to np.longdouble, so that their
rounding errors are no part of the answer.
"""

import contextlib

import numpy as np
from scipy import linalg

# Eigenvalues of the scaled Hessian below this are rounding errors.
SMALLEST_EIGENVALUE = 1e-14
MAX_STEPS = 60
MAX_HALVINGS = 20
# What is added to the Hessian, as a fraction of the curvature at probabilities of one half, where
# less makes no progress: far from the optimum the Hessian may vanish.
DAMPINGS = (0, 1e-8, 1e-4, 1, 1000)


class Objective:
    """The objective of a Problem over C times the sum of the weights, in nats.

    Its variable theta holds the coefficients of one class after the other, then the intercepts.

    Attributes
    ----------
    rarest_class : float
        The share of the class that has the least.
    l1, l2, lower, upper : ndarray of shape (n_parameters,)
    is_free : ndarray of bool of shape (n_parameters,)
        False for intercepts that are kept at zero.
    bend : ndarray of shape (n_parameters,)
        The curvature along each parameter where probabilities are one half.
    """

    def __init__(self, problem):
        parameters = problem.parameters
        n_samples, n_features = problem.X.shape
        self.n_classes = problem.n_classes
        self.n_columns = 1 if self.n_classes == 2 else self.n_classes
        self.gamma = parameters.get("gamma", 2.0) if "Focal" in problem.model else 0.0
        weight = np.ones(n_samples) if problem.sample_weight is None else problem.sample_weight
        # Rows of weight zero have no part in anything.
        rows = np.flatnonzero(weight > 0)
        weight = weight[rows].astype(np.float64)
        self.dtype = problem.X.dtype
        self.X = problem.X[rows].astype(np.longdouble)
        self.weight = weight / weight.sum()
        y = problem.y[rows]
        self.target = y if y.ndim == 2 else np.eye(self.n_classes)[y]
        smoothing = parameters.get("label_smoothing", 0.0)
        self.target = (1 - smoothing) * self.target + smoothing / self.n_classes
        self.rarest_class = (self.weight @ self.target).min()
        offset = problem.offset
        self.offset = 0 if offset is None else offset[rows].reshape(len(rows), -1)
        self._set_penalty(parameters, n_features, weight.sum())
        self.is_free = np.ones(len(self.l1), dtype=bool)
        self.is_free[self.n_columns * n_features :] = parameters.get("fit_intercept", True)
        squares = self.weight @ self.X.astype(np.float64) ** 2
        self.bend = np.concatenate([np.tile(squares, self.n_columns), np.ones(self.n_columns)]) / 4

    def _set_penalty(self, parameters, n_features, total):
        l1_ratio = parameters.get("l1_ratio", 0.0)
        strength = 1 / (parameters.get("C", 1.0) * total)
        factor = strength * np.broadcast_to(parameters.get("penalty_factor", 1.0), n_features)
        none = np.zeros(self.n_columns)
        self.l1 = np.concatenate([np.tile(l1_ratio * factor, self.n_columns), none])
        self.l2 = np.concatenate([np.tile((1 - l1_ratio) * factor, self.n_columns), none])
        bounds = parameters.get("bounds") or (None, None)
        if self.dtype == np.float32:
            bounds = _within(*bounds)
        self.lower, self.upper = (
            np.concatenate(
                [
                    np.tile(
                        np.broadcast_to(unlimited if bound is None else bound, n_features),
                        self.n_columns,
                    ),
                    np.full(self.n_columns, unlimited),
                ]
            )
            for bound, unlimited in zip(bounds, (-np.inf, np.inf), strict=True)
        )

    def theta_of(self, clf):
        """Return the parameters of a fitted classifier."""
        coef, intercept = np.asarray(clf.coef_), np.ravel(clf.intercept_)
        return np.concatenate([coef.ravel(), intercept]).astype(np.float64)

    def _raw_prediction(self, theta):
        # (n_samples, n_classes), the first column zero for two classes.
        coef = theta[: -self.n_columns].reshape(self.n_columns, -1)
        raw = self.X @ coef.T.astype(np.longdouble) + theta[-self.n_columns :] + self.offset
        return np.hstack([np.zeros_like(raw), raw]) if self.n_columns == 1 else raw

    def _others(self, theta):
        # Of each class, log((1 - p) / p), without cancellation.
        raw = self._raw_prediction(theta)
        total = np.full(raw.shape, -np.inf, dtype=raw.dtype)
        for k in range(self.n_classes):
            for other in range(self.n_classes):
                if other != k:
                    difference = raw[:, other] - raw[:, k]
                    total[:, k] = np.logaddexp(total[:, k], difference)
        return total.astype(np.float64)

    def value(self, theta):
        """Return the objective at theta."""
        surprise = np.logaddexp(0, self._others(theta))  # -log p
        log_q = self._log_q(theta)
        loss = np.exp(self.gamma * log_q) * surprise if self.gamma else surprise
        mean = self.weight @ np.sum(np.where(self.target > 0, self.target * loss, 0), axis=1)
        return mean + np.sum(self.l1 * np.abs(theta) + self.l2 / 2 * theta**2)

    def _log_q(self, theta):
        # log(1 - p), down to where its powers stay finite.
        return np.maximum(-np.logaddexp(0, -self._others(theta)), -300)

    def derivatives(self, theta):
        """Return gradient and Hessian of the objective without its L1 part."""
        others = self._others(theta)
        surprise, log_q = np.logaddexp(0, others), self._log_q(theta)
        p, q, gamma = np.exp(-surprise), np.exp(log_q), self.gamma
        phi = np.ones_like(p)
        turn = np.zeros_like(p)  # p phi'(p) q^2, of the residual over q
        if gamma:
            phi = q**gamma + gamma * p * np.exp((gamma - 1) * log_q) * surprise
            turn = p * (-2 * gamma * q ** (gamma + 1) + gamma * q ** (gamma + 1) * surprise)
            turn -= gamma * (gamma - 1) * p**2 * q**gamma * surprise
        n_samples, n_classes = p.shape
        first = 1 if self.n_columns == 1 else 0
        residuals = np.zeros((n_samples, n_classes))
        blocks = np.zeros((n_samples, n_classes, n_classes))
        spread = np.einsum("ij,jk->ijk", p, np.eye(n_classes)) - p[:, :, None] * p[:, None, :]
        # The diagonal p (1 - p) without cancellation.
        spread[:, range(n_classes), range(n_classes)] = p * q
        for t in range(n_classes):
            share = self.weight * self.target[:, t]
            rest = p.copy()
            rest[:, t] = -q[:, t]
            residuals += (share * phi[:, t])[:, None] * rest
            blocks += (share * phi[:, t])[:, None, None] * spread
            if gamma:
                unit = rest / np.where(q[:, t] > 0, q[:, t], 1)[:, None]
                blocks -= (share * turn[:, t])[:, None, None] * unit[:, :, None] * unit[:, None, :]
        X = np.hstack([self.X.astype(np.float64), np.ones((n_samples, 1))])
        gradient = residuals[:, first:].T @ X
        weighted = blocks[:, first:, first:]
        hessian = np.einsum("ia,ikl,ib->kalb", X, weighted, X, optimize=True)
        order = self._order(X.shape[1])
        gradient = gradient.ravel()[order] + self.l2 * theta
        hessian = hessian.reshape(len(order), -1)[np.ix_(order, order)] + np.diag(self.l2)
        return gradient, hessian

    def _order(self, size):
        # Places of theta's entries among those of class after class with its intercept.
        places = np.arange(self.n_columns * size).reshape(self.n_columns, size)
        return np.concatenate([places[:, :-1].ravel(), places[:, -1]])

    def rounding(self, theta, eps):
        """Return what rounding errors of eps in the raw predictions cost (nats)."""
        coef = theta[: -self.n_columns].reshape(self.n_columns, -1)
        size = np.abs(self.X.astype(np.float64)) @ np.abs(coef).T
        size = size + np.abs(theta[-self.n_columns :]) + np.abs(self.offset)
        p = np.exp(-np.logaddexp(0, self._others(theta)))
        curvature = np.sum(p * (1 - p), axis=1) / 2
        return self.weight @ (curvature * (8 * eps * size.max(axis=1)) ** 2) / 2


def _within(lower, upper):
    # The bounds of float32 coefficients: the first and the last float32 that is within the bounds.
    if lower is not None:
        lower, nearest = np.float64(lower), np.float32(lower)
        lower = np.where(nearest < lower, np.nextafter(nearest, np.float32(np.inf)), nearest)
    if upper is not None:
        upper, nearest = np.float64(upper), np.float32(upper)
        upper = np.where(nearest > upper, np.nextafter(nearest, -np.float32(np.inf)), nearest)
    return lower, upper


def find_gain(objective, theta, wanted):
    """Return by how much a descent from theta lowers the objective (nats), or enough of it.

    A projected Newton method (Bertsekas 1982) with the exact Hessian: of the parameters that are
    not kept at zero by the L1 penalty, nor at a bound. It ends once more than `wanted` was gained,
    or where a step promises, or brings, a hundredth of it at most.
    """
    start = value = objective.value(theta)
    if not np.isfinite(value):
        return np.inf
    n_vain = 0
    for _ in range(MAX_STEPS):
        slope, hessian, moves = _model(objective, theta)
        if not moves.any():
            break
        for damping in DAMPINGS:
            step = np.zeros_like(theta)
            step[moves] = -_solve(hessian + np.diag(damping * objective.bend[moves]), slope)
            promised = -float(slope @ step[moves]) / 2
            # A coefficient leaves zero on the side to which its slope leads.
            leaves_zero = ((theta == 0) & (objective.l1 > 0))[moves]
            step[moves] = np.where(leaves_zero & (step[moves] * slope > 0), 0, step[moves])
            if promised <= wanted / 100:
                return start - value
            new_theta, new_value = _line_search(objective, theta, step, value)
            if new_value < value:
                break
        n_vain = n_vain + 1 if value - new_value <= wanted / 100 else 0
        theta, value = new_theta, new_value
        if start - value > wanted or n_vain == 3:
            break
    return start - value


def _model(objective, theta):
    # Slope and Hessian of the parameters that may move, and which those are.
    gradient, hessian = objective.derivatives(theta)
    left, right = gradient - objective.l1, gradient + objective.l1
    slope = np.where(theta > 0, right, np.where(theta < 0, left, 0))
    at_zero = theta == 0
    slope = np.where(at_zero & (left > 0), left, np.where(at_zero & (right < 0), right, slope))
    leaves = (theta <= objective.lower) & (slope > 0) | (theta >= objective.upper) & (slope < 0)
    moves = objective.is_free & ~leaves & ~(at_zero & (slope == 0) & (objective.l1 > 0))
    return slope[moves], hessian[np.ix_(moves, moves)], moves


def _solve(hessian, slope):
    scale = np.sqrt(np.maximum(np.abs(np.diag(hessian)), 1e-300))
    hessian, slope = hessian / scale / scale[:, None], slope / scale
    with contextlib.suppress(linalg.LinAlgError):
        step = linalg.cho_solve(linalg.cho_factor(hessian), slope)
        if np.abs(hessian @ step - slope).max() <= 1e-6 * np.abs(slope).max():
            return step / scale
    # Singular, or of a loss that is not convex.
    eigenvalues, vectors = linalg.eigh(hessian)
    eigenvalues = np.maximum(np.abs(eigenvalues), SMALLEST_EIGENVALUE)
    return vectors @ ((vectors.T @ slope) / eigenvalues) / scale


def _line_search(objective, theta, step, value):
    # The first point with a smaller value, on the side of zero where the step was computed.
    length = 1.0
    for _ in range(MAX_HALVINGS):
        new = np.clip(theta + length * step, objective.lower, objective.upper)
        crosses = (objective.l1 > 0) & (theta * new < 0)
        new = np.where(crosses, 0, new)
        new_value = objective.value(new)
        if new_value < value:
            return new, new_value
        length /= 2
    return theta, value
