"""LogisticRegression, for two classes (more are fitted one against the rest).

The L2 penalty has a dual solver, which penalises the intercept. The primal solver fits no intercept
whatever fit_intercept says; with the L2 penalty it stops well above its optimum at any tolerance,
so it is used for L1 only. The dual solver, too, stops short where many samples are far on the right
side: the table then shows how close it comes.
"""

from snapml import LogisticRegression

from benchmarks.tasks import MAX_ITER, Intercept


def solvers(task):
    if task.n_outputs > 1 or 0 < task.l1_ratio < 1:
        return {}
    if task.l1_ratio == 1:
        return {"primal": Intercept.ABSENT}
    return {"dual": Intercept.PENALISED}


def fit(task, solver, tol, n_threads):
    model = LogisticRegression(
        regularizer=1 / task.C,
        penalty="l1" if task.l1_ratio == 1 else "l2",
        dual=solver == "dual",
        fit_intercept=solver == "dual",
        tol=tol,
        max_iter=MAX_ITER,
        n_jobs=n_threads,
        random_state=0,
    )
    model.fit(task.X, task.class_index)
    return model.coef_, model.intercept_
