"""FocalLogisticRegression: its optimum, its probabilities, and what must not change either."""

import inspect
import warnings

import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import minimize
from scipy.special import expit, log_expit, log_softmax
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklogloss import FocalLogisticRegression, LogLossClassifier
from sklogloss.metrics import probability_scorers

pytestmark = pytest.mark.filterwarnings("error")

SOLVERS = ["newton-cholesky", "newton-cg", "lbfgs"]
# Gradients below 1e-11. The curvature of focal loss at its minimum is above 1e-4 in these data.
TIGHT = {"tol": 1e-11, "max_iter": 1000}
ATOL = 1e-7


class PlainFocalLoss:
    """The mean penalised focal loss and its gradient, in plain NumPy, for any optimiser."""

    def __init__(self, X, proba, gamma, C=1.0, l1_ratio=0.0, weight=None):
        self.X = X
        self.proba = proba
        self.gamma = gamma
        self.weight = np.ones(len(X)) if weight is None else weight
        strength = 1 / (C * self.weight.sum())
        self.l1, self.l2 = l1_ratio * strength, (1 - l1_ratio) * strength
        self.n_columns = 1 if proba.shape[1] == 2 else proba.shape[1]

    def log_proba(self, parameters):
        parameters = parameters.reshape(self.n_columns, -1)
        raw_prediction = self.X @ parameters[:, :-1].T + parameters[:, -1]
        if self.n_columns > 1:
            return log_softmax(raw_prediction, axis=1)
        return np.column_stack([log_expit(-raw_prediction), log_expit(raw_prediction)])

    def __call__(self, parameters):
        """Return value and gradient in the parameters, the coefficients of each class flat."""
        coef = parameters.reshape(self.n_columns, -1)[:, :-1]
        log_p = self.log_proba(parameters)
        p = np.exp(log_p)
        # 1 - p from the others' p: no digits cancel.
        q = p @ (1 - np.eye(p.shape[1]))
        loss = -np.sum(self.proba * q**self.gamma * log_p, axis=1)
        # By the logarithm of each p, and then by the scores.
        slope = self.proba * (self.gamma * q ** (self.gamma - 1) * p * log_p - q**self.gamma)
        slope -= p * slope.sum(axis=1, keepdims=True)
        slope = slope[:, -self.n_columns :] * self.weight[:, None] / self.weight.sum()
        gradient = np.column_stack([slope.T @ self.X + self.l2 * coef, slope.sum(axis=0)])
        value = self.weight @ loss / self.weight.sum() + self.l2 / 2 * np.sum(coef**2)
        return value, gradient.ravel()

    def of(self, clf):
        """Return value and the subgradient closest to zero at a fitted classifier."""
        value, gradient = self(np.column_stack([clf.coef_, clf.intercept_]).ravel())
        gradient = gradient.reshape(self.n_columns, -1)
        of_coef = gradient[:, :-1]
        at_zero = np.sign(of_coef) * np.maximum(np.abs(of_coef) - self.l1, 0)
        of_coef[:] = np.where(clf.coef_ == 0, at_zero, of_coef + self.l1 * np.sign(clf.coef_))
        return value + self.l1 * np.abs(clf.coef_).sum(), gradient


def one_hot(y):
    return np.eye(y.max() + 1)[y]


def simulate(n_samples=300, n_features=4, n_classes=2, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_samples, n_features))
    scores = X @ np.linspace(-1, 1, n_features) + rng.logistic(size=n_samples)
    return X, np.digitize(scores, np.linspace(-1, 1, n_classes + 1)[1:-1])


def assert_same(clf, expected, atol=ATOL):
    np.testing.assert_allclose(clf.coef_, expected.coef_, rtol=0, atol=atol)
    np.testing.assert_allclose(clf.intercept_, expected.intercept_, rtol=0, atol=atol)


