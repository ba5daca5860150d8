"""
A rare class, focal loss, and probabilities
===========================================

Focal loss and class weights are what one reads about when a class is rare. What do they do to a
linear model, and to its probabilities?
"""

# %%
# The data: the mammography set of OpenML (id 310), 260 cancers among 11,183 samples, if the
# environment variable ``SKLOGLOSS_DATA`` names a folder with ``mammography.csv``. Else a generated
# set of the same size, in which a quadratic term is beyond a linear model.
import os
from pathlib import Path

import numpy as np
from sklearn.metrics import average_precision_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklogloss import FocalLogisticRegression, LogLossClassifier
from sklogloss.displays import ReliabilityDisplay
from sklogloss.metrics import brier_score, log_loss, log_loss_decomposition


def generated(n_samples=11_183):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_samples, 6))
    logit = X @ [1.2, 0.8, -0.6, 0.4, 0.0, 0.0] + 0.3 * X[:, 4] ** 2 - 5.2
    return X, (rng.logistic(size=n_samples) < logit).astype(int)


def mammography(folder):
    table = np.genfromtxt(Path(folder) / "mammography.csv", delimiter=",", dtype=str)
    return table[:, :-1].astype(float), np.char.strip(table[:, -1], "'").astype(int).clip(0)


folder = os.environ.get("SKLOGLOSS_DATA")
X, y = generated() if folder is None else mammography(folder)
print(f"{len(y)} samples, {y.sum()} positive: {y.mean():.1%}")

# %%
# Probabilities for samples that a model has not seen, by five folds.
models = {
    "log loss": LogLossClassifier(),
    "log loss, balanced": LogLossClassifier(class_weight="balanced"),
    "focal, raw": FocalLogisticRegression(gamma=2, probabilities="model"),
    "focal, posterior": FocalLogisticRegression(gamma=2),
    "focal, balanced, raw": FocalLogisticRegression(
        gamma=2, class_weight="balanced", probabilities="model"
    ),
    "focal, balanced, posterior": FocalLogisticRegression(gamma=2, class_weight="balanced"),
}
folds = StratifiedKFold(5, shuffle=True, random_state=0)
proba = {
    name: cross_val_predict(
        make_pipeline(StandardScaler(), model), X, y, cv=folds, method="predict_proba"
    )[:, 1]
    for name, model in models.items()
}

# %%
# Log loss, Brier score and miscalibration (the part of the log loss that recalibration would
# remove): the smaller, the better. Average precision, which sees the order of the samples only: the
# larger, the better. Last, the mean probability, to compare with the share of positives.
print(f"{'':27} log loss   Brier  miscalibration  average precision  mean probability")
for name, p in proba.items():
    print(
        f"{name:27} {log_loss(y, p):8.4f} {brier_score(y, p):7.4f} "
        f"{log_loss_decomposition(y, p).miscalibration:15.4f} "
        f"{average_precision_score(y, p):18.3f} {p.mean():17.3f}"
    )

# %%
# Raw probabilities of focal loss, and of class weights, are not probabilities: the balanced fits
# expect about ten times as many positives as there are, or more. The posterior undoes focusing and
# weights.
for name in ("log loss", "focal, balanced, raw", "focal, balanced, posterior"):
    ReliabilityDisplay.from_predictions(y, proba[name], name=name, random_state=0)

# %%
# Does focal loss help? Here, no. Its posterior is about as good as what log loss says in the first
# place, and not better. Where the model is right, that must be so: maximum likelihood is the most
# precise estimate, and focal loss ignores part of what easy samples tell. Where the model is wrong,
# focal loss and class weights fit another linear function, better where their weight lies and worse
# elsewhere; the order of the samples may gain or lose. On the mammography data the balanced fits
# lose, and no way from scores to probabilities can bring that back.
#
# So cross-validate ``gamma`` and ``class_weight`` on the log loss of the posterior, with
# ``gamma=0`` and no weights among the candidates, and take what it says. To call more samples
# positive, it is simpler to lower the threshold of the probabilities.
