"""The HTML display says what has been fitted, and links to the documentation."""

import importlib.metadata
from email.message import Message

import pytest
import sklearn
from sklearn.datasets import load_iris
from sklearn.utils import estimator_html_repr
from sklearn.utils.fixes import parse_version

import sklogloss
from sklogloss import LogLossClassifier
from sklogloss.calibration import CalibratedClassifier, PriorCorrection, VennAbers
from sklogloss.classifiers.documentation import documentation_address

ADDRESS = "https://docs.example.org/stable/"
CLASSIFIERS = [
    "FirthLogisticRegression",
    "FocalLogisticRegression",
    "LogLossClassifier",
    "LogLossClassifierCV",
]


@pytest.fixture
def address(monkeypatch):
    metadata = Message()
    metadata["Project-URL"] = "Source, https://code.example.org"
    metadata["Project-URL"] = f"Documentation, {ADDRESS}"
    monkeypatch.setattr(importlib.metadata, "metadata", lambda name: metadata)
    documentation_address.cache_clear()
    yield ADDRESS
    documentation_address.cache_clear()


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_display_links_to_the_page_of_the_class(name, address):
    model = getattr(sklogloss, name)()
    page = f"{address}generated/sklogloss.{name}.html"
    assert model._get_doc_link() == page
    assert f'href="{page}"' in estimator_html_repr(model)


@pytest.mark.parametrize(
    "model",
    [CalibratedClassifier(LogLossClassifier()), PriorCorrection(LogLossClassifier()), VennAbers()],
    ids=lambda model: type(model).__name__,
)
def test_display_of_a_calibrator_links_to_its_page(model, address):
    page = f"{address}generated/sklogloss.calibration.{type(model).__name__}.html"
    assert model._get_doc_link() == page
    assert f'href="{page}"' in estimator_html_repr(model)


def test_display_has_no_link_where_no_address_is_known(monkeypatch):
    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "metadata", missing)
    documentation_address.cache_clear()
    try:
        assert LogLossClassifier()._get_doc_link() == ""
    finally:
        documentation_address.cache_clear()


def test_a_subclass_of_others_links_to_nothing(address):
    class Other(LogLossClassifier):
        pass

    assert Other()._get_doc_link() == ""


@pytest.mark.skipif(
    parse_version(sklearn.__version__) < parse_version("1.9"), reason="older displays have neither"
)
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_parameters_and_fitted_attributes_are_shown_with_their_descriptions(name, address):
    X, y = load_iris(return_X_y=True)
    html = estimator_html_repr(getattr(sklogloss, name)().fit(X[:100], y[:100]))
    page = f"{address}generated/sklogloss.{name}.html#:~:text="
    attributes = [
        "classes_",
        "coef_",
        "intercept_",
        "n_features_in_",
        "n_iter_",
        "plan_",
        "solver_",
    ]
    for shown in ["verbose", *attributes]:
        assert f'href="{page}{shown},' in html
