"""The package stays small enough to be read: what ``python -m benchmarks structure`` counts."""

import ast
import doctest
import importlib
import re
import sys
from pathlib import Path

import pytest
from sklearn.datasets import load_breast_cancer

from sklogloss import LogLossClassifier
from sklogloss.metrics import log_loss

ROOT = Path(__file__).resolve().parents[1]

SOURCE = '''\
"""A module."""

LIMIT = 3
_RATIOS = (0.5, -1, 2**20)
TEXT = "3"
IS_SMALL = True
TABLE = {"a": 1}
lower_case = 1


class Counter:
    """A class."""

    STEP: int = 2

    def add(self, count):
        """Return the sum.

        The second line.
        """
        # A comment.

        return (
            self.STEP
            + count  # another
        )

    @property
    def step(self):
        LOCAL = 1
        return LOCAL
'''


@pytest.fixture(scope="module")
def structure():
    # At the end of the path, so that the installed package is measured and not the folder beside.
    sys.path.append(str(ROOT))
    try:
        return importlib.import_module("benchmarks.structure")
    finally:
        sys.path.remove(str(ROOT))


def test_constants_are_the_numbers_of_modules_and_classes(structure):
    assert structure.constants(ast.parse(SOURCE)) == ["LIMIT", "_RATIOS", "STEP"]


def test_lines_of_code_are_neither_docstring_nor_comment_nor_blank(structure, tmp_path):
    path = tmp_path / "module.py"
    path.write_text(SOURCE)
    lines = structure.code_lines(path, ast.parse(SOURCE))
    assert lines == {"add, line 16": 5, "step, line 29": 3}


def test_methods_are_the_functions_of_a_class(structure):
    assert structure.methods(ast.parse(SOURCE)) == {"Counter": 2}


def test_functions_of_a_fit_are_those_of_the_package(structure):
    called = structure.called_functions(lambda: log_loss([0, 1], [0.2, 0.7]))
    assert called[0] == ("metrics/log_loss.py", "log_loss")
    assert structure.by_file(called)["metrics/log_loss.py"].count("log_loss") == 1


@pytest.mark.parametrize(
    ("name", "max_functions", "max_files"),
    [
        ("plain dense", 50, 12),
        ("large dense", 70, 16),
        ("L1", 70, 16),
        ("ten classes", 70, 16),
        ("focal", 70, 16),
    ],
)
def test_fits_can_be_followed_in_one_sitting(structure, name, max_functions, max_files):
    functions, files = structure.fit_results(name)
    assert functions.value <= max_functions, functions.names
    assert files.value <= max_files


def test_page_on_the_life_of_a_fit_names_what_is_called_in_order(structure):
    page = (ROOT / "docs" / "development" / "life_of_a_fit.rst").read_text(encoding="utf-8")
    named = re.findall(r"^\d+\. ``([\w/.]+)``: `([\w.]+)`", page, re.MULTILINE)
    source = "".join(example.source for example in doctest.DocTestParser().get_examples(page))
    called = structure.called_functions(lambda: exec(source, {}))
    assert [called.index(name) for name in named] == sorted(called.index(name) for name in named)
    assert len(named) > 15


def test_few_numbers_steer_the_solvers(structure):
    result = structure.constants_result()
    assert result.value <= 40, result.names


def test_each_number_cites_what_gets_worse_without_it(structure):
    sys.path.append(str(ROOT))
    try:
        fits = importlib.import_module("benchmarks.ablation").FITS
    finally:
        sys.path.remove(str(ROOT))
    for folder in structure.FOLDERS:
        for path, tree in structure.modules(folder).items():
            for name, (cited_fits, cited_tests) in structure.citations(path, tree).items():
                assert cited_fits or cited_tests, f"{path}: {name}"
                for fit in cited_fits:
                    assert fit in fits, f"{path}: {name}"
                for test in cited_tests:
                    file, function = test.split("::")
                    source = (ROOT / file).read_text(encoding="utf-8")
                    assert f"\ndef {function}(" in source, f"{path}: {name}"


@pytest.mark.parametrize("l1_ratio", [0.0, 1.0])
def test_the_work_of_a_fit_can_be_counted(structure, l1_ratio):
    sys.path.append(str(ROOT))
    try:
        work = importlib.import_module("benchmarks.work")
    finally:
        sys.path.remove(str(ROOT))
    meter = work.Meter()
    with work.metered(meter):
        LogLossClassifier(l1_ratio=l1_ratio).fit(*load_breast_cancer(return_X_y=True))
    assert meter.seconds > 0


def test_a_citation_is_a_fit_or_a_test(structure, tmp_path):
    path = tmp_path / "module.py"
    path.write_text(
        "# Of no use.\n\n"
        "# Rows, at least (1: +9 % on 100 x 20,\n# K = 3; 9: tests/a/test_b.py::test_c fails).\n"
        "ROWS = 3\nCOLUMNS = 4\n"
    )
    cited = structure.citations(path, ast.parse(path.read_text()))
    assert cited == {
        "ROWS": (["100 x 20, K = 3"], ["tests/a/test_b.py::test_c"]),
        "COLUMNS": ([], []),
    }


# Modules that may read X of samples or of a design. All others ask for a pass, for some rows or
# columns as Samples, or for the Entries.
READ_X = {
    # These have it: they take rows and columns, and make the passes.
    "linear/samples.py",
    "linear/partitioned_samples.py",
    "linear/torch_samples.py",
    # What needs X in one place gets it from here.
    "linear/entries.py",
    # Pairs have an X of their own, which need not be that of samples.
    "linear/separation.py",
    "inference/separation.py",
}


@pytest.mark.parametrize("folder", ["linear", "solvers", "inference"])
def test_nothing_above_samples_reads_x(structure, folder):
    readers = {
        structure.relative(path)
        for path, tree in structure.modules(folder).items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr == "X"
    }
    assert readers <= READ_X


def test_no_other_part_of_the_package_reads_x_of_samples(structure):
    owners = {"samples", "design", "local"}
    readers = [
        (structure.relative(path), node.lineno)
        for path, tree in structure.modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr == "X"
        if getattr(node.value, "attr", getattr(node.value, "id", "")) in owners
        if structure.relative(path) not in READ_X
    ]
    assert readers == []


@pytest.mark.parametrize("folder", ["linear", "solvers"])
def test_each_module_has_the_test_file_of_its_name(folder):
    package = ROOT / "sklogloss"
    modules = [path for path in (package / folder).rglob("*.py") if path.name != "__init__.py"]
    assert len(modules) > 5
    for path in modules:
        tests = ROOT / "tests" / path.relative_to(package).with_name(f"test_{path.name}")
        assert tests.exists(), path


def test_no_function_has_more_lines_than_can_be_read_at_once(structure):
    assert structure.lines_result().names == {}


def test_no_class_has_more_methods_than_can_be_read_at_once(structure):
    assert structure.methods_result().names == {}
