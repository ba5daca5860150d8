"""Fits of focal loss against those of log loss, and against SciPy's and PyTorch's L-BFGS.

gamma = 2. L-BFGS takes the loss in plain NumPy, with one thread of BLAS and with all, or in PyTorch
where it is installed, and starts from zero. A tolerance means something different to each. So each
climbs a ladder of tolerances until its objective is within a relative 1e-6 of the lowest one, and
that run is timed, in turn with ours; FocalLogisticRegression is shown at its default tolerance,
too. The excess is by how much, in parts of it, an objective is above the lowest one.
"""

import argparse
import sys
import time
import warnings
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from scipy import sparse
from scipy.optimize import minimize
from scipy.special import expit, log_expit, log_softmax
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import ThreadpoolController

from benchmarks.fit import SUBOPTIMALITY, TOLERANCES
from benchmarks.report import Report, add_arguments
from benchmarks.tasks import DEFAULT_TOL, FOLDER_TASKS, MAX_ITER, TASKS, load_task
from benchmarks.timing import PAUSE_SECONDS, seconds_of_each
from sklogloss import FocalLogisticRegression, LogLossClassifier
from sklogloss.linear.threads import effective_n_threads

GAMMA = 2.0
# Slow fits have fewer rounds.
SECONDS_OF_ROUNDS = 20
DEFAULT_TASKS = ["dense-20", "dense-500", "text", "digits", "breast-cancer"]
COLUMNS = {
    "task": "{0.task}",
    "fit": "{0.fit}",
    "seconds": "{0.seconds:.4f}",
    "of log loss": "{0.of_log_loss:.2f}",
    "of focal loss": "{0.of_focal_loss:.1f}",
    "of focal loss, as accurate": "{0.of_as_accurate:.1f}",
    "excess": "{0.excess:.1e}",
}


@dataclass
class Result:
    """One row of the table: seconds, and over those of three other fits.

    excess is NaN for log loss, whose objective is another one.
    """

    task: str
    fit: str
    seconds: float
    of_log_loss: float
    of_focal_loss: float
    of_as_accurate: float
    excess: float


class NumpyFocalLoss:
    """The mean penalised focal loss of a task and its gradient, as one writes it in NumPy."""

    def __init__(self, task):
        self.X, self.alpha = task.X, task.alpha
        self.n_outputs = task.n_outputs
        self.size = self.n_outputs * (task.X.shape[1] + 1)
        self.rows = np.arange(len(task.y))
        self.label = task.class_index
        self.sign = np.where(self.label == 1, 1.0, -1.0)
        self.threads = ThreadpoolController()

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
        margin = self.sign * raw_prediction[:, 0]
        log_p, q = log_expit(margin), expit(-margin)
        weight = q**GAMMA
        slope = -weight * (q - GAMMA * (1 - q) * log_p) * self.sign
        return -weight * log_p, slope[:, None]

    def _multinomial(self, raw_prediction):
        p = np.exp(log_p := log_softmax(raw_prediction, axis=1))
        log_p, p_label = log_p[self.rows, self.label], p[self.rows, self.label]
        q = np.maximum(1 - p_label, 0)
        phi = q**GAMMA - GAMMA * p_label * q ** (GAMMA - 1) * log_p
        slopes = phi[:, None] * p
        slopes[self.rows, self.label] -= phi
        return -(q**GAMMA) * log_p, slopes


def fit_scipy(loss, n_threads, tol):
    """Return the parameters that SciPy's L-BFGS ends with."""
    options = {"gtol": tol, "ftol": 0, "maxiter": MAX_ITER, "maxfun": 2 * MAX_ITER}
    with loss.threads.limit(limits=n_threads, user_api="blas"):
        return minimize(loss, np.zeros(loss.size), jac=True, method="L-BFGS-B", options=options).x


class TorchFocalLoss:
    """The same in PyTorch, which differentiates it."""

    def __init__(self, task):
        import torch

        torch.set_num_threads(effective_n_threads(None))
        self.torch = torch
        self.X = self._tensor(task.X)
        self.label = torch.from_numpy(task.class_index)
        self.sign = torch.from_numpy(np.where(task.class_index == 1, 1.0, -1.0))
        self.alpha, self.n_outputs = task.alpha, task.n_outputs

    def _tensor(self, X):
        if not sparse.issparse(X):
            return self.torch.from_numpy(X)
        arrays = map(self.torch.from_numpy, (X.indptr, X.indices, X.data))
        return self.torch.sparse_csr_tensor(*arrays, size=X.shape)

    def __call__(self, coef, intercept):
        torch = self.torch
        raw_prediction = self.X @ coef + intercept
        if self.n_outputs == 1:
            log_p = torch.nn.functional.logsigmoid(self.sign * raw_prediction[:, 0])
        else:
            log_p = torch.log_softmax(raw_prediction, dim=1).gather(1, self.label[:, None])
        loss = -((1 - log_p.exp()) ** GAMMA * log_p).mean()
        return loss + self.alpha / 2 * (coef**2).sum()


