"""The best coefficients under an L1 penalty with the current signs."""

import numpy as np
from scipy.optimize import minimize

from sklogloss.solvers.stopping import DAMPING

__all__ = ["descend_on_face"]


def descend_on_face(objective, theta, max_iter, enough):
    """Descend from theta by L-BFGS; a coefficient keeps its sign or becomes zero, and zero stays.

    With given signs, an L1 penalty is linear, and the objective is as smooth as the loss.

    Parameters
    ----------
    objective : Objective
        Has an L1 penalty.
    theta : ndarray of shape (n_parameters,)
    max_iter : int
    enough : float
        The last iteration is the one that gains less than this (nats).

    Returns
    -------
    theta : ndarray of shape (n_parameters,)
    value : float
        Of the objective.
    """
    p = objective.n_features
    whole = theta.reshape(objective.shape).copy()
    # X needs at least one column. A zero coefficient stays zero.
    features = np.flatnonzero(whole[:p].any(axis=1)) if whole[:p].any() else np.array([0])
    rows = np.append(features, p) if objective.fit_intercept else features
    part = objective.restricted(features)
    start = whole[rows].ravel()
    point = part.value_gradient(start, curvature=True)
    l1 = part.penalty_in_theta.l1
    free = np.flatnonzero((start != 0) | (l1 == 0))
    if len(free) == 0:
        return theta, point.value
    slope = (l1 * np.sign(start))[free]
    diagonal = part.hessian_diagonal(point)[free]
    # If the classes are separated, the diagonal vanishes, and scales from it would be unbounded.
    root = np.sqrt(diagonal + DAMPING * np.median(diagonal))
    x = start[free] * root
    has_sign = l1[free] > 0
    lower = np.where(has_sign & (x > 0), 0, -np.inf)
    upper = np.where(has_sign & (x < 0), 0, np.inf)

    def theta_of(x):
        theta = np.zeros_like(start)
        theta[free] = x / root
        return theta

    def value_gradient(x):
        point = part.value_gradient(theta_of(x))
        return point.value, (point.gradient[free] + slope) / root

    result = minimize(
        value_gradient,
        x,
        jac=True,
        method="L-BFGS-B",
        bounds=np.column_stack([lower, upper]),
        # ftol is relative to the objective, or to 1 if that is larger.
        options={
            "maxiter": max_iter,
            "ftol": enough / max(point.value, 1),
            "gtol": 0.0,
        },
    )
    whole[rows] = theta_of(result.x).reshape(part.shape)
    return whole.ravel(), float(result.fun)