def test_signature():
    parameters = inspect.signature(FocalLogisticRegression).parameters
    names = list(parameters)
    assert names[:5] == ["penalty", "gamma", "alpha", "C", "l1_ratio"]
    assert parameters["gamma"].default == 2.0
    assert parameters["alpha"].default is None
    assert parameters["probabilities"].default == "posterior"
    log_loss_parameters = inspect.signature(LogLossClassifier).parameters
    assert [name for name in names if name not in ("gamma", "alpha")] == list(log_loss_parameters)
    for name, parameter in log_loss_parameters.items():
        if name != "probabilities":
            assert parameters[name].default == parameter.default
            assert parameters[name].kind == parameter.kind


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
def test_gamma_of_zero_is_log_loss(n_classes, l1_ratio):
    X, y = simulate(n_classes=n_classes)
    options = {"l1_ratio": l1_ratio, "tol": 1e-10, "max_iter": 1000, "class_weight": "balanced"}
    clf = FocalLogisticRegression(gamma=0, **options).fit(X, y)
    expected = LogLossClassifier(**options, probabilities="posterior").fit(X, y)
    assert_same(clf, expected, atol=1e-10)
    np.testing.assert_array_equal(clf.predict_proba(X), expected.predict_proba(X))
    assert clf.n_starts_ == 1
    assert clf.start_objectives_.shape == (1,)


@pytest.mark.parametrize("gamma", [0.1, 0.5, 1.0, 2.0, 5.0])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
def test_optimum(gamma, n_classes, l1_ratio):
    X, y = simulate(n_classes=n_classes)
    weight = np.random.default_rng(1).exponential(size=len(y))
    clf = FocalLogisticRegression(gamma=gamma, l1_ratio=l1_ratio, C=0.3, **TIGHT)
    clf.fit(X, y, weight)
    plain = PlainFocalLoss(X, one_hot(y), gamma, 0.3, l1_ratio, weight)
    value, gradient = plain.of(clf)
    # Rounding of coefficients and sums beside tol: intercepts of classes share a constant.
    assert np.abs(gradient).max() < 1e-9
    np.testing.assert_allclose(clf.start_objectives_, value, rtol=1e-9)
    assert clf.n_starts_ == 2


@pytest.mark.parametrize("gamma", [20.0, 60.0, 120.0, 500.0])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("solver", [*SOLVERS, "coordinate-descent"])
def test_optimum_of_next_to_nothing(solver, n_classes, gamma):
    # Equal probabilities have a loss of 7e-7 down to 2e-151 nats.
    X, y = simulate(n_classes=n_classes)
    unit = (1 - 1 / n_classes) ** gamma  # of equal probabilities
    # A penalty that is felt, but does not outweigh the loss.
    C = 1 / (len(X) * 1e-2 * unit)
    l1_ratio = 1.0 if solver == "coordinate-descent" else 0.0
    clf = FocalLogisticRegression(gamma=gamma, C=C, l1_ratio=l1_ratio, solver=solver).fit(X, y)
    plain = PlainFocalLoss(X, one_hot(y), gamma, C, l1_ratio)
    value, gradient = plain.of(clf)
    # A value within a part of 1e-11 of the minimum leaves a gradient of the root of 2e-11 times
    # value and curvature, which is (1 + gamma)^2 units at most for X of the size of one.
    assert np.abs(gradient).max() < np.sqrt(2e-11 * value * unit) * (1 + gamma)
    assert value < plain(np.zeros(gradient.size))[0] * 0.99


@pytest.mark.parametrize(("n_classes", "gamma"), [(20, 50), (10, 100), (10, 1000)])
def test_doubts_between_two_of_many_classes(n_classes, gamma):
    # They are of 2^-gamma nats, next to nothing beside the loss of equal probabilities.
    n_pairs = n_classes // 2
    X = np.repeat(np.eye(n_pairs), 8, axis=0)
    y = np.concatenate([[2 * i] * 6 + [2 * i + 1] * 2 for i in range(n_pairs)])
    clf = FocalLogisticRegression(gamma=gamma, C=1e304, fit_intercept=False).fit(X, y)
    proba = clf.predict_proba(np.eye(n_pairs))
    # A value within a part of 1e-11 leaves probabilities within its root times a small number.
    np.testing.assert_allclose(proba[range(n_pairs), range(0, n_classes, 2)], 0.75, atol=1e-4)


