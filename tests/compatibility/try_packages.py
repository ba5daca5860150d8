"""Try sklogloss with other packages: ``python tests/compatibility/try_packages.py [NAME ...]``.

Each function uses one package as its users do, with a classifier of sklogloss in place of one of
scikit-learn's, and compares the result with one of the plain classifier where there is one to
compare with. Prints a line per package: its version, and "works" or the error. A package that is
not installed is skipped. The packages are too many for the test suite, except for three in
test_packages.py.
"""

import importlib.metadata
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklogloss import LogLossClassifier

DATA = load_breast_cancer(as_frame=True)
FRAME = pd.DataFrame(StandardScaler().fit_transform(DATA.data), columns=DATA.data.columns)
FRAME = FRAME.iloc[:, :6]
X, y = FRAME.to_numpy(), DATA.target.to_numpy()
GROUP = np.where(X[:, 0] > 0, "large", "small")
TABLE = FRAME.assign(group=GROUP)


def fitted():
    return LogLossClassifier().fit(X, y)


def assert_predicts(model, rows):
    proba = model.predict_proba(rows)
    assert proba.shape == (len(rows), 2)
    assert_allclose(proba.sum(axis=1), 1, rtol=1e-6)
    assert np.mean(model.predict(rows) == y) > 0.85


def try_shap():
    import shap

    model = fitted()
    values = shap.LinearExplainer(model, X)(X)
    sums = values.base_values + values.values.sum(axis=1)
    assert_allclose(sums, model.decision_function(X), rtol=1e-6, atol=1e-8)
    values = shap.Explainer(model.predict_proba, X[:50], algorithm="permutation")(X[:3])
    sums = values.base_values + values.values.sum(axis=1)
    assert_allclose(sums, model.predict_proba(X[:3]), rtol=1e-6, atol=1e-8)


def try_imbalanced_learn():
    from imblearn.ensemble import BalancedBaggingClassifier
    from imblearn.over_sampling import SMOTE
    from imblearn.pipeline import make_pipeline as make_resampling_pipeline

    assert_predicts(make_resampling_pipeline(SMOTE(), LogLossClassifier()).fit(X, y), X)
    assert_predicts(BalancedBaggingClassifier(LogLossClassifier(), n_estimators=3).fit(X, y), X)


def try_fairlearn():
    from fairlearn.postprocessing import ThresholdOptimizer
    from fairlearn.reductions import DemographicParity, ExponentiatedGradient

    reduction = ExponentiatedGradient(LogLossClassifier(), DemographicParity(), max_iter=5)
    reduction.fit(X, y, sensitive_features=GROUP)
    assert reduction.predict(X).shape == y.shape
    thresholds = ThresholdOptimizer(
        estimator=LogLossClassifier(), constraints="demographic_parity", predict_method="auto"
    )
    thresholds.fit(X, y, sensitive_features=GROUP)
    assert thresholds.predict(X, sensitive_features=GROUP).shape == y.shape


def try_mlxtend():
    from mlxtend.classifier import EnsembleVoteClassifier, StackingCVClassifier
    from mlxtend.feature_selection import SequentialFeatureSelector

    selector = SequentialFeatureSelector(LogLossClassifier(), k_features=2, cv=3).fit(X, y)
    assert len(selector.k_feature_idx_) == 2
    models = [LogLossClassifier(), LogLossClassifier(C=0.1)]
    assert_predicts(EnsembleVoteClassifier(models, voting="soft").fit(X, y), X)
    assert_predicts(StackingCVClassifier(models, LogLossClassifier(), use_probas=True).fit(X, y), X)


def try_optuna():
    import optuna

    def objective(trial):
        C = trial.suggest_float("C", 1e-3, 1e3, log=True)
        return cross_val_score(LogLossClassifier(C=C), X, y, cv=3, scoring="neg_log_loss").mean()

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(direction="maximize")
    study.optimize(objective, n_trials=5)
    assert study.best_value < 0


def try_dask_ml():
    import dask.array as da
    from dask_ml.model_selection import GridSearchCV
    from dask_ml.wrappers import ParallelPostFit

    blocks = da.from_array(X, chunks=(100, X.shape[1]))
    wrapped = ParallelPostFit(LogLossClassifier()).fit(X, y)
    assert_allclose(wrapped.predict_proba(blocks).compute(), fitted().predict_proba(X), rtol=1e-9)
    search = GridSearchCV(LogLossClassifier(), {"C": [0.1, 1.0]}, cv=3).fit(X, y)
    assert search.best_params_["C"] in (0.1, 1.0)


