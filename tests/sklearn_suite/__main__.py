"""Run scikit-learn's own tests with this package's classifiers instead of its own.

LogLossClassifier takes that of LogisticRegression, LogLossClassifierCV that of
LogisticRegressionCV.

    python tests/sklearn_suite                                every suite
    python tests/sklearn_suite linear_model                   one suite
    python tests/sklearn_suite linear_model -x -k test_nan    with more arguments for pytest
    python tests/sklearn_suite linear_model --plain           with LogisticRegression itself

Each suite is one pytest process with the plugin replace_logistic_regression.py. The exit status is
0 if all of them pass. The processes start in this folder, so that the installed package is tested
and not the sources in the project's root.
"""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent

# Suite: pytest's arguments. In the modules that take long, -k keeps the tests that use the class.
SUITES = {
    "linear_model": ["sklearn.linear_model.tests.test_logistic"],
    "estimator_checks": [
        "sklearn.tests.test_common",
        "-k",
        "LogisticRegression",
    ],
    "meta_estimators": [
        "sklearn.ensemble.tests.test_bagging",
        "sklearn.ensemble.tests.test_common",
        "sklearn.ensemble.tests.test_stacking",
        "sklearn.ensemble.tests.test_voting",
        "sklearn.feature_selection.tests.test_from_model",
        "sklearn.feature_selection.tests.test_rfe",
        "sklearn.frozen.tests.test_frozen",
        "sklearn.model_selection.tests.test_classification_threshold",
        "sklearn.semi_supervised.tests.test_self_training",
        "sklearn.tests.test_calibration",
        "sklearn.tests.test_metaestimators",
        "sklearn.tests.test_multiclass",
        "sklearn.tests.test_multioutput",
        "sklearn.tests.test_pipeline",
    ],
    "model_selection": [
        "sklearn.model_selection.tests.test_search",
        "sklearn.model_selection.tests.test_validation",
        "-k",
        "cross_val_predict or failing_scorer or return_indices or multimetric or cv_results"
        " or sample_weight_scorer or sample_weight_equivalence",
    ],
    "metrics": [
        "sklearn.metrics.tests.test_score_objects",
        "sklearn.utils.tests.test_response",
    ],
    "metadata_routing": [
        "sklearn.tests.test_metaestimators_metadata_routing",
        "-k",
        "LogisticRegression",
    ],
    "displays": [
        "sklearn.inspection._plot.tests.test_boundary_decision_display",
        "sklearn.inspection._plot.tests.test_plot_partial_dependence",
        "sklearn.inspection.tests.test_partial_dependence",
        "sklearn.inspection.tests.test_permutation_importance",
        "sklearn.metrics._plot.tests.test_common_curve_display",
        "sklearn.metrics._plot.tests.test_confusion_matrix_display",
        "sklearn.metrics._plot.tests.test_det_curve_display",
        "sklearn.metrics._plot.tests.test_precision_recall_display",
        "sklearn.metrics._plot.tests.test_roc_curve_display",
        "sklearn.model_selection.tests.test_plot",
    ],
}


def run_suite(name, plain, pytest_arguments):
    """Run one suite and return pytest's exit status."""
    plugin = [] if plain else ["-p", "replace_logistic_regression"]
    # Runs scikit-learn's tests of array API dispatch, of which those on NumPy arrays must pass.
    environment = {**os.environ, "SCIPY_ARRAY_API": "1"}
    command = [sys.executable, "-m", "pytest", "-q", *plugin, "--pyargs", *SUITES[name]]
    return subprocess.call([*command, *pytest_arguments], cwd=HERE, env=environment)


def main(arguments):
    names = [argument for argument in arguments if argument in SUITES]
    plain = "--plain" in arguments
    pytest_arguments = [argument for argument in arguments if argument not in (*names, "--plain")]
    failed = [name for name in names or SUITES if run_suite(name, plain, pytest_arguments) != 0]
    if failed:
        print("failed:", ", ".join(failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
