import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from sklogloss import LogLossClassifier
from sklogloss.calibration import StructuredScaling, TemperatureScaling, VectorScaling
from sklogloss.calibration.structured import SLOPE_TOL_OF_MANY, scaled_logits
from sklogloss.calibration.temperature import finite_slope
from sklogloss.losses import LogLoss
from sklogloss.metrics import log_loss
from sklogloss.metrics.forecasts import Forecasts


def mixed(n_samples, seed=0):
    """Return labels and raw predictions of which one class should learn from another."""
    rng = np.random.default_rng(seed)
    z = 2 * rng.normal(size=(n_samples, 4))
    matrix = np.eye(4)
    matrix[1, 2] = matrix[2, 1] = 0.8
    return (z @ matrix + rng.gumbel(size=z.shape)).argmax(axis=1), z


def test_matrix_learns_what_a_vector_cannot():
    y, z = mixed(20_000)
    y_test, z_test = mixed(20_000, seed=1)
    losses = {
        type(calibrator).__name__: log_loss(y_test, calibrator.fit(z, y).predict_proba(z_test))
        for calibrator in (StructuredScaling(), VectorScaling())
    }
    # The difference is 0.02 and its standard error below 0.002.
    assert losses["StructuredScaling"] < losses["VectorScaling"] - 0.01


def test_some_of_many_samples_choose_a_strength_as_good():
    y, z = mixed(25_000)
    some, folds = StructuredScaling().fit(z, y), StructuredScaling(cv=3).fit(z, y)
    assert some.scores_.shape == (1, 6)
    assert folds.scores_.shape == (3, 6)
    y_test, z_test = mixed(20_000, seed=1)
    losses = [log_loss(y_test, fitted.predict_proba(z_test)) for fitted in (some, folds)]
    # The standard error of a difference of this size is below 0.002.
    assert losses[0] == pytest.approx(losses[1], abs=0.002)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("size", [1e100, 1e-100, 1e300, 1e-300])
def test_many_samples_may_leave_the_range_of_float32(size):
    y, z = mixed(25_000)
    losses = [log_loss(y, StructuredScaling().fit(x, y).predict_proba(x)) for x in (z, size * z)]
    # Either is within a relative 1e-6 of the smallest.
    assert losses[1] == pytest.approx(losses[0], rel=1e-6)


@pytest.mark.parametrize("n_classes", [4, 25])
@pytest.mark.parametrize("factor", [0.1, 1.0])
def test_raw_predictions_of_many_samples_are_relative_and_in_float32(n_classes, factor):
    rng = np.random.default_rng(0)
    z = 2 * rng.normal(size=(25_000, n_classes)) + 50
    y = (factor * z + rng.gumbel(size=z.shape)).argmax(axis=1)
    scaled = scaled_logits(Forecasts.of(y, None, raw_prediction=z), 1.0)
    relative = z - z.mean(axis=1, keepdims=True)
    # Raw predictions are of size 1 at least, also after a temperature that makes them smaller.
    assert scaled.scale == pytest.approx(max(scaled.slope, 1 / relative.std()), rel=1e-12)
    # One step of the search over all rows ends closer than the tolerance.
    assert scaled.slope == pytest.approx(TemperatureScaling().fit(z, y).slope_, rel=1e-3)
    for array, of_array in ((scaled.X, scaled.scale), (scaled.offset, scaled.slope)):
        assert array.dtype == np.float32
        assert array.flags.f_contiguous
        # Three roundings: of the number, of the factor and of the product.
        np.testing.assert_allclose(array, of_array * relative, rtol=2 * np.finfo(np.float32).eps)
    assert (scaled.X is scaled.offset) == (scaled.slope == scaled.scale)


def test_few_samples_are_in_float64():
    y, z = mixed(1000)
    assert scaled_logits(Forecasts.of(y, None, raw_prediction=z), 1.0).X.dtype == np.float64


@pytest.mark.filterwarnings("ignore:newton-cholesky failed to converge")
def test_many_samples_may_have_classes_that_are_ruled_out():
    # In float32 the other classes of these rows would have no digits left.
    y, z = mixed(25_000)
    z[::3, 3] = -1e9
    y[::3] %= 3
    losses = [
        log_loss(y, calibrator.fit(z, y).predict_proba(z))
        for calibrator in (StructuredScaling(Cs=[1.0]), TemperatureScaling())
    ]
    assert losses[0] < losses[1]


