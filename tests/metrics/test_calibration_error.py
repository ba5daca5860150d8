"""Calibration error by cross-fitted recalibration."""

import numpy as np
import pytest
from scipy.special import expit, softmax

from sklogloss.metrics import calibration_error, expected_calibration_error


def draw(n, seed=0):
    rng = np.random.default_rng(seed)
    z = 1.5 * rng.normal(size=n)
    return (rng.random(n) < expit(z)).astype(int), z


@pytest.mark.parametrize("method", ["isotonic", "logistic"])
@pytest.mark.parametrize("scale", [0.4, 2.5])
def test_errors_are_the_true_ones(method, scale):
    y, z = draw(40_000)
    error = calibration_error(y, expit(scale * z), method=method, random_state=0)
    distance = expit(scale * z) - expit(z)
    # The isotonic regression loses a little where it errs in the sign; standard errors of 0.002.
    assert error.l1 == pytest.approx(np.abs(distance).mean(), abs=0.01)
    assert error.l2 == pytest.approx(np.sqrt(np.mean(distance**2)), abs=0.01)
    large, small = error[2:] if scale > 1 else error[:1:-1]
    assert large == pytest.approx(error.l1, abs=0.01)
    assert small == pytest.approx(0, abs=0.01)


def test_true_probabilities_have_no_error_on_average():
    errors, of_bins = [], []
    for seed in range(200):
        y, z = draw(100, seed)
        errors.append(calibration_error(y, expit(z), random_state=seed).l1)
        of_bins.append(expected_calibration_error(y, expit(z)))
    standard_error = np.std(errors) / np.sqrt(200)
    assert abs(np.mean(errors)) < 4 * standard_error
    assert np.mean(of_bins) > 0.05  # an artefact of bins


def test_weight_is_a_number_of_samples():
    y, z = draw(200)
    weight = np.random.default_rng(0).integers(1, 4, size=200)
    fold = np.arange(200) % 3
    cv = [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(3)]
    rows = np.repeat(np.arange(200), weight)
    many = [(np.flatnonzero(fold[rows] != k), np.flatnonzero(fold[rows] == k)) for k in range(3)]
    one = calibration_error(y, expit(2 * z), cv=cv, method="logistic", sample_weight=weight)
    other = calibration_error(y[rows], expit(2 * z)[rows], cv=many, method="logistic")
    assert one == pytest.approx(other, abs=1e-7)


@pytest.mark.parametrize("multiclass", ["top-label", "one-vs-rest"])
def test_several_classes(multiclass):
    rng = np.random.default_rng(0)
    z = rng.normal(size=(5000, 3))
    y = (z + rng.gumbel(size=z.shape)).argmax(axis=1)
    right, wrong = (
        calibration_error(y, softmax(scale * z, axis=1), multiclass=multiclass, random_state=0)
        for scale in (1, 3)
    )
    assert abs(right.l1) < 0.03
    assert wrong.l1 > 0.08
    soft = np.eye(3)[y]
    of_soft = calibration_error(soft, softmax(3 * z, axis=1), multiclass=multiclass, random_state=0)
    assert of_soft.l1 == pytest.approx(wrong.l1, abs=0.02)
