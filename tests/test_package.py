"""What the package promises as a package: its version, its imports, its public names."""

import ast
import importlib
import importlib.metadata
import inspect
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from sklearn.datasets import load_iris

import sklogloss
import sklogloss.calibration
import sklogloss.dask
import sklogloss.displays
import sklogloss.inference
import sklogloss.losses
import sklogloss.metrics

ROOT = Path(__file__).parents[1]
PACKAGE = Path(sklogloss.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))

PUBLIC_MODULES = [
    sklogloss,
    sklogloss.calibration,
    sklogloss.dask,
    sklogloss.displays,
    sklogloss.inference,
    sklogloss.losses,
    sklogloss.metrics,
]

# Which folders (or modules) of the package each one may import, beside itself.
ALLOWED_IMPORTS = {
    "_cython": set(),
    "_version": set(),
    "inputs": set(),
    "losses": {"_cython", "inputs"},
    "penalties": set(),
    "selection": set(),
    "linear": {"_cython", "losses", "penalties"},
    "solvers": {"_cython", "losses", "penalties", "linear"},
    "classifiers": {"_version", "inputs", "losses", "penalties", "selection", "linear", "solvers"},
    "calibration": {"inputs", "losses", "linear", "classifiers", "metrics"},
    "inference": {"inputs", "losses", "penalties", "linear", "solvers", "classifiers"},
    "dask": {"inputs", "linear", "solvers", "classifiers", "metrics"},
    "metrics": {"inputs", "losses"},
    "displays": {"inputs", "selection", "losses", "metrics"},
    "onnx": {"inputs", "losses", "classifiers"},
    "_show_versions": {"_cython", "linear"},
    "__main__": {"_show_versions"},
    "__init__": {"_show_versions", "_version", "classifiers"},
}


def run_python(*arguments):
    # -I keeps the working directory, where the sources may lie, off the path.
    command = [sys.executable, "-I", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def layer(parts):
    return parts[0].removesuffix(".py")


def imported_modules(path):
    """Return the full names of the modules that the file imports, relative ones resolved."""
    package = ("sklogloss", *path.relative_to(PACKAGE).parts[:-1])
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parents = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*parents, *([node.module] if node.module else [])])
            # `from sklogloss import losses` imports a module, `from numpy import exp` a name;
            # one more part does no harm, since only the first two are looked at.
            names |= {f"{module}.{alias.name}" for alias in node.names}
    return names


def public_functions():
    """Return the public functions, and the public methods and constructors of the package."""
    functions = {}
    for module in PUBLIC_MODULES:
        for name in module.__all__:
            value = getattr(module, name)
            if inspect.isfunction(value):
                functions[name] = value
            if not inspect.isclass(value):
                continue
            for attribute, member in inspect.getmembers(value, inspect.isfunction):
                defined_here = member.__module__.startswith("sklogloss")
                if defined_here and (attribute == "__init__" or not attribute.startswith("_")):
                    functions[f"{name}.{attribute}"] = member
    return [pytest.param(function, id=name) for name, function in functions.items()]


def test_version_is_that_of_the_metadata():
    assert sklogloss.__version__ == importlib.metadata.version("sklogloss")


def test_type_information_is_installed():
    assert (PACKAGE / "py.typed").is_file()
    compiled = {path.name.split(".")[0] for path in (PACKAGE / "_cython").glob("*.pyi")}
    assert "build_info" in compiled


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_go_one_way(path):
    own = layer(path.relative_to(PACKAGE).parts)
    imported = [name.split(".") for name in imported_modules(path)]
    layers = {parts[1] for parts in imported if parts[0] == "sklogloss"}
    assert layers <= ALLOWED_IMPORTS[own] | {own}
    if own in {"losses", "penalties", "linear", "solvers"}:
        assert "sklearn" not in {parts[0] for parts in imported}


@pytest.mark.parametrize("module", PUBLIC_MODULES, ids=lambda module: module.__name__)
def test_public_names_exist_and_are_documented(module):
    for name in module.__all__:
        assert inspect.getdoc(getattr(module, name)), name


