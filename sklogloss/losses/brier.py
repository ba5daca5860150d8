"""Brier loss: the squared error of the probabilities."""

from sklogloss._cython.loss_kernel import LossKernel, brier_loss_kernel
from sklogloss.losses.base import Loss


class BrierLoss(Loss):
    r"""Brier loss: the squared error of the probabilities of sigmoid or softmax.

    For two classes, with target :math:`y \in [0, 1]`, raw prediction :math:`z` and
    :math:`p = 1 / (1 + e^{-z})`,

    .. math::
        \ell(y, z) = (p - y)^2, \quad
        \ell' = 2\, p (1 - p) (p - y), \quad
        \ell'' = 2\, p (1 - p) \left[p (1 - p) + (1 - 2 p) (p - y)\right].

    For :math:`K` classes, with target probabilities :math:`y_k` (1 for the class that happened)
    and :math:`p_k = e^{z_k} / \sum_l e^{z_l}`,

    .. math::
        \ell(y, z) = \sum_k (p_k - y_k)^2, \quad
        \partial_k \ell = 2\, p_k \Bigl[p_k - y_k - \sum_l p_l (p_l - y_l)\Bigr].

    It is proper: the true probabilities minimise it [1]_. As a function of the raw prediction, it
    is not convex, and its gradient vanishes where the model is certain and wrong: such samples
    hardly correct the model. Use it for comparisons, and fit with `LogLoss`.

    Parameters
    ----------
    n_classes : int, default=2
        Number of classes, at least 2.

    Attributes
    ----------
    n_classes : int
        Number of classes.
    is_convex : bool
        False.

    References
    ----------
    .. [1] T. Gneiting and A. E. Raftery, "Strictly Proper Scoring Rules, Prediction, and
       Estimation", Journal of the American Statistical Association 102 (2007), 359-378.

    Examples
    --------
    >>> import numpy as np
    >>> from sklogloss.losses import BrierLoss
    >>> loss = BrierLoss()
    >>> loss.value([1, 0, 0.5], np.array([0.0, 0.0, 0.0]))
    array([0.25, 0.25, 0.  ])

    A forecast of 0.0045 % for the class that happened is wrong by about 1, but its gradient is
    small:

    >>> loss.gradient([1, 1], np.array([0.0, -10.0])).round(5)
    array([-2.5e-01, -9.0e-05])
    """

    def kernel(self, target_is_matrix: bool = False, *, convex: bool = False) -> LossKernel:
        """Return the compiled functions of this loss.

        Parameters
        ----------
        target_is_matrix : bool, default=False
            Whether the target is an (n_samples, n_classes) matrix of probabilities; only for
            more than two classes.
        convex : bool, default=False
            Whether the Hessian of each sample is replaced by the Gauss-Newton matrix, which has no
            negative eigenvalue. It is the Hessian for a target equal to the probability.

        Returns
        -------
        LossKernel
            The functions, for use by other compiled code.

        Raises
        ------
        ValueError
            If a matrix is asked for with two classes.
        """
        return brier_loss_kernel(self.n_classes, target_is_matrix, convex)
