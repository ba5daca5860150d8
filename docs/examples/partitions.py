"""
Rows in partitions
==================

A Dask collection has its rows in partitions: in files, or in the memory of several machines. A fit
makes a few passes over the rows, and each pass is a sum over the partitions.
"""

# %%
# The collection has 200,000 rows in 8 partitions. It is a recipe: Dask makes the rows when they are
# needed.
import dask.array as da
import numpy as np

from sklogloss import LogLossClassifier as LocalClassifier
from sklogloss.dask import LogLossClassifier

X = da.random.default_rng(0).normal(size=(200_000, 10), chunks=(25_000, 10))
noise = da.random.default_rng(1).logistic(size=200_000, chunks=25_000)
y = (X @ np.linspace(-1, 1, 10) + noise > 0).astype(int)

# %%
# ``verbose=1`` prints the plan and a line for each pass. A random subset of the rows comes first.
model = LogLossClassifier(verbose=1).fit(X, y)

# %%
# The same rows in memory have the same optimum.
local = LocalClassifier().fit(X.compute(), y.compute())
print(f"largest difference of a coefficient: {np.abs(model.coef_ - local.coef_).max():.1e}")

# %%
# Predictions are lazy, and have the partitions of the collection.
proba = model.predict_proba(X)
print(proba)
print(f"mean probability of class 1: {proba[:, 1].mean().compute():.4f}")
print(f"accuracy: {float(model.score(X, y)):.4f}")
