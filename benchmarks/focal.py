"""Fits of focal loss against those of log loss, and against SciPy's and PyTorch's L-BFGS.

gamma = 2. L-BFGS takes the loss in plain NumPy, or in PyTorch where it is installed, and starts
from zero. It stops at the tolerance of the other fits, a largest entry of the gradient of the mean
objective of 1e-4, where it is far from as accurate as they are; and, in rows of their own, at the
first tolerance, 1e-5, 1e-6, ..., at which its excess is below 1e-6. The excess is by how much, in
parts of it, an objective is above that of FocalLogisticRegression.
"""

import argparse
import warnings
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax
from sklearn.exceptions import ConvergenceWarning

from benchmarks.report import Report, add_arguments
from benchmarks.tasks import DEFAULT_TOL, FOLDER_TASKS, MAX_ITER, TASKS, load_task
from benchmarks.timing import seconds_of_each
from sklogloss import FocalLogisticRegression, LogLossClassifier

GAMMA = 2.0
# At which two fits count as equally accurate.
SAME_EXCESS = 1e-6
DEFAULT_TASKS = ["dense-20", "text", "digits", "breast-cancer"]
COLUMNS = {
    "task": "{0.task}",
    "fit": "{0.fit}",
    "seconds": "{0.seconds:.4f}",
    "of log loss": "{0.of_log_loss:.2f}",
    "of focal loss": "{0.of_focal_loss:.1f}",
    "excess": "{0.excess:.1e}",
}


@dataclass
class Result:
    """One row of the table; excess is NaN for log loss, whose objective is another one."""

    task: str
    fit: str
    seconds: float
    of_log_loss: float
    of_focal_loss: float
    excess: float


class NumpyFocalLoss:
    """The mean penalised focal loss of a task and its gradient, as one writes it in NumPy."""

    def __init__(self, task):
        self.X, self.alpha = task.X, task.alpha
        self.n_outputs = task.n_outputs
        self.size = self.n_outputs * (task.X.shape[1] + 1)
        self.rows = np.arange(len(task.y))
        self.label = task.class_index

    def __call__(self, parameters):
        parameters = parameters.reshape(self.n_outputs, -1)
        coef, intercept = parameters[:, :-1], parameters[:, -1]
        raw_prediction = self.X @ coef.T + intercept
        slope = self._binary if self.n_outputs == 1 else self._multinomial
        losses, slopes = slope(raw_prediction)
        slopes /= len(losses)
        gradient = np.empty_like(parameters)
        gradient[:, :-1] = (self.X.T @ slopes).T + self.alpha * coef
        gradient[:, -1] = slopes.sum(axis=0)
        return losses.mean() + self.alpha / 2 * np.sum(coef**2), gradient.ravel()

    def _binary(self, raw_prediction):
        sign = np.where(self.label == 1, 1.0, -1.0)
        margin = sign * raw_prediction[:, 0]
        log_p, log_q = -np.logaddexp(0, -margin), -np.logaddexp(0, margin)
        p, q = np.exp(log_p), np.exp(log_q)
        weight = np.exp(GAMMA * log_q)
        slope = -weight * (q - GAMMA * p * log_p) * sign
        return -weight * log_p, slope[:, None]

    def _multinomial(self, raw_prediction):
        p = np.exp(log_p := log_softmax(raw_prediction, axis=1))
        log_p, p_label = log_p[self.rows, self.label], p[self.rows, self.label]
        q = np.maximum(1 - p_label, 0)
        phi = q**GAMMA - GAMMA * p_label * q ** (GAMMA - 1) * log_p
        slopes = phi[:, None] * p
        slopes[self.rows, self.label] -= phi
        return -(q**GAMMA) * log_p, slopes


def fit_scipy(loss, tol):
    """Return the objective that SciPy's L-BFGS ends with."""
    options = {"gtol": tol, "ftol": 0, "maxiter": MAX_ITER, "maxfun": 2 * MAX_ITER}
    return minimize(loss, np.zeros(loss.size), jac=True, method="L-BFGS-B", options=options).fun


