"""What the numbers of a table were measured on."""

import os
import platform
from pathlib import Path

from sklogloss._show_versions import versions


def cpu_model():
    """Return the processor's name, with the numbers that tell one generation from another."""
    if not Path("/proc/cpuinfo").exists():
        return platform.processor() or platform.machine()
    of_name = {}
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        of_name.setdefault(name.strip(), value.strip())
    if "cpu family" not in of_name:
        return of_name.get("model name") or platform.machine()
    return "{model name} (family {cpu family}, model {model})".format_map(of_name)


def describe_machine():
    """Return lines on the processor, its cores, and the libraries."""
    lines = [f"processor: {cpu_model()}, {os.cpu_count()} cores"]
    lines += [f"{name}: {text}" for name, text in versions().items() if name != "machine"]
    # OpenBLAS can be told to use an older processor's kernels, which changes every time measured.
    variables = [name for name in os.environ if name.startswith(("OPENBLAS_", "OMP_", "MKL_"))]
    return lines + [f"{name}={os.environ[name]}" for name in sorted(variables)]