@pytest.mark.parametrize("function", public_functions())
def test_public_functions_have_docstrings_and_type_hints(function):
    assert inspect.getdoc(function)
    signature = inspect.signature(function)
    assert signature.return_annotation is not inspect.Signature.empty
    untyped = [
        name
        for name, parameter in signature.parameters.items()
        if parameter.annotation is inspect.Parameter.empty and name != "self"
    ]
    assert untyped == []


def test_import_loads_no_more_packages_than_scikit_learn_does():
    program = """
import sys
import sklearn.linear_model
import sklearn.pipeline
before = {name.partition(".")[0] for name in sys.modules}
import sklogloss
import sklogloss.calibration
after = {name.partition(".")[0] for name in sys.modules}
print(*sorted(after - before))
"""
    loaded = run_python("-c", program).split()
    # Cython keeps what its modules share under a name with its version.
    assert [name for name in loaded if not name.startswith("_cython_")] == ["sklogloss"]


def test_sources_that_are_not_compiled_say_so(tmp_path):
    shutil.copytree(PACKAGE, tmp_path / "sklogloss", ignore=shutil.ignore_patterns("*.so", "*.pyd"))
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import sklogloss"
    with pytest.raises(subprocess.CalledProcessError) as error:
        run_python("-c", code)
    assert "not compiled in" in error.value.stderr
    assert "pip install -e ." in error.value.stderr


@pytest.mark.parametrize(
    ("name", "pattern"), [("CHANGELOG.md", r"^## (\S+)"), ("CITATION.cff", r"^version: (\S+)")]
)
def test_files_name_the_version(name, pattern):
    text = (ROOT / name).read_text(encoding="utf-8")
    assert re.search(pattern, text, re.MULTILINE)[1] == sklogloss.__version__


def test_show_versions(capsys):
    sklogloss.show_versions()
    printed = dict(line.split(": ", 1) for line in capsys.readouterr().out.splitlines())
    assert printed["sklogloss"] == sklogloss.__version__
    for package in ("scikit-learn", "numpy", "scipy", "joblib", "threadpoolctl"):
        assert printed[package] == importlib.metadata.version(package)
    assert printed["compiler"]
    assert printed["OpenMP"].startswith("built with")
    assert printed["SIMD level"] in {
        "x86-64-v4",
        "x86-64-v3",
        "x86-64 baseline",
        "the compiler's target",
    }
    assert int(printed["threads"]) >= 1
    assert any(name.startswith("BLAS") for name in printed)


def test_module_prints_the_versions():
    printed = run_python("-m", "sklogloss")
    assert f"sklogloss: {sklogloss.__version__}\n" in printed
    assert "SIMD level: " in printed


# Events of Python's audit hooks that a fit, a prediction or a metric has no reason to cause.
FORBIDDEN_EVENTS = ("socket.", "subprocess.", "tempfile.", "urllib.", "os.exec", "os.system")
events = []
is_watching = False


def watch(event, arguments):
    if not is_watching:
        return
    writes = event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")
    if writes or event.startswith(FORBIDDEN_EVENTS):
        events.append((event, arguments))


def test_fits_open_no_connection_and_write_no_file():
    global is_watching
    sys.addaudithook(watch)  # no hook can be removed
    X, y = load_iris(return_X_y=True)
    is_watching = True
    try:
        for estimator in (
            sklogloss.LogLossClassifier(l1_ratio=0.5),
            sklogloss.FocalLogisticRegression(),
            sklogloss.LogLossClassifierCV(Cs=2, cv=2, n_jobs=2),
        ):
            proba = estimator.fit(X, y).predict_proba(X)
            sklogloss.metrics.log_loss_decomposition(y, proba)
            estimator.set_params(probabilities="model").to_sklearn()
        sklogloss.logloss_path(X, y, Cs=3)
    finally:
        is_watching = False
    assert events == []


def test_the_package_reads_no_environment_variable_except_openmp_s():
    for path in MODULES:
        assert "environ" not in path.read_text(encoding="utf-8"), path
        assert "getenv" not in path.read_text(encoding="utf-8"), path
    for path in PACKAGE.rglob("*.[chp]*"):
        if path.suffix in (".c", ".h", ".pyx", ".pxd"):
            read = re.findall(r"getenv(.*);", path.read_text(encoding="utf-8"))
            assert set(read) <= {'("OMP_NUM_THREADS")'}, path
