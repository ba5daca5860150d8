"""Random standard errors, and those of the definition, in NumPy."""

from dataclasses import replace

import numpy as np

from sklogloss.inference import infer

from .problems import random_problem
from .verdicts import Attempt, Outcome

# Of the information of scaled columns: from the first on, an inverse has few digits, and from the
# second one has few that counts twice; below the third, no column may be called dependent.
ILL_CONDITIONED, ILL_CONDITIONED_TWICE, WELL_CONDITIONED = 1e10, 1e6, 1e8
COVARIANCES = ("model", "robust", "HC1", "cluster")


def outcome_of_seed(seed):
    """Return the Outcome of the standard errors of a seed."""
    problem, rng = _problem(seed), np.random.default_rng([seed, 4])
    covariance = str(rng.choice(COVARIANCES))
    groups = rng.integers(5, size=len(problem.X)) if covariance == "cluster" else None

    def call():
        clf = problem.fit()
        X = problem.X
        result = infer(
            clf,
            X,
            problem.y,
            sample_weight=problem.sample_weight,
            offset=problem.offset,
            covariance=covariance,
            groups=groups,
        )
        # The table has a column for each class.
        return clf, np.asarray(result.bse, dtype=np.float64).T.ravel()

    attempt = Attempt(call, UserWarning)
    if attempt.failure is not None and attempt.failure.kind != "refused":
        return attempt.failure
    if attempt.failure is not None:
        if "dependent" in attempt.failure.detail:
            condition = Reference(problem, problem.fit()).condition
            if condition < WELL_CONDITIONED:
                detail = f"condition {condition:.1g}: {attempt.failure.detail}"
                return Outcome("silent miss", detail)
        return attempt.failure
    messages = [each for each in attempt.messages if "clusters" not in each]
    if messages:
        return Outcome("warned", messages[0], attempt.seconds)
    clf, bse = attempt.value
    reference = Reference(problem, clf)
    if not np.all(np.isfinite(bse)):
        return Outcome("not finite", seconds=attempt.seconds)
    limit = ILL_CONDITIONED if covariance == "model" else ILL_CONDITIONED_TWICE
    if not reference.condition < limit:
        return Outcome("solved", "ill-conditioned", attempt.seconds)
    expected, rounding = reference.standard_errors(covariance, groups)
    eps = np.finfo(np.float64).eps
    error = np.abs(bse / expected - 1)[np.maximum(bse, expected) > rounding].max(initial=0)
    if not error <= 1e-9 + 1e3 * eps * reference.condition:
        return Outcome("silent miss", f"{covariance}: off by {error:.2g}", attempt.seconds)
    return Outcome("solved", seconds=attempt.seconds)


def _problem(seed):
    # Data as of `random_problem`, without a penalty, and with weights of any size.
    problem, rng = random_problem(seed), np.random.default_rng([seed, 3])
    parameters = {"C": np.inf, "fit_intercept": problem.parameters.get("fit_intercept", True)}
    weight, offset = problem.sample_weight, problem.offset
    if weight is not None:
        # A fit rounds them to the type of X. Powers of two change no digit.
        weight = weight.astype(problem.X.dtype).astype(np.float64)
        if rng.random() < 0.3:
            weight = weight * 2.0 ** rng.integers(-900, 1000)
    if offset is not None:
        offset = offset.astype(problem.X.dtype).astype(np.float64)
    # Soft targets would be rounded, too, and then scaled to a sum of one.
    X = problem.X if problem.y.ndim == 1 else problem.X.astype(np.float64)
    return replace(
        problem,
        X=X,
        model="LogLossClassifier",
        parameters=parameters,
        sample_weight=weight,
        offset=offset,
    )


