"""Threads: the same bits for any number, and good manners towards the rest of the process."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy import sparse
from threadpoolctl import ThreadpoolController, threadpool_info

from sklogloss import LogLossClassifier
from sklogloss._cython import data_pass
from sklogloss._cython.blas_limit import BlasLimit
from sklogloss.linear.objective import balanced_objective
from sklogloss.linear.samples import Samples, make_design
from sklogloss.linear.threads import effective_n_threads, one_blas_thread
from sklogloss.losses import LogLoss
from sklogloss.penalties import Penalty

pytestmark = pytest.mark.usefixtures("all_blas_threads")

# Enough for a pass to use several threads.
N_SAMPLES, N_FEATURES = 40_000, 40


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N_SAMPLES, N_FEATURES))
    raw_prediction = X @ rng.normal(size=N_FEATURES) / 4 + rng.logistic(size=N_SAMPLES)
    return X, np.digitize(raw_prediction, [-1, 1])


def make_objective(X, y, n_classes, n_threads):
    target = np.minimum(y, n_classes - 1).astype(X.dtype).reshape(-1, 1)
    weight = np.linspace(0, 2, len(y), dtype=X.dtype)
    samples = Samples(make_design(X), target, weight, n_threads=n_threads)
    kernel = LogLoss(n_classes).kernel(target_is_matrix=False)
    return balanced_objective(samples, kernel, Penalty(l2=1e-3), fit_intercept=True)


CONTAINERS = {
    "C": np.ascontiguousarray,
    "F": np.asfortranarray,
    "CSR": lambda X: sparse.csr_array(X * (X > 0.5)),
    "CSC": lambda X: sparse.csc_array(X * (X > 0.5)),
}


@pytest.mark.parametrize("container", ["C", "CSR", "CSC"])
def test_passes_of_several_threads_over_one_objective_do_not_mix(container):
    rng = np.random.default_rng(0)
    X = CONTAINERS[container](rng.normal(size=(3_000, 10)))
    objective = make_objective(X, rng.integers(3, size=3_000), 3, 1)
    thetas = rng.normal(size=(4, objective.n_parameters))
    expected = [objective.value_gradient_hessian(theta) for theta in thetas]

    def deviation(i):
        # Passes of different sizes, so that their memory is not the same.
        few = objective.value_gradient(thetas[i % 4])
        all_ = objective.value_gradient_hessian(thetas[i % 4])
        point = expected[i % 4]
        return (
            np.abs(few.gradient - point.gradient).max()
            + np.abs(all_.gradient - point.gradient).max()
            + np.abs(np.tril(all_.hessian - point.hessian)).max()
        )

    with ThreadPoolExecutor(6) as executor:
        deviations = list(executor.map(deviation, range(400)))
    assert max(deviations) == 0


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_passes_have_the_same_bits_for_any_number_of_threads(data, container, dtype, n_classes):
    X, y = data
    X = CONTAINERS[container](X.astype(dtype))

    def everything(n_threads):
        objective = make_objective(X, y, n_classes, n_threads)
        theta = np.linspace(-1, 1, objective.n_parameters)
        point = objective.value_gradient(theta, curvature=True)
        hessian = objective.value_gradient_hessian(theta)
        return (
            objective.coordinates.scale,
            objective.coordinates.center,
            np.array([point.value, hessian.value]),
            point.gradient,
            hessian.gradient,
            np.tril(hessian.hessian),
            objective.hessian_product(point, theta),
            objective.hessian_diagonal(point),
        )

    with one_blas_thread():
        alone, *others = (everything(n_threads) for n_threads in (1, 2, 4))
    for other in others:
        for expected, actual in zip(alone, other, strict=True):
            np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize("solver", ["newton-cholesky", "newton-cg", "lbfgs"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_fits_have_the_same_bits_for_any_n_jobs(data, solver, n_classes):
    X, y = data
    fits = [
        LogLossClassifier(solver=solver, n_jobs=n_jobs).fit(X, np.minimum(y, n_classes - 1))
        for n_jobs in (1, 2, 4, -1, None)
    ]
    for fit in fits[1:]:
        np.testing.assert_array_equal(fit.coef_, fits[0].coef_)
        np.testing.assert_array_equal(fit.intercept_, fits[0].intercept_)
        np.testing.assert_array_equal(fit.n_iter_, fits[0].n_iter_)


def test_n_jobs():
    n_cores = effective_n_threads(-1)
    assert n_cores >= 1
    assert effective_n_threads(3) == 3
    assert effective_n_threads(-2) == max(1, n_cores - 1)
    assert effective_n_threads(-1000) == 1
    assert 1 <= effective_n_threads(None) <= n_cores
    with pytest.raises(ValueError, match="n_jobs"):
        effective_n_threads(0)


@pytest.mark.skipif(
    not getattr(sys, "_is_gil_enabled", lambda: True)(), reason="this Python runs without a GIL"
)
def test_passes_release_the_gil(data):
    # No thread is asked to give up the GIL during this test, so the main thread wakes up between
    # the two marks only if the pass releases it.
    X, y = data
    design, kernel = make_design(X), LogLoss(3).kernel(target_is_matrix=False)
    target, zero, one = y.astype(float).reshape(-1, 1), np.zeros(N_FEATURES), np.ones(N_FEATURES)
    arguments = (target, None, None, np.zeros((N_FEATURES, 3)), np.zeros(3), zero, one)
    arguments = (*arguments, True, False, 1, 1)
    entered, left = threading.Event(), threading.Event()

    def evaluate():
        entered.set()
        data_pass.value_gradient_hessian(design, kernel, *arguments)
        left.set()

    interval = sys.getswitchinterval()
    sys.setswitchinterval(60)
    try:
        with one_blas_thread():
            thread = threading.Thread(target=evaluate)
            thread.start()
            entered.wait()
            ran_during_the_pass = not left.is_set()
            thread.join()
        assert left.is_set()
    finally:
        sys.setswitchinterval(interval)
    assert ran_during_the_pass


def blas_threads():
    return {
        library["filepath"]: library["num_threads"]
        for library in threadpool_info()
        if library["user_api"] == "blas"
    }


def test_fits_in_several_python_threads(data):
    X, y = data
    settings = [{"C": C, "n_jobs": n_jobs} for C in (1, 0.01) for n_jobs in (1, 2)]

    def coef(setting):
        return LogLossClassifier(**setting).fit(X, y).coef_

    alone = [coef(setting) for setting in settings]
    n_blas_threads = blas_threads()
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(coef, settings * 3))
    for expected, actual in zip(alone * 3, together, strict=True):
        np.testing.assert_array_equal(actual, expected)
    # BLAS of the rest of the process is as fast as before.
    assert blas_threads() == n_blas_threads


def test_first_fits_in_other_threads_leave_no_trace():
    # In a process of its own: the first fits of all are those in the pool.
    code = """
