"""One module per library.

Each has ``NAME`` and ``VERSION``, ``solvers(task)``, the names of the solvers that make sense for
the task, and ``fit(task, solver, tol)``, which returns ``coef`` of shape (n_outputs, n_features)
and ``intercept`` of shape (n_outputs,), n_outputs being 1 for two classes.
"""

from benchmarks.adapters import scikit_learn, sklogloss

ADAPTERS = {adapter.NAME: adapter for adapter in (sklogloss, scikit_learn)}
