"""What the numbers of a table were measured on."""

import os
import platform
from pathlib import Path

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
