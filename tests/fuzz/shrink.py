"""Make a failing problem small, and print it as a script of its own."""

from dataclasses import replace

import numpy as np

from .verdicts import outcome_of

# Where a hunt ends, in fits.
MAX_FITS = 500


def shrink(problem, kind):
    """Return a smaller problem with the same kind of outcome.

    Rows and columns go, first many at a time, then what else the problem has; numbers lose digits.
    """
    n_fits = 0

    def fails(candidate):
        nonlocal n_fits
        n_fits += 1
        return n_fits <= MAX_FITS and candidate.is_valid and outcome_of(candidate).kind == kind

    previous = None
    while previous is not problem:
        previous = problem
        for candidates in (_fewer_rows, _fewer_columns, _plainer, _rounder):
            problem = _first_that_fails(problem, candidates, fails)
    return problem


def _first_that_fails(problem, candidates, fails):
    # Take from the candidates as long as one of them fails.
    found = True
    while found:
        found = False
        for candidate in candidates(problem):
            if fails(candidate):
                problem, found = candidate, True
                break
    return problem


def _fewer_rows(problem):
    for keep in _subsets(len(problem.X)):
        weight, offset = problem.sample_weight, problem.offset
        y = problem.y[keep]
        if y.ndim == 1:
            y = np.unique(y, return_inverse=True)[1]
        if y.ndim == 1 and problem.parameters.get("bounds") and y.max() != problem.y.max():
            continue
        if offset is not None and offset.ndim == 2 and y.ndim == 1 and y.max() != problem.y.max():
            continue
        yield replace(
            problem,
            X=problem.X[keep],
            y=y,
            sample_weight=None if weight is None else weight[keep],
            offset=None if offset is None else offset[keep],
        )


def _fewer_columns(problem):
    for keep in _subsets(problem.X.shape[1]):
        parameters = dict(problem.parameters)
        if "penalty_factor" in parameters:
            parameters["penalty_factor"] = parameters["penalty_factor"][keep]
        if "bounds" in parameters:
            parameters["bounds"] = tuple(
                bound[keep] if np.ndim(bound) else bound for bound in parameters["bounds"]
            )
        yield replace(problem, X=problem.X[:, keep], parameters=parameters)


def _subsets(size):
    # All but a half, a quarter, ..., one.
    everything, length = np.arange(size), size // 2
    while length >= 1:
        for start in range(0, size, length):
            yield np.delete(everything, slice(start, start + length))
        length //= 2


def _plainer(problem):
    if problem.layout != "C":
        yield replace(problem, layout="C")
    if problem.X.dtype != np.float64:
        yield replace(problem, X=problem.X.astype(np.float64))
    if problem.sample_weight is not None:
        yield replace(problem, sample_weight=None)
    if problem.offset is not None:
        yield replace(problem, offset=None)
    if problem.model != "LogLossClassifier":
        yield replace(problem.with_parameters(gamma=None), model="LogLossClassifier")
    for name in problem.parameters:
        if name != "gamma":
            yield problem.with_parameters(**{name: None})


def _rounder(problem):
    for digits in (1, 2, 4):
        X = np.vectorize(lambda x, digits=digits: float(f"{x:.{digits}g}"))(problem.X)
        X = X.astype(problem.X.dtype)
        if not np.array_equal(X, problem.X):
            yield replace(problem, X=X)
            return


def script_of(problem, outcome):
    """Return the text of a program that needs the package, NumPy and SciPy alone."""
    wrap = {"C": "X", "F": "np.asfortranarray(X)"}.get(
        problem.layout, f"sparse.{problem.layout}_array(X)"
    )
    arguments = ", ".join(f"{name}={value!r}" for name, value in problem.parameters.items())
    lines = [
        f"# {outcome.kind}: {outcome.detail}",
        "import numpy as np",
        "from numpy import array, inf",
        "from scipy import sparse",
        f"from sklogloss import {problem.model}",
        "",
        f"X = np.array({problem.X.tolist()}, dtype=np.{problem.X.dtype})",
        f"y = np.array({problem.y.tolist()})",
        f"clf = {problem.model}({arguments})",
    ]
    extra = {
        name: f"np.array({value.tolist()})"
        for name in ("sample_weight", "offset")
        if (value := getattr(problem, name)) is not None
    }
    arguments = ", ".join([wrap, "y", *(f"{name}={value}" for name, value in extra.items())])
    lines += [f"clf.fit({arguments})", "print(clf.coef_, clf.intercept_, clf.n_iter_)"]
    return "\n".join(lines) + "\n"
