"""One virtual environment per peer: their pins clash.

``python -m benchmarks fit --environments FOLDER`` uses them.
"""

import argparse
import subprocess
import sys
import venv
from pathlib import Path

from benchmarks.adapters import REQUIREMENTS
from benchmarks.peers import environment_python

# What the tasks and the worker import.
COMMON_REQUIREMENTS = ["numpy", "scipy", "scikit-learn"]


def make_environment(path, requirements):
    """Return whether pip could install the requirements in a new environment."""
    venv.create(path, with_pip=True)
    pip = [environment_python(path), "-m", "pip", "install", "--quiet"]
    return subprocess.run([*pip, *COMMON_REQUIREMENTS, *requirements]).returncode == 0


def main(argv):
    """Make the environments that do not exist yet."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks environments", description=__doc__)
    parser.add_argument("folder", type=Path, help="where to put them, named for their libraries")
    parser.add_argument("--libraries", nargs="+", choices=REQUIREMENTS, default=[*REQUIREMENTS])
    arguments = parser.parse_args(argv)
    missing = [name for name in arguments.libraries if not (arguments.folder / name).exists()]
    failed = []
    for library in missing:
        print(library, flush=True)
        if not make_environment(arguments.folder / library, REQUIREMENTS[library]):
            failed.append(library)
    if failed:
        print(f"pip could not install {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0
