"""Log loss: the negative log-probability of what happened."""

from sklogloss._cython.loss_kernel import LossKernel, log_loss_kernel
from sklogloss.losses.base import Loss


class LogLoss(Loss):
    r"""Log loss, also called cross-entropy or negative log-likelihood, in nats.

    For two classes, with target :math:`y \in [0, 1]`, raw prediction :math:`z` and
    :math:`p = 1 / (1 + e^{-z})`,

    .. math::
        \ell(y, z) = -y \ln p - (1 - y) \ln(1 - p), \quad
        \ell' = p - y, \quad
        \ell'' = p (1 - p).

    For :math:`K` classes, with target probabilities :math:`y_k` (1 for the class that happened)
    and :math:`p_k = e^{z_k} / \sum_l e^{z_l}`,

    .. math::
        \ell(y, z) = -\sum_k y_k \ln p_k, \quad
        \partial_k \ell = p_k - y_k, \quad
        \partial_k \partial_l \ell = p_k (\delta_{kl} - p_l).

    Formulas are arranged so that nothing cancels: values, gradients and Hessians of hard targets
    are accurate to a few units in the last place over the whole range of the exponential. No finite
    raw prediction gives NaN. See [1]_, sections 4.3.2 and 4.3.4, for the derivation.

    Parameters
    ----------
    n_classes : int, default=2
        Number of classes, at least 2.

    Attributes
    ----------
    n_classes : int
        Number of classes.
    is_convex : bool
        True.

    References
    ----------
    .. [1] C. M. Bishop, Pattern Recognition and Machine Learning, Springer, 2006.

    Examples
    --------
    >>> import numpy as np
    >>> from sklogloss.losses import LogLoss
    >>> loss = LogLoss()
    >>> loss.value([1, 1, 0.5], np.array([0.0, 40.0, 0.0]))
    array([6.93147181e-01, 4.24835426e-18, 6.93147181e-01])
    >>> loss.gradient([1, 0, 0.5], np.array([0.0, 0.0, 0.0]))
    array([-0.5,  0.5,  0. ])
    >>> LogLoss(n_classes=3).link(np.log([[1.0, 2.0, 5.0]]))
    array([[0.125, 0.25 , 0.625]])
    """

    def kernel(self, target_is_matrix: bool = False, *, convex: bool = False) -> LossKernel:
        """Return the compiled functions of this loss.

        Parameters
        ----------
        target_is_matrix : bool, default=False
            Whether the target is an (n_samples, n_classes) matrix of probabilities; only for
            more than two classes.
        convex : bool, default=False
            It has no effect: log loss is convex.

        Returns
        -------
        LossKernel
            The functions, for use by other compiled code.

        Raises
        ------
        ValueError
            If a matrix is asked for with two classes.
        """
        return log_loss_kernel(self.n_classes, target_is_matrix)