def fit_torch(loss, tol):
    """Return the parameters that PyTorch's L-BFGS with a line search ends with."""
    torch = loss.torch
    options = {"dtype": loss.X.dtype, "requires_grad": True}
    coef = torch.zeros(loss.X.shape[1], loss.n_outputs, **options)
    intercept = torch.zeros(loss.n_outputs, **options)
    optimiser = torch.optim.LBFGS(
        [coef, intercept],
        max_iter=MAX_ITER,
        tolerance_grad=tol,
        tolerance_change=0,
        line_search_fn="strong_wolfe",
    )

    def closure():
        optimiser.zero_grad()
        value = loss(coef, intercept)
        value.backward()
        return value

    optimiser.step(closure)
    return torch.cat([coef, intercept[None]]).T.detach().numpy().ravel()


def fit_ours(task, tol):
    """Return the parameters that FocalLogisticRegression ends with."""
    focal = FocalLogisticRegression(gamma=GAMMA, C=task.C, max_iter=MAX_ITER, tol=tol)
    focal.fit(task.X, task.y)
    return np.column_stack([focal.coef_, focal.intercept_]).ravel()


class Comparison:
    """All fits of a task."""

    def __init__(self, task, n_rounds):
        self.task = task
        self.n_rounds = n_rounds
        self.loss = NumpyFocalLoss(task)
        self.lowest = self._value(fit_ours(task, TOLERANCES[-1]))

    def results(self):
        """Yield a Result for each fit."""
        ours = partial(fit_ours, self.task)
        log_loss = LogLossClassifier(C=self.task.C, max_iter=MAX_ITER)
        of_log_loss = partial(log_loss.fit, self.task.X, self.task.y)
        tol, _ = self._climb(ours)
        at_default, as_accurate = partial(ours, DEFAULT_TOL), partial(ours, tol)
        base = seconds_of_each(
            [of_log_loss, at_default, as_accurate], self.n_rounds, pause=PAUSE_SECONDS
        )
        yield self._result("LogLossClassifier", base[0], base)
        yield self._result("FocalLogisticRegression", base[1], base, at_default())
        name = f"FocalLogisticRegression, tol = {tol:g}"
        yield self._result(name, base[2], base, as_accurate())
        for peer, fit in self._peers():
            tol, seconds = self._climb(fit)
            if tol is None:
                print(f"{peer} comes close enough at no tolerance", file=sys.stderr)
                continue
            theirs = partial(fit, tol)
            # In turn with ours: what else the machine does slows both.
            n_rounds = int(np.clip(SECONDS_OF_ROUNDS / seconds, 1, self.n_rounds))
            times = seconds_of_each([theirs, as_accurate], n_rounds, pause=PAUSE_SECONDS)
            seconds = times[0] * base[2] / times[1]
            yield self._result(f"{peer}, tol = {tol:g}", seconds, base, theirs())

    def _peers(self):
        # NumPy and SciPy may have a BLAS library each, whose threads stand in each other's way.
        for n_threads in sorted({1, effective_n_threads(None)}):
            name = f"SciPy L-BFGS, NumPy, {n_threads} BLAS thread{'s'[: n_threads - 1]}"
            yield name, partial(fit_scipy, self.loss, n_threads)
        if find_spec("torch"):
            yield "PyTorch L-BFGS", partial(fit_torch, TorchFocalLoss(self.task))

    def _value(self, parameters):
        return self.loss(parameters)[0]

    def _climb(self, fit):
        # The first tolerance that comes close to the lowest objective, and the seconds of its fit.
        for tol in TOLERANCES:
            start = time.perf_counter()
            parameters = fit(tol)
            seconds = time.perf_counter() - start
            if self._value(parameters) <= self.lowest * (1 + SUBOPTIMALITY):
                return tol, seconds
        return None, np.nan

    def _result(self, name, seconds, base, parameters=None):
        excess = np.nan if parameters is None else self._value(parameters) / self.lowest - 1
        return Result(self.task.name, name, seconds, *(seconds / other for other in base), excess)


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
    notes = [f"torch: {version('torch')}"] if find_spec("torch") else []
    report = Report(COLUMNS, arguments, notes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", "Sparse", UserWarning)  # of PyTorch, on what is in beta
        for name in arguments.tasks:
            task = load_task(name, arguments.data)
            for result in Comparison(task, arguments.rounds).results():
                report.add([result])
    return 0
