"""
Log-odds and bits of a sequence motif
=====================================

An intron begins at a donor splice site, nearly always with GT. Which positions around it matter?
Bioinformatics answers with position weight matrices and sequence logos. A logistic regression on
one-hot columns learns the same weights, and log loss measures the same information in nats instead
of bits.
"""

# %%
# Sites and decoys
# ----------------
# A sequence has nine bases: the last three of the exon and the first six of the intron. True sites
# follow the consensus MAG|GTRAGT; the frequencies below are rounded from those of human donor
# sites. Decoys are other places with a GT; their other bases are equally frequent. All sequences
# are generated.
import matplotlib.pyplot as plt
import numpy as np

from sklogloss import LogLossClassifier
from sklogloss.metrics import compare_log_loss, log_loss

BASES = np.array(list("ACGT"))
FREQUENCIES = np.array(
    [
        [0.33, 0.36, 0.18, 0.13],
        [0.60, 0.13, 0.13, 0.14],
        [0.09, 0.03, 0.80, 0.08],
        [0.00, 0.00, 1.00, 0.00],
        [0.00, 0.00, 0.00, 1.00],
        [0.52, 0.03, 0.42, 0.03],
        [0.71, 0.08, 0.12, 0.09],
        [0.07, 0.05, 0.83, 0.05],
        [0.16, 0.16, 0.22, 0.46],
    ]
)
POSITIONS = [-3, -2, -1, 1, 2, 3, 4, 5, 6]
rng = np.random.default_rng(0)


def draw(frequencies, n):
    return np.stack([rng.choice(4, n, p=of_base) for of_base in frequencies], axis=1)


background = np.where(FREQUENCIES.max(axis=1, keepdims=True) == 1, FREQUENCIES, 0.25)
n = 4000
sequences = np.vstack([draw(FREQUENCIES, n), draw(background, n)])
y = np.repeat([1, 0], n)
print("a site: ", "".join(BASES[sequences[0]]))
print("a decoy:", "".join(BASES[sequences[-1]]))

# %%
# A weight matrix is a logistic regression
# ----------------------------------------
# The score of a weight matrix is a sum over positions. Each term is the log-odds of the base, ln
# (frequency in sites / frequency in decoys). If positions are independent, these are the
# coefficients of a logistic regression on one-hot columns, up to a constant for each position.
X = np.eye(4)[sequences].reshape(len(y), -1)
train = rng.random(len(y)) < 0.5
model = LogLossClassifier(C=10).fit(X[train], y[train])
weights = model.coef_.reshape(9, 4)
weights -= weights.mean(axis=1, keepdims=True)

is_free = FREQUENCIES.max(axis=1) < 1
log_odds = np.log(FREQUENCIES[is_free] / 0.25)
log_odds -= log_odds.mean(axis=1, keepdims=True)
correlation = np.corrcoef(weights[is_free].ravel(), log_odds.ravel())[0, 1]
print(f"correlation with the true log-odds: {correlation:.3f}")

fig, axes = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
image = axes[0].imshow(weights.T, cmap="RdBu_r", vmin=-2.5, vmax=2.5)
axes[0].set(xticks=range(9), xticklabels=POSITIONS, yticks=range(4), yticklabels=BASES)
axes[0].set(title="Coefficients: log-odds of a base", xlabel="Position")
fig.colorbar(image, ax=axes[0], shrink=0.7)
# The information of a position, as in a sequence logo: 2 bits less the entropy of its bases.
entropy = -np.sum(FREQUENCIES * np.log2(np.where(FREQUENCIES > 0, FREQUENCIES, 1)), axis=1)
axes[1].bar(range(9), 2 - entropy, color="#6f8fc0")
axes[1].set(xticks=range(9), xticklabels=POSITIONS, xlabel="Position", ylabel="Bits")
axes[1].set(title="Information content of sites")
plt.show()

# %%
# G and T at positions 1 and 2 have two bits each in the logo, and a coefficient of zero: decoys
# have them, too. A logo compares sites with the genome; a classifier compares them with decoys.
#
# Bits and nats
# -------------
# The log loss of the base rate minus that of the model is the information that a sequence gives
# about its label. For equally frequent classes, complete information is ln 2 nats, or 1 bit.
proba = model.predict_proba(X[~train])[:, 1]
loss = log_loss(y[~train], proba)
print(f"log loss {loss:.3f} nats = {loss / np.log(2):.3f} bits")
print(f"information about the label: {1 - loss / np.log(2):.3f} bits of 1")

# %%
# Pairs of positions
# ------------------
# Do neighbouring positions depend on each other? Add a column for each pair of neighbouring bases
# (a 2-mer at a position), and compare on held-out sequences. The positions of these sites are
# independent, so pairs cannot help. In real donor sites, they help a little.
pairs = np.concatenate(
    [
        (X.reshape(-1, 9, 4)[:, i, :, None] * X.reshape(-1, 9, 4)[:, i + 1, None, :]).reshape(
            -1, 16
        )
        for i in range(8)
    ],
    axis=1,
)
X_pairs = np.hstack([X, pairs])
with_pairs = LogLossClassifier(C=10).fit(X_pairs[train], y[train])
result = compare_log_loss(y[~train], with_pairs.predict_proba(X_pairs[~train])[:, 1], proba)
print(
    f"pairs less single positions: {result.difference:.4f} nats, 95 % interval "
    f"{result.low:.4f} to {result.high:.4f}"
)
