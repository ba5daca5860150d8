"""Random fits under Jeffreys' prior, and the penalised likelihood by its definition, in NumPy."""

from dataclasses import replace

import numpy as np
from scipy.special import logsumexp

from .problems import random_problem
from .verdicts import PROMISED_GAP, Attempt, Outcome

# Eigenvalues of the scaled columns' products: below the first they depend on each other, above the
# second they do not. Between them the answer is a matter of rounding errors.
DEPENDENT, INDEPENDENT = 1e-14, 1e-8
DEFAULTS = {"fit_intercept": True, "tol": 1e-4}
STEPS = (4.0, 2.0, 1.0, 0.5, 0.25, 0.125)


def outcome_of_seed(seed):
    """Return the Outcome of the fit of a seed."""
    problem = random_firth_problem(seed)
    attempt = Attempt(problem.fit)
    if attempt.failure is not None:
        return attempt.failure
    clf, seconds = attempt.value, attempt.seconds
    if not (np.all(np.isfinite(clf.coef_)) and np.all(np.isfinite(clf.intercept_))):
        return Outcome("not finite", seconds=seconds)
    if attempt.messages:
        return Outcome("warned", attempt.messages[0], seconds)
    likelihood = PenalisedLikelihood(problem)
    raw = problem.X.astype(np.longdouble) @ clf.coef_.T.astype(np.longdouble) + clf.intercept_
    raw = raw[likelihood.rows].astype(np.float64)
    if clf.intercept_correction is None:
        gap = likelihood.relative_gap(raw)
        if gap > 1:
            return Outcome("silent miss", f"{gap * PROMISED_GAP:.2g} above the optimum", seconds)
    elif clf.fit_intercept:
        # The mean probabilities are those of the classes, to the tol of the gradient and what
        # coefficients of the type of X can say.
        size = np.abs(problem.X.astype(np.float64)) @ np.abs(clf.coef_.T) + np.abs(clf.intercept_)
        rounding = np.finfo(problem.X.dtype).eps * size.max()
        excess = np.abs(likelihood.mean_residual(raw)).max()
        if excess > clf.tol + rounding:
            return Outcome("silent miss", f"mean probabilities off by {excess:.2g}", seconds)
    return Outcome("solved", seconds=seconds)


def random_firth_problem(seed):
    """Return the Problem of a seed: data as of `random_problem`, and Firth's parameters."""
    problem, rng = random_problem(seed), np.random.default_rng([seed, 1])
    kept = {key: problem.parameters.get(key, default) for key, default in DEFAULTS.items()}
    kept["intercept_correction"] = [None, None, "flac", "flic"][int(rng.integers(4))]
    return replace(problem, model="FirthLogisticRegression", parameters=kept)


