"""Converters of the fitted classifiers to ONNX.

``import sklogloss.onnx`` makes the classifiers of sklogloss known to skl2onnx, alone and as the
last step of a Pipeline. The graphs return what `predict` and `predict_proba` return, of focal loss
and label smoothing, too, with ``probabilities="posterior"`` as well as "model". They compute in
float64 whatever the input is, and return probabilities of the input's type.

Options are those of LogisticRegression: ``zipmap`` (True, False, "columns"),
``output_class_labels``, and ``raw_scores``, with which the second output is the scores (two
columns, -z and z, for two classes). A graph has no offset.

Examples
--------
With skl2onnx and onnxruntime installed::

    import sklogloss.onnx
    from skl2onnx import to_onnx

    graph = to_onnx(clf, X[:1].astype(np.float32), options={"zipmap": False})
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from sklogloss.classifiers import (
    FirthLogisticRegression,
    FocalLogisticRegression,
    LogLossClassifier,
    LogLossClassifierCV,
)
from sklogloss.inputs.fitted import check_fitted_state, fitted_class_weight
from sklogloss.losses import FocalLoss

try:
    from skl2onnx import update_registered_converter
    from skl2onnx.common.data_types import guess_proto_type
    from skl2onnx.common.shape_calculator import calculate_linear_classifier_output_shapes
    from skl2onnx.proto import onnx_proto
except ImportError as cause:
    raise ImportError('sklogloss.onnx needs skl2onnx: pip install "sklogloss[onnx]"') from cause

__all__: list[str] = []

OPTIONS = {
    "zipmap": [True, False, "columns"],
    "output_class_labels": [False, True],
    "nocl": [True, False],
    "raw_scores": [True, False],
}
TINY = float(np.finfo(np.float64).tiny)
# Below it, ln(1 + x) / x is 1 - x / 2 to 3e-11; above it, the quotient has as many digits.
SMALL = 1e-5


class Graph:
    """The nodes of one classifier: each method adds those of a formula, of float64 tensors.

    Parameters
    ----------
    scope, container : Scope, ModelComponentContainer
        Of skl2onnx.
    """

    def __init__(self, scope: Any, container: Any) -> None:
        self.scope = scope
        self.container = container

    def constant(self, value: ArrayLike) -> str:
        value = np.asarray(value, dtype=np.float64)
        name = self.scope.get_unique_variable_name("constant")
        self.container.add_initializer(
            name, onnx_proto.TensorProto.DOUBLE, value.shape, value.ravel().tolist()
        )
        return name

    def node(
        self, operator: str, *inputs: ArrayLike, output: str | None = None, **attributes: Any
    ) -> str:
        """Add a node; numbers and arrays among the inputs become constants."""
        names = [x if isinstance(x, str) else self.constant(x) for x in inputs]
        output = output or self.scope.get_unique_variable_name(operator.lower())
        name = self.scope.get_unique_operator_name(operator)
        self.container.add_node(operator, names, output, name=name, **attributes)
        return output

    def cast(self, tensor: str, to: Any, output: str | None = None) -> str:
        return self.node("Cast", tensor, output=output, to=to)

    def exp_of_minus_abs(self, x: str) -> str:
        return self.node("Exp", self.node("Neg", self.node("Abs", x)))

    def softplus(self, x: str) -> str:
        """Return ln(1 + exp(x))."""
        rest = self.node("Log", self.node("Add", 1.0, self.exp_of_minus_abs(x)))
        return self.node("Add", self.node("Relu", x), rest)

    def log_boost(self, gamma: float, log_odds: str) -> str:
        """Return ln(1 - gamma p / q ln p), where log_odds are those of p, as FocalLoss does."""
        smaller = self.exp_of_minus_abs(log_odds)
        # ln(1 + smaller) and its quotient by smaller, without cancellation.
        quotient = self.node(
            "Where",
            self.node("Greater", smaller, SMALL),
            self.node(
                "Div",
                self.node("Log", self.node("Add", 1.0, smaller)),
                self.node("Max", smaller, SMALL),
            ),
            self.node("Sub", 1.0, self.node("Mul", 0.5, smaller)),
        )
        log = self.node("Mul", quotient, smaller)
        far = self.node("Mul", smaller, self.node("Add", self.node("Abs", log_odds), log))
        weighted = self.node("Where", self.node("Less", log_odds, 0.0), far, quotient)
        return self.node("Log", self.node("Add", 1.0, self.node("Mul", gamma, weighted)))

    def log_ratio(self, gamma: float, log_odds: str) -> str:
        """Return ln(p / phi) of focal loss, to which its posterior is proportional."""
        minus = self.node("Neg", log_odds)
        focused = self.node("Mul", gamma, self.softplus(log_odds))
        ratio = self.node("Sub", focused, self.softplus(minus))
        return self.node("Sub", ratio, self.log_boost(gamma, log_odds))

    def log_odds(self, scores: str, n_classes: int) -> str:
        """Return the log-odds of each class under the softmax of the scores."""
        if n_classes == 2:
            return scores  # -z and z
        log_p = self.node("LogSoftmax", scores, axis=1)
        rest = self.node("MatMul", self.node("Exp", log_p), 1 - np.eye(n_classes))
        log_q = self.node("Log", self.node("Max", rest, TINY))
        return self.node("Sub", log_p, log_q)

    def posterior_logits(self, model: Any, scores: str) -> str:
        """Return logits of the posterior: focusing, smoothing and weights of the fit undone."""
        n_classes = len(model.classes_)
        loss, smoothing = model._fitted_loss, model._fitted_label_smoothing
        weight = fitted_class_weight(model)
        if isinstance(loss, FocalLoss):
            logits = self.log_ratio(loss.gamma, self.log_odds(scores, n_classes))
        else:
            logits = self.model_logits(scores, n_classes)
        if smoothing > 0:
            minimised = self.node("Softmax", logits, axis=1)
            shifted = self.node("Sub", minimised, smoothing / n_classes)
            logits = self.node("Log", self.node("Max", shifted, TINY))
        # Nothing is known about a class without weight.
        with np.errstate(divide="ignore"):
            shift = np.where(weight > 0, -np.log(weight), 2 * np.log(TINY))
        return self.node("Add", logits, shift)

    def model_logits(self, scores: str, n_classes: int) -> str:
        return self.node("Mul", 0.5, scores) if n_classes == 2 else scores


def _scores(graph: Graph, model: Any, inputs: str) -> str:
    """Return X coef + intercept, of two columns, -z and z, for two classes."""
    coef = model.coef_.toarray() if sparse.issparse(model.coef_) else model.coef_
    coef = np.atleast_2d(coef).astype(np.float64)
    intercept = np.broadcast_to(np.ravel(model.intercept_), len(coef)).astype(np.float64)
    if len(coef) == 1:
        coef, intercept = np.vstack([-coef, coef]), np.append(-intercept, intercept)
    X = graph.cast(inputs, onnx_proto.TensorProto.DOUBLE)
    return graph.node("Add", graph.node("MatMul", X, coef.T), intercept)


def _add_labels(graph: Graph, classes: NDArray[Any], scores: str, output: str) -> None:
    """Add the result of `predict`: the label of the largest score, or the first of equal ones."""
    if classes.dtype.kind in "biuf" and np.all(classes == classes.astype(np.int64)):
        kind, labels = onnx_proto.TensorProto.INT64, classes.astype(np.int64).tolist()
    elif all(isinstance(label, str) for label in classes):
        kind, labels = onnx_proto.TensorProto.STRING, [label.encode() for label in classes]
    else:
        raise ValueError(
            f"classes_ must be integers or strings, as labels of ONNX are, got {classes!r}"
        )
    name = graph.scope.get_unique_variable_name("classes")
    graph.container.add_initializer(name, kind, [len(labels)], labels)
    best = graph.node("ArgMax", scores, axis=1, keepdims=0)
    graph.node("Gather", name, best, output=output, axis=0)


def _convert(scope: Any, operator: Any, container: Any) -> None:
    model = operator.raw_operator
    check_fitted_state(model)
    graph = Graph(scope, container)
    scores = _scores(graph, model, operator.inputs[0].full_name)
    _add_labels(graph, np.asarray(model.classes_), scores, operator.outputs[0].full_name)
    if container.get_options(model, {"raw_scores": False})["raw_scores"]:
        values = scores
    elif model.probabilities == "posterior":
        values = graph.node("Softmax", graph.posterior_logits(model, scores), axis=1)
    else:
        values = graph.node("Softmax", graph.model_logits(scores, len(model.classes_)), axis=1)
    second = operator.outputs[1]
    graph.cast(values, guess_proto_type(second.type), output=second.full_name)


for _classifier in (
    LogLossClassifier,
    LogLossClassifierCV,
    FocalLogisticRegression,
    FirthLogisticRegression,
):
    update_registered_converter(
        _classifier,
        f"Sklogloss{_classifier.__name__}",
        calculate_linear_classifier_output_shapes,
        _convert,
        options=OPTIONS,
    )
