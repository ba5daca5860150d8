"""torch.optim.LBFGS with its line search, on the CPU and in the dtype of X."""

import torch

from benchmarks.tasks import MAX_ITER, Intercept


def solvers(task):
    if task.l1_ratio > 0 or not hasattr(task.X, "strides"):
        return {}
    return {"LBFGS": Intercept.FREE}


def fit(task, solver, tol, n_threads):
    torch.set_num_threads(n_threads)
    X, y = torch.from_numpy(task.X), torch.from_numpy(task.class_index)
    coef = torch.zeros(task.X.shape[1], task.n_outputs, dtype=X.dtype, requires_grad=True)
    intercept = torch.zeros(task.n_outputs, dtype=X.dtype, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [coef, intercept],
        max_iter=MAX_ITER,
        max_eval=10 * MAX_ITER,
        tolerance_grad=tol,
        # The change of the objective may be tiny where the gradient is not.
        tolerance_change=tol**2,
        line_search_fn="strong_wolfe",
    )

    def objective():
        optimizer.zero_grad()
        raw_prediction = X @ coef + intercept
        if task.n_outputs == 1:
            loss = torch.nn.functional.binary_cross_entropy_with_logits(
                raw_prediction[:, 0], y.to(X.dtype)
            )
        else:
            loss = torch.nn.functional.cross_entropy(raw_prediction, y)
        value = loss + task.alpha / 2 * torch.sum(coef**2)
        value.backward()
        return value

    optimizer.step(objective)
    return coef.detach().numpy().T, intercept.detach().numpy()
