"""One module per library, named as the library is on PyPI, with underscores.

Each has two functions:

``solvers(task)``
    The solvers that make sense for the task, as a dict of name to `Intercept`: what the solver does
    with the intercept. Empty if the library cannot minimise the task's objective; the module's
    docstring says why.
``fit(task, solver, tol, n_threads)``
    ``coef`` of shape (n_outputs, n_features) and ``intercept`` of shape (n_outputs,), n_outputs
    being 1 for two classes. tol is None for the defaults, of max_iter as well, of sklogloss and
    scikit-learn. What its users must do to their data first (another order of the array,
    another coding of the labels) is inside, and timed.

A library with a path of L1 penalties for two classes also has

``PATH_INTERCEPTS``
    The values of fit_intercept that it knows.
``path(task, Cs, fit_intercept, tol, n_threads)``
    ``coefs`` of shape (n_Cs, n_features) and ``intercepts`` of shape (n_Cs,), for ascending Cs.

A module imports its library, so only the library's own environment can import the module.
"""

from importlib import import_module

# What pip installs in an environment of its own: some libraries pin versions that others do not
# run with. sklogloss and scikit-learn run in the current one.
REQUIREMENTS = {
    "scikit-learn-intelex": ["scikit-learn-intelex"],
    "glum": ["glum"],
    "skglm": ["skglm"],
    "adelie": ["adelie"],
    "snapml": ["snapml"],
    "celer": ["celer"],
    "python-glmnet": ["python-glmnet"],
    "pybiglasso": ["pybiglasso"],
    "liblinear-official": ["liblinear-official"],
    "cyanure": ["cyanure"],
    "torch": ["torch"],
}
LIBRARIES = ["sklogloss", "scikit-learn", *REQUIREMENTS]


def load_adapter(library):
    """Return the module of a library."""
    return import_module(f"benchmarks.adapters.{library.replace('-', '_')}")
