"""
Choosing a penalty
==================

Coefficients of the breast cancer data enter the model as the penalty becomes weaker.
Cross-validation chooses the penalty.
"""

# %%
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklogloss import LogLossClassifierCV
from sklogloss.displays import CoefficientPathDisplay, CVCurveDisplay

X, y = load_breast_cancer(return_X_y=True, as_frame=True)
model = make_pipeline(
    StandardScaler(), LogLossClassifierCV(Cs=np.geomspace(1e-3, 1e2, 41), l1_ratios=[0, 0.5, 1])
).fit(X, y)

# %%
# Held-out log loss
# -----------------
# On the left, the penalty is too strong and the model underfits. On the right, the model fits noise
# and is overconfident. The band is one standard error of the mean over the folds. The folds cannot
# distinguish models below the dotted line from the best; "1se" is the strongest penalty among them.
display = CVCurveDisplay.from_estimator(model)
display.figure_.suptitle("Held-out log loss along the penalty")

# %%
# Coefficients with an L1 penalty
# -------------------------------
# Features enter one after the other. Some leave again when correlated features enter.
display = CoefficientPathDisplay.from_estimator(model, l1_ratio=1)
display.figure_.suptitle("Coefficients along the L1 penalty")

# %%
# Coefficients with an L2 penalty
# -------------------------------
# All features are in the model from the start, and correlated features share their effect.
display = CoefficientPathDisplay.from_estimator(model, l1_ratio=0)
display.figure_.suptitle("Coefficients along the L2 penalty")
