"""How much of the package a reader meets: functions of a fit, constants, long functions.

A fit counts the package's named Python functions that it calls, each once, and their files;
lambdas, comprehensions and compiled functions do not count. A constant is an upper-case name of a
module or class that is assigned a number, or a tuple of numbers, written out in the source; two
names assigned at once are two constants. A
method is a ``def`` in a class. Lines of code are those of a function with neither docstring,
comment nor blank line.
"""

import argparse
import ast
import io
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import tokenize
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

import sklogloss
from benchmarks.report import Report, add_arguments
from benchmarks.tasks import correlated
from sklogloss import FocalLogisticRegression, LogLossClassifier

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = Path(sklogloss.__file__).resolve().parent
# Where numeric constants are counted, and each module has the test file of its name.
FOLDERS = ("linear", "solvers")
ESTIMATORS_BASE = "classifiers/base.py"
MAX_CONSTANTS = 40
MAX_METHODS = 15
MAX_LINES = 50
MAX_PROCESSOR_SECONDS = 140
MAX_WHEEL_MEGABYTES = 6

COLUMNS = {
    "what": "{0.what}",
    "measured": "{0.value:,g}",
    "to reach": "{0.bar:,g}",
    "reached": "{0.is_reached}",
}


@dataclass
class Result:
    """One count, the largest one wanted, and the names of what was counted.

    Attributes
    ----------
    names : dict of str to list of str
        By file.
    """

    what: str
    value: float
    bar: float
    names: dict[str, list[str]] = field(default_factory=dict)

    @property
    def is_reached(self):
        return "yes" if self.value <= self.bar else "no"


def ten_classes(n_samples, n_features):
    """Return normal features and the class, of ten, with the largest noisy score."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_samples, n_features))
    return X, np.argmax(X[:, :10] + rng.gumbel(size=(n_samples, 10)), axis=1)


# Name of the fit: (estimator, data, functions to reach, files to reach). 2,000 rows are solved at
# once, 100,000 start from a subset of the rows.
FITS = {
    "plain dense": (LogLossClassifier, correlated, (2_000, 20), 50, 12),
    "large dense": (LogLossClassifier, correlated, (100_000, 20), 70, 16),
    "L1": (lambda: LogLossClassifier(l1_ratio=1.0), correlated, (100_000, 20), 70, 16),
    "ten classes": (LogLossClassifier, ten_classes, (2_000, 20), 70, 16),
    "focal": (FocalLogisticRegression, correlated, (10_000, 20), 70, 16),
}


def relative(path):
    return Path(path).relative_to(PACKAGE).as_posix()


def called_functions(function):
    """Return (file, name) of the package's functions that a call calls, in order of first calls."""
    called = {}

    def note(frame, event, argument):
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(f"{PACKAGE}{os.sep}"):
            if not code.co_name.startswith("<"):
                called[code] = (relative(code.co_filename), code.co_qualname)

    sys.setprofile(note)
    try:
        function()
    finally:
        sys.setprofile(None)
    return list(called.values())


def by_file(called):
    """Return the names of functions by file, both sorted."""
    names = defaultdict(list)
    for file, name in sorted(called):
        names[file].append(name)
    return dict(names)


def fit_results(name):
    """Return the Results of one of FITS: its functions, and their files."""
    make_estimator, make_data, shape, max_functions, max_files = FITS[name]
    X, y = make_data(*shape)
    make_estimator().fit(X, y)  # what is computed once for all fits does not count
    estimator = make_estimator()
    names = by_file(called_functions(lambda: estimator.fit(X, y)))
    n_functions = sum(map(len, names.values()))
    label = f"{name}, {shape[0]:,} x {shape[1]}"
    return [
        Result(f"{label}: functions", n_functions, max_functions, names),
        Result(f"{label}: files", len(names), max_files),
    ]


def modules(folder=""):
    """Return the parsed Python modules of a folder of the package, and of those inside, by path."""
    paths = sorted((PACKAGE / folder).rglob("*.py"))
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in paths}


def is_number(node):
    """Return whether an expression is made of numbers alone, such as -1, 2**20 or (1.5, 2)."""
    if isinstance(node, ast.Tuple):
        return bool(node.elts) and all(map(is_number, node.elts))
    if isinstance(node, ast.BinOp):
        return is_number(node.left) and is_number(node.right)
    if isinstance(node, ast.UnaryOp):
        return is_number(node.operand)
    return isinstance(node, ast.Constant) and type(node.value) in (int, float)


def assignments(statement):
    """Yield the (target, value) pairs of a statement; ``A, B = 1, 2`` has two."""
    if not isinstance(statement, ast.Assign | ast.AnnAssign) or not statement.value:
        return
    value = statement.value
    for target in getattr(statement, "targets", None) or [statement.target]:
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            yield from zip(target.elts, value.elts, strict=True)
        else:
            yield target, value


def constants(tree):
    """Return the names of the numeric constants of a module and of its classes."""
    return [
        target.id
        for scope in ast.walk(tree)
        if isinstance(scope, ast.Module | ast.ClassDef)
        for statement in scope.body
        for target, value in assignments(statement)
        if isinstance(target, ast.Name)
        and re.fullmatch("_?[A-Z][A-Z0-9_]*", target.id)
        and is_number(value)
    ]


def comment_above(lines, number):
    """Return the text of the comment that ends above a line, the first of which is 1."""
    comment = []
    while number > 1 and lines[number - 2].startswith("#"):
        number -= 1
        comment.insert(0, lines[number - 1].removeprefix("#").strip())
    return " ".join(comment)