def try_category_encoders():
    from category_encoders import OneHotEncoder, TargetEncoder

    for encoder in (OneHotEncoder(), TargetEncoder()):
        assert_predicts(make_pipeline(encoder, LogLossClassifier()).fit(TABLE, y), TABLE)


def try_feature_engine():
    from feature_engine.encoding import OneHotEncoder
    from feature_engine.selection import RecursiveFeatureElimination

    assert_predicts(make_pipeline(OneHotEncoder(), LogLossClassifier()).fit(TABLE, y), TABLE)
    selection = RecursiveFeatureElimination(LogLossClassifier(), cv=3).fit(FRAME, pd.Series(y))
    assert selection.transform(FRAME).shape[1] <= FRAME.shape[1]


def try_skrub():
    from skrub import TableVectorizer, tabular_pipeline

    assert_predicts(tabular_pipeline(LogLossClassifier()).fit(TABLE, y), TABLE)
    assert_predicts(make_pipeline(TableVectorizer(), LogLossClassifier()).fit(TABLE, y), TABLE)


def try_mapie():
    from mapie.classification import CrossConformalClassifier, SplitConformalClassifier

    split = SplitConformalClassifier(fitted(), confidence_level=0.9, prefit=True).conformalize(X, y)
    labels, sets = split.predict_set(X)
    assert_array_equal(labels, fitted().predict(X))
    assert sets.shape[:2] == (len(y), 2)
    cross = CrossConformalClassifier(LogLossClassifier(), confidence_level=0.9, cv=3)
    cross.fit_conformalize(X, y)
    assert cross.predict_set(X)[1].shape[:2] == (len(y), 2)


def try_crepes():
    from crepes import WrapClassifier

    wrapped = WrapClassifier(LogLossClassifier())
    wrapped.fit(X[:300], y[:300])
    wrapped.calibrate(X[300:], y[300:])
    assert wrapped.predict_p(X).shape == (len(y), 2)


def try_interpret():
    from interpret.blackbox import MorrisSensitivity, PartialDependence

    model = fitted()
    assert PartialDependence(model, FRAME).explain_global() is not None
    assert MorrisSensitivity(model, FRAME).explain_global() is not None


def try_dalex():
    import dalex

    explainer = dalex.Explainer(LogLossClassifier().fit(FRAME, y), FRAME, y, verbose=False)
    assert explainer.model_performance().result["auc"].iloc[0] > 0.9
    assert len(explainer.model_parts(B=2).result) > FRAME.shape[1]
    assert len(explainer.predict_parts(FRAME.iloc[[0]]).result) > FRAME.shape[1]


def try_lime():
    from lime.lime_tabular import LimeTabularExplainer

    explainer = LimeTabularExplainer(X, random_state=0)
    explanation = explainer.explain_instance(X[0], fitted().predict_proba, num_features=3)
    assert len(explanation.as_list()) == 3


def try_cleanlab():
    from cleanlab.classification import CleanLearning

    model = CleanLearning(LogLossClassifier()).fit(X, y)
    assert_predicts(model, X)
    assert len(model.get_label_issues()) == len(y)


def try_scikit_lego():
    from sklego.meta import EstimatorTransformer, GroupedClassifier, Thresholder

    assert_predicts(Thresholder(LogLossClassifier(), threshold=0.4).fit(X, y), X)
    transformed = EstimatorTransformer(LogLossClassifier(), "predict_proba").fit_transform(X, y)
    # It stacks the columns into one, for any classifier.
    assert_allclose(transformed.ravel(), fitted().predict_proba(X).ravel(), rtol=1e-9)
    grouped = GroupedClassifier(LogLossClassifier(), groups="group").fit(TABLE, y)
    assert grouped.predict(TABLE).shape == y.shape


def try_optbinning():
    from optbinning import BinningProcess, Scorecard

    binning = BinningProcess(list(FRAME.columns))
    card = Scorecard(
        binning,
        LogLossClassifier(),
        scaling_method="min_max",
        scaling_method_params={"min": 300, "max": 850},
    )
    assert_predicts(card.fit(FRAME, y), FRAME)
    assert np.isfinite(card.score(FRAME)).all()


