"""Covariances against their definitions, and under changes of the data that must not matter."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse
from scipy.special import expit, softmax

from sklogloss import FocalLogisticRegression, LogLossClassifier
from sklogloss.inference import infer
from sklogloss.inference.covariance import Information, sandwich
from sklogloss.losses import FocalLoss

# Sums over rows in another order, and the solution of well-conditioned equations.
RTOL = 1e-9


def data(n_classes, n_samples=300):
    rng = np.random.default_rng(n_classes)
    X = rng.normal(size=(n_samples, 3))
    raw_prediction = X @ rng.normal(size=(3, n_classes)) + rng.gumbel(size=(n_samples, n_classes))
    return X, raw_prediction.argmax(axis=1), rng.uniform(0.5, 2, size=n_samples)


def fitted(X, y, **arguments):
    return LogLossClassifier(C=np.inf, tol=1e-11).fit(X, y, **arguments)


def definition(clf, X, y, weight, n_classes, clusters=None):
    """Return H^-1 (sum s s') H^-1 of the scores s, against the first class, in plain NumPy."""
    columns = np.column_stack([np.ones(len(X)), X])
    if n_classes == 2:
        proba = expit(clf.decision_function(X))[:, None]
        residual = proba - (y == 1)[:, None]
        curvature = (proba * (1 - proba))[:, :, None]
    else:
        proba = softmax(clf.decision_function(X), axis=1)
        curvature = proba[:, :, None] * (np.eye(n_classes) - proba[:, None, :])
        curvature, residual = curvature[:, 1:, 1:], (proba - np.eye(n_classes)[y])[:, 1:]
    hessian = np.einsum("i,ikl,ia,ib->kalb", weight, curvature, columns, columns)
    hessian = hessian.reshape(2 * [columns.shape[1] * residual.shape[1]])
    scores = (weight[:, None, None] * residual[:, :, None] * columns[:, None, :]).reshape(
        len(X), -1
    )
    if clusters is not None:
        scores = np.array([scores[clusters == c].sum(axis=0) for c in np.unique(clusters)])
    bread = np.linalg.inv(hessian)
    return bread @ scores.T @ scores @ bread


@pytest.mark.parametrize(
    "form", [np.asarray, np.asfortranarray, sparse.csr_matrix, sparse.csc_matrix]
)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_robust_covariances_with_weights_are_their_definition(n_classes, form):
    X, y, weight = data(n_classes)
    clf = fitted(X, y, sample_weight=weight)
    arguments = {"sample_weight": weight, "covariance": "robust"}
    result = infer(clf, form(X), y, **arguments)
    expected = definition(clf, X, y, weight, n_classes)
    atol = 1e-12 * np.abs(expected).max()
    assert_allclose(result.cov_params(), expected, rtol=RTOL, atol=atol)
    n_rows, n_free = len(X), len(expected)
    result = infer(clf, form(X), y, sample_weight=weight, covariance="HC1")
    factor = n_rows / (n_rows - n_free)
    assert_allclose(result.cov_params(), factor * expected, rtol=RTOL, atol=atol)
    clusters = np.random.default_rng(0).integers(0, 40, size=n_rows)
    expected = definition(clf, X, y, weight, n_classes, clusters)
    factor = 40 / 39 * (n_rows - 1) / (n_rows - n_free)
    arguments = {"covariance": "cluster", "groups": [f"g{c}" for c in clusters]}
    result = infer(clf, form(X), y, sample_weight=weight, **arguments)
    assert_allclose(result.cov_params(), factor * expected, rtol=RTOL, atol=10 * atol)


def test_clusters_may_be_larger_or_smaller_than_a_block(monkeypatch):
    X, y, _ = data(2)
    clf = fitted(X, y)
    for groups in (np.arange(300), np.arange(300) // 150, np.arange(300) % 7):
        expected = infer(clf, X, y, covariance="cluster", groups=groups).bse
        monkeypatch.setattr("sklogloss.inference.rows.BLOCK_NUMBERS", 17)
        small_blocks = infer(clf, X, y, covariance="cluster", groups=groups)
        assert_allclose(small_blocks.bse, expected, rtol=1e-12)
        monkeypatch.undo()


@pytest.mark.parametrize("n_classes", [2, 3])
def test_laplace_covariance_is_the_inverse_of_the_penalised_hessian(n_classes):
    X, y, weight = data(n_classes)
    factor = np.array([1.0, 2.0, 0.0])
    clf = LogLossClassifier(C=0.1, penalty_factor=factor, tol=1e-11)
    clf.fit(X, y, sample_weight=weight)
    columns = np.column_stack([np.ones(len(X)), X])
    proba = clf.predict_proba(X)
    curvature = proba[:, :, None] * (np.eye(n_classes) - proba[:, None, :])
    if n_classes == 2:
        curvature = curvature[:, 1:, 1:]
    hessian = np.einsum("i,ikl,ia,ib->kalb", weight, curvature, columns, columns)
    n_columns = curvature.shape[1]
    for k in range(n_columns):
        hessian[k, :, k] += np.diag(np.append(0, factor) / 0.1)
    inverse = np.linalg.pinv(hessian.reshape(2 * [4 * n_columns])).reshape(hessian.shape)
    result = infer(clf, X, y, sample_weight=weight, covariance="laplace", baseline="mean")
    half = 1 if n_classes == 3 else 0.5
    for k in range(n_columns):
        # All classes of an unpenalised coefficient may shift together: a contrast does not.
        other = (k + 1) % n_columns if n_classes == 3 else None
        if other is None:
            variance = np.diagonal(inverse[k, :, k])
            assert_allclose(result.bse[:, 1], half * np.sqrt(variance), rtol=RTOL)
            continue
        contrast = inverse[k, :, k] - inverse[k, :, other] - inverse[other, :, k]
        variance = np.diagonal(contrast + inverse[other, :, other])
        against = infer(clf, X, y, sample_weight=weight, covariance="laplace", baseline=other).bse[
            :, [label for label in range(3) if label != other].index(k)
        ]
        assert_allclose(against, np.sqrt(variance), rtol=RTOL)


def test_robust_covariance_of_focal_loss_is_its_definition():
    X, y, weight = data(2)
    clf = FocalLogisticRegression(C=np.inf, gamma=1.5, tol=1e-11, class_weight={0: 1, 1: 3})
    clf.fit(X, y, sample_weight=weight)
    columns, z = np.column_stack([np.ones(len(X)), X]), clf.decision_function(X)
    weights = weight * np.where(y == 1, 3, 1)
    gradient, curvature = FocalLoss(1.5).gradient_hessian(y, z, weights)
    bread = np.linalg.inv(columns.T @ (curvature[:, None] * columns))
    expected = bread @ columns.T @ (gradient[:, None] ** 2 * columns) @ bread
    result = infer(clf, X, y, sample_weight=weight, covariance="robust")
    assert_allclose(result.cov_params(), expected, rtol=1e-8)


@pytest.mark.parametrize("covariance", ["model", "robust", "cluster"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_scales_and_places_of_columns_change_nothing(n_classes, covariance):
    X, y, _ = data(n_classes)
    groups = np.arange(len(X)) % 30 if covariance == "cluster" else None
    scale, shift = np.array([1e-6, 1.0, 1e6]), np.array([1e-3, 1e4, 1e9])
    expected = infer(fitted(X, y), X, y, covariance=covariance, groups=groups)
    moved = X * scale + shift
    clf = LogLossClassifier(C=np.inf, tol=1e-7).fit(moved, y)
    result = infer(clf, moved, y, covariance=covariance, groups=groups)
    factor = scale if n_classes == 2 else scale[:, None]
    # A column of size 1e4 about which values of size 1 vary has 4 digits fewer.
    assert_allclose(result.bse[1:] * factor, expected.bse[1:], rtol=1e-8)
    order = [2, 0, 1]
    permuted = infer(fitted(X[:, order], y), X[:, order], y, covariance=covariance, groups=groups)
    assert_allclose(permuted.bse[1:], expected.bse[1:][order], rtol=RTOL)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_weight_of_two_is_a_row_seen_twice(n_classes):
    X, y, _ = data(n_classes)
    count = np.random.default_rng(0).integers(0, 4, size=len(X))
    rows = np.repeat(np.arange(len(X)), count)
    repeated = infer(fitted(X[rows], y[rows]), X[rows], y[rows])
    weighted = infer(fitted(X, y, sample_weight=count), X, y, sample_weight=count)
    for name in ("bse", "llf", "llnull", "aic", "bic", "nobs", "df_resid"):
        assert_allclose(getattr(weighted, name), getattr(repeated, name), rtol=RTOL, err_msg=name)
    assert_allclose(weighted.margins().bse, repeated.margins().bse, rtol=RTOL)
    assert_allclose(
        weighted.conf_int(method="profile"), repeated.conf_int(method="profile"), rtol=1e-8
    )


def test_robust_covariance_does_not_depend_on_the_size_of_the_weights():
    X, y, weight = data(2)
    results = [
        infer(fitted(X, y, sample_weight=w), X, y, sample_weight=w, covariance="robust")
        for w in (weight, 1e8 * weight, 1e-12 * weight)
    ]
    for result in results[1:]:
        assert_allclose(result.bse, results[0].bse, rtol=RTOL)


@pytest.mark.parametrize("covariance", ["model", "robust"])
def test_float32_is_close_to_float64(covariance):
    X, y, _ = data(3)
    X = X.astype(np.float32)
    clf = LogLossClassifier(C=np.inf).fit(X, y)
    expected = infer(fitted(X.astype(np.float64), y), X.astype(np.float64), y).bse
    if covariance == "robust":
        expected = infer(
            fitted(X.astype(np.float64), y), X.astype(np.float64), y, covariance="robust"
        ).bse
    # The arithmetic is float64; coefficients rounded to float32 have an error of 1e-7.
    assert_allclose(infer(clf, X, y, covariance=covariance).bse, expected, rtol=1e-4)


def test_information_solves_and_finds_dependent_parameters():
    rng = np.random.default_rng(0)
    columns = rng.normal(size=(50, 4)) * [1, 1e-8, 1e8, 1]
    columns = np.column_stack([columns, columns[:, 0] - 1e8 * columns[:, 1]])
    hessian = columns[:, :4].T @ columns[:, :4]
    information = Information(np.tril(hessian))
    right = rng.normal(size=4)
    assert len(information.dependent) == 0
    # Once scaled, the columns are nearly orthogonal.
    scale = np.sqrt(np.diagonal(hessian))
    even = hessian / scale / scale[:, None]
    assert_allclose(even @ (scale * information.solve(right * scale)), right, rtol=1e-13)
    assert_allclose(information.inverse() * scale * scale[:, None], np.linalg.inv(even), rtol=1e-12)
    information = Information(np.tril(columns.T @ columns))
    assert information.rank == 4
    (dependent,) = information.dependent
    assert dependent in (0, 1, 4)
    combination = information.dependencies(dependent)
    assert set(np.flatnonzero(np.abs(combination) > 1e-6)) == {0, 1, 4} - {dependent}


@pytest.mark.parametrize("label", ["a cluster", np.nan])
def test_rows_and_clusters_without_weight_do_not_count(label):
    rng = np.random.default_rng(0)
    X, group = rng.normal(size=(300, 2)), np.arange(300) % 12
    y = (rng.logistic(size=300) < X[:, 0]).astype(int)
    weight = np.where(group < 2, 0.0, rng.uniform(0.5, 2, size=300))
    names = np.array([f"group {i}" for i in group], dtype=object)
    names[group < 2] = label
    clf = LogLossClassifier(C=np.inf, tol=1e-12).fit(X, y, sample_weight=weight)
    of_all, of_some = (
        infer(
            clf,
            X[rows],
            y[rows],
            sample_weight=weight[rows],
            covariance="cluster",
            groups=names[rows],
        )
        for rows in (slice(None), weight > 0)
    )
    assert of_all.nobs == of_some.nobs
    assert_allclose(of_all.bse, of_some.bse, rtol=1e-12)


@pytest.mark.parametrize("shape", [(), (2,)])
@pytest.mark.parametrize("rank", [0, 3])
def test_solution_leaves_dependent_parameters_where_they_are(rank, shape):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(20, rank)) @ rng.normal(size=(rank, 5))
    hessian = rows.T @ rows
    gradient = hessian @ rng.normal(size=(5, *shape))
    information = Information(hessian)
    assert information.rank == rank
    solution = information.solve(gradient)
    assert np.all(solution[information.dependent] == 0)
    assert_allclose(hessian @ solution, gradient, rtol=RTOL, atol=RTOL * np.abs(hessian).max())
    half = information.half_solve(gradient)
    assert_allclose(half.T @ half, gradient.T @ solution, rtol=RTOL)


def test_no_robust_variance_is_negative():
    # Scores of very different size: a difference of large numbers was a negative variance.
    rng = np.random.default_rng(0)
    for _ in range(200):
        scores = rng.normal(size=(6, 4)) * 10.0 ** rng.uniform(-12, 12, size=(6, 1))
        root = rng.normal(size=(8, 4)) * 10.0 ** rng.uniform(-3, 3, size=4)
        covariance = sandwich(Information(root.T @ root), scores.T @ scores)
        assert np.all(np.diagonal(covariance) >= 0)
