"""
Log loss as a building block
============================

Three models are built from logistic regression here: survival in discrete time, a mixture of
experts fitted by EM, and gradient boosting with a loss of this package.
"""

# %%
# Survival in discrete time
# -------------------------
# Customers may cancel a subscription in each month. The *hazard* is the probability of cancelling
# in a month, given that the customer has not cancelled earlier. Repeat each customer once for each
# month under observation, with the label "cancelled in this month". The likelihood of these rows is
# that of the survival model; censored customers are included.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.tree import DecisionTreeRegressor

from sklogloss import LogLossClassifier
from sklogloss.losses import LogLoss
from sklogloss.metrics import log_loss

rng = np.random.default_rng(0)
n, n_months = 3000, 12
price = rng.normal(size=n)
baseline = -2.5 + 0.8 * np.exp(-np.arange(n_months) / 2)  # Many leave early.
hazard = 1 / (1 + np.exp(-(baseline + 0.6 * price[:, None])))
leaves = rng.random((n, n_months)) < hazard
month_of_leaving = np.where(leaves.any(axis=1), leaves.argmax(axis=1), n_months)
last_observed = rng.integers(1, n_months + 1, n)  # Customers joined at different times.
months = np.minimum(month_of_leaving + 1, last_observed)

customer = np.repeat(np.arange(n), months)
month = np.concatenate([np.arange(k) for k in months])
cancelled = (month == month_of_leaving[customer]).astype(int)
X = np.column_stack([np.eye(n_months)[month], price[customer]])
survival_model = LogLossClassifier(C=100, fit_intercept=False).fit(X, cancelled)
print(f"{n} customers, {len(X)} rows; effect of price {survival_model.coef_[0, -1]:.2f}, true 0.60")

fig, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
for value, color in [(-1, "#6f8fc0"), (1, "#d9562b")]:
    rows = np.column_stack([np.eye(n_months), np.full(n_months, value)])
    fitted = np.cumprod(1 - survival_model.predict_proba(rows)[:, 1])
    true = np.cumprod(1 - 1 / (1 + np.exp(-(baseline + 0.6 * value))))
    ax.step(range(1, n_months + 1), fitted, where="mid", color=color, label=f"price {value:+}")
    ax.plot(range(1, n_months + 1), true, ":", color=color)
ax.set(
    xlabel="Month",
    ylabel="Still subscribed",
    ylim=(0, 1),
    title="Survival: fitted, and true (dotted)",
)
ax.legend()
plt.show()

# %%
# A mixture of experts
# --------------------
# In one region of the data, y follows one line, and in the rest another. A *gate*, which is a
# logistic regression, says which expert is responsible for a row. EM alternates between two steps.
# The first computes the responsibilities of the experts, given the gate. The second fits with these
# responsibilities: they are soft targets for the gate and weights for the experts. No step can
# lower the likelihood.
x = np.sort(rng.uniform(-3, 3, 1500))
second = rng.random(1500) < 1 / (1 + np.exp(-4 * x))
y = np.where(second, 2 - x, 1 + x) + 0.3 * rng.normal(size=1500)
X = x[:, None]
design = np.column_stack([x, np.ones_like(x)])
lines, sigma = np.array([[0.5, 0.0], [-0.5, 0.0]]), 1.0
gate = np.full((1500, 2), 0.5)
losses = []
for _ in range(40):
    residual = y[:, None] - design @ lines.T
    density = np.exp(-0.5 * (residual / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi))
    joint = gate * density
    losses.append(-np.log(joint.sum(axis=1)).mean())
    responsibility = joint / joint.sum(axis=1, keepdims=True)
    gate_model = LogLossClassifier(C=np.inf).fit(X, responsibility)
    gate = gate_model.predict_proba(X)
    for k, weight in enumerate(responsibility.T):
        lines[k] = np.linalg.solve(design.T @ (weight[:, None] * design), design.T @ (weight * y))
    sigma = np.sqrt(np.mean(np.sum(responsibility * (y[:, None] - design @ lines.T) ** 2, axis=1)))
print(f"slopes {lines[0, 0]:.2f} and {lines[1, 0]:.2f}, true 1 and -1")
print(f"gate {gate_model.coef_[0, 0]:.1f}, true 4")
print(f"the loss never rose: {bool(np.all(np.diff(losses) < 1e-9))}")

fig, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
points = ax.scatter(x, y, c=gate[:, 1], s=6, cmap="coolwarm")
for k in range(2):
    ax.plot(x, design @ lines[k], color="black", linewidth=1)
fig.colorbar(points, label="Gate: probability of the second expert")
ax.set(xlabel="x", ylabel="y", title="A mixture of two lines")
plt.show()

# %%
# Gradient boosting
# -----------------
# Boosting needs two numbers for each row: the gradient and the second derivative of the loss.
# :meth:`~sklogloss.losses.LogLoss.as_objective` returns them in the form that LightGBM and XGBoost
# expect. Each loss of the package has this method::
#
#     objective = FocalLoss(gamma=2).as_objective("lightgbm")
#     LGBMClassifier(objective=objective).fit(X, y, init_score=...)
#
# Here the same object drives scikit-learn's regression trees. Each tree predicts the Newton step,
# gradient over Hessian, weighted by the Hessian.
X = rng.uniform(-2, 2, (4000, 2))
y = (rng.random(4000) < 1 / (1 + np.exp(-3 * np.sin(2 * X[:, 0]) * X[:, 1]))).astype(int)
train = np.arange(4000) < 2000
objective = LogLoss().as_objective("lightgbm")
raw = np.full(4000, objective.init_score(y[train]))
held_out = []
for _ in range(60):
    gradient, hessian = objective(y[train], raw[train])
    tree = DecisionTreeRegressor(max_depth=3)
    tree.fit(X[train], -gradient / hessian, sample_weight=hessian)
    raw += 0.2 * tree.predict(X)
    held_out.append(log_loss(y[~train], raw_prediction=raw[~train]))
linear = LogLossClassifier().fit(X[train], y[train])
loss = log_loss(y[~train], linear.predict_proba(X[~train]))
print(f"held-out log loss of a linear model {loss:.3f}")
print(f"of {1 + int(np.argmin(held_out))} trees {min(held_out):.3f}")