@pytest.mark.parametrize(
    ("gamma", "n_classes", "dtype", "largest"),
    [(127, 2, "float32", 126), (1023, 2, "float64", 1022), (1e4, 3, "float64", 1022)],
)
def test_gamma_that_leaves_nothing_of_the_loss(gamma, n_classes, dtype, largest):
    X, y = simulate(n_classes=n_classes)
    message = f"gamma must be at most {largest} for {dtype} X, got {gamma}"
    with pytest.raises(ValueError, match=message):
        FocalLogisticRegression(gamma=gamma).fit(X.astype(dtype), y)
    FocalLogisticRegression(gamma=largest, C=np.inf).fit(X.astype(dtype), y)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_solvers_agree(solver, n_classes):
    X, y = simulate(n_classes=n_classes)
    clf = FocalLogisticRegression(solver=solver, **TIGHT).fit(X, y)
    assert clf.solver_ == solver
    assert_same(clf, FocalLogisticRegression(**TIGHT).fit(X, y))


def test_soft_targets_and_smoothing_mix_the_losses_of_the_classes():
    X, y = simulate(n_classes=3)
    proba = 0.7 * one_hot(y) + 0.3 * np.random.default_rng(2).dirichlet(np.ones(3), size=len(y))
    clf = FocalLogisticRegression(**TIGHT).fit(X, proba)
    assert np.abs(PlainFocalLoss(X, proba, 2.0).of(clf)[1]).max() < 1e-9
    # Each row repeated for each class, weighted with its probability.
    repeated = FocalLogisticRegression(**TIGHT)
    repeated.fit(np.repeat(X, 3, axis=0), np.tile([0, 1, 2], len(y)), proba.ravel())
    assert_same(clf, repeated)
    smoothed = FocalLogisticRegression(label_smoothing=0.2, **TIGHT).fit(X, y)
    assert_same(smoothed, FocalLogisticRegression(**TIGHT).fit(X, 0.8 * one_hot(y) + 0.2 / 3))


def imbalanced(n_samples=2000, seed=0):
    return make_classification(
        n_samples, 8, n_informative=4, weights=[0.97], flip_y=0.02, random_state=seed
    )


def scaled(loader):
    X, y = loader(return_X_y=True)
    return StandardScaler().fit_transform(X), y


def some_digits():
    X, y = load_digits(return_X_y=True)
    return X[:150] / 16, y[:150]


@pytest.mark.parametrize(
    ("load", "gamma", "C"),
    [
        (lambda: imbalanced(400), 2.0, 1.0),
        (lambda: imbalanced(400), 5.0, 1e4),
        (lambda: scaled(load_breast_cancer), 2.0, 1.0),
        (lambda: load_iris(return_X_y=True), 5.0, 1.0),
        (some_digits, 2.0, 0.1),
    ],
)
@pytest.mark.parametrize("saves_passes", [False, True])
def test_no_restart_finds_a_lower_objective(monkeypatch, load, gamma, C, saves_passes):
    if saves_passes:  # as for data of which a pass costs something
        monkeypatch.setattr("sklogloss.solvers.nonconvex.costs_few_passes", lambda _: False)
        monkeypatch.setattr("sklogloss.solvers.plan.SMALLEST_SUBSET", 30)
        monkeypatch.setattr("sklogloss.solvers.plan.ROWS_PER_PARAMETER", 1)
    X, y = load()
    clf = FocalLogisticRegression(gamma=gamma, C=C).fit(X, y)
    plain = PlainFocalLoss(X, one_hot(y), gamma, C)
    value, _ = plain.of(clf)
    rng = np.random.default_rng(0)
    size = plain.n_columns * (X.shape[1] + 1)
    for restart in range(20):
        start = rng.normal(size=size) * (0.1, 1, 10)[restart % 3]
        other = minimize(plain, start, jac=True, method="L-BFGS-B", options={"maxiter": 100})
        # The fit's own tolerance: a relative 1e-11 at the default tol, and 1e-15 nats.
        assert value <= other.fun * (1 + 1e-9) + 1e-15