class Reference:
    """The information and the scores of the rows at a fit, by their definition.

    The coefficients are those against the first class: (n_classes - 1, n_features + 1), the
    intercept first.

    Attributes
    ----------
    condition : float
        Of the information, of columns of about equal size.
    """

    def __init__(self, problem, clf):
        n_samples, k = len(problem.X), problem.n_classes
        weight = np.ones(n_samples) if problem.sample_weight is None else problem.sample_weight
        self.rows = np.flatnonzero(weight > 0)
        # Standard errors of "model" go with the root of the scale of the weights.
        self.scale = weight.max()
        self.weight = weight[self.rows] / self.scale
        X = problem.X[self.rows].astype(np.longdouble)
        raw = X @ clf.coef_.T.astype(np.longdouble) + clf.intercept_
        if problem.offset is not None:
            raw = raw + problem.offset[self.rows].reshape(len(raw), -1)
        raw = np.hstack([np.zeros_like(raw), raw]) if k == 2 else raw
        raw = raw - raw.max(axis=1, keepdims=True)
        p = np.exp(raw)
        p = (p / p.sum(axis=1, keepdims=True)).astype(np.float64)
        others = p @ (1 - np.eye(k))  # 1 - p without cancellation
        y = problem.y[self.rows]
        target = y if y.ndim == 2 else np.eye(k)[y]
        self.residual = np.where(target == 1, -others, p - target)[:, 1:]
        self.has_intercept = problem.parameters["fit_intercept"]
        self.center = X.mean(axis=0) if self.has_intercept else np.zeros(X.shape[1])
        X = X - self.center
        if self.has_intercept:
            X = np.hstack([np.ones((len(X), 1)), X])
        self.size = np.sqrt(np.mean(X**2, axis=0))
        self.X = (X / np.where(self.size > 0, self.size, 1)).astype(np.float64)
        p = p[:, 1:]
        curvature = -p[:, :, None] * p[:, None, :]
        curvature[:, range(k - 1), range(k - 1)] = p * others[:, 1:]
        curvature *= self.weight[:, None, None]
        n_columns = self.X.shape[1] * (k - 1)
        information = np.einsum("ijk,ia,ib->jakb", curvature, self.X, self.X, optimize=True)
        self.information = information.reshape(n_columns, n_columns)
        # Classes of very different size remain a part of the condition.
        of_columns = np.diagonal(self.information).reshape(k - 1, -1).mean(axis=0)
        self.condition = np.inf
        if np.all(of_columns > 0):
            root = np.tile(np.sqrt(of_columns), k - 1)
            self.condition = np.linalg.cond(self.information / np.outer(root, root))

    def standard_errors(self, covariance, groups):
        """Return them class by class, the intercept first, and sizes that are rounding errors.

        What the variances of scaled columns have in common may cancel in that of a column.
        """
        inverse = np.linalg.inv(self.information)
        factor = 1.0
        if covariance == "model":
            half = np.linalg.cholesky(inverse / self.scale).T
        else:
            scores = self.weight[:, None, None] * self.residual[:, :, None] * self.X[:, None, :]
            scores = scores.reshape(len(self.rows), -1)
            n, n_free = len(scores), scores.shape[1]
            if covariance == "HC1":
                factor = n / (n - n_free)
            elif covariance == "cluster":
                labels, place = np.unique(groups[self.rows], return_inverse=True)
                sums = np.zeros((len(labels), n_free))
                np.add.at(sums, place, scores)
                scores = sums
                factor = len(labels) / (len(labels) - 1) * (n - 1) / (n - n_free)
            half = scores @ inverse
        # From centred and scaled columns to those of X.
        size = np.where(self.size > 0, self.size, 1).astype(np.float64)
        back = np.diag(1 / size)
        if self.has_intercept:
            back[0, 1:] = -(self.center / self.size[1:]).astype(np.float64)
        back = np.kron(np.eye(self.residual.shape[1]), back)
        of_scaled = np.sqrt(factor * np.sum(half**2, axis=0))
        eps = np.finfo(np.float64).eps
        rounding = np.sqrt(len(of_scaled) * eps) * of_scaled.max() * np.abs(back).sum(axis=1)
        return np.sqrt(factor * np.sum((half @ back.T) ** 2, axis=0)), rounding