def fit_torch(task, tol):
    """Return the objective that PyTorch's L-BFGS with a line search ends with; dense X only."""
    import torch

    X, label = torch.from_numpy(task.X), torch.from_numpy(task.class_index)
    n_classes = max(2, task.n_outputs)
    coef = torch.zeros(task.X.shape[1], task.n_outputs, dtype=X.dtype, requires_grad=True)
    intercept = torch.zeros(task.n_outputs, dtype=X.dtype, requires_grad=True)
    optimiser = torch.optim.LBFGS(
        [coef, intercept],
        max_iter=MAX_ITER,
        tolerance_grad=tol,
        tolerance_change=0,
        line_search_fn="strong_wolfe",
    )

    def objective():
        optimiser.zero_grad()
        raw_prediction = X @ coef + intercept
        if n_classes == 2:
            raw_prediction = torch.cat([torch.zeros_like(raw_prediction), raw_prediction], dim=1)
        log_p = torch.log_softmax(raw_prediction, dim=1)
        log_p = log_p.gather(1, label[:, None])[:, 0]
        loss = -((1 - log_p.exp()) ** GAMMA * log_p).mean() + task.alpha / 2 * (coef**2).sum()
        loss.backward()
        return loss

    optimiser.step(objective)
    return objective().item()


def measure(task, n_rounds):
    """Yield a Result for each fit of a task."""
    log_loss = LogLossClassifier(C=task.C, max_iter=MAX_ITER)
    focal = FocalLogisticRegression(gamma=GAMMA, C=task.C, max_iter=MAX_ITER)
    of_focal = partial(focal.fit, task.X, task.y)
    seconds = seconds_of_each([partial(log_loss.fit, task.X, task.y), of_focal], n_rounds)
    loss = NumpyFocalLoss(task)
    value, _ = loss(np.column_stack([focal.coef_, focal.intercept_]).ravel())
    yield Result(task.name, "LogLossClassifier", seconds[0], 1, seconds[0] / seconds[1], np.nan)
    yield Result(task.name, "FocalLogisticRegression", seconds[1], seconds[1] / seconds[0], 1, 0.0)
    others = {"SciPy L-BFGS, NumPy": partial(fit_scipy, loss)}
    if find_spec("torch") is not None and isinstance(task.X, np.ndarray):
        others["PyTorch L-BFGS"] = partial(fit_torch, task)
    for name, fit in others.items():
        tols = [DEFAULT_TOL]
        equal = equal_tolerance(fit, value)
        if equal is not None and equal < DEFAULT_TOL:
            tols.append(equal)
        for tol in tols:
            # In turn with ours: what else the machine does slows both.
            fit_to_tol = partial(fit, tol)
            ours, theirs = seconds_of_each([of_focal, fit_to_tol], max(1, n_rounds // 5))
            yield Result(
                task.name,
                f"{name}, tol = {tol:.0e}",
                theirs,
                theirs / ours * seconds[1] / seconds[0],
                theirs / ours,
                fit_to_tol() / value - 1,
            )


def equal_tolerance(fit, value):
    """Return the first tolerance at which a fit is close to the value, None if there is none."""
    for tol in (DEFAULT_TOL, *10.0 ** -np.arange(5, 10)):
        if fit(tol) <= value * (1 + SAME_EXCESS):
            return tol
    return None


def main(argv):
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks focal", description=__doc__)
    parser.add_argument(
        "--tasks", nargs="+", choices=[*TASKS, *FOLDER_TASKS], default=DEFAULT_TASKS
    )
    parser.add_argument("--data", type=Path, help="folder of the data of the tasks that need one")
    parser.add_argument("--rounds", type=int, default=5)
    add_arguments(parser)
    arguments = parser.parse_args(argv)
    report = Report(COLUMNS, arguments)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for name in arguments.tasks:
            for result in measure(load_task(name, arguments.data), arguments.rounds):
                report.add([result])
    return 0
