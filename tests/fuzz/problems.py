"""Random problems: every kind of data, penalty and solver, from one integer each."""

from dataclasses import dataclass, field, replace

import numpy as np
from scipy import sparse

import sklogloss

LAYOUTS = {
    "C": np.ascontiguousarray,
    "F": np.asfortranarray,
    "csr": sparse.csr_array,
    "csc": sparse.csc_array,
}
SOLVERS = ("newton-cholesky", "newton-cg", "lbfgs")


@dataclass(frozen=True)
class Problem:
    """What a fit is called with.

    Attributes
    ----------
    X : ndarray of shape (n_samples, n_features)
        Dense and C-ordered, whatever its layout in the fit.
    y : ndarray of shape (n_samples,) or (n_samples, n_classes)
        Class indices, or probabilities.
    layout : str
        A key of LAYOUTS.
    model : str
        The name of a classifier of the package.
    parameters : dict
        Those of the classifier that differ from the defaults.
    sample_weight : ndarray of shape (n_samples,) or None
    offset : ndarray of shape (n_samples,) or (n_samples, n_classes) or None
    """

    X: np.ndarray
    y: np.ndarray
    layout: str = "C"
    model: str = "LogLossClassifier"
    parameters: dict = field(default_factory=dict)
    sample_weight: np.ndarray | None = None
    offset: np.ndarray | None = None

    @property
    def n_classes(self):
        """Number of classes."""
        return self.y.shape[1] if self.y.ndim == 2 else int(self.y.max()) + 1

    @property
    def is_valid(self):
        """Whether there are two classes or more, of which the labels lack none."""
        if len(self.X) < 1 or self.X.shape[1] < 1 or self.n_classes < 2:
            return False
        if self.y.ndim == 1 and len(np.unique(self.y)) < self.n_classes:
            return False
        return self.sample_weight is None or self.sample_weight.max() > 0

    def fit(self):
        """Return the fitted classifier."""
        clf = getattr(sklogloss, self.model)(**self.parameters)
        X = LAYOUTS[self.layout](self.X)
        return clf.fit(X, self.y, sample_weight=self.sample_weight, offset=self.offset)

    def with_parameters(self, **changes):
        """Return the problem with other parameters; None takes one away."""
        parameters = {**self.parameters, **changes}
        kept = {name: value for name, value in parameters.items() if value is not None}
        return replace(self, parameters=kept)


def random_problem(seed):
    """Return the Problem of a seed."""
    rng = np.random.default_rng(seed)
    n_samples = int(rng.integers(2, 50)) if rng.random() < 0.9 else int(rng.integers(50, 300))
    n_classes = int(rng.choice([2, 3, 4, 5, 7, 10], p=[0.5, 0.25, 0.1, 0.05, 0.05, 0.05]))
    n_samples = max(n_samples, n_classes)
    n_features = int(rng.integers(1, 10 if n_classes < 5 else 5))
    if rng.random() < 0.1:
        n_features = int(rng.integers(n_samples, 2 * n_samples + 1)) if n_samples < 20 else 30
    X = _features(rng, n_samples, n_features)
    y = _targets(rng, X, n_classes)
    X = _scaled(rng, X).astype(np.float32 if rng.random() < 0.25 else np.float64)
    parameters = _penalty(rng, n_features, n_classes)
    if parameters.get("l1_ratio", 0) > 0:
        parameters["solver"] = str(rng.choice(["auto", "coordinate-descent"]))
    else:
        parameters["solver"] = "auto" if rng.random() < 0.4 else str(rng.choice(SOLVERS))
    if rng.random() < 0.2:
        parameters["fit_intercept"] = False
    if rng.random() < 0.1:
        parameters["label_smoothing"] = float(rng.choice([1e-6, 0.01, 0.3]))
    if rng.random() < 0.2:
        parameters["tol"] = float(rng.choice([1e-6, 1e-8]))
    model = "LogLossClassifier"
    if rng.random() < 0.15:
        model = "FocalLogisticRegression"
        parameters["gamma"] = float(rng.choice([0.5, 1.0, 2.0, 5.0]))
    return Problem(
        X,
        y,
        str(rng.choice(list(LAYOUTS), p=[0.4, 0.2, 0.2, 0.2])),
        model,
        parameters,
        _weight(rng, y, n_classes),
        _offset(rng, n_samples, n_classes),
    )


