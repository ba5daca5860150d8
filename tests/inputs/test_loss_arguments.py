"""Arguments of the losses."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import sparse

from sklogloss.inputs.loss_arguments import (
    check_out,
    check_raw_prediction,
    check_target,
    raise_for_target,
)

TWO = SimpleNamespace(n_classes=2)
THREE = SimpleNamespace(n_classes=3)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_raw_prediction(dtype):
    column = np.zeros((4, 1), dtype=dtype)
    assert check_raw_prediction(TWO, column).shape == (4,)
    array = np.zeros((4, 3), dtype=dtype)
    assert check_raw_prediction(THREE, array) is array


@pytest.mark.parametrize(
    ("loss", "raw_prediction", "error", "message"),
    [
        (TWO, [0, 1], TypeError, "raw_prediction must have dtype float32 or float64, got int64"),
        (TWO, np.zeros(2, dtype=complex), TypeError, "raw_prediction must have dtype float32"),
        (TWO, sparse.eye_array(2), TypeError, "raw_prediction must have dtype float32"),
        (TWO, np.zeros((4, 2)), ValueError, r"raw_prediction must have shape \(n_samples,\) or"),
        (THREE, np.zeros(4), ValueError, r"must have shape \(n_samples, 3\) for 3 classes, got"),
    ],
)
def test_bad_raw_predictions(loss, raw_prediction, error, message):
    with pytest.raises(error, match=message):
        check_raw_prediction(loss, raw_prediction)


def test_target_takes_the_dtype_of_the_raw_prediction():
    raw_prediction = np.zeros((2, 3), dtype=np.float32)
    assert check_target(THREE, [0, 2], raw_prediction).dtype == np.float32
    assert check_target(THREE, np.eye(3)[:2], raw_prediction).dtype == np.float32
    target = np.ones(2)
    assert check_target(TWO, target, np.zeros(2)) is target


@pytest.mark.parametrize(
    ("loss", "target", "raw_prediction", "error", "message"),
    [
        (TWO, [0, 1], np.zeros(3), ValueError, r"target must have shape \(3,\) to match"),
        (TWO, np.zeros((3, 1)), np.zeros(3), ValueError, r"target must have shape \(3,\) to"),
        (
            THREE,
            np.zeros((4, 2)),
            np.zeros((4, 3)),
            ValueError,
            r"target must have shape \(4,\) or \(4, 3\) to match raw_prediction, got \(4, 2\)",
        ),
        (TWO, ["a", "b"], np.zeros(2), TypeError, "target must hold real numbers, got dtype"),
        (TWO, sparse.eye_array(2), np.zeros(2), TypeError, "target must be a dense array"),
    ],
)
def test_bad_targets(loss, target, raw_prediction, error, message):
    with pytest.raises(error, match=message):
        check_target(loss, target, raw_prediction)


def test_targets_that_a_kernel_refuses():
    with pytest.raises(ValueError, match=r"class indices, whole numbers from 0 to 2, got 1.5 at"):
        raise_for_target(THREE, np.array([0, 1.5]))
    with pytest.raises(ValueError, match=r"probabilities in \[0, 1\], got nan at \[1\]. For more"):
        raise_for_target(TWO, np.array([0, np.nan]))
    with pytest.raises(ValueError, match=r"rows sum to 1 .*, got the sum 0.9 in row 1"):
        raise_for_target(THREE, np.array([[1, 0, 0], [0.4, 0.5, 0]]))


def test_out():
    prototype, out = np.zeros((4, 3)), np.zeros((4, 3))
    assert check_out(out, "value_out", prototype) is out
    with pytest.raises(TypeError, match=r"value_out must be an ndarray .* float64, got float32"):
        check_out(out.astype(np.float32), "value_out", prototype)
    with pytest.raises(TypeError, match=r"value_out must be an ndarray .*, got list"):
        check_out([], "value_out", prototype)
    with pytest.raises(ValueError, match=r"value_out must have shape \(4, 3\), got \(4,\)"):
        check_out(np.zeros(4), "value_out", prototype)
    out.flags.writeable = False
    with pytest.raises(ValueError, match="value_out must be writeable and aligned"):
        check_out(out, "value_out", prototype)
