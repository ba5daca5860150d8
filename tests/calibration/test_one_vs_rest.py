import mpmath
import numpy as np

from sklogloss.calibration.one_vs_rest import class_scores


def test_log_odds_have_all_digits():
    z = np.array([[40.0, 0.0, -3.0], [0.1, 0.2, 0.3], [-800.0, 0.0, 1.0]])
    with mpmath.workdps(60):
        expected = [
            [
                float(row[k] - mpmath.log(mpmath.fsum(mpmath.exp(v) for v in np.delete(row, k))))
                for k in range(3)
            ]
            for row in z
        ]
    np.testing.assert_allclose(class_scores(z, 3), expected, rtol=1e-14)
