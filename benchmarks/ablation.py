"""What each numeric constant of the solvers is worth: fits with other values of it.

Each constant is made 4 times and 1,000 times smaller and larger; the last two stand for a heuristic
that is switched off. Work is counted, not timed, so that it is the same on any machine, busy or
not: passes over X, factors, sweeps and Python steps, in seconds by the cost model of
sklogloss/solvers/costs.py. A fit that takes MOST_WORK times as much is given up. A constant that a
fit never reads is not tried on it.

The table has one row for each constant and value: the fits that become dearer and cheaper by most,
and the largest excess of an objective over that of the unchanged package, relative to it.
"""

import argparse
import ast
import importlib
import sys
import warnings
from collections import defaultdict
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
from scipy.special import log_expit, log_softmax
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, make_classification
from sklearn.preprocessing import StandardScaler

from benchmarks.report import Report, add_arguments
from benchmarks.structure import FOLDERS, PACKAGE, ROOT, citations, constants, modules
from benchmarks.tasks import correlated, text_like
from benchmarks.work import Meter, TooMuchWork, metered, patched
from sklogloss import (
    FocalLogisticRegression,
    LogLossClassifier,
    LogLossClassifierCV,
    logloss_path,
)
from sklogloss.solvers import plan

# By which a constant is multiplied.
FACTORS = (1e-3, 1 / 4, 4, 1e3)
# A fit is given up at this many times the work of the unchanged package.
MOST_WORK = 30
# Gains and losses below this are not shown.
SHOWN = 0.1

COLUMNS = {
    "constant": "{0.constant}",
    "value": "{0.value}",
    "fits": "{0.n_fits:,}",
    "dearest": "{0.dearest}",
    "cheapest": "{0.cheapest}",
    "largest excess": "{0.excess}",
}


@dataclass
class Result:
    """What one value of a constant changes.

    Attributes
    ----------
    constant, value : str
    n_fits : int
        Fits that read the constant.
    dearest, cheapest : str
        Change of the work in percent, and the fit, where it is SHOWN.
    excess : str
        Of an objective, relative, and the fit.
    """

    constant: str
    value: str
    n_fits: int
    dearest: str
    cheapest: str
    excess: str


def objective(X, y, coef, intercept, C=1.0, l1_ratio=0.0, gamma=0.0):
    """Return C times the summed loss, log loss or focal loss, plus the penalty, in float64."""
    coef, intercept = np.asarray(coef, dtype=np.float64), np.asarray(intercept, dtype=np.float64)
    raw_prediction = X @ coef.T + intercept
    _, label = np.unique(y, return_inverse=True)
    if len(coef) == 1:
        log_proba = log_expit(np.where(label == 1, 1, -1) * raw_prediction[:, 0])
    else:
        log_proba = log_softmax(raw_prediction, axis=1)[np.arange(len(label)), label]
    loss = -((-np.expm1(log_proba)) ** gamma) * log_proba
    penalty = (1 - l1_ratio) / 2 * np.sum(coef**2) + l1_ratio * np.abs(coef).sum()
    return loss.sum() if np.isinf(C) else C * loss.sum() + penalty


def fitted(X, y, *, estimator=LogLossClassifier, **parameters):
    """Return the objective where an estimator ends."""
    model = estimator(n_jobs=1, max_iter=1000, **parameters).fit(X, y)
    names = ("C", "l1_ratio", "gamma")
    terms = {name: getattr(model, name) for name in names if hasattr(model, name)}
    return [objective(X, y, model.coef_, model.intercept_, **terms)]


def path_end(X, y, **parameters):
    """Return the objectives along a path."""
    path = logloss_path(X, y, Cs=20, n_jobs=1, **parameters)
    l1_ratio = parameters.get("l1_ratio", 0.0)
    ends = zip(path.Cs, path.coefs, path.intercepts, strict=True)
    return [objective(X, y, coef, intercept, C, l1_ratio) for C, coef, intercept in ends]


def cross_validated(X, y, **parameters):
    """Return the objective of the refit, and the mean scores."""
    model = LogLossClassifierCV(cv=3, n_jobs=1, max_iter=1000, **parameters).fit(X, y)
    return [objective(X, y, model.coef_, model.intercept_, float(np.ravel(model.C_)[0]))]


def scaled_breast_cancer():
    X, y = load_breast_cancer(return_X_y=True)
    return StandardScaler().fit_transform(X), y


