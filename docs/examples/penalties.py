"""
Choosing a penalty
==================

How the coefficients of the breast cancer data come in as the penalty falls, and which penalty
cross-validation speaks for.
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
# On the left the penalty is too strong to learn what there is; on the right the model is sure of
# what was chance. The band is one standard error of the mean over the folds. What the folds cannot
# tell from the best is below the dotted line, and "1se" is its strongest penalty.
display = CVCurveDisplay.from_estimator(model)
display.figure_.suptitle("Held-out log loss along the penalty")

# %%
# Coefficients with an L1 penalty
# -------------------------------
# Features come in one after the other. Some leave again, when others that say the same come in.
display = CoefficientPathDisplay.from_estimator(model, l1_ratio=1)
display.figure_.suptitle("Coefficients along the L1 penalty")

# %%
# Coefficients with an L2 penalty
# -------------------------------
# All features have a part from the start, and share what they have in common.
display = CoefficientPathDisplay.from_estimator(model, l1_ratio=0)
display.figure_.suptitle("Coefficients along the L2 penalty")