def test_classes_in_another_order():
    for n_classes in (2, 3):
        X, y = simulate(n_classes=n_classes)
        clf = FocalLogisticRegression(alpha=np.arange(1, n_classes + 1), **TIGHT).fit(X, y)
        alpha = np.arange(n_classes, 0, -1)
        other = FocalLogisticRegression(alpha=alpha, **TIGHT).fit(X, n_classes - 1 - y)
        if n_classes == 2:
            other.coef_, other.intercept_ = -other.coef_, -other.intercept_
        else:
            other.coef_, other.intercept_ = other.coef_[::-1], other.intercept_[::-1]
        assert_same(clf, other)
        np.testing.assert_allclose(
            clf.predict_proba(X)[:, 0],
            FocalLogisticRegression(alpha=alpha, **TIGHT)
            .fit(X, n_classes - 1 - y)
            .predict_proba(X)[:, -1],
            rtol=0,
            atol=ATOL,
        )


@pytest.mark.parametrize("n_classes", [2, 3])
def test_weights_repeat_rows(n_classes):
    X, y = simulate(n_classes=n_classes)
    count = np.random.default_rng(3).integers(0, 4, size=len(y))
    clf = FocalLogisticRegression(**TIGHT).fit(X, y, sample_weight=count)
    repeated = FocalLogisticRegression(**TIGHT).fit(
        np.repeat(X, count, axis=0), np.repeat(y, count)
    )
    assert_same(clf, repeated)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_balanced_is_its_weights(n_classes):
    X, y = simulate(n_classes=n_classes)
    clf = FocalLogisticRegression(class_weight="balanced", **TIGHT).fit(X, y)
    weight = len(y) / (n_classes * np.bincount(y))
    np.testing.assert_allclose(clf.class_weight_, weight)
    assert_same(clf, FocalLogisticRegression(**TIGHT).fit(X, y, sample_weight=weight[y]))


def test_alpha_multiplies_class_weight():
    X, y = simulate()
    clf = FocalLogisticRegression(alpha=0.25, class_weight={1: 2.0}, **TIGHT).fit(X, y)
    np.testing.assert_allclose(clf.class_weight_, [0.75, 0.5])
    weighted = FocalLogisticRegression(class_weight={0: 0.75, 1: 0.5}, **TIGHT).fit(X, y)
    assert_same(clf, weighted, atol=0)
    assert_same(clf, FocalLogisticRegression(alpha=[0.75, 0.5], **TIGHT).fit(X, y), atol=0)
    X, y = simulate(n_classes=3)
    clf = FocalLogisticRegression(alpha=(1, 2, 3), **TIGHT).fit(X, y)
    weighted = FocalLogisticRegression(class_weight={0: 1, 1: 2, 2: 3}, **TIGHT).fit(X, y)
    assert_same(clf, weighted, atol=0)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("l1_ratio", [0.0, 1.0])
def test_sparse_is_dense(n_classes, l1_ratio):
    X, y = simulate(n_classes=n_classes)
    X *= X > 0.3
    expected = FocalLogisticRegression(l1_ratio=l1_ratio, **TIGHT).fit(X, y)
    for container in (sparse.csr_array, sparse.csc_matrix):
        clf = FocalLogisticRegression(l1_ratio=l1_ratio, **TIGHT).fit(container(X), y)
        assert_same(clf, expected)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_float32_is_close_to_float64(n_classes):
    X, y = simulate(n_classes=n_classes)
    clf = FocalLogisticRegression().fit(X.astype(np.float32), y)
    assert clf.coef_.dtype == clf.predict_proba(X.astype(np.float32)).dtype == np.float32
    # A gradient of float32's rounding, 1e-6, over a curvature of 1e-2.
    assert_same(clf, FocalLogisticRegression(**TIGHT).fit(X.astype(np.float32), y), atol=1e-4)


