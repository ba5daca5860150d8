"""
Log loss in generative models
=============================

A generative adversarial network trains a classifier, the discriminator, to distinguish data from
samples of a model. Its log loss measures a divergence. Noise-contrastive estimation uses the same
idea to fit densities with an unknown normalising constant.
"""

# %%
# A discriminator's log loss is a divergence
# ------------------------------------------
# Data come from p, and as many samples of a generator from q. The best discriminator returns
# p / (p + q). Its log loss is ln 2 minus the Jensen-Shannon divergence of p and q (Goodfellow and
# others, 2014). For two normal distributions of the same variance, the best discriminator is a
# logistic regression. Its held-out log loss estimates the divergence:
import matplotlib.pyplot as plt
import numpy as np
from scipy.integrate import quad
from scipy.special import log_expit
from scipy.stats import norm

from sklogloss import LogLossClassifier
from sklogloss.metrics import log_loss_interval

rng = np.random.default_rng(0)
n = 20_000


def jensen_shannon(shift):
    def integrand(x):
        p, q = norm.pdf(x), norm.pdf(x, shift)
        mean = (p + q) / 2
        return 0.5 * p * np.log(p / mean) + 0.5 * q * np.log(q / mean)

    return quad(integrand, -8, 8 + shift)[0]


y = np.repeat([1, 0], n)
test = np.tile(np.arange(n) % 2 == 0, 2)
print("shift   estimated divergence           true")
for shift in (0.5, 1.0, 2.0):
    x = np.concatenate([rng.normal(size=n), rng.normal(shift, size=n)])[:, None]
    discriminator = LogLossClassifier(C=np.inf).fit(x[~test], y[~test])
    proba = discriminator.predict_proba(x[test])
    loss, low, high = log_loss_interval(y[test], proba)[:3]
    estimate, low, high = (np.log(2) - value for value in (loss, high, low))
    true = jensen_shannon(shift)
    print(f"{shift:5}   {estimate:.3f} ({low:.3f} to {high:.3f})         {true:.3f}")

# %%
# Any other discriminator has a larger log loss, so its estimate is a lower bound of the divergence.
#
# Two losses for the generator
# ----------------------------
# Let z be the discriminator's logit for a sample of the generator. Early in training, the
# discriminator is right and confident: z is far below zero. The generator of the minimax game
# minimises ln(1 - sigmoid(z)), whose gradient -sigmoid(z) vanishes there. The non-saturating
# alternative is the log loss of the label "real", -ln sigmoid(z). Its gradient sigmoid(z) - 1 is
# largest where the generator is worst.
z = np.linspace(-8, 8, 200)
fig, ax = plt.subplots(figsize=(6, 3.2), layout="constrained")
ax.plot(z, np.exp(log_expit(z)), label="saturating: ln(1 - sigmoid)", color="#6f8fc0")
ax.plot(z, np.exp(log_expit(-z)), label="log loss: -ln sigmoid", color="#d9562b")
ax.set(xlabel="Logit of the discriminator", ylabel="Size of the gradient")
ax.set_title("What a generator learns from a sample")
ax.legend()
plt.show()

# %%
# Smoothed labels
# ---------------
# If p and q hardly overlap, the discriminator's logits grow without bound, and so do the gradients
# that it sends to the generator's parameters. Label smoothing bounds them: for separated classes,
# the best logits for targets of 0.95 and 0.05 are about ln 19 and -ln 19.
x = np.concatenate([rng.normal(-6, size=n), rng.normal(6, size=n)])[:, None]
for smoothing in (0, 0.1):
    discriminator = LogLossClassifier(C=100, label_smoothing=smoothing).fit(x, y)
    largest = np.abs(discriminator.decision_function([[-6.0]]))[0]
    print(f"label_smoothing={smoothing}: logit of a typical sample {largest:.2f}")
print(f"ln 19 = {np.log(19):.2f}")

# %%
# Noise-contrastive estimation
# ----------------------------
# To fit an unnormalised density exp(w f(x) + c), distinguish data from noise with a known density q
# (Gutmann and Hyvärinen, 2010). The logit of the best classifier is ln p(x) - ln q(x). So a
# logistic regression with the columns f(x) and the offset -ln q(x) finds w as its coefficients and
# c as its intercept; c is minus the logarithm of the normalising constant. Here, the density is
# exp(-x^4 + 2 x^2 + x / 2), which has two modes.


def features(x):
    return np.column_stack([x, x**2, x**4])


true = np.array([0.5, 2.0, -1.0])
grid = np.linspace(-4, 4, 20_001)
density = np.exp(features(grid) @ true)
constant = density.sum() * (grid[1] - grid[0])
data = rng.choice(grid, n, p=density / density.sum())
noise = rng.normal(0, 1.2, n)
x = np.concatenate([data, noise])
model = LogLossClassifier(C=np.inf).fit(features(x), y, offset=-norm.logpdf(x, 0, 1.2))
print("coefficients    ", model.coef_[0].round(2), "true", true)
print(f"log of constant  {-model.intercept_[0]:.2f} true {np.log(constant):.2f}")

fig, ax = plt.subplots(figsize=(6, 3.2), layout="constrained")
shown = np.abs(grid) < 2.5
ax.hist(data, 60, density=True, color="0.8", label="data")
ax.plot(grid[shown], density[shown] / constant, ":", color="black", label="true density")
fitted = np.exp(features(grid[shown]) @ model.coef_[0] + model.intercept_[0])
ax.plot(grid[shown], fitted, color="#d9562b", label="noise-contrastive estimate")
ax.set(xlabel="x", ylabel="Density", title="A density fitted by a logistic regression")
ax.legend()
plt.show()
