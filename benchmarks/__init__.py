"""Benchmarks against other libraries: ``python -m benchmarks``."""

import sys
from pathlib import Path

# `python -m benchmarks` puts the project's root first on the path, where ./sklogloss has no
# compiled modules unless the install is editable. Behind the installed packages it does no harm.
if sys.path and Path(sys.path[0]).resolve() == Path(__file__).resolve().parents[1]:
    sys.path.append(sys.path.pop(0))
