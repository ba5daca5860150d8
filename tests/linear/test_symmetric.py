import numpy as np

from sklogloss.linear.symmetric import symmetric


def test_the_lower_triangle_is_mirrored():
    given = np.array([[1.0, np.nan], [2.0, 3.0]])
    np.testing.assert_array_equal(symmetric(given), [[1, 2], [2, 3]])
    assert np.isnan(given[0, 1])
