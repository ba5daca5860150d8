"""The classifiers take the place of scikit-learn's in other packages, where these are installed."""

import pytest
from compatibility import try_packages


@pytest.mark.parametrize("name", ["shap", "imbalanced_learn", "fairlearn"])
def test_package_works(name):
    if try_packages.version(name) is None:
        pytest.skip(f"{name} is not installed")
    getattr(try_packages, f"try_{name}")()
