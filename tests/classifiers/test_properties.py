"""Properties of fits on random problems: what must not matter, and what is the same by definition.

hypothesis draws the problems and makes those that fail small; it draws the same ones each time.
"""

import tempfile
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.model_selection import KFold

from sklogloss import (
    FocalLogisticRegression,
    LogLossClassifier,
    LogLossClassifierCV,
    logloss_path,
)

pytestmark = pytest.mark.filterwarnings("error")

# Gradients end below TOL. The curvature along a coefficient is at least that of the L2 penalty,
# 1 / (C n) = 1 / MOST_ROWS for C = 1, along the intercept at least that over the columns' squares:
# two fits of the same objective differ by less than 2 TOL MOST_ROWS in each coefficient.
TOL, MOST_ROWS = 1e-10, 40
ATOL = 2 * TOL * MOST_ROWS

few = settings(max_examples=12, deadline=None, derandomize=True, database=None)


class Data:
    """Rows, labels and weights of a random problem, with a classifier that solves it closely."""

    def __init__(self, n_samples, n_features, n_classes, seed, l1_ratio, focal):
        self.rng = rng = np.random.default_rng(seed)
        n_samples = max(n_samples, 2 * n_classes)
        self.X = np.round(rng.normal(size=(n_samples, n_features)), 2)
        self.X *= rng.random(self.X.shape) < 0.7
        # Two of each class, so that no class is without rows in a half of them.
        y = np.r_[np.tile(np.arange(n_classes), 2), rng.integers(n_classes, size=n_samples)]
        self.y = y[:n_samples]
        self.weight = rng.integers(1, 4, size=n_samples).astype(float)
        self.n_classes = n_classes
        # C grows with the sum of the weights, so that the penalty of the mean loss does not.
        self.parameters = {"C": 1.0, "l1_ratio": l1_ratio, "tol": TOL, "max_iter": 10_000}
        self.class_ = LogLossClassifier
        if focal:
            self.class_ = FocalLogisticRegression
            # Focal loss is convex where probabilities are not small: a strong penalty keeps them.
            self.parameters |= {"gamma": 1.0, "C": 0.01}

    def fit(self, X=None, y=None, sample_weight=None, offset=None, **parameters):
        """Return the fit, of all of it where nothing else is given."""
        clf = self.class_(**{**self.parameters, **parameters})
        X, y = self.X if X is None else X, self.y if y is None else y
        return clf.fit(X, y, sample_weight=sample_weight, offset=offset)


# The curvature of an elastic net with l1_ratio = 1/2 is half that of L2 alone.
problems = st.builds(
    Data,
    n_samples=st.integers(4, MOST_ROWS),
    n_features=st.integers(1, 5),
    n_classes=st.integers(2, 4),
    seed=st.integers(0, 2**32 - 1),
    l1_ratio=st.sampled_from([0.0, 0.5]),
    focal=st.booleans(),
)


def assert_same(clf, coef, intercept, factor=1):
    """Assert that coefficients agree within factor times ATOL."""
    np.testing.assert_allclose(clf.coef_, coef, rtol=0, atol=2 * factor * ATOL)
    np.testing.assert_allclose(clf.intercept_, intercept, rtol=0, atol=8 * factor * ATOL)


@given(problems)
@few
def test_weights_are_repeated_rows(data):
    times = data.weight.astype(int)
    repeated = data.fit(np.repeat(data.X, times, axis=0), np.repeat(data.y, times))
    weighted = data.fit(sample_weight=data.weight)
    # Up to three times as many rows, so a third of the penalty's curvature.
    assert_same(weighted, repeated.coef_, repeated.intercept_, factor=3)


@given(problems, st.integers(-30, 30))
@few
def test_weights_times_a_power_of_two_are_c_over_it(data, exponent):
    scale = 2.0**exponent
    scaled = data.fit(sample_weight=scale * data.weight, C=data.parameters["C"] / scale)
    expected = data.fit(sample_weight=data.weight)
    assert_same(scaled, expected.coef_, expected.intercept_, factor=3)


@given(problems, st.floats(0.1, 10))
@few
def test_columns_times_a_number_with_its_penalty_factor(data, scale):
    # Under an L2 penalty alone a factor's square takes the place of the scale.
    expected = data.fit(l1_ratio=0.0)
    factor = np.ones(data.X.shape[1])
    X = data.X.copy()
    X[:, 0] *= scale
    factor[0] = scale**2
    clf = data.fit(X, l1_ratio=0.0, penalty_factor=factor)
    coef = clf.coef_.copy()
    coef[:, 0] *= scale
    # The entry of the gradient is one in units of the column: at a scale of 1/10 the same tol
    # leaves ten times as much.
    tolerance = max(1, 1 / scale)
    np.testing.assert_allclose(coef, expected.coef_, rtol=0, atol=2 * tolerance * ATOL)
    np.testing.assert_allclose(
        clf.intercept_, expected.intercept_, rtol=0, atol=8 * tolerance * ATOL
    )


