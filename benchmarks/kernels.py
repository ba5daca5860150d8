"""Loss functions on one thread against those inside scikit-learn, on the same arrays.

scikit-learn's are private (sklearn._loss); they are what its LogisticRegression runs. It has no
focal loss, which is compared with log loss.
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
from sklogloss.losses import FocalLoss, LogLoss

# What each method fills, and scikit-learn's names for the method and for value_out.
METHODS = {
    "value": (("value_out",), "loss"),
    "gradient": (("gradient_out",), "gradient"),
    "value_gradient": (("value_out", "gradient_out"), "loss_gradient"),
    "gradient_hessian": (("gradient_out", "hessian_out"), "gradient_hessian"),
}
# times faster: than scikit-learn. The last columns have focal loss's time over log loss's, for hard
# and soft targets; with two classes gamma = 2 takes multiplications, 1.7 an exponential.
GAMMAS = {"gamma 2": 2.0, "gamma 1.7": 1.7}
COLUMNS = {
    "classes": "{0.n_classes}",
    "order": "{0.order}",
    "dtype": "{0.dtype}",
    "method": "{0.method}",
    "sklogloss ns per sample": "{0.sklogloss:.2f}",
    "scikit-learn ns per sample": "{0.scikit_learn:.2f}",
    "times faster": "{0.ratio:.1f}",
    **{
        f"focal {name}, {kind}": f"{{0.focal[{name}, {kind}]:.2f}}"
        for kind in ("hard", "soft")
        for name in GAMMAS
    },
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
    focal: dict[str, float]


def measure(n_classes, order, dtype, n_samples, n_rounds):
    """Yield a Result for each method."""
    rng = np.random.default_rng(0)
    shape = (n_samples,) if n_classes == 2 else (n_samples, n_classes)
    raw_prediction = np.asarray(3 * rng.standard_normal(shape), dtype=dtype, order=order)
    target = rng.integers(0, n_classes, n_samples).astype(dtype)
    targets = {"hard": target, "soft": soft_target(target, n_classes, order, dtype)}
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
        our_time, their_time = (second / n_samples * 1e9 for second in seconds)
        focal = {}
        for kind, y in targets.items():
            losses = [ours, *(FocalLoss(gamma, n_classes) for gamma in GAMMAS.values())]
            log_loss, *times = seconds_of_each(
                [partial(getattr(loss, method), y, raw_prediction, **our_outs) for loss in losses],
                n_rounds,
                clock=time.thread_time,
            )
            for name, focal_time in zip(GAMMAS, times, strict=True):
                focal[f"{name}, {kind}"] = focal_time / log_loss
        yield Result(
            n_classes,
            order if n_classes > 2 else "-",
            np.dtype(dtype).name,
            method,
            our_time,
            their_time,
            their_time / our_time,
            focal,
        )


def soft_target(target, n_classes, order, dtype):
    """Return a smoothed target."""
    if n_classes == 2:
        return (0.9 * target + 0.05).astype(dtype)
    one_hot = np.eye(n_classes)[target.astype(np.intp)]
    return np.asarray(0.9 * one_hot + 0.1 / n_classes, dtype=dtype, order=order)


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
