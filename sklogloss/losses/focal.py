"""Focal loss: log loss with little weight on samples that are predicted well."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit, logsumexp

from sklogloss._cython.loss_kernel import LossKernel, focal_loss_kernel
from sklogloss.inputs.parameters import Interval, check_parameter
from sklogloss.losses.base import Loss
from sklogloss.losses.focal_root import root_parameters


class FocalLoss(Loss):
    r"""Focal loss: log loss times a power of the error, in nats.

    For two classes, with target :math:`y \in [0, 1]`, raw prediction :math:`z` and
    :math:`p = 1 / (1 + e^{-z})`,

    .. math::
        \ell(y, z) = -y\, (1 - p)^\gamma \ln p - (1 - y)\, p^\gamma \ln(1 - p).

    For :math:`K` classes, with target probabilities :math:`y_k` (1 for the class that happened)
    and :math:`p_k = e^{z_k} / \sum_l e^{z_l}`,

    .. math::
        \ell(y, z) = -\sum_k y_k\, (1 - p_k)^\gamma \ln p_k.

    Soft targets mix the losses of the classes, so that the true probabilities follow from the
    minimiser of the expected loss. For a class that happened, with :math:`q = 1 - p`, the
    derivatives in its margin :math:`m` (:math:`z` for class 1, :math:`-z` for class 0) are

    .. math::
        \frac{d\ell}{dm} &= -q^\gamma (q - \gamma p \ln p), \\
        \frac{d^2\ell}{dm^2} &= p\, q^\gamma
            \left[(1 + 2 \gamma)\, q - \gamma (\gamma p - q) \ln p\right].

    The second is negative where p is small, below 0.043, 0.058 and 0.050 for gamma of 1, 2 and 5:
    focal loss is not convex for :math:`\gamma > 0`, and `gamma=0` is log loss. See [1]_.

    Values and gradients of hard targets are accurate to 8 units in the last place over the whole
    range of the exponential, for gamma up to 5. So is the second derivative of two classes if all
    targets are 0 or 1, also next to its root. For more classes and for soft targets, the Hessian
    has this accuracy relative to the sum of the absolute values of its terms, which cancel where a
    second derivative changes its sign. No finite raw prediction gives NaN.

    Parameters
    ----------
    gamma : float, default=2.0
        Focusing parameter, finite and not negative. Values above 1e15 (1e7 for float32) have the
        effect of that limit.
    n_classes : int, default=2
        Number of classes, at least 2.

    Attributes
    ----------
    gamma : float
        Focusing parameter.
    n_classes : int
        Number of classes.
    is_convex : bool
        Whether gamma is 0.

    References
    ----------
    .. [1] T.-Y. Lin, P. Goyal, R. Girshick, K. He and P. Dollar, "Focal Loss for Dense Object
       Detection", ICCV 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from sklogloss.losses import FocalLoss
    >>> FocalLoss(gamma=2).value([1, 0, 0.5], np.array([0.0, 0.0, 0.0]))
    array([0.1732868, 0.1732868, 0.1732868])
    >>> FocalLoss(gamma=2).gradient([1, 1, 1], np.array([-3.0, 0.0, 3.0]))
    array([-1.12674988e+00, -2.98286795e-01, -3.14871846e-04])
    """

    def __init__(self, gamma: float = 2.0, n_classes: int = 2) -> None:
        super().__init__(n_classes)
        check_parameter("gamma", gamma, Interval(0, np.inf, "[)"))
        self.gamma = float(gamma)

    def __repr__(self) -> str:
        return f"FocalLoss(gamma={self.gamma:g}, n_classes={self.n_classes})"

    def kernel(self, target_is_matrix: bool = False, *, convex: bool = False) -> LossKernel:
        """Return the compiled functions of this loss.

        Parameters
        ----------
        target_is_matrix : bool, default=False
            Whether the target is an (n_samples, n_classes) matrix of probabilities; only for
            more than two classes.
        convex : bool, default=False
            Whether the Hessian of each sample is replaced by a positive semi-definite one that is
            not smaller: the part of it that may be negative is left out where it is. Values and
            gradients stay the same.

        Returns
        -------
        LossKernel
            The functions, for use by other compiled code.

        Raises
        ------
        ValueError
            If a matrix is asked for with two classes.
        """
        return focal_loss_kernel(
            self.n_classes, target_is_matrix, self.gamma, convex, root_parameters(self.gamma)
        )

    def _log_minimised(self, raw_prediction: NDArray[Any]) -> NDArray[Any]:
        # u_k proportional to p_k / phi_k, where phi_k (p - e_k) is the gradient of class k.
        z = raw_prediction.astype(np.float64, copy=False)
        limit = np.finfo(np.float64).max
        with np.errstate(all="ignore"):
            if self.n_classes == 2:
                log_odds = (1 + self.gamma) * z + self._log_boost(-z) - self._log_boost(z)
                log_odds = np.clip(log_odds, -limit, limit)
                log_u = -np.logaddexp(0, np.column_stack([log_odds, -log_odds]))
            else:
                log_p = self._link(z, logarithm=True)
                log_ratio = np.clip(self._log_ratio(log_p - _log_of_others(log_p)), -limit, limit)
                log_u = log_ratio - log_ratio.max(axis=1, keepdims=True)
                log_u -= logsumexp(log_u, axis=1, keepdims=True)
            dtype = raw_prediction.dtype
            return np.maximum(log_u, -np.finfo(dtype).max).astype(dtype)

    def _log_boost(self, log_odds: NDArray[Any]) -> NDArray[Any]:
        # ln(phi / q^gamma) = ln(1 - gamma p / q ln p), by ln(p / q): p / q is exp(log_odds).
        smaller = np.exp(-np.abs(log_odds))
        tiny = np.finfo(np.float64).tiny
        near = np.where(smaller > tiny, np.log1p(smaller) / np.maximum(smaller, tiny), 1)
        far = smaller * (np.abs(log_odds) + np.log1p(smaller))
        weighted = np.where(log_odds < 0, far, near)
        return np.log1p(self.gamma * weighted)

    def _log_ratio(self, log_odds: NDArray[Any]) -> NDArray[Any]:
        # ln(p / phi), which grows with log_odds
        return (
            -np.logaddexp(0, -log_odds)
            + self.gamma * np.logaddexp(0, log_odds)
            - self._log_boost(log_odds)
        )

    def _minimiser(self, log_proba: NDArray[Any]) -> NDArray[Any]:
        # p_k / phi_k = scale * proba_k for each k, and the p_k sum to 1.
        def log_odds(log_scale: float) -> NDArray[Any]:
            wanted = log_proba + log_scale
            low, high = np.full(len(wanted), -800.0), np.full(len(wanted), 800.0)
            for _ in range(64):
                middle = (low + high) / 2
                is_high = self._log_ratio(middle) > wanted
                low, high = np.where(is_high, low, middle), np.where(is_high, middle, high)
            return middle

        def excess(log_scale: float) -> float:
            return expit(log_odds(log_scale)).sum() - 1

        # ln(p / phi) is gamma ln 2 and more where p is 1/2.
        bound = 100 + self.gamma
        return -np.logaddexp(0, -log_odds(brentq(excess, -bound, bound, xtol=1e-14)))


def _log_of_others(log_p: NDArray[Any]) -> NDArray[Any]:
    """Return ln(1 - p), that of the largest p of a row as the sum of the others."""
    rows, top = np.arange(len(log_p)), log_p.argmax(axis=1)
    others = log_p.copy()
    others[rows, top] = -np.inf
    log_q = np.log1p(-np.exp(np.minimum(others, -np.log(2))))
    log_q[rows, top] = logsumexp(others, axis=1)
    return log_q
