"""scikit-learn's callbacks follow fits, and end them."""

import copy
import pickle
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_iris, make_classification
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklogloss import (
    FirthLogisticRegression,
    FocalLogisticRegression,
    LogLossClassifier,
    LogLossClassifierCV,
    logloss_path,
)
from sklogloss.classifiers.callbacks import check_callbacks

callback = pytest.importorskip("sklearn.callback", reason="scikit-learn before 1.9")

X, y = load_iris(return_X_y=True)


class Recorder:
    """A callback that keeps what it is told, and may ask for an end."""

    def __init__(self, stop_after=np.inf):
        self.stop_after = stop_after
        self.begun, self.ended, self.calls = [], [], []

    def setup(self, estimator, context):
        self.calls.append("setup")

    def teardown(self, estimator, context):
        self.calls.append("teardown")

    def on_fit_task_begin(self, estimator, context, *, X=None, metadata=None):
        self.begun.append((context.task_name, X, metadata))

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        self.ended.append((context.task_name, fitted_estimator))
        return len(self.ended) >= self.stop_after

    def named(self, name):
        return [model for task, model in self.ended if task == name]


def wide():
    rng = np.random.default_rng(0)
    wide = rng.standard_normal((40, 200))
    return wide, (wide[:, 0] + rng.standard_normal(40) > 0).astype(int)


CASES = {
    "newton": (LogLossClassifier(), X, y),
    "lbfgs": (LogLossClassifier(solver="lbfgs"), X, y),
    "products": (LogLossClassifier(solver="newton-cg"), X, y),
    "float32": (LogLossClassifier(), X.astype(np.float32), y),
    "L1": (LogLossClassifier(l1_ratio=1, C=0.1), X, y),
    "rows": (LogLossClassifier(), *wide()),
    "working sets": (LogLossClassifier(l1_ratio=1), *wide()),
    "sweeps": (LogLossClassifier(l1_ratio=1), sparse.random(300, 500, 0.05, "csr", rng=0), None),
    "focal": (FocalLogisticRegression(gamma=2), X, y),
}


@pytest.mark.parametrize("case", CASES)
def test_each_step_is_a_task_whose_model_can_predict(case):
    model, X, y = CASES[case]
    if y is None:
        y = np.arange(X.shape[0]) % 5
    recorder = Recorder()
    fitted = clone(model).set_callbacks(recorder).fit(X, y)
    assert recorder.calls == ["setup", "teardown"]
    assert [task for task, *_ in recorder.begun].count("iteration") == len(
        recorder.named("iteration")
    )
    *steps, last = recorder.named("iteration")
    assert last is None
    assert len(steps) >= 1
    for step in steps:
        assert step.coef_.shape == fitted.coef_.shape
        assert step.coef_.dtype == fitted.coef_.dtype
        assert np.all(np.isfinite(step.predict_proba(X)))
    # The same bits as without callbacks.
    plain = clone(model).set_callbacks().fit(X, y)
    assert_array_equal(fitted.coef_, plain.coef_)
    assert_array_equal(fitted.n_iter_, plain.n_iter_)
    (whole,) = recorder.named("fit")
    assert_array_equal(whole.coef_, fitted.coef_)


@pytest.mark.parametrize("case", ["newton", "lbfgs", "products", "L1"])
def test_steps_are_those_that_are_counted_and_end_at_the_fit(case):
    model, X, y = CASES[case]
    recorder = Recorder()
    fitted = clone(model).set_callbacks(recorder).fit(X, y)
    *steps, _ = recorder.named("iteration")
    assert len(steps) == fitted.n_iter_[0]
    assert_array_equal(steps[-1].coef_, fitted.coef_)


@pytest.mark.filterwarnings("ignore:.*failed to converge")
@pytest.mark.parametrize("case", ["newton", "float32", "L1"])
def test_steps_are_those_of_fits_with_as_many_iterations(case):
    model, X, y = CASES[case]
    recorder = Recorder()
    fitted = clone(model).set_callbacks(recorder).fit(X, y)
    for n_iter in range(1, fitted.n_iter_[0]):
        step = recorder.named("iteration")[n_iter - 1]
        fewer = clone(model).set_params(max_iter=n_iter).fit(X, y)
        assert_array_equal(step.coef_, fewer.coef_)
        assert_array_equal(step.intercept_, fewer.intercept_)