def test_strong_penalty_is_temperature_scaling_with_intercepts(forecasts):
    y, z = forecasts(1000, 4)
    slope = TemperatureScaling().fit(z, y).slope_
    fitted = StructuredScaling(Cs=[1e-9]).fit(z, y)
    np.testing.assert_allclose(fitted.coef_, slope * np.eye(4), atol=1e-4)
    gradient = LogLoss(4).gradient(y, z @ fitted.coef_.T + fitted.intercept_)
    # The tolerance of the solver.
    assert np.abs(gradient.mean(axis=0)).max() < 1e-4


def test_no_penalty_is_matrix_scaling(forecasts):
    y, z = forecasts(1000, 3)
    z = z - z.mean(axis=1, keepdims=True)
    fitted = StructuredScaling(Cs=[np.inf]).fit(z, y)
    matrix = LogLossClassifier(C=np.inf).fit(z, y)
    ours, theirs = fitted.predict_proba(z), matrix.predict_proba(z)
    assert log_loss(y, ours) == pytest.approx(log_loss(y, theirs), abs=1e-6)


def test_strength_is_chosen_by_held_out_log_loss():
    y, z = mixed(3000)
    fitted = StructuredScaling(Cs=[1e-6, 1e-3, 1.0]).fit(z, y)
    assert fitted.scores_.shape == (3, 3)
    assert fitted.C_ == [1e-6, 1e-3, 1.0][fitted.scores_.mean(axis=0).argmax()]


def test_probmetrics_is_no_better():
    calibrators = pytest.importorskip("probmetrics.calibrators")
    y, z = mixed(5000)
    y_test, z_test = mixed(20_000, seed=1)
    link = LogLoss(4).link
    theirs = calibrators.SMSCalibrator().fit(link(z), y).predict_proba(link(z_test))
    ours = StructuredScaling().fit(z, y).predict_proba(z_test)
    # Standard error of the difference: below 0.001.
    assert log_loss(y_test, ours) < log_loss(y_test, theirs) + 0.002


def test_a_matrix_mends_columns_in_the_wrong_order():
    # Temperature scaling finds nothing in them.
    rng = np.random.default_rng(0)
    true = 2 * rng.normal(size=(5000, 3))
    y = (true + rng.gumbel(size=true.shape)).argmax(axis=1)
    z = true[:, [1, 2, 0]]
    best = log_loss(y, raw_prediction=true)
    assert log_loss(y, StructuredScaling().fit(z, y).predict_proba(z)) < best + 0.01
    assert log_loss(y, TemperatureScaling().fit(z, y).predict_proba(z)) > best + 0.4


@pytest.mark.parametrize("Cs", [0, -1.0, [], [1, -1], [np.nan], [[1, 2]], "a", ["a", "b"]])
def test_errors_of_the_strengths_name_them(Cs):
    y, z = mixed(100)
    with pytest.raises((ValueError, TypeError), match=r"^Cs "):
        StructuredScaling(Cs=Cs).fit(z, y)


@pytest.mark.parametrize("largest", [1e300, 1.7e308])
@pytest.mark.parametrize("n_samples", [1000, 25_000])
def test_a_raw_prediction_next_to_the_largest_number_is_as_good_as_a_large_one(largest, n_samples):
    rng = np.random.default_rng(0)
    z = rng.normal(size=(n_samples, 3))
    y = (2 * z + rng.gumbel(size=z.shape)).argmax(axis=1)
    z[0], y[0] = (0, 1e3, 0), 1
    expected = StructuredScaling().fit(z, y).predict_proba(z[1:])
    z[0, 1] = largest
    proba = StructuredScaling().fit(z, y).predict_proba(z[1:])
    # The choice between penalties and the scale of the columns may differ in some digits.
    np.testing.assert_allclose(proba, expected, rtol=0, atol=1e-2)


