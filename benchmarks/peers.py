"""The libraries that can run here, and their processes."""

import contextlib
import subprocess
import sys
from dataclasses import dataclass
from multiprocessing import Pipe
from pathlib import Path

from benchmarks.adapters import LIBRARIES

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Peer:
    """A library, its version, and the Python that has it."""

    library: str
    version: str
    python: str


def environment_python(environment):
    """Return the path of the Python in a virtual environment."""
    return environment / "bin" / "python"


def find_peers(folder):
    """Yield a Peer for each library that is installed.

    Parameters
    ----------
    folder : Path or None
        Has environments named for their libraries. A library without one is looked for where this
        Python looks.

    Yields
    ------
    peer : Peer
        A library that is missing is left out, with a line on standard error.
    """
    for library in LIBRARIES:
        python = sys.executable
        if folder is not None and (folder / library).exists():
            python = str(environment_python(folder / library).absolute())
        code = "import sys; from importlib.metadata import version; print(version(sys.argv[1]))"
        run = subprocess.run([python, "-c", code, library], capture_output=True, text=True)
        if run.returncode == 0:
            yield Peer(library, run.stdout.strip(), python)
        else:
            print(f"{library} is left out: it is not installed for {python}", file=sys.stderr)


class WorkerError(Exception):
    """A question to a worker had no answer. The message says why."""


class Worker(contextlib.AbstractContextManager):
    """A process that fits with one library on one task.

    Parameters
    ----------
    peer : Peer
    task_name : str
    folder : Path or None
        The data.
    max_seconds : float
        A process that has loaded the task and does not answer in time is ended, and a new one
        started for the next question.
    """

    def __init__(self, peer, task_name, folder, max_seconds):
        self.peer = peer
        self._max_seconds = max_seconds
        self._arguments = [peer.library, task_name], [] if folder is None else [str(folder)]
        self._process = None

    def _start(self):
        before, after = self._arguments
        self._connection, other = Pipe()
        descriptor = other.fileno()
        self._process = subprocess.Popen(
            [self.peer.python, "-m", "benchmarks.worker", *before, str(descriptor), *after],
            cwd=ROOT,
            pass_fds=[descriptor],
            stdout=sys.stderr,
        )
        other.close()

    def ask(self, question, *arguments):
        """Return the answer of `benchmarks.worker.Fitter`, or raise a WorkerError."""
        try:
            if self._process is None:
                self._start()
                self._connection.recv()  # that the task is loaded
            self._connection.send((question, *arguments))
            if not self._connection.poll(self._max_seconds):
                self.close()
                raise WorkerError(f"ended after {self._max_seconds:g} s")
            answer, problem = self._connection.recv()
        except (EOFError, OSError):
            self.close()
            raise WorkerError("its process ended by itself") from None
        if problem is not None:
            raise WorkerError(problem)
        return answer

    def close(self):
        """End the process."""
        if self._process is not None:
            self._connection.close()
            self._process.kill()
            self._process.wait()
            self._process = None

    def __exit__(self, *exception):
        self.close()