@pytest.mark.parametrize("case", CASES)
def test_a_callback_ends_the_fit_after_the_step_it_saw(case):
    model, X, y = CASES[case]
    if y is None:
        y = np.arange(X.shape[0]) % 5
    recorder = Recorder(stop_after=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted = clone(model).set_callbacks(recorder).fit(X, y)
    step, last = recorder.named("iteration")
    assert last is None
    assert fitted.n_iter_[0] == 1
    # From parameters to coefficients and back.
    eps = np.finfo(fitted.coef_.dtype).eps
    size = np.abs(step.coef_).max()
    assert_allclose(fitted.coef_, step.coef_, rtol=0, atol=100 * eps * size)


def test_tasks_pass_on_data_and_weights():
    recorder, weight = Recorder(), np.ones(len(y))
    LogLossClassifier().set_callbacks(recorder).fit(X, y, sample_weight=weight)
    for _, given, metadata in recorder.begun:
        assert given is X
        assert metadata == {"sample_weight": weight}


@pytest.mark.parametrize("solver", ["auto", "newton-cd", "saga"])
def test_there_is_no_solver_without_callbacks(solver):
    recorder = Recorder()
    LogLossClassifier(solver=solver).set_callbacks(recorder).fit(X, y)
    assert len(recorder.named("iteration")) > 2


def test_firth_is_one_task():
    recorder = Recorder()
    model = FirthLogisticRegression().set_callbacks(recorder).fit(X[:100, :2], y[:100])
    (whole,) = recorder.named("fit")
    assert_array_equal(whole.coef_, model.coef_)
    assert recorder.calls == ["setup", "teardown"]


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("l1_ratios", [(0.0,), (0.5, 1.0)])
def test_cross_validation_has_a_task_for_each_fit(l1_ratios, n_jobs):
    # Large enough for threads.
    X, y = make_classification(3000, 40, random_state=0)
    recorder = Recorder()
    model = LogLossClassifierCV(Cs=[0.01, 1.0], l1_ratios=l1_ratios, cv=3, n_jobs=n_jobs)
    model.set_callbacks(recorder).fit(X, y)
    names = [name for name, _ in recorder.ended if name != "fit"]
    expected = [
        f"{rows}, l1_ratio {i + 1} of {len(l1_ratios)}, penalty {j + 1} of 2"
        for rows in ("all rows", "fold 1 of 3", "fold 2 of 3", "fold 3 of 3")
        for i in range(len(l1_ratios))
        for j in range(2)
    ]
    assert sorted(names) == sorted(expected)
    assert sorted(name for name, *_ in recorder.begun if name != "fit") == sorted(expected)
    for name in expected:
        (fitted,) = recorder.named(name)
        assert fitted.predict_proba(X[:3]).shape == (3, 2)
    assert_array_equal(clone(model).set_callbacks().fit(X, y).coef_, model.coef_)


def test_path_has_a_task_for_each_penalty():
    recorder = Recorder()
    path = logloss_path(X, y, Cs=[0.1, 1.0, 10.0], callbacks=[recorder])
    tasks = [f"penalty {i + 1} of 3" for i in range(3)]
    assert [task for task, *_ in recorder.begun] == ["fit", *tasks]
    assert [task for task, _ in recorder.ended] == [*tasks, "fit"]
    for task, coef in zip(tasks, path.coefs, strict=True):
        assert_array_equal(recorder.named(task)[0].coef_, coef)
    assert recorder.calls == ["setup", "teardown"]


@pytest.mark.parametrize("l1_ratio", [0, 1])
def test_progress_bar_shows_the_part_of_a_path(l1_ratio, capsys):
    pytest.importorskip("rich")
    parts = []

    class Parts(callback.ProgressBar):
        def on_fit_task_begin(self, estimator, context):
            parts.append(context.max_subtasks)
            super().on_fit_task_begin(estimator, context)

    logloss_path(X, y, Cs=4, l1_ratio=l1_ratio, callbacks=[Parts()])
    assert parts == [4, 0, 0, 0, 0]
    assert "100%" in capsys.readouterr().out


@pytest.mark.parametrize("model", [LogLossClassifier(), LogLossClassifierCV(Cs=2, cv=2)], ids=str)
def test_progress_bar_ends_with_the_fit(model, capsys):
    pytest.importorskip("rich")
    clone(model).set_callbacks(callback.ProgressBar()).fit(X, y)
    shown = capsys.readouterr().out
    assert f"{type(model).__name__} - fit" in shown
    assert "100%" in shown


def test_path_needs_callbacks_of_scikit_learn():
    with pytest.raises(ValueError, match=r"callbacks need scikit-learn 1\.9 or later, got 1 with"):
        check_callbacks(object(), [Recorder()])
    with pytest.raises(TypeError, match="callbacks must be instances"):
        logloss_path(X, y, callbacks=["progress"])


def test_callbacks_are_torn_down_after_an_error():
    recorder = Recorder()
    model = LogLossClassifier(C=-1).set_callbacks(recorder)
    with pytest.raises(ValueError, match="C"):
        model.fit(X, y)
    assert recorder.calls == ["setup", "teardown"]
    model.set_params(C=1).fit(X, y)
    assert recorder.calls == ["setup", "teardown"] * 2
    assert not hasattr(model, "_callback_fit_ctx")


def test_scoring_monitor_in_a_search_over_a_pipeline():
    monitor = callback.ScoringMonitor(scoring="neg_log_loss")
    pipeline = make_pipeline(StandardScaler(), LogLossClassifier().set_callbacks(monitor))
    pipeline.fit(X, y)
    scores = monitor.get_logs(select="most_recent").data_as_pandas["neg_log_loss"]
    assert len(scores) == pipeline[-1].n_iter_[0] + 1
    assert scores.min() < scores.max() < 0
    search = GridSearchCV(LogLossClassifier(), {"C": [0.1, 1.0]}, cv=2)
    search.set_callbacks(callback.ScoringMonitor(scoring="neg_log_loss")).fit(X, y)
    assert search.best_params_["C"] in (0.1, 1.0)


def test_clones_copies_and_pickles_keep_callbacks():
    model = LogLossClassifier().set_callbacks(Recorder()).fit(X, y)
    for other in (clone(model), copy.copy(model), pickle.loads(pickle.dumps(model))):
        assert len(other._skl_callbacks) == 1