@pytest.mark.parametrize("unit", [1e-300, 1e-200, 1e200, 1e300])
def test_units_of_raw_predictions_do_not_matter(unit):
    rng = np.random.default_rng(0)
    z = 2 * rng.normal(size=(400, 3))
    y = (0.5 * z + rng.gumbel(size=z.shape)).argmax(axis=1)
    expected = StructuredScaling().fit(z, y).predict_proba(z)
    proba = StructuredScaling().fit(unit * z, y).predict_proba(unit * z)
    # Units change the last digits of columns, and a fit has about half of all digits.
    np.testing.assert_allclose(proba, expected, rtol=0, atol=1e-8)


def test_warnings_name_the_calibrator_and_its_argument():
    # One sample of a class leaves Gaussian naive Bayes a variance next to zero.
    rng = np.random.default_rng(0)
    z = 10 * rng.normal(size=(120, 4))
    z[:, 3] = -1e10 * rng.random(120)
    with pytest.warns(ConvergenceWarning, match="StructuredScaling, fitted to raw_prediction: "):
        StructuredScaling().fit(z, rng.integers(3, size=120), labels=np.arange(4))


@pytest.mark.parametrize(
    ("y", "n_folds"), [([1], 0), ([0, 2], 0), ([0, 1, 2], 0), ([0, 1, 2, 1], 2), ([0, 1, 1, 1], 3)]
)
@pytest.mark.parametrize("is_soft", [False, True])
@pytest.mark.filterwarnings("ignore:.*The least populated class")
def test_few_samples_are_enough(y, n_folds, is_soft):
    z = np.random.default_rng(0).normal(size=(len(y), 3))
    soft = np.full((len(y), 3), 0.1)
    soft[np.arange(len(y)), y] = 0.8
    fitted = StructuredScaling().fit(z, soft if is_soft else y, labels=np.arange(3))
    assert len(fitted.scores_) == n_folds
    assert n_folds or fitted.C_ == 0.001 / 9
    proba = fitted.predict_proba(z)
    assert np.all(proba > 0)
    np.testing.assert_allclose(proba.sum(axis=1), 1)


@pytest.mark.parametrize("masked", [-1e6, -1e9, -1e300])
def test_a_class_that_a_mask_rules_out_does_not_disturb_the_others(masked):
    rng = np.random.default_rng(0)
    z = 2 * rng.normal(size=(3000, 3))
    y = (0.5 * z + rng.gumbel(size=z.shape)).argmax(axis=1)
    rows = np.flatnonzero(y != 0)[:100]
    z[rows, 0] = -1e4
    expected = StructuredScaling().fit(z, y).predict_proba(z)
    # The others stay apart in these rows.
    assert np.ptp(expected[rows, 1]) > 0.5
    z[rows, 0] = masked
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted = StructuredScaling().fit(z, y)
    # Both are raised to the same value, but for rounding errors; a fit has half of all digits.
    np.testing.assert_allclose(fitted.predict_proba(z), expected, rtol=0, atol=1e-8)


@pytest.mark.parametrize("n_samples", [300, 3000])
def test_masks_of_many_classes_leave_fits_an_optimum(n_samples):
    rng = np.random.default_rng(0)
    z = 2 * rng.normal(size=(n_samples, 5))
    is_masked = rng.random(z.shape) < 0.3
    is_masked[:, 0] = False
    z[is_masked] = -1e9
    y = (0.5 * z + rng.gumbel(size=z.shape)).argmax(axis=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted = StructuredScaling().fit(z, y)
    assert log_loss(y, fitted.predict_proba(z)) < log_loss(
        y, TemperatureScaling().fit(z, y).predict_proba(z)
    )


def test_masks_of_half_of_the_classes_leave_the_temperature_as_it_is():
    rng = np.random.default_rng(0)
    z = 2 * rng.normal(size=(25_000, 4))
    is_masked = rng.random(z.shape) < 0.5
    is_masked[:, 0] = False
    z[is_masked] = -1e9
    y = (0.5 * z + rng.gumbel(size=z.shape)).argmax(axis=1)
    forecasts = Forecasts.of(y, None, raw_prediction=z, names={"y_true": "y"})
    slope = finite_slope(forecasts, 1.0, SLOPE_TOL_OF_MANY)
    assert slope == pytest.approx(TemperatureScaling().fit(z, y).slope_, rel=SLOPE_TOL_OF_MANY)
