"""FirthLogisticRegression against published results, firthmodels and its invariances."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklogloss import FirthLogisticRegression, LogLossClassifier

DATA = Path(__file__).resolve().parents[1] / "data"
CORRECTIONS = ["flac", "flic", None]
# With tol=1e-9 the mean gradient is as small; the curvature in standardised coefficients is 0.01 or
# more, so that they are within 1e-7 of the optimum.
TIGHT = 1e-9
RTOL = 1e-6


def read_sex2():
    """Return X, y and counts of the urinary tract infection study in R's logistf."""
    table = np.loadtxt(DATA / "sex2.csv", delimiter=",", skiprows=1)
    return table[:, 1:-1], table[:, 0].astype(int), table[:, -1]


def read_endometrial():
    """Return X and y of the endometrial cancer study, R's brglm2: NV separates the classes."""
    table = np.loadtxt(DATA / "endometrial.csv", delimiter=",", skiprows=1)
    return table[:, :-1], table[:, -1].astype(int)


@pytest.fixture
def data():
    """Return a function that makes X, y of 2 or 3 classes, weights and offsets."""

    def make(n_classes, n_samples=50):
        rng = np.random.default_rng(0)
        X = rng.normal(size=(n_samples, 3)) * [1, 10, 0.1] + [0, 20, 0]
        raw = X[:, [0]] * np.arange(n_classes) + rng.gumbel(size=(n_samples, n_classes))
        offset = rng.normal(size=n_samples if n_classes == 2 else (n_samples, n_classes))
        return X, raw.argmax(axis=1), rng.integers(1, 4, size=n_samples), offset

    return make


def test_sex2_is_that_of_logistf():
    # R's logistf 1.26, case ~ age + oc + vic + vicl + vis + dia, as its help and the tests of
    # firthlogist have it. It stops at changes of 1e-5.
    X, y, count = read_sex2()
    assert count.sum() == 239
    clf = FirthLogisticRegression(intercept_correction=None, tol=TIGHT)
    clf.fit(X, y, sample_weight=count)
    expected = [-1.10598131, -0.06881673, 2.26887464, -2.11140817, -0.78831694, 3.09601166]
    assert_allclose(clf.coef_[0], expected, rtol=RTOL)
    assert_allclose(clf.intercept_, 0.12025405, rtol=RTOL)


def test_corrections_of_sex2_are_those_of_logistf():
    # flic() and flac() of R's logistf, two decimals, in the tests of easystats' parameters.
    X, y, count = read_sex2()
    clf = FirthLogisticRegression(intercept_correction="flac").fit(X, y, sample_weight=count)
    assert_allclose(clf.coef_[0], [-1.10, -0.07, 2.28, -2.11, -0.79, 3.18], atol=0.005)
    assert_allclose(clf.intercept_, 0.12, atol=0.005)
    clf = FirthLogisticRegression(intercept_correction="flic").fit(X, y, sample_weight=count)
    assert_allclose(clf.coef_[0], [-1.11, -0.07, 2.27, -2.11, -0.79, 3.10], atol=0.005)
    assert_allclose(clf.intercept_, 0.13, atol=0.005)


def test_endometrial_is_that_of_logistf():
    # Of R's logistf, in the tests of firthlogist; 2.929, -0.035, -2.604 and 3.775 in Heinze and
    # Schemper, Statistics in Medicine 21, 2002, and by R's brglm2 with type="AS_mean".
    X, y = read_endometrial()
    clf = FirthLogisticRegression(intercept_correction=None, tol=TIGHT).fit(X, y)
    assert_allclose(clf.coef_[0], [2.92927330, -0.03475175, -2.60416387], rtol=RTOL)
    assert_allclose(clf.intercept_, 3.77455951, rtol=RTOL)


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_two_classes_are_those_of_firthmodels(data, fit_intercept):
    firthmodels = pytest.importorskip("firthmodels")
    X, y, weight, offset = data(2)
    expected = firthmodels.FirthLogisticRegression(
        fit_intercept=fit_intercept, gtol=1e-8, xtol=1e-8, max_iter=200
    ).fit(X, y, sample_weight=weight, offset=offset)
    clf = FirthLogisticRegression(
        intercept_correction=None, fit_intercept=fit_intercept, tol=TIGHT
    ).fit(X, y, sample_weight=weight, offset=offset)
    assert expected.converged_
    assert_allclose(clf.coef_[0], expected.coef_, rtol=RTOL)
    assert_allclose(clf.intercept_, expected.intercept_, rtol=RTOL)