def test_warm_start_takes_the_place_of_zero():
    X, y = imbalanced()
    clf = FocalLogisticRegression(warm_start=True, **TIGHT).fit(X, y)
    cold, n_iter = clf.coef_.copy(), clf.n_iter_[0]
    clf.fit(X, y)
    np.testing.assert_allclose(clf.coef_, cold, rtol=0, atol=ATOL)
    assert clf.n_iter_[0] < n_iter
    assert clf.n_starts_ == 2


@pytest.mark.parametrize("shape", ["many rows", "more columns than rows", "many classes"])
def test_large_problems_start_from_small_ones(shape):
    if shape == "many rows":
        X, y = imbalanced(100_000)
    elif shape == "more columns than rows":
        X, y = simulate(100, 1500)
    else:
        X, y = load_digits(return_X_y=True)
        X = X / 16
    clf = FocalLogisticRegression(**TIGHT).fit(X, y)
    value, gradient = PlainFocalLoss(X, one_hot(y), 2.0).of(clf)
    assert np.abs(gradient).max() < 1e-9
    np.testing.assert_allclose(clf.start_objectives_, value, rtol=1e-9)


def test_probabilities_are_those_of_the_population():
    # A logistic truth with 3% positives; raw probabilities of balanced focal loss are far off.
    rng = np.random.default_rng(0)
    n_samples = 200_000
    X = rng.normal(size=(n_samples, 3))
    score = X @ [1.0, -0.5, 0.25] - 4.05
    truth = expit(score)
    y = (rng.random(n_samples) < truth).astype(int)
    assert 0.028 < y.mean() < 0.032
    clf = FocalLogisticRegression(class_weight="balanced").fit(X, y)
    posterior = clf.predict_proba(X)[:, 1]
    assert np.mean(np.abs(posterior - truth)) < 0.005
    raw = clf.set_params(probabilities="model").predict_proba(X)[:, 1]
    assert np.mean(np.abs(raw - truth)) > 0.2
    reference = LogLossClassifier().fit(X, y).predict_proba(X)[:, 1]
    assert log_loss(y, posterior) < 1.01 * log_loss(y, reference)


@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_posterior_undoes_everything_at_once(n_classes, label_smoothing):
    # Given the true probabilities of groups as soft targets, and an indicator of each group, a fit
    # without penalty returns them.
    rng = np.random.default_rng(4)
    proba = rng.dirichlet(np.full(n_classes, 2.0), size=6)
    weight = {k: float(k + 1) for k in range(n_classes)}
    clf = FocalLogisticRegression(
        gamma=1.5,
        alpha=np.linspace(1, 2, n_classes),
        class_weight=weight,
        label_smoothing=label_smoothing,
        C=np.inf,
        fit_intercept=False,
        tol=1e-12,
    ).fit(np.eye(6), proba)
    np.testing.assert_allclose(clf.predict_proba(np.eye(6)), proba, atol=1e-8)
    model = clf.set_params(probabilities="model").predict_proba(np.eye(6))
    assert np.abs(model - proba).max() > 0.05


def test_probabilities_of_any_score_are_finite():
    X = np.array([[-1.0], [1.0]])
    clf = FocalLogisticRegression(class_weight="balanced").fit(np.tile(X, (5, 1)), [0, 1] * 5)
    scores = np.array([[-1e300], [-700.0], [-40.0], [0.0], [40.0], [700.0], [1e300]])
    scores = scores / clf.coef_[0, 0]
    log_proba = clf.predict_log_proba(scores)
    assert np.isfinite(log_proba).all()
    proba = clf.predict_proba(scores)
    assert np.all(np.diff(proba[:, 1]) >= 0)
    np.testing.assert_allclose(proba.sum(axis=1), 1)


