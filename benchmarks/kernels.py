"""Loss functions on one thread against those inside scikit-learn, on the same arrays.

scikit-learn's are private (sklearn._loss); they are what its LogisticRegression runs.
"""

import argparse
import sys
import time
from dataclasses import dataclass
from functools import partial
from itertools import product

import numpy as np
from sklearn._loss.loss import HalfBinomialLoss, HalfMultinomialLoss

from benchmarks.report import Report, add_arguments
from benchmarks.timing import seconds_of_each
from sklogloss.losses import LogLoss

# What each method fills, and scikit-learn's names for the method and for value_out.
METHODS = {
    "value": (("value_out",), "loss"),
    "gradient": (("gradient_out",), "gradient"),
    "value_gradient": (("value_out", "gradient_out"), "loss_gradient"),
    "gradient_hessian": (("gradient_out", "hessian_out"), "gradient_hessian"),
}
# ratio: how many times faster than scikit-learn.
COLUMNS = {
    "classes": "{0.n_classes}",
    "order": "{0.order}",
    "dtype": "{0.dtype}",
    "method": "{0.method}",
    "sklogloss ns per sample": "{0.sklogloss:.2f}",
    "scikit-learn ns per sample": "{0.scikit_learn:.2f}",
    "ratio": "{0.ratio:.1f}",
}


@dataclass
class Result:
    """One row of the table; times in nanoseconds per sample."""

    n_classes: int
    order: str
    dtype: str
    method: str
    sklogloss: float
    scikit_learn: float
    ratio: float


def measure(n_classes, order, dtype, n_samples, n_rounds):
    """Yield a Result for each method."""
    rng = np.random.default_rng(0)
    shape = (n_samples,) if n_classes == 2 else (n_samples, n_classes)
    raw_prediction = np.asarray(3 * rng.standard_normal(shape), dtype=dtype, order=order)
    target = rng.integers(0, n_classes, n_samples).astype(dtype)
    outs = {
        "value_out": np.zeros(n_samples, dtype=dtype),
        "gradient_out": np.zeros_like(raw_prediction),
        "hessian_out": np.zeros_like(raw_prediction),
    }
    ours = LogLoss(n_classes)
    theirs = HalfBinomialLoss() if n_classes == 2 else HalfMultinomialLoss(n_classes=n_classes)
    for method, (filled, their_method) in METHODS.items():
        our_outs = {name: outs[name] for name in filled}
        their_outs = {name.replace("value", "loss"): out for name, out in our_outs.items()}
        seconds = seconds_of_each(
            [
                partial(getattr(ours, method), target, raw_prediction, **our_outs),
                partial(getattr(theirs, their_method), target, raw_prediction, **their_outs),
            ],
            n_rounds,
            clock=time.thread_time,
        )
        our_time, their_time = (time / n_samples * 1e9 for time in seconds)
        yield Result(
            n_classes,
            order if n_classes > 2 else "-",
            np.dtype(dtype).name,
            method,
            our_time,
            their_time,
            their_time / our_time,
        )


def main(argv):
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks kernels", description=__doc__)
    parser.add_argument("--n-samples", type=int, default=2_000_000)
    parser.add_argument("--n-classes", type=int, nargs="+", default=[2, 3, 10])
    parser.add_argument("--rounds", type=int, default=7)
    add_arguments(parser)
    arguments = parser.parse_args(argv)

    report = Report(COLUMNS, arguments)
    for n_classes, dtype in product(arguments.n_classes, ["float64", "float32"]):
        for order in "C" if n_classes == 2 else "CF":
            for result in measure(n_classes, order, dtype, arguments.n_samples, arguments.rounds):
                report.add([result])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
