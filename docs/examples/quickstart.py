"""
LogLossClassifier on real data
==============================

This example fits two data sets of scikit-learn, in the pipeline that one would write for
:class:`~sklearn.linear_model.LogisticRegression`, and checks that both classes find the same
coefficients.
"""

# %%
# Two classes: in a pipeline
# --------------------------
# The data are 569 tumours with 30 measurements each. Scale the columns before any penalised fit:
# the penalty compares coefficients, which needs a common scale.

import statistics
import time

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import (
    GridSearchCV,
    StratifiedKFold,
    cross_val_score,
    train_test_split,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklogloss import LogLossClassifier
from sklogloss.metrics import compare_fold_scores

X, y = load_breast_cancer(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)

pipeline = make_pipeline(StandardScaler(), LogLossClassifier())
pipeline.fit(X_train, y_train)
loss = log_loss(y_test, pipeline.predict_proba(X_test))
print(f"breast cancer: accuracy {pipeline.score(X_test, y_test):.3f}, log loss {loss:.4f} nats")

# %%
# Choosing the strength of the penalty
# ------------------------------------
# Choose ``C`` by log loss, too. It rewards good probabilities, not only the right side of 1/2.

search = GridSearchCV(
    pipeline,
    {"loglossclassifier__C": np.logspace(-3, 3, 13)},
    scoring="neg_log_loss",
)
search.fit(X_train, y_train)
loss = log_loss(y_test, search.predict_proba(X_test))
print(f"best C {search.best_params_['loglossclassifier__C']:.3g}, log loss {loss:.4f} nats")

# %%
# Is the chosen ``C`` better than the default? The 143 tumours of the test set are too few to tell.
# Ten folds of all data, each with a search of its own, use more tumours. The interval of the
# difference still contains zero.

folds = StratifiedKFold(10, shuffle=True, random_state=0)
tuned, default = (
    cross_val_score(model, X, y, cv=folds, scoring="neg_log_loss") for model in (search, pipeline)
)
result = compare_fold_scores(tuned, default)
print(
    f"tuned less default: {result.difference:.4f} nats, 95 % interval from {result.low:.4f} "
    f"to {result.high:.4f}"
)

# %%
# Ten classes
# -----------
# The data are 1,797 handwritten digits of 8 x 8 pixels. The code stays the same: for more than two
# classes, the model is multinomial.

X_digits, y_digits = load_digits(return_X_y=True)
X_digits = X_digits / 16
digits = train_test_split(X_digits, y_digits, stratify=y_digits, random_state=0)
digits_model = LogLossClassifier().fit(digits[0], digits[2])
loss = log_loss(digits[3], digits_model.predict_proba(digits[1]))
print(f"digits: accuracy {digits_model.score(digits[1], digits[3]):.3f}, log loss {loss:.4f} nats")

# %%
# The same coefficients as LogisticRegression
# -------------------------------------------
# Both minimise the same objective, so at a tight tolerance both find the same coefficients. The
# times are medians of several fits with default settings, the two classes in turn.


def compare(name, X, y, n_fits=5):
    """Print how far the coefficients of the two classes differ, and how long a fit takes."""
    ours = LogLossClassifier(tol=1e-10).fit(X, y)
    # Its "lbfgs" also stops when the objective no longer changes in the last digits, which is
    # before the gradient is this small.
    theirs = LogisticRegression(tol=1e-10, solver="newton-cg").fit(X, y)
    difference = np.max(np.abs(ours.coef_ - theirs.coef_))
    print(f"{name}: largest difference of the coefficients {difference:.1e}")

    seconds = {LogLossClassifier: [], LogisticRegression: []}
    for _ in range(n_fits):
        for estimator, times in seconds.items():
            start = time.perf_counter()
            estimator(max_iter=1000).fit(X, y)
            times.append(time.perf_counter() - start)
    for estimator, times in seconds.items():
        print(f"  {estimator.__name__}: {1000 * statistics.median(times):.1f} ms")


compare("breast cancer", StandardScaler().fit_transform(X), y)
compare("digits", X_digits, y_digits)
