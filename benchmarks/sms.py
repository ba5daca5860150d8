"""probmetrics' SMS, brought as close to its minimum as structured scaling comes to that of ours."""

import time
from unittest import mock

import numpy as np

from sklogloss import LogLossClassifier
from sklogloss.losses import LogLoss

__all__ = ["MatrixObjective", "sms_within"]

# For a minimum that other values are compared with.
TOL = 1e-9


class MatrixObjective:
    """The mean log loss of offset + X @ matrix.T + intercept, with an L2 penalty on the matrix.

    Parameters
    ----------
    X, offset : ndarray of shape (n_samples, n_classes)
        Raw predictions in two scales; that of the offset is the one of temperature scaling.
    y : ndarray of shape (n_samples,)
        Class indices.
    C : float
        Inverse strength of the penalty, as in `LogLossClassifier`.
    """

    def __init__(self, X, offset, y, C):
        self.X, self.offset = (array.astype(np.float64) for array in (X, offset))
        self.y, self.C = y, C
        self.loss = LogLoss(X.shape[1])
        best = LogLossClassifier(C=C, tol=TOL).fit(self.X, y, offset=self.offset)
        self.minimum = self.value(best.coef_, best.intercept_)

    def value(self, matrix, intercept):
        """Return the objective."""
        loss = self.loss.value(self.y, self.offset + self.X @ matrix.T + intercept).mean()
        return loss + np.sum(matrix**2) / (2 * self.C * len(self.y))

    def gap(self, matrix, intercept):
        """Return by which part of the minimum the objective is larger than the minimum."""
        return self.value(matrix, intercept) / self.minimum - 1


def sms_within(largest_gap, C, proba, y):
    """Return an SMS, its gap, and the processor time that it takes to come so close.

    As it is, SMS stops in float32 at a gap of 1e-5 or more, and takes no tolerance. Here it has
    float64 and goes on. Its penalty is that of our structured scaling: the same for the diagonal,
    and none of the intercepts.

    Parameters
    ----------
    largest_gap : float
        The part of the minimum of its objective.
    C : float
        Inverse strength of the penalty, as in `LogLossClassifier`.
    proba : ndarray of shape (n_samples, n_classes)
    y : ndarray of shape (n_samples,)

    Returns
    -------
    sms : SMSCalibrator
    gap : float
    seconds : float
    """
    import torchmin
    from probmetrics.calibrators import SMSCalibrator

    class InDouble(SMSCalibrator):
        def _get_logits(self, X, append_bias=True):
            return super()._get_logits(X, append_bias).astype(np.float64)

    n_classes = proba.shape[1]
    n_pairs, n_entries = n_classes * (n_classes - 1), n_classes**2
    iterates = []
    minimize = torchmin.minimize

    def recorded(loss, start, **arguments):
        return minimize(
            loss,
            start,
            **arguments,
            options={"gtol": 0.0, "xtol": 0.0},
            callback=lambda x: iterates.append((time.process_time(), x.numpy().copy())),
        )

    unit = 1 / (2 * C)
    sms = InDouble(
        lambda_intercept=0.0,
        lambda_diagonal=unit / n_classes,
        lambda_off_diagonal=unit / n_pairs,
    )
    start = time.process_time()
    with mock.patch.object(torchmin, "minimize", recorded):
        sms.fit(proba, y)
    raw = sms._get_logits(sms.ts_.predict_proba(proba), append_bias=False)
    objective = MatrixObjective(raw, raw, y, C)
    # The temperature has one parameter.
    for reached, x in (item for item in iterates if item[1].size == n_entries + n_classes):
        matrix, intercept = x[:n_entries].reshape(n_classes, n_classes), x[n_entries:]
        gap = objective.gap(matrix, intercept)
        if gap <= largest_gap:
            sms.W_ = np.column_stack([np.eye(n_classes) + matrix, intercept])
            return sms, gap, reached - start
    raise RuntimeError(f"SMS does not come within {largest_gap} of its minimum")
