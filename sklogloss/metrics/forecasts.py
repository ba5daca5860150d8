"""Events and forecasts, and what the metrics compute from them."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import xlog1py, xlogy

from sklogloss.inputs.forecasts import ForecastArrays, check_forecasts
from sklogloss.losses import LogLoss

__all__ = ["Forecasts", "complements"]


@dataclass(frozen=True)
class Forecasts(ForecastArrays):
    """Events and forecasts, and what the metrics compute from them. Made by `Forecasts.of`.

    The attributes are those of `ForecastArrays`.
    """

    @classmethod
    def of(cls, y_true, y_proba, **arguments):
        """Return the forecasts of a metric's arguments.

        Parameters, and errors, are those of `sklogloss.inputs.forecasts.check_forecasts`.
        """
        return cls(**vars(check_forecasts(y_true, y_proba, **arguments)))

    def with_proba(self, proba):
        """Return the same events with other probabilities, float64."""
        return replace(self, proba=proba, raw_prediction=None, eps=np.finfo(np.float64).eps)

    def with_label(self, label):
        """Return the same forecasts for other events."""
        return replace(self, label=label, target=None)

    def with_frequencies(self):
        """Return the same events, with the frequencies of the classes as the forecast of each."""
        frequency = self.frequencies()
        return self.with_proba(np.broadcast_to(frequency, (len(self), self.n_classes)))

    def frequencies(self):
        """Return the weighted frequency of each class, shape (n_classes,)."""
        if self.target is not None:
            total = np.average(self.target, axis=0, weights=self.sample_weight)
        else:
            total = np.bincount(self.label, weights=self.sample_weight, minlength=self.n_classes)
        return total / total.sum()

    def mean(self, values):
        """Return the weighted mean of a value per sample."""
        return float(np.average(values, weights=self.sample_weight))

    def weights(self):
        """Return the weights of the samples, shape (n_samples,); 1 if none were given."""
        return np.ones(len(self)) if self.sample_weight is None else self.sample_weight

    def probabilities(self):
        """Return the probabilities of all classes, (n_samples, n_classes), float64."""
        if self.raw_prediction is not None:
            return LogLoss(self.n_classes).link(self.raw_prediction).astype(np.float64, copy=False)
        proba = self.proba.astype(np.float64, copy=False)
        return proba if proba.ndim == 2 else np.column_stack([1 - proba, proba])

    def log_probabilities(self):
        """Return the log-probabilities of all classes, float64; those of 0 are clipped at eps."""
        if self.raw_prediction is not None:
            log_proba = LogLoss(self.n_classes).log_link(self.raw_prediction)
            return log_proba.astype(np.float64, copy=False)
        return np.log(np.maximum(self.probabilities(), self.eps))

    def logits(self):
        """Return finite raw predictions, (n_samples,) or (n_samples, n_classes), float64."""
        if self.raw_prediction is not None:
            return self.raw_prediction.astype(np.float64, copy=False)
        log_proba = self.log_probabilities()
        return log_proba[:, 1] - log_proba[:, 0] if self.n_classes == 2 else log_proba

    def targets(self):
        """Return the probabilities of what happened, (n_samples, n_classes), float64."""
        if self.target is not None:
            return self.target
        return (self.label[:, None] == np.arange(self.n_classes)).astype(np.float64)

    def surprise(self, zero):
        """Return the surprise at each sample in nats, shape (n_samples,), float64.

        Parameters
        ----------
        zero : {"inf", "clip", "raise"}
            What to do if what happened has the probability 0. "clip" replaces 0 by eps.
        """
        if self.raw_prediction is not None:
            value = LogLoss(self.n_classes).value(self.loss_target(), self.raw_prediction)
            return value.astype(np.float64, copy=False)
        with np.errstate(divide="ignore"):
            if self.target is not None:
                surprise = self._surprise_of_soft(self.eps if zero == "clip" else 0)
            else:
                surprise = self._surprise_of_labels()
                if zero == "clip":
                    np.minimum(surprise, -np.log(self.eps), out=surprise)
        if zero == "raise" and np.isinf(surprise).any():
            row = int(np.argmax(np.isinf(surprise)))
            raise ValueError(
                f"y_proba is 0 for what happened to sample "
                f"{row if self.rows is None else self.rows[row]}: the surprise is infinite. Use "
                'zero="inf" to get that, or zero="clip" for a large number.'
            )
        return surprise

    def loss_target(self):
        """Return the target argument of the losses."""
        if self.target is None:
            return self.label
        return self.target[:, 1] if self.n_classes == 2 else self.target

    def _surprise_of_labels(self):
        if self.proba.ndim == 2:
            happened = np.take_along_axis(self.proba, self.label[:, None], axis=1)[:, 0]
            return -np.log(happened, dtype=np.float64)
        # 1 - p would lose the digits of a small p; log1p(-p) keeps them.
        is_second = self.label == 1
        surprise = np.empty(len(self))
        np.log(self.proba, out=surprise, where=is_second)
        np.log1p(-self.proba, out=surprise, where=~is_second)
        return np.negative(surprise, out=surprise)

    def _surprise_of_soft(self, smallest):
        proba = self.proba.astype(np.float64, copy=False)
        if proba.ndim == 2:
            return -xlogy(self.target, np.maximum(proba, smallest)).sum(axis=1)
        proba = np.clip(proba, smallest, 1 - smallest)
        return -xlogy(self.target[:, 1], proba) - xlog1py(self.target[:, 0], -proba)


def complements(proba):
    """Return 1 - p of probabilities, shape (n_samples, n_classes), without cancellation.

    That of the largest p in a row is the sum of the others.
    """
    rows, top = np.arange(len(proba)), proba.argmax(axis=1)
    others = proba.copy()
    others[rows, top] = 0
    result = 1 - proba
    result[rows, top] = others.sum(axis=1)
    return result
