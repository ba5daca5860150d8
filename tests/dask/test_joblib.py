"""Joblib's Dask backend runs fits of NumPy arrays on the workers of a cluster."""

import joblib
import numpy as np
from sklearn.datasets import load_iris
from sklearn.model_selection import cross_val_score

from sklogloss import LogLossClassifier


def test_cross_validation_has_the_same_scores(cluster):
    X, y = load_iris(return_X_y=True)
    clf = LogLossClassifier()
    expected = cross_val_score(clf, X, y, cv=4, scoring="neg_log_loss")
    with joblib.parallel_config("dask", client=cluster):
        scores = cross_val_score(clf, X, y, cv=4, scoring="neg_log_loss", n_jobs=2)
    np.testing.assert_array_equal(scores, expected)
