"""All estimators in threads and processes at once: the same bits, and BLAS threads as before."""

import functools
import multiprocessing
import os
import signal
import subprocess
import sys
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pytest
from fuzz.interrupts import blas_threads
from scipy import sparse
from sklearn.base import clone

from sklogloss import (
    FirthLogisticRegression,
    FocalLogisticRegression,
    LogLossClassifier,
    LogLossClassifierCV,
    logloss_path,
)
from sklogloss._cython import build_info
from sklogloss.calibration import CalibratedClassifier, PriorCorrection
from sklogloss.linear.threads import one_blas_thread

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.usefixtures("all_blas_threads"),
]

N_THREADS = 8

MODELS = {
    "newton-cholesky": LogLossClassifier(solver="newton-cholesky"),
    "newton-cg": LogLossClassifier(solver="newton-cg"),
    "lbfgs": LogLossClassifier(solver="lbfgs"),
    "l1": LogLossClassifier(l1_ratio=1, C=0.1),
    "bounds": LogLossClassifier(bounds=(0, None), penalty_factor=np.linspace(0.5, 2, 12)),
    "two threads": LogLossClassifier(n_jobs=2),
    "focal": FocalLogisticRegression(max_iter=20),
    "cv": LogLossClassifierCV(Cs=3, cv=2),
    "firth": FirthLogisticRegression(),
    "calibrated": CalibratedClassifier(LogLossClassifier(), cv=2),
    "prior": PriorCorrection(LogLossClassifier(), class_prior=[0.5, 0.3, 0.2]),
}


@functools.cache
def data(layout="C"):
    """Return X of 400 rows and labels of three classes."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 12))
    y = np.digitize(X @ np.linspace(-1, 1, 12) + rng.logistic(size=400), [-1, 1])
    return {"C": np.ascontiguousarray, "csr": sparse.csr_array}[layout](X), y


def bits_of(name, layout):
    """Fit a model and return the bits of its coefficients and probabilities."""
    X, y = data(layout)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # other processes do not have pytest's filters
        clf = clone(MODELS[name]).fit(X, y)
    return learned_bits(clf) + clf.predict_proba(X).tobytes()


def learned_bits(clf):
    """Return the bits of the coefficients, where a model has some of its own."""
    return b"".join(getattr(clf, name, np.empty(0)).tobytes() for name in ("coef_", "intercept_"))


def path_bits():
    """Return the bits of a path of coefficients."""
    return logloss_path(*data(), Cs=5, l1_ratio=1).coefs.tobytes()


TASKS = [(name, layout) for name in MODELS for layout in ("C", "csr")]


@pytest.fixture(scope="module")
def alone():
    return [bits_of(*task) for task in TASKS]


@pytest.fixture(autouse=True)
def blas_threads_stay():
    before = blas_threads()
    yield
    assert blas_threads() == before
    assert one_blas_thread().n_inside == 0


def test_python_threads(alone):
    with ThreadPoolExecutor(N_THREADS) as pool:
        together = [pool.submit(bits_of, *task) for task in TASKS]
        paths = [pool.submit(path_bits) for _ in range(N_THREADS)]
    assert [task.result() for task in together] == alone
    assert {path.result() for path in paths} == {path_bits()}


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_joblib(alone, backend):
    if backend == "loky" and build_info.sanitizer():
        pytest.skip("the workers take too long")
    # loky sends functions by value: those of a test module cannot be imported.
    fits = joblib.Parallel(n_jobs=2, backend=backend)(
        joblib.delayed(clone(MODELS[name]).fit)(*data(layout)) for name, layout in TASKS
    )
    for (_, layout), clf, expected in zip(TASKS, fits, alone, strict=True):
        assert learned_bits(clf) + clf.predict_proba(data(layout)[0]).tobytes() == expected


def test_dask_in_process(alone):
    dask = pytest.importorskip("dask")
    fits = [dask.delayed(bits_of)(*task) for task in TASKS]
    assert list(dask.compute(*fits, scheduler="threads", num_workers=4)) == alone


PROCESSES = """
import multiprocessing, sys
import numpy as np
from sklogloss import LogLossClassifier, LogLossClassifierCV

def bits(_=None):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20_000, 20))
    y = np.digitize(X[:, 0] + rng.logistic(size=20_000), [-1, 1])
    models = LogLossClassifier(n_jobs=2), LogLossClassifier(l1_ratio=1, n_jobs=2)
    return [model.fit(X, y).coef_.tobytes() for model in models]

if __name__ == "__main__":
    here = bits()
    with multiprocessing.get_context(sys.argv[1]).Pool(4) as pool:
        assert pool.map(bits, range(4), chunksize=1) == [here] * 4
    assert bits() == here
"""


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_four_processes_started_after_a_fit(tmp_path, method):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip("not on this system")
    path = tmp_path / "program.py"
    path.write_text(PROCESSES)
    process = subprocess.Popen([sys.executable, "-P", path, method], start_new_session=True)
    try:
        assert process.wait(timeout=300) == 0
    finally:
        if process.poll() is None:  # children that hang are ended with their group
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs interval timers")
@pytest.mark.skipif(bool(build_info.sanitizer()), reason="sanitizers delay signals")
def test_interrupts_at_random_moments():
    command = [sys.executable, "-P", "-m", "fuzz.interrupts", "300"]
    start = time.monotonic()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    output = subprocess.check_output(command, env=environment, text=True)
    assert output.startswith("300 interrupts"), time.monotonic() - start
