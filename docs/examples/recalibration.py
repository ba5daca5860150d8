"""
Recalibrating any classifier
============================

A support vector machine has no probabilities, naive Bayes has overconfident ones, and resampling
shifts those of any classifier. Three tools correct them. A cost curve shows what that is worth.
"""

# %%
# The data are 6,000 generated samples, of which one in five is positive.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import LinearSVC

from sklogloss import LogLossClassifier
from sklogloss.calibration import CalibratedClassifier, PriorCorrection, VennAbers
from sklogloss.displays import MurphyDisplay, ReliabilityDisplay
from sklogloss.metrics import calibration_error, expected_cost, log_loss, optimal_threshold

X, y = make_classification(6000, 20, n_informative=5, n_redundant=10, weights=[0.8], random_state=0)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.5, random_state=0)

# %%
# Choose the calibrator by log loss
# ---------------------------------
# :class:`~sklogloss.calibration.CalibratedClassifier` fits every calibrator to held-out predictions
# and takes the simplest one that is about as good as the best.
models = {"naive Bayes": GaussianNB().fit(X_train, y_train)}
for name, estimator in [("naive Bayes", GaussianNB()), ("SVM", LinearSVC())]:
    model = CalibratedClassifier(estimator).fit(X_train, y_train)
    models[f"{name}, {model.method_}"] = model
for name, model in models.items():
    proba = model.predict_proba(X_test)
    error = calibration_error(y_test, proba, random_state=0)
    print(f"{name:22} log loss {log_loss(y_test, proba):.3f}, calibration error {error.l1:.3f}")

display = None
for name, model in list(models.items())[:2]:
    display = ReliabilityDisplay.from_estimator(
        model, X_test, y_test, name=name, random_state=0, ax=display and display.ax_
    )
display.figure_.suptitle("Reliability of naive Bayes before and after recalibration")

# %%
# What calibration is worth
# -------------------------
# A decision follows from a probability and the costs of mistakes.
# :class:`~sklogloss.displays.MurphyDisplay` draws the cost of the decisions for every threshold.
display = MurphyDisplay.from_estimators(models, X_test, y_test)
display.figure_.suptitle("Cost of decisions by three models")

cost = [[0, 5], [1, 0]]  # A false alarm costs five times as much as a missed case.
threshold = optimal_threshold(cost)
for name, model in models.items():
    decisions = (model.predict_proba(X_test)[:, 1] >= threshold).astype(int)
    print(f"{name:22} cost {expected_cost(y_test, decisions, cost):.3f} per sample")

# %%
# Undo resampling
# ---------------
# A balanced fit has the probabilities of a population with equally frequent classes.
# :class:`~sklogloss.calibration.PriorCorrection` knows by how much to shift them, and needs no
# held-out data.
balanced = LogLossClassifier(class_weight="balanced")
corrected = PriorCorrection(balanced).fit(X_train, y_train)
for name, model in {"balanced": balanced.fit(X_train, y_train), "corrected": corrected}.items():
    proba = model.predict_proba(X_test)[:, 1]
    print(f"{name:9} mean {proba.mean():.3f}, observed {y_test.mean():.3f}")

# %%
# How sure is a probability?
# --------------------------
# :class:`~sklogloss.calibration.VennAbers` returns an interval, which is wide where calibration
# samples are few.
raw = LinearSVC().fit(X_train[:2000], y_train[:2000]).decision_function(X_train[2000:])
venn_abers = VennAbers().fit(raw, y_train[2000:])
grid = np.linspace(raw.min(), raw.max(), 200)
low, high = venn_abers.predict_interval(grid).T
fig, ax = plt.subplots(figsize=(6, 3.2), layout="constrained")
ax.fill_between(grid, low, high, color="#d9562b", alpha=0.4, label="interval")
ax.plot(grid, venn_abers.predict_proba(grid)[:, 1], color="#d9562b", label="probability")
ax.set(xlabel="Decision function", ylabel="Probability", title="Venn-Abers calibration of an SVM")
ax.legend()
plt.show()
