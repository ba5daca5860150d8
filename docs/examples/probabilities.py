"""
Looking at probabilities
========================

Four displays examine the probabilities of three classifiers of the breast cancer data.
"""

# %%
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklogloss import LogLossClassifier
from sklogloss.displays import (
    LossCurveDisplay,
    ReliabilityDisplay,
    ScoreDecompositionDisplay,
    SurpriseDisplay,
)
from sklogloss.losses import BrierLoss, FocalLoss, LogLoss

bunch = load_breast_cancer()
X_train, X_test, y_train, y_test = train_test_split(
    bunch.data, bunch.target_names[bunch.target], test_size=0.5, random_state=0
)
models = {
    "logistic": make_pipeline(StandardScaler(), LogLossClassifier(C=0.1)),
    "naive Bayes": GaussianNB(),
    "forest": RandomForestClassifier(random_state=0),
}
for model in models.values():
    model.fit(X_train, y_train)

# %%
# Miscalibration and discrimination
# ---------------------------------
# All three classifiers separate the classes about equally well. The probabilities of naive Bayes
# are wrong.
display = ScoreDecompositionDisplay.from_estimators(models, X_test, y_test)
display.figure_.suptitle("Miscalibration and discrimination of three classifiers")

# %%
# Reliability
# -----------
# The curve of the forest stays within the band: its deviations from the diagonal are within chance.
display = ReliabilityDisplay.from_estimator(
    models["forest"], X_test, y_test, name="forest", random_state=0
)
display.figure_.suptitle("Reliability of the forest")

# %%
# Surprise
# --------
# Naive Bayes expects almost no surprise, but is wrong about some samples of which it is certain.
display = SurpriseDisplay.from_estimator(models["naive Bayes"], X_test, y_test, name="naive Bayes")
display.figure_.suptitle("Surprise of naive Bayes: expected and observed")

# %%
# Three losses
# ------------
# On the left, a model is confidently wrong. There, the gradient of log loss is largest, and that of
# the squared error almost vanishes, so the model hardly learns from its worst mistakes. Focal loss
# with gamma = 2 learns even more from them than log loss, and almost nothing from samples that are
# already right. The display draws anything that returns a value and a gradient.
display = LossCurveDisplay.from_losses(
    {"log loss": LogLoss(), "squared error": BrierLoss(), "focal loss": FocalLoss(gamma=2)}
)
display.figure_.suptitle("Three losses and their gradients")