def citations(path, tree):
    """Return what the comments above the numeric constants of a module say gets worse without them.

    Returns
    -------
    cited : dict of str to tuple of (list of str, list of str)
        By constant: the fits of ``python -m benchmarks ablation``, from "+9 % on FIT", and the
        tests, from "tests/FILE.py::TEST fails". Several end with a semicolon, the last with a
        parenthesis.
    """
    lines, cited = path.read_text(encoding="utf-8").splitlines(), {}
    names = constants(tree)
    for statement in ast.walk(tree):
        for target, _ in assignments(statement):
            if isinstance(target, ast.Name) and target.id in names:
                comment = comment_above(lines, statement.lineno)
                fits = re.findall(r"\+\d+ % on ([^;)]+)", comment)
                tests = re.findall(r"(tests/[\w/]+\.py::\w+) fails", comment)
                cited[target.id] = (fits, tests)
    return cited


def functions_of(tree):
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]


def code_lines(path, tree):
    """Return the number of lines of code of each function of a module, by its name."""
    text = path.read_text(encoding="utf-8")
    no_code = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
    lines = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in no_code:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None:
            lines.difference_update(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    return {
        f"{node.name}, line {node.lineno}": len(lines & {*range(node.lineno, node.end_lineno + 1)})
        for node in functions_of(tree)
    }


def methods(tree):
    """Return the number of methods of each class of a module, by its name."""
    return {
        node.name: sum(isinstance(statement, ast.FunctionDef) for statement in node.body)
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }


def constants_result():
    """Return the Result of the numeric constants of FOLDERS."""
    of_file = {
        relative(path): constants(tree)
        for folder in FOLDERS
        for path, tree in modules(folder).items()
    }
    of_file = {file: names for file, names in of_file.items() if names}
    count = sum(map(len, of_file.values()))
    return Result(f"numeric constants in {' and '.join(FOLDERS)}", count, MAX_CONSTANTS, of_file)


def too_large(what, sizes, largest):
    """Return the Result of what is larger than wanted; sizes are numbers by file and name."""
    names = {
        file: [f"{name}: {size}" for name, size in of_name.items() if size > largest]
        for file, of_name in sizes.items()
    }
    names = {file: of_file for file, of_file in names.items() if of_file}
    return Result(what, sum(map(len, names.values())), 0, names)


def methods_result():
    """Return the Result of the classes with too many methods.

    The common base of the estimators has those of scikit-learn's protocol and is left out.
    """
    sizes = {relative(path): methods(tree) for path, tree in modules().items()}
    sizes.pop(ESTIMATORS_BASE, None)
    return too_large(f"classes with more than {MAX_METHODS} methods", sizes, MAX_METHODS)


def lines_result():
    """Return the Result of the functions with too many lines of code."""
    sizes = {relative(path): code_lines(path, tree) for path, tree in modules().items()}
    return too_large(f"functions with more than {MAX_LINES} lines of code", sizes, MAX_LINES)


def untested_result():
    """Return the Result of the modules of FOLDERS without a test file of their name."""
    names = {}
    for folder in FOLDERS:
        tested = {path.stem for path in (ROOT / "tests" / folder).rglob("test_*.py")}
        of_folder = [path.stem for path in modules(folder) if path.stem != "__init__"]
        names[folder] = [stem for stem in of_folder if f"test_{stem}" not in tested]
    names = {folder: of_folder for folder, of_folder in names.items() if of_folder}
    what = f"modules of {' and '.join(FOLDERS)} without the test file of their name"
    return Result(what, sum(map(len, names.values())), 0, names)


def copy_sources(folder):
    """Copy what git tracks, and new files that it does not ignore, to a folder."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)


def build_results():
    """Return the Results of building a wheel of a clean copy, without ccache.

    This environment must have what the build requires.
    """
    environment = {name: value for name, value in os.environ.items() if name != "CC"}
    with tempfile.TemporaryDirectory() as temporary:
        sources, wheels = Path(temporary, "sources"), Path(temporary, "wheels")
        sources.mkdir()
        copy_sources(sources)
        command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [*command, "-w", wheels, "."],
            cwd=sources,
            env=environment | {"CCACHE_DISABLE": "1"},
            check=True,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        (wheel,) = wheels.glob("*.whl")
        megabytes = wheel.stat().st_size / 1e6
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return [
        Result("building: seconds of processor time", round(seconds), MAX_PROCESSOR_SECONDS),
        Result("wheel: MB", round(megabytes, 1), MAX_WHEEL_MEGABYTES),
    ]


def source_results():
    """Return the Results that need no fit."""
    return [constants_result(), methods_result(), lines_result(), untested_result()]


def print_names(results):
    """Print what each result has counted, by file."""
    for result in results:
        if result.names:
            print(f"\n{result.what}: {result.value}")
        for file, names in result.names.items():
            print(f"  {file} ({len(names)})", *names, sep="\n    ")


def main(argv):
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks structure", description=__doc__)
    parser.add_argument("--list", action="store_true", help="print the names that were counted")
    parser.add_argument(
        "--build", action="store_true", help="build a clean copy, too: minutes of processor time"
    )
    add_arguments(parser)
    arguments = parser.parse_args(argv)
    report = Report(COLUMNS, arguments)
    results = []
    for name in FITS:
        results += fit_results(name)
    results += source_results()
    if arguments.build:
        results += build_results()
    report.add(results)
    if arguments.list:
        print_names(results)
    return 0