def test_predict_follows_the_decision_function():
    X, y = imbalanced()
    clf = FocalLogisticRegression(class_weight="balanced").fit(X, y)
    np.testing.assert_array_equal(clf.predict(X), (clf.decision_function(X) > 0).astype(int))
    # At the threshold of 0.5, the posterior of balanced fits names fewer positives.
    assert (clf.predict_proba(X)[:, 1] > 0.5).sum() < clf.predict(X).sum()


@pytest.mark.parametrize("probabilities", ["model", "posterior"])
def test_scorers_take_the_probabilities_that_are_meant(probabilities):
    X, y = imbalanced()
    clf = FocalLogisticRegression(class_weight="balanced", probabilities=probabilities).fit(X, y)
    score = probability_scorers["neg_log_loss"](clf, X, y)
    assert score == pytest.approx(-log_loss(y, clf.predict_proba(X)), rel=1e-12)


def test_gamma_can_be_tuned_in_a_pipeline():
    X, y = imbalanced()
    search = GridSearchCV(
        make_pipeline(StandardScaler(), FocalLogisticRegression(class_weight="balanced")),
        {"focallogisticregression__gamma": [0, 0.5, 2, 5]},
        scoring="neg_log_loss",
        cv=3,
        error_score="raise",
    ).fit(X, y)
    scores = search.cv_results_["mean_test_score"]
    assert np.isfinite(scores).all()
    # The posterior of each gamma is about as good: within a tenth of the best log loss.
    assert scores.min() > 1.1 * scores.max()


@pytest.mark.parametrize("gamma", [0.1, 2.0, 5.0])
def test_bad_scales_without_penalty(gamma):
    X, y = simulate()
    size = 10.0 ** np.array([-8, -3, 3, 8])
    clf = FocalLogisticRegression(gamma=gamma, C=np.inf, **TIGHT).fit(X, y)
    rescaled = FocalLogisticRegression(gamma=gamma, C=np.inf, **TIGHT).fit(X * size, y)
    np.testing.assert_allclose(rescaled.coef_ * size, clf.coef_, rtol=0, atol=ATOL)


@pytest.mark.parametrize("gamma", [0.1, 2.0, 5.0])
@pytest.mark.parametrize("l1_ratio", [0.0, 1.0])
def test_duplicated_columns(gamma, l1_ratio):
    X, y = simulate()
    clf = FocalLogisticRegression(gamma=gamma, l1_ratio=l1_ratio, **TIGHT).fit(X, y)
    # Two halves of a coefficient have half its squares, and the same sum.
    C = 1.0 if l1_ratio == 1 else 0.5
    twice = FocalLogisticRegression(gamma=gamma, l1_ratio=l1_ratio, C=C, **TIGHT)
    twice.fit(np.hstack([X, X]), y)
    both = twice.coef_[:, :4] + twice.coef_[:, 4:]
    np.testing.assert_allclose(both, clf.coef_, rtol=0, atol=ATOL)


@pytest.mark.parametrize("gamma", [0.1, 2.0, 5.0])
def test_separable_data(gamma):
    X, _ = simulate()
    y = (X[:, 0] > X[:, 1]).astype(int)
    clf = FocalLogisticRegression(gamma=gamma, C=1e6).fit(X, y)
    assert clf.score(X, y) == 1
    with pytest.warns(ConvergenceWarning, match="The data is separable"):
        clf.set_params(C=np.inf).fit(X, y)
    assert np.isfinite(clf.predict_proba(X)).all()


