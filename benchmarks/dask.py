"""Fits of partitions on a cluster of two processes against the local fit, dask-ml and dask-glm.

Times are medians of rounds, of dask-ml those of a single fit. The collection is persisted: its
partitions stay in the workers. "excess" is by how much the mean objective (nats) exceeds the lowest
found.
"""

import argparse
import sys
import time
from dataclasses import dataclass
from importlib.metadata import version

import dask
import dask.array as da
import numpy as np

from benchmarks.report import Report, add_arguments
from sklogloss import LogLossClassifier as LocalClassifier
from sklogloss.dask import LogLossClassifier
from sklogloss.losses import LogLoss

COLUMNS = {
    "what": "{0.what}",
    "rows": "{0.n_samples:,}",
    "columns": "{0.n_features}",
    "seconds": "{0.seconds:.3g}",
    "ratio": "{0.ratio:.3g}",
    "excess": "{0.excess:.1e}",
}
# The solvers of dask-glm, through dask-ml.
PEER_SETTINGS = {
    "dask-ml, admm": {"solver": "admm"},
    "dask-ml, lbfgs": {"solver": "lbfgs"},
    "dask-ml, newton": {"solver": "newton"},
}


@dataclass
class Result:
    """One fit: its time, as a multiple of that of this package on the same rows."""

    what: str
    n_samples: int
    n_features: int
    seconds: float
    ratio: float
    excess: float


def draw(n_samples, n_features, n_partitions):
    """Return X and y of a logistic model as dask arrays."""
    size = -(-n_samples // n_partitions)
    X = da.random.default_rng(0).normal(size=(n_samples, n_features), chunks=(size, n_features))
    noise = da.random.default_rng(1).logistic(size=n_samples, chunks=size)
    coef = np.linspace(-1, 1, n_features) / np.sqrt(n_features)
    return X, (X @ coef - 1 + noise > 0).astype(int)


def mean_objective(X, y, coef, intercept, strength):
    """Return the mean log loss and the L2 penalty, in nats."""
    losses = LogLoss().value(y, X @ coef + intercept)
    return float(np.mean(losses) + strength / 2 * coef @ coef)


def seconds_of(function, n_rounds):
    """Return the median time of calls, before which one goes, and what the last one returned."""
    times, result = [], function() if n_rounds > 1 else None
    for _ in range(n_rounds):
        start = time.perf_counter()
        result = function()
        times.append(time.perf_counter() - start)
    return float(np.median(times)), result


def peers():
    """Return the fits of dask-ml, or none where it is not installed."""
    try:
        from dask_ml.linear_model import LogisticRegression
    except ImportError:
        return {}
    # Its objective is that of scikit-learn with C = 1, whose penalty is next to nothing here.
    return {
        name: lambda X, y, settings=settings: LogisticRegression(**settings).fit(X, y)
        for name, settings in PEER_SETTINGS.items()
    }


def compare(X, y, fits, n_rounds):
    """Yield Results of fits of the same collection; the first is what others are compared with."""
    rows, labels = dask.compute(X, y)
    found = {}
    for name, fit in fits.items():
        try:
            found[name] = seconds_of(lambda fit=fit: fit(rows, labels), n_rounds)
        except Exception as error:
            print(f"{name}: {type(error).__name__}: {error}", file=sys.stderr)
    values = {
        name: mean_objective(
            rows, labels, np.ravel(model.coef_), np.ravel(model.intercept_)[0], 1 / len(labels)
        )
        for name, (_, model) in found.items()
    }
    first, lowest = next(iter(found.values()))[0], min(values.values())
    for name, (seconds, _) in found.items():
        yield Result(name, *X.shape, seconds, seconds / first, values[name] - lowest)


def main(argv):
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks dask", description=__doc__)
    parser.add_argument("--rows", type=int, default=400_000)
    parser.add_argument("--columns", type=int, default=50)
    parser.add_argument("--partitions", type=int, default=16)
    parser.add_argument("--peer-rows", type=int, default=0, help="rows for dask-ml; 0: none")
    parser.add_argument("--rounds", type=int, default=3)
    add_arguments(parser)
    arguments = parser.parse_args(argv)
    from distributed import Client, LocalCluster

    cluster = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None)
    notes = [
        f"- dask {version('dask')}, distributed {version('distributed')}: 2 processes of 1 thread"
    ]
    with cluster, Client(cluster):
        report = Report(COLUMNS, arguments, notes)
        X, y = dask.persist(*draw(arguments.rows, arguments.columns, arguments.partitions))
        fits = {
            "local, 2 threads": lambda rows, labels: LocalClassifier(n_jobs=2).fit(rows, labels),
            "sklogloss.dask": lambda rows, labels: LogLossClassifier().fit(X, y),
        }
        report.add(list(compare(X, y, fits, arguments.rounds)))
        del X, y
        if arguments.peer_rows:
            of_peers = draw(arguments.peer_rows, arguments.columns, arguments.partitions)
            X, y = dask.persist(*of_peers)
            fits = {"sklogloss.dask": lambda rows, labels: LogLossClassifier().fit(X, y)}
            for name, fit in peers().items():
                fits[name] = lambda rows, labels, fit=fit: fit(X, y)
            report.add(list(compare(X, y, fits, 1)))
