"""
Comparing models of evolution by paired log loss
================================================

A tree and a substitution model give a probability to each column of an alignment, the site
likelihood. Minus its logarithm is a surprise, and the mean over sites is a log loss. The test of
Kishino and Hasegawa (1989) is a paired comparison of two such losses.
"""

# %%
# An alignment
# ------------
# The alignment has four species on the tree ((A,B),(C,D)), and 2,000 sites. Sites evolve under the
# model of Kimura (1980): transitions (A-G and C-T) have a different rate from transversions. Its
# transition probabilities have a closed form; with kappa = 1, they are those of Jukes and Cantor
# (1969). The length of a branch is the expected number of substitutions per site.
import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import minimize
from scipy.stats import norm

BASES = "AGCT"  # Purines first: a transition stays within a half.


def transition_matrix(length, kappa):
    """Return the probabilities of each base (columns) at the end of a branch."""
    rate = length / (kappa + 2)  # of each transversion; that of the transition is kappa times it
    slow, fast = np.exp(-4 * rate), np.exp(-2 * (kappa + 1) * rate)
    same, transition, transversion = (
        0.25 + 0.25 * slow + 0.5 * fast,
        0.25 + 0.25 * slow - 0.5 * fast,
        0.25 - 0.25 * slow,
    )
    half = np.array([[same, transition], [transition, same]])
    other = np.full((2, 2), transversion)
    return np.block([[half, other], [other, half]])


def evolve(bases, length, kappa):
    """Draw the bases at the end of a branch."""
    cumulative = transition_matrix(length, kappa)[bases].cumsum(axis=1)
    return (rng.random((len(bases), 1)) > cumulative).sum(axis=1)


rng = np.random.default_rng(0)
n_sites, lengths, kappa = 2000, [0.2, 0.3, 0.25, 0.15, 0.1], 4.0
left = rng.integers(0, 4, n_sites)
right = evolve(left, lengths[4], kappa)
alignment = [
    evolve(start, length, kappa)
    for start, length in zip([left, left, right, right], lengths, strict=False)
]
for species, row in zip("ABCD", alignment, strict=True):
    print(species, "".join(BASES[base] for base in row[:60]))

# %%
# Site likelihoods
# ----------------
# Felsenstein's pruning algorithm sums over the unknown bases at both inner nodes. Maximum
# likelihood, which minimises the mean surprise, fits kappa and the five branch lengths.


def site_surprises(log_lengths, kappa, pairs):
    """Return minus the log-likelihood of each site, in nats; pairs says who are neighbours."""
    *outer, inner = (transition_matrix(length, kappa) for length in np.exp(log_lengths))
    # Row i: the probability of what two species show, for each base of their ancestor.
    tips = [
        of_branch.T[alignment[species]] for of_branch, species in zip(outer, pairs, strict=True)
    ]
    likelihood = 0.25 * np.sum((tips[0] * tips[1]) * ((tips[2] * tips[3]) @ inner.T), axis=1)
    return -np.log(likelihood)


def fit(pairs, kappa=None):
    """Return the surprise of each site under the fitted model, and kappa."""

    def surprises(theta):
        return site_surprises(theta[:5], np.exp(theta[5]) if kappa is None else kappa, pairs)

    start = np.log([0.2] * 5 + [2.0] * (kappa is None))
    best = minimize(lambda theta: surprises(theta).mean(), start, bounds=[(-7, 2)] * len(start))
    return surprises(best.x), np.exp(best.x[5]) if kappa is None else kappa


jukes_cantor, _ = fit([0, 1, 2, 3], kappa=1.0)
kimura, fitted_kappa = fit([0, 1, 2, 3])
print(f"Jukes-Cantor {jukes_cantor.mean():.4f} nats per site")
print(f"Kimura       {kimura.mean():.4f} nats per site, kappa = {fitted_kappa:.2f}")

# %%
# Nested models: a likelihood-ratio test
# --------------------------------------
# Jukes-Cantor is Kimura's model with kappa = 1. If it is right, twice the difference of the summed
# surprises has a chi-squared distribution with one degree of freedom.
statistic = 2 * np.sum(jukes_cantor - kimura)
print(f"likelihood ratio {statistic:.0f}; 6.6 would be significant at 1 %")

# %%
# Two trees: Kishino and Hasegawa
# -------------------------------
# Trees are not nested. The test compares the mean difference of the surprises at each site with its
# standard error, as :func:`~sklogloss.metrics.compare_log_loss` does for classifiers. It is valid
# for two trees chosen before the data are seen. For the best of many trees, use the test of
# Shimodaira and Hasegawa (1999), which accounts for the selection.


def compare(a, b):
    difference = a - b
    error = difference.std(ddof=1) / np.sqrt(len(difference))
    return difference.mean(), error, 2 * norm.sf(abs(difference.mean()) / error)


other_tree, _ = fit([0, 2, 1, 3])
mean, error, pvalue = compare(other_tree, kimura)
print(
    f"((A,C),(B,D)) less ((A,B),(C,D)): {mean:.4f} +- {error:.4f} nats per site, p = {pvalue:.2g}"
)

# %%
# Which sites decide? Most columns are equally surprising under both trees. Columns with the pattern
# xxyy, where A and B share one base and C and D another, support the true tree. Columns with the
# pattern xyxy support the other.
difference = other_tree - kimura
a, b, c, d = alignment
patterns = {
    "xxyy": (a == b) & (c == d) & (a != c),
    "xyxy": (a == c) & (b == d) & (a != b),
    "all others": ~((a == b) & (c == d) & (a != c)) & ~((a == c) & (b == d) & (a != b)),
}
fig, ax = plt.subplots(figsize=(7, 3), layout="constrained")
for name, chosen in patterns.items():
    ax.plot(
        difference[chosen],
        rng.normal(list(patterns).index(name), 0.08, chosen.sum()),
        ".",
        alpha=0.5,
    )
ax.axvline(0, color="0.6", linewidth=0.8)
ax.set(
    yticks=range(3),
    yticklabels=[f"{name} ({chosen.sum()})" for name, chosen in patterns.items()],
    xlabel="Surprise under the other tree less that under the true one, in nats",
    title="Evidence of each site",
)
plt.show()
