"""The package stays small enough to be read: what ``python -m benchmarks structure`` counts."""

import ast
import importlib
import sys
from pathlib import Path

import pytest

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
    names = structure.called_functions(lambda: log_loss([0, 1], [0.2, 0.7]))
    assert "log_loss" in names["metrics/log_loss.py"]
