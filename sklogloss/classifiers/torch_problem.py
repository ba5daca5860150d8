"""From a validated tensor on a device and the parameters of an estimator to an objective."""

from __future__ import annotations

from sklogloss.classifiers.problem import Problem
from sklogloss.linear.torch_samples import TorchDesign, TorchSamples

__all__ = ["TorchProblem"]


class TorchProblem(Problem):
    """A problem whose X is a TorchDesign: its entries are finite, and stay where they are."""

    _design_of = staticmethod(TorchDesign.astype)
    _samples_of = TorchSamples

    def objective(self, estimator, penalty):
        """Return the Objective of log loss, and the Plan that solves it.

        Raises
        ------
        ValueError
            For any other loss.
        """
        if not estimator._loss(len(self.targets.classes)).kernel().is_log_loss:
            raise ValueError(
                f"{type(estimator).__name__} cannot be fitted on the device {self.X.device}, "
                "only log loss can; move X to the CPU: X.cpu()"
            )
        return super().objective(estimator, penalty)

    def check_finite(self, name):
        """Do nothing: validation on the device has checked all entries."""