def text(n_classes, n_samples=5_000, n_features=5_000):
    """Return text-like rows, of two classes or of the largest of n_classes scores."""
    X, y = text_like(n_samples, n_features, n_words=40)
    if n_classes > 2:
        rng = np.random.default_rng(1)
        scores = X @ (6 * rng.standard_normal((n_features, n_classes)))
        y = np.argmax(scores + rng.gumbel(size=scores.shape), axis=1)
    return X, y


def few_digits(n_samples=None):
    X, y = load_digits(return_X_y=True)
    return X[:n_samples] / 16, y[:n_samples]


def several(n_samples, n_features, n_classes):
    """Return normal features and the class of the largest noisy score."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_samples, n_features))
    scores = 2 * X @ rng.standard_normal((n_features, n_classes)) / np.sqrt(n_features)
    return X, np.argmax(scores + rng.gumbel(size=scores.shape), axis=1)


def separable():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((500, 10))
    return X, (X[:, 0] > 0).astype(int)


def far_row():
    X, y = correlated(2_000, 10)
    X[7] = 1e6
    return X, y


def off_centre():
    X, y = correlated(500, 4_000)
    return X + 20, y


def rare_classes():
    return make_classification(
        5_000,
        100,
        n_informative=20,
        n_classes=6,
        weights=[0.9, 0.05, 0.02, 0.01, 0.01],
        random_state=0,
    )


FOCAL = partial(fitted, estimator=FocalLogisticRegression)
# Name of the fit: (data, fit). Each takes seconds at most.
FITS = {
    "100,000 x 20": (partial(correlated, 100_000, 20), fitted),
    "100,000 x 20, tol = 1e-1": (partial(correlated, 100_000, 20), partial(fitted, tol=1e-1)),
    "40,000 x 200": (partial(correlated, 40_000, 200), fitted),
    "20,000 x 300": (partial(correlated, 20_000, 300), fitted),
    "20,000 x 500": (partial(correlated, 20_000, 500), fitted),
    "100,000 x 100": (partial(correlated, 100_000, 100), fitted),
    "200,000 x 100": (partial(correlated, 200_000, 100), fitted),
    "11,000 x 6": (partial(correlated, 11_000, 6), fitted),
    "500 x 4,000": (partial(correlated, 500, 4_000), fitted),
    "500 x 4,000, off centre": (off_centre, fitted),
    "300 x 2,000, K = 5": (partial(several, 300, 2_000, 5), fitted),
    "2,000 x 256": (partial(correlated, 2_000, 256), fitted),
    "2,000 x 256, lbfgs": (partial(correlated, 2_000, 256), partial(fitted, solver="lbfgs")),
    "1,000 x 1,500, C = 100": (partial(correlated, 1_000, 1_500), partial(fitted, C=100.0)),
    "text": (partial(text, 2), fitted),
    "text, C = 100": (partial(text, 2), partial(fitted, C=100.0)),
    "text, K = 12": (partial(text, 12), fitted),
    "text 1,500 x 4,000, K = 12": (partial(text, 12, 1_500, 4_000), fitted),
    "text 1,500 x 4,000, K = 12, C = 100": (
        partial(text, 12, 1_500, 4_000),
        partial(fitted, C=100.0),
    ),
    "digits": (few_digits, fitted),
    "digits, lbfgs": (few_digits, partial(fitted, solver="lbfgs")),
    "digits, newton-cg": (few_digits, partial(fitted, solver="newton-cg")),
    "5,000 x 100, K = 6, rare classes": (rare_classes, fitted),
    "20,000 x 30, K = 4": (partial(several, 20_000, 30, 4), fitted),
    "iris": (partial(load_iris, return_X_y=True), fitted),
    "iris, C = 1e4": (partial(load_iris, return_X_y=True), partial(fitted, C=1e4)),
    "breast cancer": (scaled_breast_cancer, fitted),
    "breast cancer, unscaled": (partial(load_breast_cancer, return_X_y=True), fitted),
    "breast cancer, unscaled, lbfgs": (
        partial(load_breast_cancer, return_X_y=True),
        partial(fitted, solver="lbfgs"),
    ),
    "breast cancer, no penalty": (scaled_breast_cancer, partial(fitted, C=np.inf)),
    "separable, no penalty": (separable, partial(fitted, C=np.inf)),
    "separable, C = 1e6": (separable, partial(fitted, C=1e6)),
    "a row far away": (far_row, fitted),
    "20,000 x 100, L1": (
        partial(correlated, 20_000, 100),
        partial(fitted, l1_ratio=1.0, C=0.01),
    ),
    "2,000 x 256, L1": (partial(correlated, 2_000, 256), partial(fitted, l1_ratio=1.0)),
    "500 x 4,000, L1": (partial(correlated, 500, 4_000), partial(fitted, l1_ratio=1.0, C=0.1)),
    "500 x 4,000, elastic net": (
        partial(correlated, 500, 4_000),
        partial(fitted, l1_ratio=0.5, C=1.0),
    ),
    "breast cancer, L1": (scaled_breast_cancer, partial(fitted, l1_ratio=1.0)),
    "breast cancer, L1, C = 1e3": (scaled_breast_cancer, partial(fitted, l1_ratio=1.0, C=1e3)),
    "digits, L1": (few_digits, partial(fitted, l1_ratio=1.0)),
    "text, L1": (partial(text, 2), partial(fitted, l1_ratio=1.0)),
    "text, K = 12, L1": (partial(text, 12), partial(fitted, l1_ratio=1.0)),
    "300 x 2,000, K = 5, L1": (
        partial(several, 300, 2_000, 5),
        partial(fitted, l1_ratio=1.0, C=0.3),
    ),
    # No coefficient comes near the bounds, but without them no working set comes first.
    "300 x 2,000, K = 5, L1, bounds": (
        partial(several, 300, 2_000, 5),
        partial(fitted, l1_ratio=1.0, C=0.3, bounds=(-10.0, 10.0)),
    ),
    "breast cancer, focal": (scaled_breast_cancer, FOCAL),
    "20,000 x 50, focal": (partial(correlated, 20_000, 50), FOCAL),
    "20,000 x 300, focal": (partial(correlated, 20_000, 300), FOCAL),
    "2,000 x 256, focal": (partial(correlated, 2_000, 256), FOCAL),
    "500 x 4,000, focal": (partial(correlated, 500, 4_000), FOCAL),
    "300 x 300, focal, C = 1e4": (partial(correlated, 300, 300), partial(FOCAL, C=1e4)),
    "digits, focal": (few_digits, FOCAL),
    "text, focal": (partial(text, 2), FOCAL),
    "breast cancer, focal, L1": (scaled_breast_cancer, partial(FOCAL, l1_ratio=1.0)),
    "breast cancer, path": (scaled_breast_cancer, path_end),
    "breast cancer, L1 path": (scaled_breast_cancer, partial(path_end, l1_ratio=1.0)),
    "200 x 1,500, L1 path": (partial(correlated, 200, 1_500), partial(path_end, l1_ratio=1.0)),
    "digits, path": (few_digits, path_end),
    "digits[:600], cross-validation": (partial(few_digits, 600), cross_validated),
    "breast cancer, cross-validation": (scaled_breast_cancer, cross_validated),
}


@cache
def data_of(make):
    return make()


def run_fit(name, limit=np.inf):
    """Return the work (seconds by the cost model) and the objectives of one of FITS."""
    make, fit = FITS[name]
    X, y = data_of(make)
    meter = Meter(limit)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with metered(meter):
            ends = fit(X, y)
    return meter.seconds, np.array(ends)


@dataclass
class Reads:
    """What the fits of one name have read.

    Attributes
    ----------
    names : dict of str to set of str
        Global names that the functions called may read, by file.
    plans : list of tuple
        Arguments of `make_plan`.
    """

    names: dict
    plans: list

    @classmethod
    def of(cls, function):
        """Return what function returns, and its Reads."""
        reads = cls(defaultdict(set), [])

        def note(frame, event, argument):
            code = frame.f_code
            if event == "call" and code.co_filename.startswith(str(PACKAGE)):
                reads.names[code.co_filename].update(code.co_names)
                if code is plan.make_plan.__code__:
                    reads.plans.append((frame.f_locals["facts"], frame.f_locals["solver"]))

        sys.setprofile(note)
        try:
            result = function()
        finally:
            sys.setprofile(None)
        return result, reads

    def depends_on(self, constant, value):
        """Return whether another value of a constant may change the fit."""
        readers = [module for module in constant.modules if constant.is_read(self.names, module)]
        if readers != [plan]:
            return bool(readers)
        plans = [plan.make_plan(*arguments) for arguments in self.plans]
        with patched([(plan, constant.name, value)]):
            return plans != [plan.make_plan(*arguments) for arguments in self.plans]


@dataclass
class Constant:
    """A named number, and the modules that read it."""

    name: str
    modules: list

    @property
    def label(self):
        path = self.modules[0].__file__.removeprefix(f"{PACKAGE}/").removesuffix(".py")
        return f"{path}: {self.name}"

    @property
    def value(self):
        return getattr(self.modules[0], self.name)

    def is_read(self, names, module):
        return self.name in names.get(module.__file__, ())

    def times(self, factor):
        """Return the value times a factor; whole numbers stay whole, and positive.

        Nested subsets of half of the rows, or more, would have no end.
        """
        if self.name == "SUBSET_FRACTION":
            return min(self.value * factor, 0.49)
        if isinstance(self.value, tuple):
            return tuple(scaled(value, factor) for value in self.value)
        return scaled(self.value, factor)


def scaled(value, factor):
    return max(1, round(value * factor)) if isinstance(value, int) else value * factor


def find_constants():
    """Return the Constants of FOLDERS, with the modules that import them."""
    trees = {path: tree for folder in FOLDERS for path, tree in modules(folder).items()}
    # No fit here has tensors, and PyTorch may not be installed.
    trees = {path: tree for path, tree in trees.items() if path.stem != "torch_samples"}
    of_name = {
        path: importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
        for path in trees
    }
    found = []
    for path, tree in trees.items():
        for name in constants(tree):
            readers = [of_name[path]]
            for other, other_tree in trees.items():
                imported = {
                    alias.name
                    for node in ast.walk(other_tree)
                    if isinstance(node, ast.ImportFrom)
                    and (node.module or "").split(".")[-1] == path.stem
                    for alias in node.names
                }
                if name in imported:
                    readers.append(of_name[other])
            found.append(Constant(name, readers))
    return found


def cited_fits():
    """Return the names of the fits that are cited beside each constant."""
    return {
        name: fits
        for folder in FOLDERS
        for path, tree in modules(folder).items()
        for name, (fits, _) in citations(path, tree).items()
    }


def compare(constant, value, base, reads):
    """Return the Result of another value of a constant on the fits that read it."""
    changes, excesses = {}, {}
    for name, (seconds, ends) in base.items():
        if not reads[name].depends_on(constant, value):
            continue
        try:
            with patched([(module, constant.name, value) for module in constant.modules]):
                work, other_ends = run_fit(name, MOST_WORK * seconds)
        except TooMuchWork:
            changes[name] = np.inf
            continue
        except Exception as error:
            excesses[name] = np.inf
            print(f"{constant.label} = {value}, {name}: {error!r}", file=sys.stderr)
            continue
        changes[name] = work / seconds - 1
        size = np.maximum(np.abs(ends), np.finfo(float).tiny)
        excesses[name] = np.nanmax((other_ends - ends) / size)
    return Result(
        constant.label,
        text_of(value),
        len(changes),
        extreme(changes, max, lambda change: change >= SHOWN, "{:+.0%}"),
        extreme(changes, min, lambda change: change <= -SHOWN, "{:+.0%}"),
        extreme(excesses, max, lambda excess: excess >= 1e-10, "{:.0e}"),
    )


def text_of(value):
    if isinstance(value, tuple):
        return ", ".join(map(text_of, value))
    return f"{value:,}" if isinstance(value, int) else f"{value:.3g}"


def extreme(values, which, is_shown, form):
    """Return the largest or smallest of values, and its name, if it is to be shown."""
    shown = {name: value for name, value in values.items() if is_shown(value)}
    if not shown:
        return ""
    name = which(shown, key=shown.get)
    more = f" (and {len(shown) - 1} more)" if len(shown) > 1 else ""
    return f"{form.format(shown[name])}: {name}{more}"


def main(argv):
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks ablation", description=__doc__)
    parser.add_argument("--constants", nargs="+", help="names; default: all")
    parser.add_argument("--fits", nargs="+", choices=list(FITS), help="default: all")
    parser.add_argument(
        "--cited", action="store_true", help="of each constant, only the fits named beside it"
    )
    parser.add_argument("--base", action="store_true", help="print the work of each fit, and end")
    add_arguments(parser)
    arguments = parser.parse_args(argv)
    constants_to_try = [
        constant
        for constant in find_constants()
        if not arguments.constants or constant.name in arguments.constants
    ]
    names = arguments.fits or FITS
    if arguments.cited:
        cited = cited_fits()
        names = [name for name in names if any(name in fits for fits in cited.values())]
    base, reads = {}, {}
    for name in names:
        base[name], reads[name] = Reads.of(partial(run_fit, name))
        if arguments.base:
            print(f"{name}: {1e3 * base[name][0]:.4g} ms, {base[name][1][-1]:.12g}", flush=True)
    if arguments.base:
        return 0
    report = Report(COLUMNS, arguments)
    for constant in constants_to_try:
        of_constant = base
        if arguments.cited:
            of_constant = {name: base[name] for name in cited[constant.name] if name in base}
        values = dict.fromkeys(constant.times(factor) for factor in FACTORS)
        values.pop(constant.value, None)
        report.add([compare(constant, value, of_constant, reads) for value in values])
    return 0
