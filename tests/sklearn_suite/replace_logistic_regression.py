"""pytest plugin: scikit-learn's own tests run with this package's classes in place of its own.

Loaded with ``-p`` before any test module is imported, it replaces the classes of `REPLACEMENTS` in
the namespace of every scikit-learn module, so that ``from sklearn.linear_model import
LogisticRegression`` gives `LogLossClassifier` from then on. The installed package is not edited.

Tests that cannot hold are listed, with the reason, in ``exclusions.toml`` and left out of the run.
An entry of that list that names no test of the collected modules stops the run.
"""

import fnmatch
import functools
import inspect
import sys
import tomllib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import sklearn
import sklearn.linear_model
from packaging.specifiers import SpecifierSet

from sklogloss import LogLossClassifier, LogLossClassifierCV

REPLACEMENTS = {
    sklearn.linear_model.LogisticRegression: LogLossClassifier,
    sklearn.linear_model.LogisticRegressionCV: LogLossClassifierCV,
}

EXCLUSIONS = Path(__file__).with_name("exclusions.toml")

excluded = pytest.StashKey[Counter]()


def replace_classes():
    """Replace the classes in all loaded scikit-learn modules; later imports find them there."""
    for old, new in REPLACEMENTS.items():
        # Many tests compare names derived from that of the class: of pipeline steps, in messages,
        # in legends of plots. Pickle goes by __qualname__, which stays.
        new.__name__ = old.__name__
        if new is LogLossClassifierCV:
            if inspect.signature(old).parameters["scoring"].default is None:
                # Before version 1.9 tests count on accuracy.
                new.__init__.__kwdefaults__["scoring"] = None
            new.fit = with_legacy_attributes(new.fit)
        if "multi_class" in inspect.signature(old).parameters:
            new.__init__ = without_multi_class(new.__init__)
    for module_name, module in list(sys.modules.items()):
        if module_name.partition(".")[0] != "sklearn":
            continue
        for name, value in list(vars(module).items()):
            if inspect.isclass(value) and value in REPLACEMENTS:
                setattr(module, name, REPLACEMENTS[value])


def without_multi_class(init):
    """Let a constructor ignore `multi_class`, which scikit-learn removed in 1.8.

    The test modules of older versions pass it in the arguments of parametrize, where a TypeError
    would lose the module. Tests whose outcome depends on it are excluded.
    """

    @functools.wraps(init)
    def wrapped(self, *args, multi_class=None, **kwargs):
        init(self, *args, **kwargs)

    return wrapped


def with_legacy_attributes(fit):
    """Let LogLossClassifierCV arrange its attributes as `use_legacy_attributes=True` does.

    The class has the layout of scikit-learn's future, which scikit-learn got in 1.8. Many tests
    that are not about the layout look at attributes in the old one.
    """
    always = (
        "use_legacy_attributes"
        not in inspect.signature(sklearn.linear_model.LogisticRegressionCV).parameters
    )
    default_l1_ratios = inspect.signature(LogLossClassifierCV).parameters["l1_ratios"].default

    @functools.wraps(fit)
    def wrapped(self, *args, **kwargs):
        given = self.use_legacy_attributes
        self.use_legacy_attributes = False
        fit(self, *args, **kwargs)
        self.use_legacy_attributes = given
        if not (always or given is True):
            return self
        classes = self.classes_ if len(self.classes_) > 2 else self.classes_[1:]
        # From (n_folds, n_l1_ratios, n_Cs, ...) to (n_folds, n_Cs, n_l1_ratios, ...).
        paths, scores, n_iter = (
            np.swapaxes(array, 1, 2) for array in (self.coefs_paths_, self.scores_, self.n_iter_)
        )
        if self.l1_ratios is default_l1_ratios:
            paths, scores, n_iter = paths[:, :, 0], scores[:, :, 0], n_iter[:, :, 0]
        self.C_ = np.repeat(self.C_, len(classes))
        self.l1_ratio_ = np.repeat(self.l1_ratio_, len(classes))
        self.coefs_paths_ = {c: paths[..., k, :] for k, c in enumerate(classes)}
        self.scores_ = dict.fromkeys(classes, scores)
        self.n_iter_ = n_iter[None]
        return self

    return wrapped


def applicable_exclusions(path):
    """Return the entries of the file that apply to the installed scikit-learn."""
    with path.open("rb") as file:
        entries = tomllib.load(file)["exclusion"]
    return [
        entry
        for entry in entries
        if SpecifierSet(entry.get("sklearn", "")).contains(sklearn.__version__, prereleases=True)
    ]


def matches(pattern, item):
    """Tell whether `pattern`, "test_name" or "test_name[parameters]" with wildcards, is `item`."""
    name, _, parameters = pattern.partition("[")
    item_name, _, item_parameters = item.name.partition("[")
    return name == item_name and (
        not parameters or fnmatch.fnmatchcase(item_parameters[:-1], parameters[:-1])
    )


def pytest_addoption(parser):
    parser.addoption(
        "--exclusions",
        type=Path,
        default=EXCLUSIONS,
        help="the list of tests that are left out",
    )
    parser.addoption(
        "--only-excluded",
        action="store_true",
        help="run the tests of that list instead of all others",
    )


def pytest_configure(config):
    config.stash[excluded] = Counter()
    replace_classes()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    items_of_module = {}
    for item in items:
        items_of_module.setdefault(item.module.__name__, []).append(item)

    exclusions = config.getoption("exclusions")
    reasons = {}
    stale = []
    for entry in applicable_exclusions(exclusions):
        module_items = items_of_module.get(entry["module"])
        if module_items is None:
            continue
        for pattern in entry["tests"]:
            named = [item for item in module_items if matches(pattern, item)]
            if not named:
                stale.append(f"{entry['module']}::{pattern}")
            reasons.update(dict.fromkeys(named, entry["reason"]))
    # A module selected test by test is not collected in full.
    if stale and not any("::" in argument for argument in config.args):
        raise pytest.UsageError(
            f"{exclusions.name} names tests that scikit-learn {sklearn.__version__} does not have: "
            + ", ".join(stale)
        )

    config.stash[excluded] = Counter(reasons.values())
    only_excluded = config.getoption("only_excluded")
    deselected = [item for item in items if (item in reasons) == (not only_excluded)]
    items[:] = [item for item in items if (item in reasons) == only_excluded]
    config.hook.pytest_deselected(items=deselected)


def pytest_report_header():
    classes = ", ".join(
        f"{new.__module__}.{new.__qualname__} for {old.__name__}"
        for old, new in REPLACEMENTS.items()
    )
    return f"scikit-learn {sklearn.__version__} with {classes}"


def pytest_terminal_summary(terminalreporter, config):
    counts = config.stash[excluded]
    if not counts:
        return
    name = config.getoption("exclusions").name
    terminalreporter.section(f"{counts.total()} tests named in {name}")
    for reason, count in counts.most_common():
        terminalreporter.line(f"{count:5d}  {reason}")