def test_too_few_iterations():
    X, y = simulate()
    with pytest.warns(ConvergenceWarning, match="max_iter=2 iterations were not enough"):
        FocalLogisticRegression(max_iter=2, tol=1e-8).fit(X, y)


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"gamma": -0.5}, ValueError, r"gamma must be in \[0, inf\), got -0.5"),
        ({"gamma": np.nan}, ValueError, "gamma must be in"),
        ({"gamma": np.inf}, ValueError, "gamma must be in"),
        ({"gamma": "2"}, TypeError, "gamma must be a number in"),
        ({"gamma": None}, TypeError, "gamma must be a number in"),
        ({"alpha": 0.0}, ValueError, r"alpha must be in \(0, 1\), got 0.0"),
        ({"alpha": 1.0}, ValueError, r"alpha must be in \(0, 1\), got 1.0"),
        ({"alpha": np.nan}, ValueError, "alpha must be in"),
        ({"alpha": [1.0, 2.0, 3.0]}, ValueError, "alpha must have 2 weights, one for each class"),
        ({"alpha": [1.0, -2.0]}, ValueError, "alpha must be finite and not negative"),
        ({"alpha": [1.0, np.nan]}, ValueError, "alpha must be finite and not negative"),
        ({"alpha": [0.0, 0.0]}, ValueError, "leave some weight"),
        (
            {"alpha": "balanced"},
            TypeError,
            r"alpha must be None, a number in \(0, 1\) or 2 weights",
        ),
    ],
)
def test_bad_parameters(parameters, error, message):
    X, y = simulate()
    with pytest.raises(error, match=message):
        FocalLogisticRegression(**parameters).fit(X, y)


def test_a_number_as_alpha_is_for_two_classes():
    X, y = simulate(n_classes=3)
    with pytest.raises(ValueError, match="alpha must be None or have 3 weights"):
        FocalLogisticRegression(alpha=0.25).fit(X, y)


@pytest.mark.parametrize("factor", [1e-50, 1e39])
def test_unit_of_class_weight_does_not_matter_to_soft_float32_targets(factor):
    X, _ = simulate()
    proba = np.random.default_rng(2).dirichlet([1, 1, 1], size=len(X)).astype(np.float32)
    weight = {0: 1.0, 1: 2.0, 2: 0.5}
    # As weak a penalty for all: the factor is one of C as well.
    expected = FocalLogisticRegression(class_weight=weight, C=1e3).fit(X.astype("f"), proba)
    scaled = {k: factor * w for k, w in weight.items()}
    clf = FocalLogisticRegression(class_weight=scaled, C=1e3 / factor).fit(X.astype("f"), proba)
    # Targets of float32, and rounding of the sums over them.
    np.testing.assert_allclose(clf.coef_, expected.coef_, rtol=0, atol=1e-5)


def test_posterior_undoes_what_the_fit_did():
    X, y = simulate()
    parameters = {"gamma": 2.0, "label_smoothing": 0.2, "alpha": 0.3, "class_weight": "balanced"}
    clf = FocalLogisticRegression(**parameters).fit(X, y)
    expected = clf.predict_proba(X)
    clf.set_params(gamma=5.0, label_smoothing=0.0, alpha=None, class_weight=None)
    np.testing.assert_array_equal(clf.predict_proba(X), expected)


def test_a_start_that_leaves_no_iterations_is_not_taken_for_the_end():
    # The way from log loss to gamma takes all of them. Gradients are small by then.
    rng = np.random.default_rng(1232)
    X = rng.normal(size=(40, 10))
    y = (X @ rng.normal(size=(10, 5)) + 0.3 * rng.gumbel(size=(40, 5))).argmax(axis=1)
    expected = FocalLogisticRegression(gamma=8, C=1e4, max_iter=10_000).fit(X, y)
    for max_iter in range(20, 120, 5):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            clf = FocalLogisticRegression(gamma=8, C=1e4, solver="lbfgs", max_iter=max_iter)
            clf.fit(X, y)
        least = expected.start_objectives_.min()
        assert caught or clf.start_objectives_.min() <= least * (1 + 1e-6)
