"""What holds for every calibrator."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from sklogloss.calibration import (
    BetaScaling,
    IsotonicScaling,
    LogisticScaling,
    StructuredScaling,
    TemperatureScaling,
    VectorScaling,
    VennAbers,
)

CALIBRATORS = [
    TemperatureScaling(),
    LogisticScaling(),
    BetaScaling(),
    VectorScaling(),
    StructuredScaling(Cs=[0.01, 1.0], cv=2),
    IsotonicScaling(),
    VennAbers(),
]
CASES = [
    pytest.param(calibrator, n_classes, id=f"{type(calibrator).__name__}-{n_classes}")
    for calibrator in CALIBRATORS
    for n_classes in (2, 3)
    if n_classes == 2 or not isinstance(calibrator, VennAbers)
]


@pytest.mark.parametrize(("calibrator", "n_classes"), CASES)
def test_probabilities_are_probabilities(calibrator, n_classes, forecasts):
    y, z = forecasts(300, n_classes)
    fitted = clone(calibrator).fit(z, y)
    proba = fitted.predict_proba(100 * z)
    assert proba.shape == (300, n_classes)
    np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-12)
    assert proba.min() >= 0
    np.testing.assert_allclose(fitted.predict_log_proba(z), np.log(fitted.predict_proba(z)))
    np.testing.assert_array_equal(fitted.predict(z), fitted.predict_proba(z).argmax(axis=1))


@pytest.mark.parametrize(("calibrator", "n_classes"), CASES)
def test_weight_is_a_number_of_samples(calibrator, n_classes, forecasts):
    y, z = forecasts(200, n_classes)
    count = np.random.default_rng(1).integers(0, 4, size=200)
    if isinstance(calibrator, StructuredScaling):
        # Folds are of samples that have weight. One has those that are repeated, one the others.
        count = np.append(count + 1, np.ones(200, int))
        z, y = np.concatenate([z, z]), np.append(y, y)
        half = np.arange(400) < 200
        calibrator = clone(calibrator).set_params(cv=[(half, ~half), (~half, half)])
        other = np.repeat(half, count)
        repeating = clone(calibrator).set_params(cv=[(other, ~other), (~other, other)])
    else:
        repeating = calibrator
    weighted = clone(calibrator).fit(z, y, sample_weight=count).predict_log_proba(z)
    repeated = clone(repeating).fit(np.repeat(z, count, axis=0), np.repeat(y, count))
    # Solvers stop at a gradient of 1e-4, for the penalised matrix, and at 1e-9 or less.
    atol = 1e-3 if isinstance(calibrator, StructuredScaling) else 1e-6
    np.testing.assert_allclose(weighted, repeated.predict_log_proba(z), atol=atol)


@pytest.mark.parametrize(("calibrator", "n_classes"), CASES)
def test_soft_targets_are_mixtures_of_labels(calibrator, n_classes, forecasts):
    if isinstance(calibrator, (StructuredScaling, LogisticScaling)):
        pytest.skip("folds, and Platt's counts, differ")
    y, z = forecasts(200, n_classes)
    soft = np.full((200, n_classes), 0.2 / (n_classes - 1))
    soft[np.arange(200), y] = 0.8
    of_soft = clone(calibrator).fit(z, soft)
    rows, labels = np.repeat(np.arange(200), n_classes), np.tile(np.arange(n_classes), 200)
    of_labels = clone(calibrator).fit(z[rows], labels, sample_weight=soft.ravel())
    np.testing.assert_allclose(
        of_soft.predict_proba(z), of_labels.predict_proba(z), atol=1e-6, rtol=0
    )


@pytest.mark.parametrize(("calibrator", "n_classes"), CASES)
def test_what_is_the_same_for_all_classes_does_not_matter(calibrator, n_classes, forecasts):
    y, z = forecasts(200, n_classes)
    columns = np.column_stack([-z / 2, z / 2]) if n_classes == 2 else z
    shift = np.random.default_rng(2).normal(size=(200, 1))
    one = clone(calibrator).fit(z, y).predict_proba(z)
    other = clone(calibrator).fit(columns + shift, y).predict_proba(columns + shift)
    np.testing.assert_allclose(one, other, atol=1e-5 if z.ndim == 2 else 1e-9)


@pytest.mark.parametrize(("calibrator", "n_classes"), CASES)
def test_labels_may_be_missing(calibrator, n_classes, forecasts):
    y, z = forecasts(100, n_classes)
    rows = y < n_classes - 1
    fitted = clone(calibrator).fit(z[rows], y[rows], labels=np.arange(n_classes))
    assert fitted.predict_proba(z).shape == (100, n_classes)
    assert np.isfinite(fitted.predict_proba(z)).all()


@pytest.mark.parametrize(("calibrator", "n_classes"), CASES)
def test_classes_told_apart_without_error_have_finite_probabilities(
    calibrator, n_classes, forecasts
):
    _, z = forecasts(60, n_classes)
    y = (z > 0).astype(int) if n_classes == 2 else z.argmax(axis=1)
    log_proba = clone(calibrator).fit(z, y).predict_log_proba(z)
    assert np.isfinite(log_proba).all()
    assert np.exp(log_proba)[np.arange(60), y].mean() > 0.75


def test_columns_with_names_may_be_in_any_order(forecasts):
    y, z = forecasts(100, 3)
    names = np.array(["a", "b", "c"])
    frame = pd.DataFrame(z, columns=names)
    fitted = TemperatureScaling().fit(frame[["c", "a", "b"]], names[y])
    expected = TemperatureScaling().fit(z, y).predict_proba(z)
    np.testing.assert_allclose(fitted.predict_proba(frame[["b", "c", "a"]]), expected, rtol=1e-9)


def test_errors_name_the_argument(forecasts):
    y, z = forecasts(20, 3)
    with pytest.raises(NotFittedError):
        TemperatureScaling().predict_proba(z)
    with pytest.raises(ValueError, match="raw_prediction must have a column for each of 3"):
        TemperatureScaling().fit(z, y).predict_proba(z[:, :2])
    with pytest.raises(ValueError, match="raw_prediction contains NaN"):
        TemperatureScaling().fit(np.where(z > 2, np.nan, z), y)
    with pytest.raises(ValueError, match=r"\by\b"):
        TemperatureScaling().fit(z, y[:-1])
    with pytest.raises(ValueError, match="2 classes for Venn-Abers"):
        VennAbers().fit(z, y)
    with pytest.raises(ValueError, match="y has 1 classes"):
        TemperatureScaling().fit(z[:, 0], np.zeros(20))


@pytest.mark.parametrize("calibrator", [TemperatureScaling(), LogisticScaling(), VennAbers()])
def test_huge_weights_keep_log_probabilities_finite(calibrator):
    z, y = np.array([-1.0, -0.5, 0.5, 1.0]), [0, 0, 1, 1]
    calibrator.fit(z, y, sample_weight=np.full(4, 1e17))
    log_proba = calibrator.predict_log_proba([-9.0, 0.0, 9.0])
    assert np.isfinite(log_proba).all()
    np.testing.assert_allclose(np.exp(log_proba).sum(axis=1), 1)


@pytest.mark.parametrize("calibrator", [LogisticScaling(), IsotonicScaling()])
def test_weights_that_sum_to_one_are_a_warning(calibrator):
    z, y = np.linspace(-2, 2, 50), np.arange(50) % 3 == 0
    with pytest.warns(UserWarning, match="sums to 1 or less.* by their mean") as caught:
        calibrator.fit(z, y, sample_weight=np.full(50, 1 / 50))
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        calibrator.fit(z, y, sample_weight=np.ones(50))
        calibrator.fit(z, y, sample_weight=1.0 * (np.arange(50) == 3))
