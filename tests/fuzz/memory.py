"""How much memory many calls leave behind.

    python -m tests.fuzz.memory 20000

makes three times as many calls of each kind, fits that fail and predictions among them, and prints
what the resident memory has grown by, in bytes for each call.
"""

import gc
import sys
import warnings

import numpy as np
from scipy import sparse

from sklogloss import FocalLogisticRegression, LogLossClassifier
from sklogloss.metrics import log_loss

PAGE = 4096


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
    """Return by how much memory grows with n_calls calls, in bytes.

    Of three times as many the smallest growth: a leak is in each, the allocators' own in one.
    """
    sizes = [resident()]
    for _ in range(3):
        for _ in range(n_calls):
            call()
        sizes.append(resident())
    return min(np.diff(sizes))


def main(n_calls):
    """Print the growth of each kind of call."""
    warnings.simplefilter("ignore")
    for kind, call in calls().items():
        print(f"{growth(call, n_calls) / n_calls:8.1f} bytes for each of {n_calls} {kind}")


if __name__ == "__main__":
    main(int(sys.argv[1]))
