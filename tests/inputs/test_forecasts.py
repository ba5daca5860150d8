"""Arguments that the metrics share."""

import numpy as np
import pandas as pd
import pytest

from sklogloss.inputs.forecasts import check_forecasts

PROBA = np.array([[0.2, 0.3, 0.5], [0.1, 0.8, 0.1], [0.6, 0.2, 0.2]])


def test_labels_and_probabilities():
    forecasts = check_forecasts(["b", "a", "c"], PROBA)
    assert forecasts.classes.tolist() == ["a", "b", "c"]
    assert forecasts.label.tolist() == [1, 0, 2]
    assert forecasts.target is forecasts.raw_prediction is forecasts.sample_weight is None
    assert forecasts.proba is PROBA
    assert forecasts.eps == np.finfo(np.float64).eps
    assert len(forecasts) == forecasts.n_classes == 3


def test_soft_targets_and_raw_predictions():
    raw = np.array([[1.0, 3.0], [2.0, 0.0]])
    forecasts = check_forecasts(
        pd.DataFrame({"b": [0.25, 1], "a": [0.75, 0]}), None, raw_prediction=raw
    )
    assert forecasts.classes.tolist() == ["a", "b"]
    np.testing.assert_array_equal(forecasts.target, [[0.75, 0.25], [0, 1]])
    np.testing.assert_array_equal(forecasts.raw_prediction, [2, -2])
    assert forecasts.label is forecasts.proba is None


def test_known_labels():
    forecasts = check_forecasts([3, 3, 1], PROBA, labels=[1, 2, 3])
    assert forecasts.classes.tolist() == [1, 2, 3]
    assert forecasts.label.tolist() == [2, 2, 0]


def test_weights_are_scaled_and_samples_without_are_left_out():
    forecasts = check_forecasts([0, 1, 2], PROBA, sample_weight=[3, 0, 6])
    np.testing.assert_array_equal(forecasts.sample_weight, [3 / 8, 6 / 8])
    assert forecasts.rows.tolist() == [0, 2]
    assert forecasts.label.tolist() == [0, 2]
    np.testing.assert_array_equal(forecasts.proba, PROBA[[0, 2]])
    assert check_forecasts([0, 1, 2], PROBA, sample_weight=[3, 1, 6]).rows is None


def test_taking_rows():
    forecasts = check_forecasts([0, 1, 2], PROBA, sample_weight=[0.5, 0.75, 0.5])
    taken = forecasts.take(np.array([2, 0]))
    assert taken.label.tolist() == [2, 0]
    np.testing.assert_array_equal(taken.proba, PROBA[[2, 0]])
    np.testing.assert_array_equal(taken.sample_weight, [0.5, 0.5])
    assert taken.target is None


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        (([0], None), {}, TypeError, "pass either y_proba or raw_prediction, not both"),
        (([0, 1, 1], [0.5, 0.5]), {}, ValueError, "Y has 3, P has 2"),
        (([0.5, 0.7], [0.5, 0.5]), {}, ValueError, "Y must hold labels .* one column per class"),
        (([[0.5, 0.4]], [0.5]), {}, ValueError, "Y has 2 or more columns"),
        (([[1, 2], [3, 4]], [0.5, 0.5]), {}, ValueError, "Y has 2 or more columns"),
        (([], [0.5]), {}, ValueError, "Y has 0 samples"),
        (([0, 1], [0.5, 1.5]), {}, ValueError, "P must hold probabilities"),
        (([0, 1], [0.5, 0.5j]), {}, ValueError, "P must hold real numbers"),
        (([0, 1], [["a"], ["b"]]), {}, ValueError, "P must hold real numbers"),
        (([0, 1], None), {"raw_prediction": [0, np.nan]}, ValueError, "R contains NaN"),
        (([0, 1], None), {"raw_prediction": [0, 1j]}, ValueError, "R must hold real numbers"),
        (([[0.5, 0.5]], [[0.2, 0.3, 0.5]]), {}, ValueError, "Y has .* of 2 classes, P of 3"),
        (([0, 1, 2], [0.5] * 3), {}, ValueError, "Y has 3 classes, .* and P those of 2"),
        (([0, 3], [0.5] * 2), {"labels": [0, 1]}, ValueError, r"Y has labels .* labels: \[3\]"),
        (([0, 1], [0.5] * 2), {"labels": [1, 0]}, ValueError, "labels must be sorted"),
        (([0, 1], [0.5] * 2), {"labels": [0, 1, 2]}, ValueError, "labels must name .* of P"),
        (([0, 1], [0.5] * 2), {"labels": [[0, 1]]}, ValueError, "labels must have one label"),
        (
            ([0, 1], [0.5] * 2),
            {"labels": np.array([0, "a"], dtype=object)},
            TypeError,
            "labels must have labels of one type",
        ),
        (([0, 1], [0.5] * 2), {"sample_weight": [1j, 1]}, ValueError, "sample_weight must hold"),
    ],
)
def test_errors_name_the_argument_as_the_metric_does(arguments, options, error, message):
    names = {"y_true": "Y", "y_proba": "P", "raw_prediction": "R"}
    with pytest.raises(error, match=message):
        check_forecasts(*arguments, names=names, **options)
