"""
A rare class, focal loss, and probabilities
===========================================

Focal loss and class weights are common advice for rare classes. What do they do to a linear model,
and to its probabilities?
"""

# %%
# The data are 11,183 generated samples; about one in forty is positive. A quadratic term makes a
# linear model slightly wrong.
import numpy as np
from sklearn.metrics import average_precision_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklogloss import FocalLogisticRegression, LogLossClassifier
from sklogloss.displays import ReliabilityDisplay
from sklogloss.metrics import brier_score, compare_log_loss, log_loss, log_loss_decomposition

rng = np.random.default_rng(0)
X = rng.normal(size=(11_183, 6))
logit = X @ [1.2, 0.8, -0.6, 0.4, 0.0, 0.0] + 0.3 * X[:, 4] ** 2 - 5.2
y = (rng.logistic(size=len(X)) < logit).astype(int)
print(f"{len(y)} samples, {y.sum()} positive: {y.mean():.1%}")

# %%
# Five-fold cross-validation gives probabilities for samples that a model has not seen.
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
# Log loss, Brier score and miscalibration (the log loss that recalibration would remove) are better
# if smaller. Average precision is better if larger; it depends only on the order of the samples.
# The mean probability should equal the fraction of positives.
print(f"{'':27} log loss   Brier  miscalibration  average precision  mean probability")
for name, p in proba.items():
    print(
        f"{name:27} {log_loss(y, p):8.4f} {brier_score(y, p):7.4f} "
        f"{log_loss_decomposition(y, p).miscalibration:15.4f} "
        f"{average_precision_score(y, p):18.3f} {p.mean():17.3f}"
    )

# %%
# The raw outputs of focal loss and of balanced fits are not probabilities: the balanced fits expect
# at least ten times as many positives as there are. The posterior undoes focusing and weights.
for name in ("log loss", "focal, balanced, raw", "focal, balanced, posterior"):
    display = ReliabilityDisplay.from_predictions(y, proba[name], name=name, random_state=0)
    display.figure_.suptitle(f"Reliability: {name}")

# %%
# Does focal loss help? These data do not show it: the interval of the difference between its
# posterior and the plain fit contains zero.
result = compare_log_loss(y, proba["focal, posterior"], proba["log loss"])
print(
    f"focal less plain: {result.difference:.5f} nats, 95 % interval from {result.low:.5f} to "
    f"{result.high:.5f}"
)

# %%
# If the model is right, focal loss cannot help: maximum likelihood is the most precise estimate,
# and focal loss ignores some of the information in easy samples. If the model is wrong, focal loss
# and class weights fit another linear function. It is better where their weight lies and worse
# elsewhere, and the order of the samples may improve or deteriorate.
#
# So cross-validate ``gamma`` and ``class_weight`` by the log loss of the posterior, with
# ``gamma=0`` and no weights among the candidates. To classify more samples as positive, lower the
# threshold.
