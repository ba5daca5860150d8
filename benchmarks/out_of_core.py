"""Fits of files under a limit of memory that is a quarter of their size.

"parquet": sklogloss.dask on dask.dataframe.read_parquet, not persisted, with Dask's threads. "npy":
the usual class on a mapped file. Each runs in a process of its own, whose address space may grow by
a quarter of the data once everything is imported. A mapped file is exempt: its pages are the
system's, and only a control group limits them, for example ``systemd-run --scope -p MemoryMax=4G``.
The table says what limit there was. "grown" is how much more memory of its own the process had at
the peak than before the fit. "reading" is the time to read the file as often as the fit has passes.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.report import Report, add_arguments

N_FEATURES = 100
GB, MB = 10**9, 10**6
COLUMNS = {
    "file": "{0.file}",
    "GB": "{0.size:.3g}",
    "limit, GB": "{0.limit:.3g}",
    "grown, GB": "{0.grown:.3g}",
    "passes": "{0.n_passes}",
    "seconds": "{0.seconds:.3g}",
    "reading, s": "{0.reading:.3g}",
}


@dataclass
class Result:
    """One fit of one file."""

    file: str
    size: float
    limit: float
    grown: float
    n_passes: int
    seconds: float
    reading: float


def draw(n_samples, seed):
    """Return X and y of a logistic model."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_samples, N_FEATURES))
    coef = np.linspace(-1, 1, N_FEATURES)
    return X, (rng.logistic(size=n_samples) < X @ coef - 1).astype(np.int8)


def write(kind, folder, size, part_mb):
    """Write a file of size bytes in parts; return its number of rows."""
    n_rows = int(part_mb * MB) // (8 * N_FEATURES)
    n_parts = max(1, round(size / (n_rows * 8 * N_FEATURES)))
    if kind == "npy":
        shape = (n_parts * n_rows, N_FEATURES)
        X = np.lib.format.open_memmap(folder / "X.npy", "w+", np.float64, shape)
        y = np.empty(len(X), np.int8)
        for i in range(n_parts):
            rows = slice(i * n_rows, (i + 1) * n_rows)
            X[rows], y[rows] = draw(n_rows, i)
        np.save(folder / "y.npy", y)
    else:
        import pandas as pd

        for i in range(n_parts):
            X, y = draw(n_rows, i)
            frame = pd.DataFrame(X, columns=[f"x{j}" for j in range(N_FEATURES)]).assign(y=y)
            frame.to_parquet(folder / f"part.{i:04}.parquet", index=False)
    return n_parts * n_rows


def own_memory():
    """Return the bytes of the process that are no pages of a file."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) * 1024
    return 0


class Peak(threading.Thread):
    """Looks at the memory of the process again and again."""

    def __init__(self):
        super().__init__(daemon=True)
        self.bytes = 0
        self.is_over = threading.Event()

    def run(self):
        """Look every 5 milliseconds."""
        while not self.is_over.wait(0.005):
            self.bytes = max(self.bytes, own_memory())


def group_limit():
    """Return the memory that the control group of this process may have, in words."""
    groups = Path("/proc/self/cgroup").read_text(encoding="ascii").splitlines()
    limits = []
    for number, controllers, path in (line.split(":", 2) for line in groups):
        if controllers == "memory":
            limits.append(Path(f"/sys/fs/cgroup/memory{path}/memory.limit_in_bytes"))
        elif number == "0":
            limits.append(Path(f"/sys/fs/cgroup{path}/memory.max"))
    texts = [limit.read_text(encoding="ascii").strip() for limit in limits if limit.exists()]
    numbers = [int(text) for text in texts if text.isdigit()]
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return f"memory, files in the system's cache included: {min([total, *numbers]) / GB:.3g} GB"


def limit_growth(n_bytes):
    """Let the address space of the process grow by no more than this."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    most = pages * resource.getpagesize() + int(n_bytes)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def fit_parquet(folder, limit):
    """Return the fit of a folder of Parquet, and what reads it once."""
    import dask
    import dask.dataframe as dd

    from sklogloss.dask import LogLossClassifier

    dask.config.set(scheduler="threads", num_workers=2)
    rows = dd.read_parquet(folder)
    X, y = rows[[name for name in rows.columns if name != "y"]], rows["y"]
    LogLossClassifier().fit(X.partitions[:1], y.partitions[:1])  # imports, and begins threads
    limit_growth(limit)
    return lambda: LogLossClassifier().fit(X, y), lambda: X.map_partitions(len).compute()


def fit_npy(folder, limit):
    """Return the fit of a mapped file, and what reads it once."""
    from sklogloss import LogLossClassifier

    X, y = np.load(folder / "X.npy", mmap_mode="r"), np.load(folder / "y.npy")
    LogLossClassifier().fit(X[:10_000], y[:10_000])
    limit_growth(limit)

    def read():
        size = 10**6 // N_FEATURES
        return [X[i : i + size].max() for i in range(0, len(X), size)]

    return lambda: LogLossClassifier().fit(X, y), read


def child(kind, folder, limit):
    """Fit under the limit and print what was measured."""
    fit, read = {"parquet": fit_parquet, "npy": fit_npy}[kind](Path(folder), float(limit))
    before, peak = own_memory(), Peak()
    peak.start()
    start = time.perf_counter()
    n_passes = count_passes(kind, fit)
    seconds = time.perf_counter() - start
    peak.is_over.set()
    start = time.perf_counter()
    read()
    reading = n_passes * (time.perf_counter() - start)
    print(json.dumps([(peak.bytes - before) / GB, n_passes, seconds, reading]))


def count_passes(kind, fit):
    """Run a fit; return how often it goes over X."""
    if kind == "parquet":
        return sum(name != "weights" for name in fit().passes_)
    from benchmarks.passes import counting

    entries = []
    with counting(lambda name, design, arguments: entries.append(design.n_stored)):
        fit()
    return round(sum(entries) / max(entries))


def main(argv):
    """Run the benchmark."""
    if argv[:1] == ["--child"]:
        return child(*argv[1:])
    parser = argparse.ArgumentParser(prog="python -m benchmarks out_of_core", description=__doc__)
    parser.add_argument("--size", type=float, default=1.0, help="GB of each file")
    parser.add_argument("--part", type=float, default=16.0, help="MB of a partition")
    parser.add_argument("--folder", type=Path, help="where to write; default: the system's")
    add_arguments(parser)
    arguments = parser.parse_args(argv)
    report = Report(COLUMNS, arguments, [group_limit()])
    for kind in ("parquet", "npy"):
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            size, limit = arguments.size * GB, arguments.size * GB / 4
            n_rows = write(kind, Path(folder), size, arguments.part)
            command = [sys.executable, "-m", "benchmarks", "out_of_core", "--child", kind, folder]
            run = subprocess.run([*command, str(limit)], capture_output=True, text=True)
            if run.returncode:
                raise RuntimeError(run.stderr[-3000:])
            measured = json.loads(run.stdout.splitlines()[-1])
            report.add([Result(kind, n_rows * 8 * N_FEATURES / GB, limit / GB, *measured)])
    return None
