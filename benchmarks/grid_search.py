"""GridSearchCV over C with sklogloss and with scikit-learn's LogisticRegression.

20 values of C, 5 folds, 2 processes, the breast cancer data, each estimator at its default
tolerance; by accuracy, GridSearchCV's own choice, and by scikit-learn's "neg_log_loss".
"""

import argparse
import warnings
from dataclasses import dataclass
from functools import partial

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

from benchmarks.report import Report, add_arguments
from benchmarks.tasks import MAX_ITER, load_task
from benchmarks.timing import seconds_of_each
from sklogloss import LogLossClassifier

ESTIMATORS = {
    "sklogloss": LogLossClassifier(max_iter=MAX_ITER),
    "scikit-learn lbfgs, its default": LogisticRegression(max_iter=MAX_ITER),
    "scikit-learn newton-cg": LogisticRegression(solver="newton-cg", max_iter=MAX_ITER),
    "scikit-learn newton-cholesky": LogisticRegression(solver="newton-cholesky", max_iter=MAX_ITER),
}
SCORINGS = {"accuracy": None, "neg_log_loss": "neg_log_loss"}
BASELINE = "scikit-learn lbfgs, its default"
COLUMNS = {
    "scoring": "{0.scoring}",
    "estimator": "{0.estimator}",
    "seconds": "{0.seconds:.3f}",
    "of scikit-learn's default": "{0.ratio:.2f}",
    "best C": "{0.best_C:.3g}",
    "score": "{0.score:.5f}",
}


@dataclass
class Result:
    """One row of the table. The score is the mean over the folds."""

    scoring: str
    estimator: str
    seconds: float
    ratio: float
    best_C: float
    score: float


def main(argv):
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks grid_search", description=__doc__)
    parser.add_argument("--n-values", type=int, default=20, help="of C (default 20)")
    parser.add_argument("--rounds", type=int, default=7)
    add_arguments(parser)
    arguments = parser.parse_args(argv)
    task = load_task("breast-cancer")
    grid = {"C": np.geomspace(1e-4, 1e4, arguments.n_values)}
    report = Report(COLUMNS, arguments)
    for name, scoring in SCORINGS.items():
        report.add(compare(name, scoring, grid, task, arguments.rounds))
    return 0


def compare(name, scoring, grid, task, rounds):
    """Return the Results of all estimators, their searches run in turns."""
    searches = {
        estimator: GridSearchCV(model, grid, scoring=scoring, cv=5, n_jobs=2)
        for estimator, model in ESTIMATORS.items()
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fits = [partial(search.fit, task.X, task.y) for search in searches.values()]
        seconds = dict(zip(searches, seconds_of_each(fits, rounds), strict=True))
    return [
        Result(
            name,
            estimator,
            seconds[estimator],
            seconds[estimator] / seconds[BASELINE],
            search.best_params_["C"],
            search.best_score_,
        )
        for estimator, search in searches.items()
    ]