def _features(rng, n_samples, n_features):
    X = rng.normal(size=(n_samples, n_features))
    kinds = ["normal", "sparse", "binary", "heavy", "integer"]
    kind = rng.choice(kinds, p=[0.4, 0.2, 0.1, 0.1, 0.2])
    if kind == "sparse":
        X *= rng.random(X.shape) < rng.choice([0.05, 0.3])
    elif kind == "binary":
        X = (X > 0).astype(float)
    elif kind == "heavy":
        X = np.sinh(3 * X)
    elif kind == "integer":
        X = np.round(2 * X)
    for j in range(n_features):
        kinds = ["none", "constant", "duplicate", "close", "zero"]
        special = rng.choice(kinds, p=[0.9, *4 * [0.025]])
        other = int(rng.integers(n_features))
        if special == "constant":
            X[:, j] = X[0, j]
        elif special == "duplicate":
            X[:, j] = X[:, other]
        elif special == "close":
            X[:, j] = X[:, other] + 1e-6 * rng.normal(size=n_samples)
        elif special == "zero":
            X[:, j] = 0
    if rng.random() < 0.1:
        X = X[rng.integers(n_samples, size=n_samples)]  # repeated rows
    return X


def _scaled(rng, X):
    kind = rng.choice(["none", "columns", "all", "far"], p=[0.5, 0.2, 0.15, 0.15])
    if kind == "columns":
        return X * 10.0 ** rng.uniform(-8, 8, size=X.shape[1])
    if kind == "all":
        return X * 10.0 ** rng.uniform(-8, 8)
    if kind == "far":
        return X + 10.0 ** rng.uniform(-2, 6) * np.abs(X).max(axis=0)
    return X


def _targets(rng, X, n_classes):
    n_samples, n_features = X.shape
    if rng.random() < 0.15:
        proba = rng.dirichlet(np.full(n_classes, rng.choice([0.1, 1, 10])), size=n_samples)
        return proba
    strength = rng.choice([0, 1, 5, 1e6], p=[0.2, 0.4, 0.2, 0.2])
    scores = strength * X @ rng.normal(size=(n_features, n_classes))
    scores /= max(scores.std(), 1e-300) / max(strength, 1e-300)
    y = (scores + rng.gumbel(size=scores.shape)).argmax(axis=1)
    # Every class has a sample.
    y[rng.permutation(n_samples)[:n_classes]] = np.arange(n_classes)
    return y


def _penalty(rng, n_features, n_classes):
    parameters = {"C": float(10.0 ** rng.uniform(-6, 6))}
    strength = rng.random()
    if strength < 0.15:
        parameters["C"] = np.inf
    elif strength < 0.2:
        parameters["C"] = float(10.0 ** rng.uniform(6, 12))
    kind = rng.choice(["l2", "l1", "elastic net"], p=[0.6, 0.2, 0.2])
    if kind == "l1":
        parameters["l1_ratio"] = 1.0
    elif kind == "elastic net":
        parameters["l1_ratio"] = float(rng.uniform(0.01, 0.99))
    if rng.random() < 0.1:
        factor = rng.uniform(0, 2, size=n_features)
        parameters["penalty_factor"] = np.where(rng.random(n_features) < 0.2, 0.0, factor)
    if rng.random() < 0.1:
        kind = rng.choice(["positive", "box", "mixed"])
        if kind == "positive":
            parameters["bounds"] = (0, None)
        elif kind == "box":
            parameters["bounds"] = (-0.1, 0.3)
        else:
            lower = np.where(rng.random(n_features) < 0.5, -np.inf, rng.normal(size=n_features))
            parameters["bounds"] = (lower, np.maximum(lower, 0) + rng.uniform(0, 1, n_features))
    return parameters


def _weight(rng, y, n_classes):
    n_samples = len(y)
    kind = rng.choice(["none", "uniform", "zeros", "extreme", "counts"], p=[0.6, *4 * [0.1]])
    if kind == "none":
        return None
    weight = rng.uniform(size=n_samples)
    if kind == "zeros":
        weight *= rng.random(n_samples) < 0.7
    elif kind == "extreme":
        weight = 10.0 ** rng.uniform(-6, 6, size=n_samples)
    elif kind == "counts":
        weight = rng.integers(1, 5, size=n_samples).astype(float)
    if y.ndim == 1:
        # A class without weight is warned of, and is no problem of the solver's.
        for k in range(n_classes):
            if not weight[y == k].any():
                weight[y == k] = 1
    elif not weight.any():
        weight[0] = 1
    return weight


def _offset(rng, n_samples, n_classes):
    if rng.random() >= 0.1:
        return None
    shape = n_samples if n_classes == 2 else (n_samples, n_classes)
    return rng.normal(size=shape) * rng.choice([1, 10])
