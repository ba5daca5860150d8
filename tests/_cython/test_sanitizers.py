"""Sanitizers report what they are for: unchecked functions are called with wrong numbers.

What calls them in the package has checked the numbers before. Without sanitizers nothing would be
noticed, or the process would crash: the tests are skipped.
"""

import subprocess
import sys

import pytest

from sklogloss._cython import build_info

OUTSIDE = """
import numpy as np
from sklogloss._cython.csr_columns import csr_columns

indptr, data = np.array([0, 1], dtype=np.int32), np.ones(1)
places = np.zeros(4, dtype=np.int32)
csr_columns(indptr, np.array([4], dtype=np.int32), data, places, 1)
"""

UNDEFINED = """
import numpy as np
from sklogloss._cython.csr_columns import csr_columns

# The address of the first row's entries would be negative.
indptr = np.array([-(2**59), 1])
csr_columns(indptr, np.array([0]), np.ones(1), np.zeros(4, dtype=np.int32), 1)
"""

RACE = """
import threading
import numpy as np
from sklogloss._cython import data_pass
from sklogloss.linear.samples import make_design

# Both threads write their predictions to the same array.
design = make_design(np.ones((50_000, 10)))
out = np.zeros((50_000, 1))
start = threading.Barrier(2)

def run():
    start.wait()
    for _ in range(20):
        data_pass.predict(design, np.zeros((10, 1)), np.zeros(1), None, False, out, 1)

threads = [threading.Thread(target=run) for _ in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


def report_of(program):
    process = subprocess.run(
        [sys.executable, "-P", "-c", program], capture_output=True, text=True, check=False
    )
    assert process.returncode != 0
    return process.stderr


@pytest.mark.skipif(build_info.sanitizer() != "address", reason="needs the address sanitizer")
@pytest.mark.parametrize(
    ("program", "report"),
    [
        (OUTSIDE, "AddressSanitizer: heap-buffer-overflow"),
        (UNDEFINED, "runtime error: pointer index expression"),
    ],
)
def test_faults_of_memory_and_arithmetic_are_reported(program, report):
    assert report in report_of(program)


@pytest.mark.skipif(build_info.sanitizer() != "thread", reason="needs the thread sanitizer")
def test_races_are_reported():
    assert "ThreadSanitizer: data race" in report_of(RACE)
