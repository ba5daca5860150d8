"""A loss given as a NumPy function, to try it out with the package's solvers."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklogloss._cython.function_kernel import function_kernel
from sklogloss._cython.loss_kernel import LossKernel
from sklogloss.losses.base import Loss

Array = NDArray[Any]

# This far below the largest raw prediction, a class has a probability of 2e-22.
FAR_BELOW = -50.0


class FunctionLoss(Loss):
    r"""A loss given as a NumPy function of the target and the raw prediction.

    Every dense solver can use it, with the same passes over the data as for compiled losses. The
    function is called with blocks of up to 1024 rows, on one thread, so a fit takes longer than
    with compiled functions. `posterior` and `init_score` assume that the loss is proper: the
    probabilities of `link` (sigmoid or softmax) must minimise its expected value.

    Parameters
    ----------
    value_gradient_curvature : callable
        Called as ``function(target, raw_prediction)`` with arrays of float32 or float64, it returns
        a tuple of three arrays:

        - the values, shape (n_rows,);
        - the derivatives with respect to the raw prediction, in its shape;
        - the second derivatives, shape (n_rows,) for two classes, else (n_rows, n_classes,
          n_classes): the Hessian of each row, which is symmetric.

        For two classes, `target` is the probability of class 1 and both arguments have shape
        (n_rows,). For more, both have shape (n_rows, n_classes), and `target` holds the
        probabilities of the classes: 1 for the class of a hard target.
    n_classes : int, default=2
        Number of classes, at least 2.
    is_convex : bool, default=True
        Whether the loss is a convex function of the raw prediction: no second derivative is
        negative, no Hessian has a negative eigenvalue.

    Attributes
    ----------
    n_classes : int
        Number of classes.
    is_convex : bool
        Whether the loss is convex.

    Raises
    ------
    TypeError
        If `value_gradient_curvature` is not callable.
    ValueError
        If the arrays that it returns have other shapes. Errors that the function itself raises
        reach the caller of the pass or the fit.

    Examples
    --------
    The exponential loss of boosting, which is proper for the sigmoid if the margin is halved:

    >>> import numpy as np
    >>> from sklogloss.losses.function_loss import FunctionLoss
    >>> def exponential(target, raw_prediction):
    ...     of_1 = target * np.exp(-raw_prediction / 2)
    ...     of_0 = (1 - target) * np.exp(raw_prediction / 2)
    ...     return of_1 + of_0, (of_0 - of_1) / 2, (of_1 + of_0) / 4
    >>> loss = FunctionLoss(exponential)
    >>> loss.value([1, 0, 0.5], np.array([0.0, 2.0, 0.0]))
    array([1.        , 2.71828183, 1.        ])
    >>> loss.gradient([1, 0, 0.5], np.array([0.0, 2.0, 0.0]))
    array([-0.5       ,  1.35914091,  0.        ])

    A classifier fits by the loss that its method ``_loss`` returns:

    >>> from sklogloss import LogLossClassifier
    >>> class ExponentialClassifier(LogLossClassifier):
    ...     def _loss(self, n_classes):
    ...         return FunctionLoss(exponential, n_classes)
    >>> X, y = [[-1.0], [0.0], [1.0], [2.0]], [0, 1, 0, 1]
    >>> clf = ExponentialClassifier(C=1.0, tol=1e-10, solver="newton-cholesky").fit(X, y)
    >>> clf.coef_.round(4)
    array([[0.4814]])
    """

    def __init__(
        self,
        value_gradient_curvature: Callable[[Array, Array], tuple[Array, Array, Array]],
        n_classes: int = 2,
        *,
        is_convex: bool = True,
    ) -> None:
        super().__init__(n_classes)
        if not callable(value_gradient_curvature):
            raise TypeError(
                "value_gradient_curvature must be callable, got "
                f"{type(value_gradient_curvature).__name__}."
            )
        self.value_gradient_curvature = value_gradient_curvature
        self._is_convex = bool(is_convex)
        self._unit = self._find_unit()

    def __repr__(self) -> str:
        name = getattr(self.value_gradient_curvature, "__name__", "function")
        return f"FunctionLoss({name}, n_classes={self.n_classes})"

    @property
    def is_convex(self) -> bool:
        """Whether the loss is a convex function of the raw prediction."""
        return self._is_convex

    def kernel(self, target_is_matrix: bool = False, *, convex: bool = False) -> LossKernel:
        """Return functions that call the Python function.

        Parameters
        ----------
        target_is_matrix : bool, default=False
            Whether the target is an (n_samples, n_classes) matrix of probabilities; only for
            more than two classes.
        convex : bool, default=False
            Whether negative second derivatives, or negative eigenvalues of the Hessians, are
            replaced by 0. Values and gradients are the same.

        Returns
        -------
        LossKernel
            The functions, for use by other compiled code.

        Raises
        ------
        ValueError
            If a matrix is asked for with two classes.
        """

        def of_block(target: Array, raw_prediction: Array) -> tuple[Array, Array, Array, Array]:
            return self._of_block(target, raw_prediction, convex and not self._is_convex)

        return function_kernel(
            self.n_classes,
            target_is_matrix,
            of_block,
            convex or self._is_convex,
            self._unit,
        )

    def _find_unit(self) -> float:
        # The loss at a probability of 1/2 as a fraction of the log loss there.
        target, raw_prediction = np.array([[1.0]]), np.array([[0.0]])
        if self.n_classes > 2:
            target = np.eye(1, self.n_classes)
            raw_prediction = np.full((1, self.n_classes), FAR_BELOW)
            raw_prediction[:, :2] = 0
        return float(self._of_block(target, raw_prediction, False)[0][0] / np.log(2))

    def _of_block(
        self, target: Array, raw_prediction: Array, clip: bool
    ) -> tuple[Array, Array, Array, Array]:
        """Return values, gradients, diagonals and lower triangles of the Hessians of a block."""
        n_rows, k = raw_prediction.shape
        if k == 1:
            target, raw_prediction = target[:, 0], raw_prediction[:, 0]
            shapes: list[tuple[int, ...]] = [(n_rows,), (n_rows,), (n_rows,)]
        else:
            if target.shape[1] == 1:
                target = (target == np.arange(k)).astype(raw_prediction.dtype)
            shapes = [(n_rows,), (n_rows, k), (n_rows, k, k)]
        results = [np.asarray(a) for a in self.value_gradient_curvature(target, raw_prediction)]
        if [a.shape for a in results] != shapes:
            raise ValueError(
                "value_gradient_curvature must return arrays of shapes "
                f"{', '.join(map(str, shapes))}, got {', '.join(str(a.shape) for a in results)}."
            )
        value, gradient, hessian = results
        if k == 1:
            second = (np.maximum(hessian, 0) if clip else hessian)[:, np.newaxis]
            return value, gradient[:, np.newaxis], second, second
        if clip:
            eigenvalues, vectors = np.linalg.eigh(hessian)
            scaled = vectors * np.maximum(eigenvalues, 0)[:, np.newaxis]
            hessian = scaled @ vectors.transpose(0, 2, 1)
        rows, columns = np.tril_indices(k)
        return value, gradient, np.einsum("ikk->ik", hessian), hessian[:, rows, columns]
