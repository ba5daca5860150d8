"""Likelihood-ratio tests of what is not nested, or of other rows, are refused."""

import numpy as np
import pytest
import statsmodels.api as sm
from numpy.testing import assert_allclose

from sklogloss.inference import infer


def test_likelihood_ratio_test_of_fits_that_are_not_nested_is_an_error(binary, fitted):
    X, y = binary
    names = list(X.columns)
    large, small = (infer(fitted(X[n], y), X[n], y) for n in (names[:2], names[2:3]))
    with pytest.raises(ValueError, match="not linear combinations"):
        large.likelihood_ratio_test(small)
    # The sum of two columns is nested, though no column is called so.
    total = X[names[:2]].sum(axis=1).to_frame("total")
    test = large.likelihood_ratio_test(infer(fitted(total, y), total, y))
    theirs = sm.Logit(y, sm.add_constant(total)).fit(disp=0, method="newton", tol=1e-13)
    assert test.df == 1
    assert_allclose(test.statistic, 2 * (large.llf - theirs.llf), rtol=1e-8)


@pytest.mark.parametrize("name", ["sample_weight", "offset"])
def test_likelihood_ratio_test_of_other_weights_or_offsets_is_an_error(binary, fitted, name):
    X, y = binary
    few, rng = X.iloc[:, :1], np.random.default_rng(0)
    arguments = {name: rng.uniform(1, 2, size=len(X))}
    large = infer(fitted(X, y), X, y)
    small = infer(fitted(few, y, **arguments), few, y, **arguments)
    with pytest.raises(ValueError, match=f"the same {name}"):
        large.likelihood_ratio_test(small)
    with pytest.raises(ValueError, match=f"the same {name}"):
        infer(fitted(X, y, **arguments), X, y, **arguments).likelihood_ratio_test(
            infer(fitted(few, y), few, y)
        )