from concurrent.futures import ThreadPoolExecutor
import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits
from sklogloss import LogLossClassifier
from sklogloss.linear.threads import one_blas_thread

def blas_threads():
    return [lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"]

def inside(_):
    with one_blas_thread():
        return blas_threads()

def limited(_):
    with threadpool_limits(1):
        return blas_threads()

before = blas_threads()
X = np.random.default_rng(0).normal(size=(2000, 40))
y = (X[:, 0] > 0).astype(int)
with ThreadPoolExecutor(4) as pool:
    fits = list(pool.map(lambda _: LogLossClassifier().fit(X, y).coef_.tobytes(), range(16)))
    assert blas_threads() == before
    assert LogLossClassifier().fit(X, y).coef_.tobytes() == fits[0]
    assert len(set(fits)) == 1
    assert all(set(counts) == {1} for counts in pool.map(inside, range(4)))
    assert set(*pool.map(limited, [0])) == {1}
assert blas_threads() == before
"""
    subprocess.run([sys.executable, "-P", "-c", code], check=True)


def test_the_last_thread_to_leave_takes_the_limit_back():
    before = blas_threads()
    entered, may_leave = threading.Event(), threading.Event()

    def stay():
        with one_blas_thread():
            entered.set()
            may_leave.wait()

    thread = threading.Thread(target=stay)
    with one_blas_thread(), one_blas_thread():
        thread.start()
        entered.wait()
    assert set(blas_threads().values()) == {1}
    may_leave.set()
    thread.join()
    assert blas_threads() == before
    assert one_blas_thread().n_inside == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.parametrize("who", ["this thread", "another thread"])
def test_a_child_forked_inside_the_limit_can_limit_again(who):
    code = """
import os, sys, threading
from threadpoolctl import threadpool_info
from sklogloss.linear.threads import one_blas_thread

def blas_threads():
    return {lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"}

def fork():
    pid = os.fork()
    if pid == 0:
        return True
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    return False

before = blas_threads()
if sys.argv[1] == "this thread":
    with one_blas_thread():
        is_child = fork()
else:
    entered, may_leave = threading.Event(), threading.Event()
    def stay():
        with one_blas_thread():
            entered.set()
            may_leave.wait()
    thread = threading.Thread(target=stay)
    thread.start()
    entered.wait()
    is_child = fork()
    if not is_child:
        may_leave.set()
        thread.join()
assert one_blas_thread().n_inside == 0
assert blas_threads() == before
with one_blas_thread():
    assert blas_threads() == {1}
assert blas_threads() == before
os._exit(0)
"""
    subprocess.run([sys.executable, "-P", "-W", "ignore", "-c", code, who], check=True)


def test_a_limit_that_was_set_meanwhile_stays():
    controller = ThreadpoolController().select(user_api="blas")
    with controller.limit(limits=2):
        with one_blas_thread():
            with controller.limit(limits=3):
                pass
        assert set(blas_threads().values()) == {2}


INTERRUPTS = """
import random, signal, sys
import numpy as np
from threadpoolctl import ThreadpoolController, threadpool_info
from sklogloss import LogLossClassifier
from sklogloss.linear.threads import one_blas_thread

def blas_threads():
    return [lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"]

def interrupt(*_):
    raise KeyboardInterrupt

rng = np.random.default_rng(0)
X = rng.normal(size=(50, 3))
y = (X[:, 0] + rng.normal(size=50) > 0).astype(int)
clf = LogLossClassifier().fit(X, y)
before = blas_threads()
signal.signal(signal.SIGALRM, interrupt)
n_interrupts = 0
for seed in range(int(sys.argv[1])):
    try:
        signal.setitimer(signal.ITIMER_REAL, random.Random(seed).uniform(1e-5, 2e-3))
        while True:
            clf.fit(X, y)
    except KeyboardInterrupt:
        n_interrupts += 1
    assert one_blas_thread().n_inside == 0, seed
assert n_interrupts == int(sys.argv[1])
assert blas_threads() == before
"""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs interval timers")
def test_interrupts_at_any_moment_leave_no_limit():
    subprocess.run([sys.executable, "-P", "-c", INTERRUPTS, "1000"], check=True)


def test_threads_sleep_between_passes(data):
    X, y = data
    with one_blas_thread():
        objective = make_objective(X, y, 3, n_threads=2)
        theta, slept, used = objective.start(), 0.0, 0.0
        for _ in range(50):
            objective.value_gradient(theta)
            seconds, processor = time.perf_counter(), time.process_time()
            time.sleep(0.004)
            slept += time.perf_counter() - seconds
            used += time.process_time() - processor
    # OpenMP's threads would spin for all of it.
    assert used < slept / 10


def test_threads_of_the_pool_limit_a_blas_with_a_number_for_each_thread(data):
    X, y = data
    calls = []
    get = ctypes.CFUNCTYPE(ctypes.c_int)(lambda: 2)
    set_ = ctypes.CFUNCTYPE(None, ctypes.c_int64)(
        lambda number: calls.append((threading.get_ident(), number))
    )
    addresses = [ctypes.cast(function, ctypes.c_void_p).value for function in (get, set_)]
    BlasLimit([(*addresses, True)]).limit_pool()
    try:
        objective = make_objective(X, y, 3, n_threads=2)
        for _ in range(1000):  # a thread whose core is taken may come too late for a pass
            objective.value_gradient(objective.start())
            if calls:
                break
    finally:
        one_blas_thread().limit_pool()
    assert calls
    assert {number for _, number in calls} == {1}
    assert threading.get_ident() not in {thread for thread, _ in calls}


def test_many_jobs_are_no_more_threads_than_serve():
    rng = np.random.default_rng(0)
    X = sparse.random(3000, 700, density=0.02, format="csr", random_state=0)
    y = (np.asarray(X[:, :20].sum(axis=1)).ravel() + 0.1 * rng.normal(size=3000) > 0.1).astype(int)
    few = LogLossClassifier(C=0.05, l1_ratio=1, n_jobs=2).fit(X, y)
    for n_jobs in (100_000, 2**31):
        many = LogLossClassifier(C=0.05, l1_ratio=1, n_jobs=n_jobs).fit(X, y)
        np.testing.assert_array_equal(many.coef_, few.coef_)


FORK = """
import os, sys
import numpy as np
from sklogloss import LogLossClassifier
from sklogloss.losses import LogLoss

rng = np.random.default_rng(0)
X = rng.normal(size=(60_000, 60))
y = (X[:, 0] + rng.logistic(size=60_000) > 0).astype(int)
coef = LogLossClassifier(n_jobs=2).fit(X, y).coef_
target, raw_prediction = np.zeros(500_000), np.zeros(500_000)
LogLoss().value(target, raw_prediction, n_threads=2)
pid = os.fork()
if pid == 0:
    same = np.array_equal(LogLossClassifier(n_jobs=2).fit(X, y).coef_, coef)
    LogLoss().value(target, raw_prediction, n_threads=2)
    os._exit(0 if same else 3)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_fit_after_a_fork_gives_the_same_bits():
    # A child that hangs is ended with its group.
    process = subprocess.Popen([sys.executable, "-P", "-c", FORK], start_new_session=True)
    try:
        assert process.wait(timeout=60) == 0
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


# Minutes of work if nothing stops it; for newton-cholesky a single pass takes many seconds.
LONG_FIT = """
import signal, sys
import numpy as np
from sklogloss import LogLossClassifier

# Shells start jobs in the background with interrupts ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
rng = np.random.default_rng(0)
X = np.cumsum(rng.normal(size=(200_000, 100)), axis=1)
y = rng.integers(20, size=len(X))
clf = LogLossClassifier(solver=sys.argv[1], tol=0, max_iter=10**6)
print("ready", flush=True)
try:
    clf.fit(X, y)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT cannot be sent on Windows")
@pytest.mark.parametrize("solver", ["newton-cholesky", "lbfgs"])
def test_keyboard_interrupt_ends_a_long_fit(solver):
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", LONG_FIT, solver], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout.readline() == "ready\n"
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=1)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=10)
    finally:
        process.kill()
    assert output == "interrupted\n"


# The peak is that since this program began: getrusage would count the parent's, too.
PEAK = """
import re, sys
import numpy as np
from sklogloss import LogLossClassifier

def peak():
    with open("/proc/self/status") as status:
        return int(re.search(r"VmHWM:\\s+(\\d+) kB", status.read())[1]) * 1024

order, dtype, C = sys.argv[1], sys.argv[2], float(sys.argv[3])
solver = sys.argv[4]
rng = np.random.default_rng(0)
shape = (1_000_000, 20)
X = np.empty(shape, dtype=dtype, order=order)
for rows in np.array_split(X, 100):
    rows[:] = rng.normal(size=rows.shape)
y = np.empty(len(X), dtype=np.int64)
np.greater(X[:, 0] + X[:, 1], rng.logistic(size=len(X)), out=y, casting="unsafe")
before = peak()
LogLossClassifier(solver=solver, C=C).fit(X, y)
print(peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(
    "arguments",
    [
        ("C", "f8", "1", "auto"),
        ("F", "f8", "1", "auto"),
        ("C", "f8", "1", "newton-cg"),
        ("F", "f8", "1", "lbfgs"),
        ("C", "f4", "inf", "auto"),
    ],
)
def test_memory_of_a_fit(arguments):
    output = subprocess.check_output([sys.executable, "-P", "-c", PEAK, *arguments], text=True)
    # X has 160 MB, in float32 80 MB; y and what is computed of it 8 MB each.
    assert int(output) < 60e6


WIDE_FIT = """
import numpy as np
from sklogloss import LogLossClassifier

rng = np.random.default_rng(0)
X = 1 + rng.normal(size=(60, 20_000))
clf = LogLossClassifier().fit(X, np.arange(60) % 2)
print(clf.coef_.tobytes().hex(), clf.intercept_.tobytes().hex())
"""


def test_the_number_of_blas_threads_changes_no_bit():
    # Dot products of more than 10,000 numbers are those that OpenBLAS cuts up.
    outputs = {
        subprocess.check_output(
            [sys.executable, "-P", "-c", WIDE_FIT],
            env={**os.environ, "OPENBLAS_NUM_THREADS": count, "OMP_NUM_THREADS": count},
        )
        for count in ("1", "2")
    }
    assert len(outputs) == 1
