"""Stored classifiers: plain state, which asks a reader to trust the classifier's class alone."""

import copy
import pickle
import pickletools
import warnings
from pathlib import Path

import joblib
import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.exceptions import InconsistentVersionWarning

import sklogloss
from sklogloss import (
    FirthLogisticRegression,
    FocalLogisticRegression,
    LogLossClassifier,
    LogLossClassifierCV,
)
from sklogloss.solvers.plan import Plan

IRIS = load_iris(return_X_y=True)
CANCER = load_breast_cancer(return_X_y=True)

PICKLES = Path(__file__).parents[1] / "data" / "pickles"

MODELS = [
    LogLossClassifier(),
    LogLossClassifier(class_weight="balanced", label_smoothing=0.1, probabilities="posterior"),
    LogLossClassifier(l1_ratio=1.0, C=0.1),
    LogLossClassifierCV(Cs=2, cv=2),
    FocalLogisticRegression(gamma=1.5),
    FocalLogisticRegression(gamma=0.0, alpha=[1, 2, 3]),
    FirthLogisticRegression(),
]


@pytest.fixture(params=MODELS, ids=str)
def model(request):
    return request.param.fit(*IRIS)


def assert_same(restored, model):
    assert type(restored) is type(model)
    assert str(restored.get_params()) == str(model.get_params())
    assert vars(restored).keys() == vars(model).keys()
    assert restored.plan_ == model.plan_
    assert type(restored._fitted_loss) is type(model._fitted_loss)
    for name in ("coef_", "predict_proba", "predict_log_proba"):
        of_both = [getattr(clf, name) for clf in (restored, model)]
        of_both = [value(IRIS[0]) if callable(value) else value for value in of_both]
        np.testing.assert_array_equal(*of_both)


def test_pickles_and_copies(model):
    for restored in (pickle.loads(pickle.dumps(model)), copy.copy(model), copy.deepcopy(model)):
        assert_same(restored, model)


def test_joblib(model, tmp_path):
    joblib.dump(model, tmp_path / "model.joblib")
    assert_same(joblib.load(tmp_path / "model.joblib"), model)


def test_a_pickle_names_no_class_of_the_package_but_the_classifier_s(model):
    strings = [argument for _, argument, _ in pickletools.genops(pickle.dumps(model))]
    of_package = {
        text for text in strings if isinstance(text, str) and text.startswith("sklogloss")
    }
    assert of_package == {type(model).__module__}


def test_skops_asks_to_trust_the_classifier_alone(model):
    skops = pytest.importorskip("skops.io")
    stored = skops.dumps(model)
    name = f"{type(model).__module__}.{type(model).__name__}"
    assert skops.get_untrusted_types(data=stored) == [name]
    assert_same(skops.loads(stored, trusted=[name]), model)


def test_skops_asks_nothing_for_what_is_exported():
    skops = pytest.importorskip("skops.io")
    stored = skops.dumps(LogLossClassifier(C=0.01).fit(*CANCER).to_sklearn())
    assert skops.get_untrusted_types(data=stored) == []
    skops.loads(stored)


def test_plans_of_many_stages():
    rows = np.random.default_rng(0).normal(size=(50_000, 10))
    clf = LogLossClassifier().fit(rows, rows[:, 0] + rows[:, 1] ** 2 > 0.1)
    assert len(clf.plan_.subset_sizes) > 0
    restored = pickle.loads(pickle.dumps(clf))
    assert restored.plan_ == clf.plan_
    assert str(restored.plan_) == str(clf.plan_)


def restored_with_plan(change):
    """Return a classifier from a state whose plan another version would have stored so."""
    clf = LogLossClassifier().fit(*CANCER)
    state = clf.__getstate__()
    state["plan_"] = change(state["plan_"])
    restored = LogLossClassifier.__new__(LogLossClassifier)
    restored.__setstate__(state)
    np.testing.assert_array_equal(restored.predict_proba(CANCER[0]), clf.predict_proba(CANCER[0]))
    return restored, clf


def test_what_a_plan_has_of_a_later_version_is_left_out():
    restored, clf = restored_with_plan(lambda plan: {**plan, "a_later_field": 3})
    assert restored.plan_ == clf.plan_


@pytest.mark.parametrize("field", ["start", "subset_sizes", "hessian_stride", "descends"])
def test_what_a_plan_lacks_has_its_default(field):
    restored, _ = restored_with_plan(
        lambda plan: {name: value for name, value in plan.items() if name != field}
    )
    assert getattr(restored.plan_, field) == getattr(Plan("lbfgs", ()), field)


@pytest.mark.parametrize(
    "change",
    [
        {"methods": ["OF_ANOTHER_VERSION"]},
        {"start": "OF_ANOTHER_VERSION"},
        {"subset_sizes": None},
        {"methods": None},
    ],
)
def test_a_plan_that_cannot_be_made_stays_plain(change):
    restored, clf = restored_with_plan(lambda plan: {**plan, **change})
    assert restored.plan_ == {**clf.__getstate__()["plan_"], **change}
    assert pickle.loads(pickle.dumps(restored)).plan_ == restored.plan_


def test_a_plan_without_its_methods_stays_plain():
    restored, _ = restored_with_plan(lambda plan: {"solver": plan["solver"]})
    assert restored.plan_ == {"solver": "newton-cholesky"}


def test_before_the_fit():
    clf = pickle.loads(pickle.dumps(LogLossClassifier(C=3)))
    assert clf.C == 3
    assert not hasattr(clf, "plan_")


def test_other_losses_are_stored_as_they_are():
    clf = LogLossClassifier().fit(*CANCER)
    clf._fitted_loss = "a loss of a subclass"
    assert pickle.loads(pickle.dumps(clf))._fitted_loss == clf._fitted_loss


@pytest.mark.parametrize("path", sorted(PICKLES.glob("*/*.pickle")), ids=lambda path: path.stem)
def test_pickles_of_all_versions_can_be_read(path):
    warned = [] if path.parent.name == sklogloss.__version__ else [InconsistentVersionWarning]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        restored = pickle.loads(path.read_bytes())
    assert [warning.category for warning in caught] == warned
    proba = restored.predict_proba(IRIS[0][::10])
    with np.load(path.parent / "probabilities.npz") as expected:
        # Some roundings of scores of size 10, of which another machine makes others.
        np.testing.assert_allclose(proba, expected[path.stem], atol=100 * np.finfo(float).eps)
    assert restored.fit(*IRIS).predict(IRIS[0]).shape == (150,)


def test_there_are_pickles_of_this_version():
    assert (PICKLES / sklogloss.__version__).is_dir()


@pytest.mark.parametrize("stored", ["0.0.1", None])
def test_another_version_is_warned_of(stored):
    state = LogLossClassifier().fit(*IRIS).__getstate__()
    if stored is None:
        del state["_sklogloss_version"]
    else:
        state["_sklogloss_version"] = stored
    restored = LogLossClassifier()
    message = f"estimator LogLossClassifier from version {stored or 'before 0.1.0'} when using"
    with pytest.warns(InconsistentVersionWarning, match=message):
        restored.__setstate__(state)
    assert "_sklogloss_version" not in vars(restored)
