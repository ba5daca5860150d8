import numpy as np
import statsmodels.api as sm
from numpy.testing import assert_allclose
from scipy.special import logit

from sklogloss.inference import infer


def test_predictions_are_as_glm_says(binary, fitted):
    X, y = binary
    offset = np.random.default_rng(0).normal(size=len(y))
    model = sm.GLM(y, sm.add_constant(X), sm.families.Binomial(), offset=offset)
    theirs = model.fit(tol=1e-13).get_prediction(sm.add_constant(X), offset=offset)
    frame = theirs.summary_frame(alpha=0.1)
    result = infer(fitted(X, y, offset=offset), X, y, offset=offset)
    ours = result.predict(X, 0.9, offset=offset)
    assert_allclose(ours.proba[:, 1], frame["mean"], rtol=1e-8)
    assert_allclose(ours.lower[:, 1], frame["mean_ci_lower"], rtol=1e-8)
    assert_allclose(ours.upper[:, 1], frame["mean_ci_upper"], rtol=1e-8)
    assert_allclose(ours.lower[:, 0], 1 - ours.upper[:, 1], rtol=1e-8, atol=1e-15)


def test_intervals_of_several_classes_are_those_of_the_delta_method(anes, results, fitted):
    X, y = anes
    result, clf = results[0], fitted(X, y)
    prediction = result.predict(X[:5])
    assert_allclose(prediction.proba, clf.predict_proba(X[:5]), rtol=1e-9)
    params = result.params.to_numpy()
    columns = np.column_stack([np.ones(5), X[:5]])

    def log_odds(flat):
        raw = np.column_stack([np.zeros(5), columns @ flat.reshape(6, 5).T])
        proba = np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True)
        return logit(proba).ravel()

    flat = params.T.ravel()
    step = 1e-5
    jacobian = np.column_stack(
        [(log_odds(flat + h) - log_odds(flat - h)) / (2 * step) for h in step * np.eye(30)]
    )
    error = np.sqrt(np.diagonal(jacobian @ result.cov_params().to_numpy() @ jacobian.T))
    half = (logit(prediction.upper) - logit(prediction.lower)).ravel() / 2
    # The differences have an error of step squared.
    assert_allclose(half, 1.959963984540054 * error, rtol=1e-5)
