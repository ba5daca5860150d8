"""What the numbers of a table were measured on."""

import os
import platform
from pathlib import Path

from threadpoolctl import threadpool_info

from sklogloss._show_versions import versions


def cpu_model():
    """Return the processor's name."""
    if Path("/proc/cpuinfo").exists():
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def describe_machine():
    """Return lines on the processor, its cores, and the libraries."""
    lines = [f"processor: {cpu_model()}, {os.cpu_count()} cores"]
    lines += [f"{name}: {text}" for name, text in versions().items() if name != "machine"]
    # OpenBLAS can be told to use an older processor's kernels, which changes every time measured.
    variables = [name for name in os.environ if name.startswith(("OPENBLAS_", "OMP_", "MKL_"))]
    return lines + [f"{name}={os.environ[name]}" for name in sorted(variables)]


def check_blas_threads(n_threads):
    """Raise RuntimeError unless every BLAS library in the process uses n_threads."""
    for library in threadpool_info():
        if library["user_api"] == "blas" and library["num_threads"] != n_threads:
            raise RuntimeError(
                f"{library['filepath']} uses {library['num_threads']} threads, not {n_threads}"
            )
