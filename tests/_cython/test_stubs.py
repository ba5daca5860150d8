"""The type stubs of the compiled modules against the modules themselves."""

import ast
import importlib
import inspect
from pathlib import Path

import pytest

import sklogloss

PACKAGE = Path(sklogloss.__file__).parent
STUBS = sorted(path.stem for path in (PACKAGE / "_cython").glob("*.pyi"))


def imported_modules():
    """Return the names of the compiled modules that Python files of the package import."""
    names = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(
                "sklogloss._cython"
            ):
                if node.module == "sklogloss._cython":
                    names.update(alias.name for alias in node.names)
                else:
                    names.add(node.module.rpartition(".")[2])
    return {name for name in names if not (PACKAGE / "_cython" / f"{name}.py").exists()}


def test_each_compiled_module_that_python_imports_has_a_stub():
    assert imported_modules() <= set(STUBS)


@pytest.mark.parametrize("name", STUBS)
def test_functions_have_the_parameters_of_their_stub(name):
    module = importlib.import_module(f"sklogloss._cython.{name}")
    stub = ast.parse((PACKAGE / "_cython" / f"{name}.pyi").read_text(encoding="utf-8"))
    functions = {node.name: node.args for node in stub.body if isinstance(node, ast.FunctionDef)}
    public = {
        key
        for key, value in vars(module).items()
        if callable(value) and not inspect.isclass(value) and not key.startswith("_")
    }
    assert public == set(functions)
    for function_name, arguments in functions.items():
        parameters = inspect.signature(getattr(module, function_name)).parameters
        assert list(parameters) == [argument.arg for argument in arguments.args]


@pytest.mark.parametrize("name", STUBS)
def test_classes_have_the_attributes_of_their_stub(name):
    module = importlib.import_module(f"sklogloss._cython.{name}")
    stub = ast.parse((PACKAGE / "_cython" / f"{name}.pyi").read_text(encoding="utf-8"))
    for node in stub.body:
        if isinstance(node, ast.ClassDef):
            members = {member.name for member in node.body if isinstance(member, ast.FunctionDef)}
            assert members <= set(dir(getattr(module, node.name)))
