"""Write pickles of this version's classifiers, which all later versions must read.

    python tests/data/pickles/write.py

makes the folder of the version beside this file: a pickle for each classifier, and one file with
what it predicts. Run it once for a release; what is there stays.
"""

import pickle
from pathlib import Path

import numpy as np
from sklearn.datasets import load_iris

import sklogloss
from sklogloss import (
    FirthLogisticRegression,
    FocalLogisticRegression,
    LogLossClassifier,
    LogLossClassifierCV,
)

CLASSIFIERS = {
    "log_loss": LogLossClassifier(C=0.1),
    "log_loss_posterior": LogLossClassifier(
        class_weight={0: 3, 1: 1}, label_smoothing=0.1, probabilities="posterior"
    ),
    "log_loss_l1": LogLossClassifier(l1_ratio=1, C=0.1),
    "log_loss_constraints": LogLossClassifier(bounds=(0, None), penalty_factor=np.arange(4.0)),
    "log_loss_cv": LogLossClassifierCV(Cs=3, cv=2),
    "focal": FocalLogisticRegression(class_weight="balanced"),
    "firth": FirthLogisticRegression(),
}


def main():
    folder = Path(__file__).parent / sklogloss.__version__
    folder.mkdir()
    X, y = load_iris(return_X_y=True)
    probabilities = {}
    for name, classifier in CLASSIFIERS.items():
        for n_classes in (2, 3):
            rows = y < n_classes
            fitted = classifier.fit(X[rows], y[rows])
            full_name = f"{name}_{n_classes}"
            (folder / f"{full_name}.pickle").write_bytes(pickle.dumps(fitted, protocol=4))
            probabilities[full_name] = fitted.predict_proba(X[::10])
    np.savez_compressed(folder / "probabilities.npz", **probabilities)


if __name__ == "__main__":
    main()