def try_skore():
    from skore import CrossValidationReport, EstimatorReport

    report = EstimatorReport(LogLossClassifier(), X_train=X, y_train=y, X_test=X, y_test=y)
    assert report.metrics.summarize().frame() is not None
    assert report.metrics.log_loss() > 0
    report = CrossValidationReport(LogLossClassifier(), X, y, splitter=3)
    assert report.metrics.summarize().frame() is not None


def try_skops():
    import skops.io

    stored = skops.io.dumps(fitted())
    loaded = skops.io.loads(stored, trusted=skops.io.get_untrusted_types(data=stored))
    assert_array_equal(loaded.predict_proba(X), fitted().predict_proba(X))


def try_mlflow():
    import mlflow.sklearn

    trusted = [f"{LogLossClassifier.__module__}.LogLossClassifier"]
    formats = [{"skops_trusted_types": trusted}, {"serialization_format": "cloudpickle"}]
    with tempfile.TemporaryDirectory() as folder:
        for i, options in enumerate(formats):
            path = str(Path(folder) / f"model_{i}")
            mlflow.sklearn.save_model(fitted(), path, **options)
            loaded = mlflow.sklearn.load_model(path)
            assert_array_equal(loaded.predict_proba(X), fitted().predict_proba(X))
        mlflow.set_tracking_uri(f"sqlite:///{folder}/runs.db")
        mlflow.create_experiment("tried", artifact_location=f"{folder}/artifacts")
        mlflow.set_experiment("tried")
        mlflow.sklearn.autolog(log_datasets=False)
        with mlflow.start_run() as run:
            make_pipeline(StandardScaler(), LogLossClassifier()).fit(X, y)
        data = mlflow.get_run(run.info.run_id).data
        mlflow.sklearn.autolog(disable=True)
    assert data.params["loglossclassifier__C"] == "1.0"
    assert data.metrics["training_accuracy_score"] > 0.85


def try_hummingbird():
    from hummingbird.ml import convert

    converted = convert(fitted().to_sklearn(), "torch")
    assert_allclose(converted.predict_proba(X), fitted().predict_proba(X), rtol=1e-4, atol=1e-6)


def try_nyoka():
    from nyoka import skl_to_pmml

    pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit(FRAME, y)
    model = LogLossClassifier().fit(pipeline[0].transform(FRAME), y)
    pipeline.steps[-1] = ("model", model.to_sklearn())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.pmml"
        skl_to_pmml(pipeline, list(FRAME.columns), "target", str(path))
        assert "RegressionModel" in path.read_text()


def try_eli5():
    import eli5

    explanation = eli5.explain_weights(fitted().to_sklearn())
    assert explanation.targets


def try_m2cgen():
    import m2cgen

    scope = {}
    exec(m2cgen.export_to_python(fitted().to_sklearn()), scope)
    scores = [scope["score"](row) for row in X]
    assert_allclose(scores, fitted().decision_function(X), rtol=1e-9, atol=1e-9)


def try_skl2onnx():
    import onnxruntime
    from skl2onnx import to_onnx

    import sklogloss.onnx  # noqa: F401  (makes the classifiers known to skl2onnx)

    rows = X.astype(np.float32)
    graph = to_onnx(fitted(), rows[:1], options={"zipmap": False})
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    labels, proba = session.run(None, {"X": rows})
    assert_array_equal(labels, fitted().predict(rows))
    assert_allclose(proba, fitted().predict_proba(rows), rtol=1e-5, atol=1e-6)


# From the name of a function above to that of the package where they differ.
DISTRIBUTIONS = {"hummingbird": "hummingbird-ml", "interpret": "interpret-core"}
PACKAGES = [name.removeprefix("try_") for name in globals() if name.startswith("try_")]


def version(name):
    candidates = [DISTRIBUTIONS.get(name, name), f"{name}-skinny"]
    for candidate in candidates:
        try:
            return importlib.metadata.version(candidate)
        except importlib.metadata.PackageNotFoundError:
            continue
    return None


def outcome(name):
    try:
        globals()[f"try_{name}"]()
    except Exception as error:
        text = str(error).strip().splitlines() or [""]
        return f"fails: {type(error).__name__}: {text[0][:150]}"
    return "works"


def main(names):
    warnings.simplefilter("ignore")
    for name in names or PACKAGES:
        installed = version(name)
        print(
            f"{name} {installed}: {outcome(name)}" if installed else f"{name}: not installed",
            flush=True,
        )


if __name__ == "__main__":
    main(sys.argv[1:])