class PenalisedLikelihood:
    """Minus the log-likelihood and half the log-determinant of the information, by the weights.

    Its variable is beta (rank, n_classes - 1): of orthonormal columns that span those of X, and of
    the log-odds against the first class. Both change the determinant by a constant factor.

    Attributes
    ----------
    rows : ndarray of int
        Those with weight.
    is_certain : bool
        Whether the rank of X is no matter of rounding errors.
    """

    def __init__(self, problem):
        n_samples = len(problem.X)
        weight = np.ones(n_samples) if problem.sample_weight is None else problem.sample_weight
        self.rows = np.flatnonzero(weight > 0)
        self.weight = weight[self.rows].astype(np.float64)
        self.total = self.weight.sum()
        k = problem.n_classes
        y = problem.y[self.rows]
        self.target = y if y.ndim == 2 else np.eye(k)[y]
        self.offset = np.zeros((len(self.rows), k))
        if problem.offset is not None:  # of two classes that of the second
            of_rows = problem.offset[self.rows].reshape(len(self.rows), -1)
            self.offset[:, -of_rows.shape[1] :] = of_rows
        X = problem.X[self.rows].astype(np.longdouble)
        if problem.parameters.get("fit_intercept", True):
            X = np.hstack([X - X.mean(axis=0), np.ones((len(X), 1))])
        size = np.sqrt(np.mean(X**2, axis=0))
        X = (X / np.where(size > 0, size, 1)).astype(np.float64)
        left, root, _ = np.linalg.svd(X, full_matrices=False)
        part = (root / root[0]) ** 2
        self.is_certain = not np.any((part > DEPENDENT) & (part < INDEPENDENT))
        self.Q = left[:, part >= INDEPENDENT] * np.sqrt(len(X))

    def _log_proba(self, beta):
        return self._log_softmax(self.Q @ beta)

    def _log_softmax(self, contrasts):
        raw = np.hstack([np.zeros((len(contrasts), 1)), contrasts]) + self.offset
        return raw - logsumexp(raw, axis=1, keepdims=True)

    def mean_residual(self, raw):
        """Return the mean of p - y of each class, for raw predictions without the offset."""
        p = np.exp(self._log_softmax(self._contrasts(raw)))
        return self.weight @ (p - self.target) / self.total

    def _contrasts(self, raw):
        return raw if raw.shape[1] == 1 else raw[:, 1:] - raw[:, :1]

    def _information(self, beta):
        p = np.exp(self._log_proba(beta))[:, 1:]
        curvature = np.einsum("ij,jk->ijk", p, np.eye(p.shape[1])) - p[:, :, None] * p[:, None, :]
        curvature *= self.weight[:, None, None]
        r, k = self.Q.shape[1], p.shape[1]
        blocks = np.einsum("ijk,ia,ib->jakb", curvature, self.Q, self.Q, optimize=True)
        return p, blocks.reshape(k * r, k * r)

    def value(self, beta):
        """Return the objective (nats): the mean loss less half the log-determinant."""
        _, information = self._information(beta)
        half = np.linalg.slogdet(information)[1] / 2
        return (self.loss(beta) - half) / self.total

    def loss(self, beta):
        """Return minus the log-likelihood."""
        log_proba = np.where(self.target > 0, self._log_proba(beta), 0)
        return -np.sum(self.weight[:, None] * self.target * log_proba)

    def gradient(self, beta):
        """Return the gradient of the objective, and the information."""
        p, information = self._information(beta)
        r, k = self.Q.shape[1], p.shape[1]
        inverse = np.linalg.inv(information).reshape(k, r, k, r)
        leverage = np.einsum("ia,jakb,ib->ijk", self.Q, inverse, self.Q, optimize=True)
        # The sum over j, k of leverage_jk times the derivative of p_j (e_jk - p_k) by z_l.
        own = np.einsum("ijj->ij", leverage)
        shared = np.einsum("ijk,ik->ij", leverage, p)
        change = own - 2 * shared
        change -= np.sum(p * change, axis=1, keepdims=True)
        of_prior = p * change * self.weight[:, None] / 2
        of_rows = self.weight[:, None] * (p - self.target[:, 1:]) - of_prior
        return (self.Q.T @ of_rows) / self.total, information / self.total

    def relative_gap(self, raw):
        """Return how much lower the objective can be than at raw predictions, over the promise."""
        contrasts = self._contrasts(raw)
        beta = np.linalg.lstsq(self.Q, contrasts, rcond=None)[0]
        eps = np.finfo(np.float64).eps
        allowed = PROMISED_GAP * self.loss(beta) / self.total
        gained = 0.0
        for _ in range(10):
            with np.errstate(all="ignore"):
                gradient, information = self.gradient(beta)
                if not self.is_certain or not np.linalg.cond(information) < 1 / np.sqrt(eps):
                    return 0.0  # the determinant has too few digits
                step = np.linalg.solve(information, gradient.T.ravel())
                step = step.reshape(gradient.T.shape).T
                start = self.value(beta)
                values = [self.value(beta - length * step) for length in STEPS]
            best = int(np.nanargmin(values))
            gain = start - values[best]
            if not gain > 0:
                break
            gained, beta = gained + gain, beta - STEPS[best] * step
        rounding = 1e4 * eps * (1 + abs(start))
        return max(gained - rounding, 0.0) / allowed
