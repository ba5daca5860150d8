"""Memory: nothing stays behind, and too little of it is a MemoryError."""

import os
import subprocess
import sys

import pytest

from sklogloss._cython import build_info

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
    pytest.mark.skipif(bool(build_info.sanitizer()), reason="sanitizers keep what is freed"),
]


def test_many_calls_leave_no_memory_behind():
    n_calls = 900
    command = [sys.executable, "-P", "-m", "fuzz.memory", str(n_calls)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    run = subprocess.run(command, env=environment, text=True, stdout=subprocess.PIPE, check=False)
    assert run.returncode == 0, run.stdout
    assert len(run.stdout.splitlines()) == 9


# Buffers of BLAS are there before the limit: OpenBLAS ends the process where it cannot get them.
SHORT = """
import re, resource, sys, warnings
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
import numpy as np
from scipy import sparse
from scipy.linalg.blas import dtrsv
from sklogloss import FocalLogisticRegression, LogLossClassifier, LogLossClassifierCV

warnings.simplefilter("ignore")
rng = np.random.default_rng(0)
X = rng.normal(size=(10_000, 40))
y = np.digitize(X[:, 0] + rng.logistic(size=10_000), [-1, 1])
Z = sparse.csr_array(X * (X > 1))
models = {
    "newton-cholesky": LogLossClassifier(solver="newton-cholesky", max_iter=2),
    "newton-cg": LogLossClassifier(solver="newton-cg", max_iter=2),
    "l1": LogLossClassifier(l1_ratio=1, max_iter=2),
    "focal": FocalLogisticRegression(max_iter=2),
    "cv": LogLossClassifierCV(Cs=2, cv=2, max_iter=2, n_jobs=2),
}
model = models[sys.argv[1]]
if sys.argv[1] == "cv":  # of more rows, folds do not have threads of their own
    X, Z, y = X[:4_000], Z[:4_000], y[:4_000]
model.fit(X, y)
expected = model.fit(Z, y).coef_
if sys.argv[1] == "cv":
    # OpenBLAS tries for ever to get the buffer that each thread at work needs, unless it has one.
    barrier, A, b = Barrier(4), np.eye(1000), np.ones(1000)
    def use_blas(_):
        barrier.wait()
        for _ in range(100):
            dtrsv(A, b)
            A @ b
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(use_blas, range(4)))
_, hard = resource.getrlimit(resource.RLIMIT_AS)
outcomes = set()
# With 8 to 10 there is room for the stack of a thread, but hardly for what it begins with.
for megabytes in (0, 1, 4, 8, 8.1, 9, 10, 16):
    with open("/proc/self/status") as status:
        size = int(re.search(r"VmSize:\\s+(\\d+) kB", status.read())[1]) * 1024
    for data in (X, Z):
        resource.setrlimit(resource.RLIMIT_AS, (size + int(megabytes * 2**20), hard))
        try:
            model.fit(data, y)
            outcomes.add("fitted")
        except MemoryError:
            outcomes.add("MemoryError")
        finally:
            resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
# What failed leaves nothing that spoils the next fit.
np.testing.assert_array_equal(model.fit(Z, y).coef_, expected)
print(*sorted(outcomes))
"""


@pytest.mark.parametrize("model", ["newton-cholesky", "newton-cg", "l1", "focal", "cv"])
def test_short_memory_is_a_memory_error(model):
    # Large blocks come from the system at once, and go back to it.
    environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "0"}
    output = subprocess.check_output(
        [sys.executable, "-P", "-c", SHORT, model], text=True, env=environment, timeout=600
    )
    # Folds of few rows may find what they need in memory that was used before. They must end.
    assert "MemoryError" in output or (model == "cv" and "fitted" in output)