@pytest.mark.parametrize("correction", CORRECTIONS)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_repeated_rows_are_weights(data, n_classes, correction):
    X, y, weight, offset = data(n_classes)
    clf = FirthLogisticRegression(intercept_correction=correction, tol=TIGHT)
    weighted = clone(clf).fit(X, y, sample_weight=weight, offset=offset)
    X, y, offset = (np.repeat(array, weight, axis=0) for array in (X, y, offset))
    repeated = clone(clf).fit(X, y, offset=offset)
    assert_allclose(weighted.coef_, repeated.coef_, rtol=RTOL)
    assert_allclose(weighted.intercept_, repeated.intercept_, rtol=RTOL)


@pytest.mark.parametrize("correction", CORRECTIONS)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_order_of_rows_columns_and_classes_does_not_matter(data, n_classes, correction):
    X, y, weight, _ = data(n_classes)
    clf = FirthLogisticRegression(intercept_correction=correction, tol=TIGHT)
    expected = clone(clf).fit(X, y, sample_weight=weight).predict_proba(X)
    rows, columns = np.random.default_rng(1).permutation(len(X)), [2, 0, 1]
    clf.fit(X[rows][:, columns], n_classes - 1 - y[rows], sample_weight=weight[rows])
    proba = clf.predict_proba(X[:, columns])[:, ::-1]
    assert_allclose(proba, expected, rtol=RTOL)


@pytest.mark.parametrize("correction", CORRECTIONS)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_scaled_columns_have_scaled_coefficients(data, n_classes, correction):
    X, y, _, _ = data(n_classes)
    clf = FirthLogisticRegression(intercept_correction=correction, tol=TIGHT)
    expected = clone(clf).fit(X, y)
    # Powers of two do not round.
    scaled = clone(clf).fit(X * [2.0**-40, 1, 2.0**40], y)
    assert_allclose(scaled.coef_ * [2.0**-40, 1, 2.0**40], expected.coef_, rtol=RTOL)
    assert_allclose(scaled.intercept_, expected.intercept_, rtol=RTOL)


@pytest.mark.parametrize("layout", [np.asfortranarray, sparse.csr_array, sparse.csc_array])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_all_layouts_have_the_same_fit(data, n_classes, layout):
    X, y, weight, offset = data(n_classes)
    X[X < 0] = 0
    clf = FirthLogisticRegression(tol=TIGHT)
    expected = clone(clf).fit(X, y, sample_weight=weight, offset=offset)
    clf.fit(layout(X), y, sample_weight=weight, offset=offset)
    assert_allclose(clf.coef_, expected.coef_, rtol=RTOL)
    assert_allclose(
        clf.predict_proba(layout(X), offset=offset),
        expected.predict_proba(X, offset=offset),
        rtol=RTOL,
    )


