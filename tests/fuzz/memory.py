"""How much memory many calls leave behind.

    python -m tests.fuzz.memory 20000

makes as many calls of each kind, fits that fail and predictions among them, and prints what the
resident memory has grown by, in bytes for each call. The exit status is 1 where that is more than
`most_growth`.
"""

import gc
import sys
import warnings

import numpy as np
from scipy import sparse

from sklogloss import FocalLogisticRegression, LogLossClassifier
from sklogloss.metrics import log_loss

PAGE = 4096
# What is allocated and forgotten takes this many bytes at least, with its allocator's own.
SMALLEST_LEAK = 32


def calls():
    """Return functions, by what they do."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20, 2))
    y = (X[:, 0] + rng.logistic(size=20) > 0).astype(int)
    Z, fitted = sparse.csc_array(X), LogLossClassifier().fit(X, y)

    def refused():
        try:
            LogLossClassifier().fit(np.full((3, 2), np.nan), [0, 1, 0])
        except ValueError:
            return
        raise AssertionError("NaN was accepted")

    return {
        "fits": lambda: LogLossClassifier().fit(X, y),
        "fits with L1": lambda: LogLossClassifier(l1_ratio=1).fit(X, y),
        "fits of sparse data": lambda: LogLossClassifier().fit(Z, y),
        "fits of focal loss": lambda: FocalLogisticRegression(max_iter=2).fit(X, y),
        "fits that are refused": refused,
        "fits that do not converge": lambda: LogLossClassifier(max_iter=1, C=1e9).fit(X, y),
        "predictions": lambda: fitted.predict_proba(X),
        "predictions for sparse data": lambda: fitted.predict_log_proba(Z),
        "metrics": lambda: log_loss(y, fitted.predict_proba(X)),
    }


def resident():
    """Return the resident memory of this process in bytes."""
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * PAGE


def growth(call, n_calls):
    """Return by how much memory grows with a third of n_calls calls, in bytes.

    The smallest growth of three thirds: a leak is in each, the allocators' own in one.
    """
    sizes = [resident()]
    for _ in range(3):
        for _ in range(n_calls // 3):
            call()
        sizes.append(resident())
    return int(min(np.diff(sizes)))


def most_growth(n_calls):
    """Return what may be no leak, in bytes for each of a third of n_calls calls.

    A leak in each call would be SMALLEST_LEAK or more. Allocators may begin two pages meanwhile.
    """
    return SMALLEST_LEAK + 2 * PAGE / (n_calls // 3)


def main(n_calls):
    """Print the growth of each kind of call; return whether one is a leak."""
    warnings.simplefilter("ignore")
    leaks = False
    for kind, call in calls().items():
        per_call = growth(call, n_calls) / (n_calls // 3)
        leaks |= per_call > most_growth(n_calls)
        print(f"{per_call:8.1f} bytes for each of {n_calls} {kind}", flush=True)
    return leaks


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
