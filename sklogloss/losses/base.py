"""Code that all losses share: evaluation per sample on arrays, and methods built on it."""

from abc import abstractmethod
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklogloss._cython import fork
from sklogloss._cython.loss_evaluation import evaluate, evaluate_link
from sklogloss._cython.loss_kernel import LossKernel
from sklogloss.inputs.loss_arguments import (
    check_out,
    check_raw_prediction,
    check_target,
    raise_for_target,
)
from sklogloss.inputs.parameters import check_count
from sklogloss.inputs.weights import as_sample_weight, raise_for_sample_weight
from sklogloss.losses.boosting import BoostingObjective
from sklogloss.losses.posterior import PosteriorMap


class Loss(PosteriorMap):
    """Base class of losses: functions of a target and a raw prediction, per sample.

    A loss knows nothing of features, coefficients or penalties. A subclass supplies `kernel`.

    Parameters
    ----------
    n_classes : int, default=2
        Number of classes, at least 2.

    Attributes
    ----------
    n_classes : int
        Number of classes.
    is_convex : bool
        Whether the loss is a convex function of the raw prediction.
    """

    def __init__(self, n_classes: int = 2) -> None:
        self.n_classes = check_count(n_classes, "n_classes", 2)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(n_classes={self.n_classes})"

    @property
    def is_convex(self) -> bool:
        """Whether the loss is a convex function of the raw prediction."""
        return self.kernel().is_convex

    @abstractmethod
    def kernel(self, target_is_matrix: bool = False, *, convex: bool = False) -> LossKernel:
        """Return the compiled functions of this loss.

        Parameters
        ----------
        target_is_matrix : bool, default=False
            Whether the target is an (n_samples, n_classes) matrix of probabilities; only for
            more than two classes.
        convex : bool, default=False
            Whether the Hessian of each sample is replaced by one that has no negative eigenvalue.
            Values and gradients are the same.

        Returns
        -------
        LossKernel
            The functions, for use by other compiled code.

        Raises
        ------
        ValueError
            If a matrix is asked for with two classes.
        """

    def value(
        self,
        target: ArrayLike,
        raw_prediction: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        value_out: NDArray[Any] | None = None,
        n_threads: int = 1,
    ) -> NDArray[Any]:
        """Compute the loss of each sample, in nats, times its weight.

        Parameters
        ----------
        target : array-like of shape (n_samples,) or (n_samples, n_classes)
            For two classes, the probability of class 1: 0 or 1, or anything between. For more
            classes the index of the class, or a matrix of probabilities whose rows sum to 1
            (within 1e-5). It is converted to the dtype of `raw_prediction`.
        raw_prediction : array-like of shape (n_samples,) or (n_samples, n_classes)
            Logits, float32 or float64: the log-odds of class 1 for two classes, where shape
            (n_samples, 1) is accepted as well, else one column per class. Arithmetic is done in
            this dtype. Any memory layout; nothing is copied.
        sample_weight : array-like of shape (n_samples,), default=None
            Factor of each sample, finite and not negative; None means 1. It is converted to
            the dtype of `raw_prediction`.
        value_out : ndarray of shape (n_samples,), default=None
            Array to fill, of the dtype of `raw_prediction`; None makes a new one.
        n_threads : int, default=1
            Number of threads. The result has the same bits for any number.

        Returns
        -------
        value : ndarray of shape (n_samples,)
            The loss, `value_out` if given.

        Raises
        ------
        TypeError
            For another dtype or type of `n_threads` than those above.
        ValueError
            For shapes that do not fit together, and for targets or weights out of range. The
            contents of out arrays are then undefined.
        """
        (value,) = self._evaluate(target, raw_prediction, sample_weight, n_threads, value=value_out)
        return value

    def gradient(
        self,
        target: ArrayLike,
        raw_prediction: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        gradient_out: NDArray[Any] | None = None,
        n_threads: int = 1,
    ) -> NDArray[Any]:
        """Compute the derivative of `value` with respect to the raw prediction.

        Parameters
        ----------
        target : array-like of shape (n_samples,) or (n_samples, n_classes)
            See `value`.
        raw_prediction : array-like of shape (n_samples,) or (n_samples, n_classes)
            See `value`.
        sample_weight : array-like of shape (n_samples,), default=None
            Factor of each sample; None means 1.
        gradient_out : ndarray of shape (n_samples,) or (n_samples, n_classes), default=None
            Array to fill, of the dtype of `raw_prediction`; None makes a new one, in the memory
            order of `raw_prediction`.
        n_threads : int, default=1
            Number of threads.

        Returns
        -------
        gradient : ndarray of shape (n_samples,) or (n_samples, n_classes)
            The gradient, `gradient_out` if given; one-dimensional for two classes.

        Raises
        ------
        TypeError, ValueError
            See `value`.
        """
        (gradient,) = self._evaluate(
            target, raw_prediction, sample_weight, n_threads, gradient=gradient_out
        )
        return gradient

    def value_gradient(
        self,
        target: ArrayLike,
        raw_prediction: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        value_out: NDArray[Any] | None = None,
        gradient_out: NDArray[Any] | None = None,
        n_threads: int = 1,
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Compute `value` and `gradient` in one pass.

        Parameters
        ----------
        target : array-like of shape (n_samples,) or (n_samples, n_classes)
            See `value`.
        raw_prediction : array-like of shape (n_samples,) or (n_samples, n_classes)
            See `value`.
        sample_weight : array-like of shape (n_samples,), default=None
            Factor of each sample; None means 1.
        value_out : ndarray of shape (n_samples,), default=None
            See `value`.
        gradient_out : ndarray of shape (n_samples,) or (n_samples, n_classes), default=None
            See `gradient`.
        n_threads : int, default=1
            Number of threads.

        Returns
        -------
        value : ndarray of shape (n_samples,)
            The loss, in nats.
        gradient : ndarray of shape (n_samples,) or (n_samples, n_classes)
            Its derivative.

        Raises
        ------
        TypeError, ValueError
            See `value`.
        """
        value, gradient = self._evaluate(
            target,
            raw_prediction,
            sample_weight,
            n_threads,
            value=value_out,
            gradient=gradient_out,
        )
        return value, gradient

    def gradient_hessian(
        self,
        target: ArrayLike,
        raw_prediction: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        gradient_out: NDArray[Any] | None = None,
        hessian_out: NDArray[Any] | None = None,
        n_threads: int = 1,
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Compute `gradient` and the diagonal of the Hessian in one pass.

        Parameters
        ----------
        target : array-like of shape (n_samples,) or (n_samples, n_classes)
            See `value`.
        raw_prediction : array-like of shape (n_samples,) or (n_samples, n_classes)
            See `value`.
        sample_weight : array-like of shape (n_samples,), default=None
            Factor of each sample; None means 1.
        gradient_out : ndarray of shape (n_samples,) or (n_samples, n_classes), default=None
            See `gradient`.
        hessian_out : ndarray of shape (n_samples,) or (n_samples, n_classes), default=None
            Array to fill, like `gradient_out`.
        n_threads : int, default=1
            Number of threads.

        Returns
        -------
        gradient : ndarray of shape (n_samples,) or (n_samples, n_classes)
            The gradient.
        hessian : ndarray of shape (n_samples,) or (n_samples, n_classes)
            The second derivative with respect to each raw prediction.

        Raises
        ------
        TypeError, ValueError
            See `value`.
        """
        gradient, hessian = self._evaluate(
            target,
            raw_prediction,
            sample_weight,
            n_threads,
            gradient=gradient_out,
            hessian=hessian_out,
        )
        return gradient, hessian

    def link(self, raw_prediction: ArrayLike) -> NDArray[Any]:
        """Compute the probabilities of the classes.

        Parameters
        ----------
        raw_prediction : array-like of shape (n_samples,) or (n_samples, n_classes)
            See `value`.

        Returns
        -------
        probability : ndarray of shape (n_samples, n_classes)
            Probabilities, two columns for two classes.

        Raises
        ------
        TypeError, ValueError
            See `value`.
        """
        return self._link(raw_prediction, logarithm=False)

    def log_link(self, raw_prediction: ArrayLike) -> NDArray[Any]:
        """Compute the logarithms of the probabilities of the classes.

        They are accurate where the probability itself is too small to be represented, and
        finite for any finite raw prediction.

        Parameters
        ----------
        raw_prediction : array-like of shape (n_samples,) or (n_samples, n_classes)
            See `value`.

        Returns
        -------
        log_probability : ndarray of shape (n_samples, n_classes)
            Log-probabilities in nats, two columns for two classes.

        Raises
        ------
        TypeError, ValueError
            See `value`.
        """
        return self._link(raw_prediction, logarithm=True)

    def as_objective(self, library: str) -> BoostingObjective:
        """Return this loss as custom objective of a boosting library's scikit-learn interface.

        Parameters
        ----------
        library : {"lightgbm", "xgboost"}
            Which library it is for.

        Returns
        -------
        objective : BoostingObjective
            For the parameter `objective` of lightgbm.LGBMClassifier, lightgbm.LGBMRegressor,
            xgboost.XGBClassifier or xgboost.XGBRegressor.

        Raises
        ------
        ValueError
            For another library.
        """
        return BoostingObjective(self, library)

    def _link(self, raw_prediction: ArrayLike, logarithm: bool) -> NDArray[Any]:
        raw_prediction = check_raw_prediction(self, raw_prediction)
        shape = (raw_prediction.shape[0], self.n_classes)
        out = np.empty(shape, dtype=raw_prediction.dtype)
        evaluate_link(self.kernel(), logarithm, _as_matrix(raw_prediction), out)
        return out

    def _evaluate(
        self,
        target: ArrayLike,
        raw_prediction: ArrayLike,
        sample_weight: ArrayLike | None,
        n_threads: int,
        *,
        convex: bool = False,
        **outs: NDArray[Any] | None,
    ) -> list[NDArray[Any]]:
        """Return the quantities that outs name, in the arrays given there or in new ones.

        Allowed are value, gradient, value and gradient, or gradient and hessian, in this order.
        """
        n_threads = check_count(n_threads, "n_threads", 1)
        if fork.is_child:
            n_threads = 1
        raw_prediction = check_raw_prediction(self, raw_prediction)
        target = check_target(self, target, raw_prediction)
        sample_weight = as_sample_weight(
            sample_weight, len(raw_prediction), raw_prediction.dtype, "row of raw_prediction"
        )
        used = {"target": target, "raw_prediction": raw_prediction}
        if sample_weight is not None:
            used["sample_weight"] = sample_weight
        filled = {}
        for name, out in outs.items():
            filled[name] = used[f"{name}_out"] = _out(name, out, raw_prediction, used)
        invalid = evaluate(
            self.kernel(target.ndim == 2, convex=convex),
            _as_matrix(target),
            _as_matrix(raw_prediction),
            sample_weight,
            filled.get("value"),
            _as_matrix(filled.get("gradient")),
            _as_matrix(filled.get("hessian")),
            n_threads,
        )
        if invalid == "target":
            raise_for_target(self, target)
        if invalid == "sample_weight" and sample_weight is not None:
            raise_for_sample_weight(sample_weight)
        return list(filled.values())


def _out(
    name: str,
    out: NDArray[Any] | None,
    raw_prediction: NDArray[Any],
    used: dict[str, NDArray[Any]],
) -> NDArray[Any]:
    """Return the array to fill with a quantity: `out` if it is given and fits, else a new one."""
    prototype = raw_prediction
    if name == "value" and raw_prediction.ndim == 2:
        prototype = raw_prediction[:, 0]
    if out is None:
        return np.empty_like(prototype, subok=False)
    check_out(out, f"{name}_out", prototype)
    for other_name, other in used.items():
        if np.shares_memory(out, other):
            raise ValueError(f"{name}_out must not share memory with {other_name}.")
    return out


@overload
def _as_matrix(array: NDArray[Any]) -> NDArray[Any]: ...
@overload
def _as_matrix(array: None) -> None: ...
def _as_matrix(array: NDArray[Any] | None) -> NDArray[Any] | None:
    return array[:, np.newaxis] if array is not None and array.ndim == 1 else array
