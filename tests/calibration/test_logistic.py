import mpmath
import numpy as np
import pytest
from sklearn.calibration import _SigmoidCalibration

from sklogloss.calibration import LogisticScaling


@pytest.mark.parametrize("with_weight", [False, True])
def test_probabilities_are_those_of_scikit_learn(with_weight, forecasts):
    y, z = forecasts(200, 2)
    weight = np.random.default_rng(0).uniform(0, 3, size=200) if with_weight else None
    theirs = _SigmoidCalibration().fit(2 * z + 1, y, sample_weight=weight)
    ours = LogisticScaling().fit(2 * z + 1, y, sample_weight=weight)
    # Theirs stops at a gradient of the sum of 1e-6, or a relative decrease of 64 eps.
    np.testing.assert_allclose(
        ours.predict_proba(2 * z + 1)[:, 1], theirs.predict(2 * z + 1), atol=1e-6
    )


def test_slope_and_intercept_are_those_of_mpmath():
    z, y = [-1.5, -0.5, 0.25, 1.0, 2.0], [0, 1, 0, 1, 1]
    target = [mpmath.mpf(4) / 5 if label else mpmath.mpf(1) / 4 for label in y]

    def gradient(slope, intercept):
        residual = [
            1 / (1 + mpmath.exp(-slope * v - intercept)) - t for v, t in zip(z, target, strict=True)
        ]
        return mpmath.fsum(r * v for r, v in zip(residual, z, strict=True)), mpmath.fsum(residual)

    with mpmath.workdps(30):
        expected = [float(x) for x in mpmath.findroot(gradient, (0.5, 0.1))]
    ours = LogisticScaling().fit(z, y)
    assert [ours.slope_, ours.intercept_] == pytest.approx(expected, abs=1e-8)


def test_three_classes_recover_slope_and_intercepts(forecasts):
    y, z = forecasts(20_000, 3)
    shift = np.array([1.0, -0.5, -0.5])
    fitted = LogisticScaling().fit(3 * (z + shift), y)
    # Standard errors of some 0.02.
    assert fitted.slope_ == pytest.approx(1 / 3, abs=0.02)
    np.testing.assert_allclose(fitted.intercept_, -shift, atol=0.1)
    assert fitted.intercept_.sum() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("masked", [-1e6, -1e9, -1e300])
def test_a_class_that_a_mask_rules_out_does_not_disturb_the_others(masked):
    rng = np.random.default_rng(0)
    z = 2 * rng.normal(size=(3000, 3))
    y = (0.5 * z + rng.gumbel(size=z.shape)).argmax(axis=1)
    alone = LogisticScaling().fit(z, y)
    z[np.flatnonzero(y != 0)[:30], 0] = masked
    fitted = LogisticScaling().fit(z, y)
    # The standard error of the slope is 0.015. What Platt's targets leave to a class that is ruled
    # out costs a slope of 0.5 in 1 % of the rows 744 / 6000 = 0.12 nats.
    assert fitted.slope_ == pytest.approx(alone.slope_, abs=0.05)
