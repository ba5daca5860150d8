"""
Odds ratios, intervals and separated classes
============================================

Which columns matter, and how certain is that? This example reads the coefficients of a fit without
a penalty, compares intervals of small samples, and fits classes that a column separates.
"""

# %%
# Odds ratios
# -----------
# The data are tumours with four measurements, in standard deviations.
# :func:`~sklogloss.inference.infer` takes a fitted classifier and its data.
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer

from sklogloss import FirthLogisticRegression, LogLossClassifier, logloss_path
from sklogloss.displays import CoefficientIntervalDisplay, CoefficientPathDisplay
from sklogloss.inference import infer, separation

data = load_breast_cancer(as_frame=True)
X = data.data[["mean texture", "mean smoothness", "mean symmetry", "mean fractal dimension"]]
X = (X - X.mean()) / X.std()
y = data.target.map({0: "malignant", 1: "benign"})
model = LogLossClassifier(C=np.inf).fit(X, y)
result = infer(model, X, y)
print(result.summary())

display = CoefficientIntervalDisplay.from_result(result, odds_ratios=True)
display.ax_.set(
    xlabel="Odds ratio of malignant, per standard deviation",
    title="Odds ratios with 95 % intervals",
)
plt.show()

# %%
# What the effect is on the probability scale: the average marginal effects, in probability per
# standard deviation.
print(result.margins().summary_frame()[["dy/dx", "std err"]].round(3))

# %%
# Small samples
# -------------
# Wald's interval is symmetric. With 40 tumours, the likelihood is not. Intervals by the profile of
# the likelihood follow it, and so do those of Firth's method, which also reduces the bias of the
# estimate.
few, y_few = X.iloc[:40], y.iloc[:40]
small = infer(LogLossClassifier(C=np.inf).fit(few, y_few), few, y_few)
firth = infer(FirthLogisticRegression(intercept_correction=None).fit(few, y_few), few, y_few)
display = CoefficientIntervalDisplay.from_results(
    {"Wald": small, "profile": small, "Firth, profile": firth},
    method={"Wald": "wald", "profile": "profile", "Firth, profile": "profile"},
)
display.figure_.suptitle("95 % intervals from 40 samples")
plt.show()

# %%
# Separated classes
# -----------------
# None of 20 treated patients had the event. The maximum-likelihood coefficient is infinite: a
# weaker penalty always gives a larger one. :func:`~sklogloss.inference.separation` finds this from
# the data, and :class:`~sklogloss.FirthLogisticRegression` gives a finite estimate.
treated = np.repeat([[0.0], [1.0]], 20, axis=0)
event = np.repeat([0, 1, 0], [14, 6, 20])
print(separation(treated, event))
firth = FirthLogisticRegression(intercept_correction=None).fit(treated, event)
lower, upper = infer(firth, treated, event).conf_int(method="profile")[1]
print(f"Firth: {firth.coef_[0, 0]:.2f}, 95 % interval {lower:.2f} to {upper:.2f}")

table = pd.DataFrame(treated, columns=["treated"])
path = logloss_path(table, event, Cs=np.geomspace(1e-2, 1e6, 50))
display = CoefficientPathDisplay.from_estimator(path)
display.ax_.axhline(firth.coef_[0, 0], color="C1", linestyle="--")
display.figure_.suptitle("Ridge: no end as C grows; Firth's method (dashed) is finite")
