"""Interrupt fits and predictions at random moments: no trace may stay, nor a bit change.

    python -m tests.fuzz.interrupts 10000

After each interrupt the limit of BLAS threads must be taken back, and at the end BLAS must have the
threads that it had, and each model fit to the bits that it had before.
"""

import random
import signal
import sys
import warnings

import numpy as np
from scipy import sparse
from threadpoolctl import threadpool_info

from sklogloss import FocalLogisticRegression, LogLossClassifier, LogLossClassifierCV
from sklogloss.linear.threads import one_blas_thread

MODELS = (
    LogLossClassifier(),
    LogLossClassifier(solver="lbfgs"),
    LogLossClassifier(solver="newton-cg", n_jobs=2),
    LogLossClassifier(l1_ratio=1, C=0.1),
    FocalLogisticRegression(),
    LogLossClassifierCV(Cs=2, cv=2),
)


def blas_threads():
    """Return the number of threads of each BLAS library that is loaded."""
    return {
        library["filepath"]: library["num_threads"]
        for library in threadpool_info()
        if library["user_api"] == "blas"
    }


def fits_and_predictions():
    """Return the functions to interrupt."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 4))
    y = np.digitize(X[:, 0] + rng.logistic(size=60), [-1, 1])
    many = rng.normal(size=(40_000, 4))  # several threads
    functions = []
    for model in MODELS:
        for container in (np.asarray, sparse.csr_array):
            Z = container(X)
            functions.append(lambda model=model, Z=Z: model.fit(Z, y).coef_.tobytes())
    fitted = LogLossClassifier().fit(X, y)
    functions.append(lambda: fitted.predict_proba(many).tobytes())
    large = np.digitize(many[:, 0], [-1, 1])
    functions.append(lambda: LogLossClassifier().fit(many, large).coef_.tobytes())
    return functions


def interrupt(*_):
    """Do as Python does at Ctrl-C."""
    raise KeyboardInterrupt


def main(n_interrupts):
    """Interrupt as often and check the traces."""
    warnings.simplefilter("ignore")
    functions = fits_and_predictions()
    expected, before = [function() for function in functions], blas_threads()
    previous = signal.signal(signal.SIGALRM, interrupt)
    for seed in range(n_interrupts):
        function = functions[seed % len(functions)]
        try:
            signal.setitimer(signal.ITIMER_REAL, random.Random(seed).uniform(1e-5, 5e-3))
            while True:
                function()
        except KeyboardInterrupt:
            pass
        assert one_blas_thread().n_inside == 0, seed
    signal.signal(signal.SIGALRM, previous)
    assert blas_threads() == before
    assert [function() for function in functions] == expected
    print(f"{n_interrupts} interrupts, no trace left and no bit changed")


if __name__ == "__main__":
    main(int(sys.argv[1]))