@given(problems)
@few
def test_order_of_rows_columns_and_classes(data):
    rows, columns = data.rng.permutation(len(data.X)), data.rng.permutation(data.X.shape[1])
    classes = data.rng.permutation(data.n_classes)
    expected = data.fit(sample_weight=data.weight)
    clf = data.fit(
        data.X[np.ix_(rows, columns)], classes[data.y[rows]], sample_weight=data.weight[rows]
    )
    if data.n_classes == 2:
        sign = 1 if classes[0] == 0 else -1
        assert_same(clf, sign * expected.coef_[:, columns], sign * expected.intercept_, factor=3)
    else:
        order = np.argsort(classes)
        assert_same(clf, expected.coef_[order][:, columns], expected.intercept_[order], factor=3)


@given(problems)
@few
def test_layouts(data):
    expected = data.fit(sample_weight=data.weight)
    layouts = [np.asfortranarray, sparse.csr_array, sparse.csc_array, sparse.csr_matrix]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "X.npy")
        np.save(path, data.X)
        for layout in [*layouts, lambda _: np.load(path, mmap_mode="r")]:
            clf = data.fit(layout(data.X), sample_weight=data.weight)
            assert_same(clf, expected.coef_, expected.intercept_, factor=3)


@given(problems)
@few
def test_float32_is_near_float64(data):
    X = data.X.astype(np.float32)
    expected = data.fit(X.astype(np.float64), l1_ratio=0.0)
    clf = data.fit(X, l1_ratio=0.0, tol=1e-4)
    assert clf.coef_.dtype == np.float32
    # A gap of a relative 1e-6 of an objective below log(K), for float32 as much again, over half
    # the curvature of the penalty, is the square of the distance.
    curvature = 1 / (data.parameters["C"] * len(X))
    distance = np.sqrt(2 * 2e-6 * np.log(data.n_classes) / curvature)
    np.testing.assert_allclose(clf.coef_, expected.coef_, rtol=0, atol=distance)


@given(problems)
@few
def test_folds_are_separate_fits(data):
    # The fits of folds come within a relative 1e-7 of their optimum.
    if data.class_ is not LogLossClassifier:
        return
    folds = KFold(2, shuffle=True, random_state=0)
    splits = list(folds.split(data.X))
    if any(len(np.unique(data.y[train])) < data.n_classes for train, _ in splits):
        return
    Cs = [0.1, 1.0]
    cv = LogLossClassifierCV(
        Cs=Cs, cv=folds, l1_ratios=[data.parameters["l1_ratio"]], tol=TOL, max_iter=10_000
    ).fit(data.X, data.y)
    for i, (train, test) in enumerate(splits):
        for j, C in enumerate(Cs):
            clf = data.fit(data.X[train], data.y[train], C=C)
            log_proba = clf.predict_log_proba(data.X[test])
            score = np.mean(log_proba[np.arange(len(test)), data.y[test]])
            # Log-probabilities change by at most twice the raw predictions, which change by the
            # coefficients times the row.
            curvature = 0.5 / (C * len(train))
            distance = np.sqrt(2 * 1e-7 * np.log(data.n_classes) / curvature)
            size = 1 + np.abs(data.X).sum(axis=1).max()
            assert cv.scores_[i, 0, j] == pytest.approx(score, abs=2 * size * distance)


@given(problems)
@few
def test_a_path_is_single_fits(data):
    if data.class_ is not LogLossClassifier:
        return
    l1_ratio = data.parameters["l1_ratio"]
    path = logloss_path(data.X, data.y, Cs=[0.1, 1.0], l1_ratio=l1_ratio, tol=TOL, max_iter=10_000)
    for C, coef, intercept in zip([0.1, 1.0], path.coefs, path.intercepts, strict=True):
        assert_same(data.fit(C=C), coef, intercept)


@given(problems)
@few
def test_an_offset_is_a_column_with_a_fixed_coefficient(data):
    # Of two classes: the offset of more has a column for each.
    y = np.minimum(data.y, 1)
    offset = data.rng.normal(size=len(y))
    X = np.column_stack([data.X, offset])
    lower, upper = np.full(X.shape[1], -np.inf), np.full(X.shape[1], np.inf)
    lower[-1] = upper[-1] = 1.0
    factor = np.r_[np.ones(data.X.shape[1]), 0.0]
    fixed = data.fit(X, y, bounds=(lower, upper), penalty_factor=factor)
    clf = data.fit(y=y, offset=offset)
    assert fixed.coef_[0, -1] == 1
    assert_same(clf, fixed.coef_[:, :-1], fixed.intercept_)


@given(problems)
@few
def test_threads_change_no_bit(data):
    # Enough rows for a pass to use several threads.
    times = 40_000 // len(data.X)
    X, y = np.tile(data.X, (times, 12)), np.tile(data.y, times)
    parameters = {"tol": 1e-4, "max_iter": 3}

    def coefficients(n_jobs):
        return data.fit(X, y, n_jobs=n_jobs, **parameters).coef_.tobytes()

    # The filters are those of all threads: no thread may change them while others fit.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with ThreadPoolExecutor(2) as pool:
            found = {*pool.map(coefficients, [1, 2]), coefficients(3)}
    assert len(found) == 1