@pytest.mark.parametrize("layout", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_float32_is_close_to_float64(data, n_classes, layout):
    X, y, weight, offset = data(n_classes)
    narrow = layout(X.astype(np.float32))
    clf = FirthLogisticRegression(tol=TIGHT).fit(narrow, y, sample_weight=weight, offset=offset)
    wide = X.astype(np.float32).astype(np.float64)
    # The offset is of the type of X.
    offset = offset.astype(np.float32).astype(np.float64)
    expected = FirthLogisticRegression(tol=TIGHT).fit(wide, y, sample_weight=weight, offset=offset)
    assert clf.coef_.dtype == clf.predict_proba(narrow).dtype == np.float32
    assert_allclose(clf.coef_, expected.coef_, rtol=RTOL)


def test_any_number_of_threads_has_the_same_bits(data):
    X, y, _, _ = data(3, n_samples=30_000)
    fits = [FirthLogisticRegression(n_jobs=n_jobs).fit(X, y) for n_jobs in (1, 3)]
    assert_array_equal(fits[0].coef_, fits[1].coef_)
    assert_array_equal(fits[0].intercept_, fits[1].intercept_)


def test_grouped_data_are_soft_targets(data):
    X, y, count = read_sex2()
    groups, group = np.unique(X, axis=0, return_inverse=True)
    totals = np.zeros((len(groups), 2))
    np.add.at(totals, (group.ravel(), y), count)
    size = totals.sum(axis=1)
    clf = FirthLogisticRegression(tol=TIGHT)
    expected = clone(clf).fit(X, y, sample_weight=count)
    clf.fit(groups, totals / size[:, None], sample_weight=size)
    assert_allclose(clf.coef_, expected.coef_, rtol=RTOL)


@pytest.mark.parametrize("correction", CORRECTIONS)
@pytest.mark.parametrize("n_classes", [2, 4])
def test_separated_classes_have_finite_coefficients_without_a_warning(n_classes, correction):
    X = np.linspace(-1, 1, 40).reshape(-1, 1)
    y = (np.arange(40) * n_classes) // 40
    with pytest.warns(ConvergenceWarning, match="separable"):
        LogLossClassifier(C=np.inf).fit(X, y)
    clf = FirthLogisticRegression(intercept_correction=correction).fit(X, y)
    assert np.all(np.isfinite(clf.coef_))
    assert clf.predict_proba(X).min() > 0


@pytest.mark.parametrize("correction", CORRECTIONS)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_dependent_columns_change_no_probability(data, n_classes, correction):
    X, y, weight, _ = data(n_classes)
    clf = FirthLogisticRegression(intercept_correction=correction, tol=TIGHT)
    expected = clone(clf).fit(X, y, sample_weight=weight).predict_proba(X)
    twice = np.column_stack([X, X[:, 0], np.zeros(len(X)), np.full(len(X), 7.0)])
    clf.fit(twice, y, sample_weight=weight)
    assert_allclose(clf.predict_proba(twice), expected, rtol=RTOL)
    assert_allclose(clf.coef_[:, 3], clf.coef_[:, 0], rtol=RTOL)
    assert_allclose(clf.coef_[:, 4], 0, atol=1e-12)


@pytest.mark.filterwarnings("error")
def test_offsets_that_decide_some_rows_leave_all_columns_their_coefficients(data):
    X, y, _, _ = data(2)
    offset = np.zeros(len(X))
    # The rows that tell the last column have no curvature to speak of at the start.
    X[:, 2] = 0
    X[:4, 2], offset[:4], y[:4] = [1, 2, 3, 4], [-50, -100, -150, -200], [0, 1, 0, 1]
    clf = FirthLogisticRegression(intercept_correction=None).fit(X, y, offset=offset)
    assert_allclose(clf.coef_[0, 2], 50, atol=5)


def test_more_columns_than_rows():
    # Each row has a leverage of 1, and half a pseudo-sample of each class: 3/4 is its probability.
    X = np.random.default_rng(0).normal(size=(6, 20))
    y = np.array([0, 1, 0, 1, 1, 0])
    clf = FirthLogisticRegression(intercept_correction=None, tol=TIGHT).fit(X, y)
    assert_allclose(clf.predict_proba(X)[np.arange(6), y], 0.75, rtol=1e-8)


def test_no_column_that_is_not_zero():
    y = [0, 1, 1]
    clf = FirthLogisticRegression(fit_intercept=False).fit(np.zeros((3, 2)), y)
    assert_array_equal(clf.coef_, 0)
    clf = FirthLogisticRegression().fit(np.zeros((3, 2)), y)
    assert_allclose(clf.predict_proba(np.zeros((1, 2)))[0], [1 / 3, 2 / 3], rtol=RTOL)


def test_intercept_is_not_corrected_where_there_is_none(data):
    X, y, _, _ = data(2)
    fits = [
        FirthLogisticRegression(intercept_correction=correction, fit_intercept=False).fit(X, y)
        for correction in CORRECTIONS
    ]
    assert_array_equal(fits[0].coef_, fits[2].coef_)
    assert_array_equal(fits[1].coef_, fits[2].coef_)
    assert_array_equal(fits[0].intercept_, 0)


def test_works_with_the_tools_of_scikit_learn(data):
    X, y, _, _ = data(2)
    clf = FirthLogisticRegression().fit(X, y)
    assert_array_equal(pickle.loads(pickle.dumps(clf)).predict_proba(X), clf.predict_proba(X))
    search = GridSearchCV(
        make_pipeline(StandardScaler(), FirthLogisticRegression()),
        {"firthlogisticregression__intercept_correction": CORRECTIONS},
        scoring="neg_log_loss",
    ).fit(X, y)
    assert np.isfinite(search.best_score_)
    assert clf.score(X, y) == np.mean(clf.predict(X) == y)
    assert_allclose(np.exp(clf.predict_log_proba(X)), clf.predict_proba(X))
    exported = clf.to_sklearn()
    assert_allclose(exported.predict_proba(X), clf.predict_proba(X), rtol=1e-14)


def test_names_of_columns_are_kept(data):
    pandas = pytest.importorskip("pandas")
    X, y, _, _ = data(2)
    frame = pandas.DataFrame(X, columns=["a", "b", "c"])
    clf = FirthLogisticRegression().fit(frame, np.where(y == 1, "yes", "no"))
    assert clf.feature_names_in_.tolist() == ["a", "b", "c"]
    assert clf.classes_.tolist() == ["no", "yes"]


def test_plan_is_printed(data, capsys):
    X, y, _, _ = data(2, n_samples=1000)
    clf = FirthLogisticRegression(verbose=1).fit(X, y)
    assert "subsets" in str(clf.plan_)
    assert clf.solver_ == "newton-cholesky"
    out = capsys.readouterr().out
    assert f"plan: {clf.plan_}" in out
    assert "penalised objective" in out


@pytest.mark.parametrize("correction", CORRECTIONS)
def test_too_few_iterations_are_a_warning(data, correction):
    X, y, _, _ = data(2)
    with pytest.warns(ConvergenceWarning, match="max_iter=1 iterations were not enough"):
        FirthLogisticRegression(intercept_correction=correction, max_iter=1).fit(X, y)


def test_several_maxima_are_a_warning():
    rng = np.random.default_rng(5)
    X = rng.normal(size=(10, 1))
    y, offset = X @ rng.normal(size=1) > 0, 3 * rng.normal(size=10)
    with pytest.warns(ConvergenceWarning, match="several maxima"):
        FirthLogisticRegression().fit(X, y, offset=offset)


@pytest.mark.filterwarnings("ignore:sample_weight is zero")
def test_class_without_weight_has_a_finite_estimate_but_no_correction():
    X = np.arange(6.0).reshape(-1, 1)
    y, weight = [0, 1, 0, 1, 2, 2], [1, 1, 1, 1, 0, 0]
    clf = FirthLogisticRegression(intercept_correction=None).fit(X, y, sample_weight=weight)
    assert np.all(np.isfinite(clf.coef_))
    for correction in ("flac", "flic"):
        clf.set_params(intercept_correction=correction)
        with pytest.raises(ValueError, match=r"classes \[2\] have no weight"):
            clf.fit(X, y, sample_weight=weight)


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("intercept_correction", "FLAC", ValueError),
        ("tol", -1, ValueError),
        ("max_iter", 1.5, TypeError),
        ("fit_intercept", "yes", TypeError),
        ("n_jobs", 0.5, TypeError),
        ("verbose", -1, ValueError),
    ],
)
def test_wrong_parameter_is_an_error_that_names_it(name, value, error):
    with pytest.raises(error, match=name):
        FirthLogisticRegression(**{name: value}).fit([[0.0], [1.0], [2.0]], [0, 1, 0])


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_entries_that_are_not_finite_are_an_error(data, wrong):
    X, y, weight, _ = data(2)
    X[3, 1] = wrong
    with pytest.raises(ValueError, match="Input X contains"):
        FirthLogisticRegression().fit(X, y)
    with pytest.raises(ValueError, match="Input X contains"):
        FirthLogisticRegression().fit(X, y, sample_weight=weight)


@pytest.mark.parametrize("correction", CORRECTIONS)
def test_the_warning_of_no_convergence_names_weights_that_add_up_to_next_to_nothing(correction):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    y = (X[:, 0] > 0).astype(int)
    clf = FirthLogisticRegression(intercept_correction=correction, max_iter=1)
    for weight, is_named in ((1e-40, True), (1.0, False)):
        with pytest.warns(ConvergenceWarning) as caught:
            clf.fit(4 * X + 9, y, np.full(200, weight))
        assert ("raise sample_weight" in str(caught[0].message)) is is_named
