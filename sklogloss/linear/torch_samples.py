"""Rows that lie in a torch tensor, on any device, and the passes of log loss over them.

The passes are operations of torch. This module is imported only if there is a tensor.
"""

from __future__ import annotations

import threading
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from sklogloss._cython.data_pass import fill_diagonal
from sklogloss._cython.dense_design import DenseDesign
from sklogloss.linear.design import BLOCK_ENTRIES
from sklogloss.linear.samples import Curvature, Samples, make_design

__all__ = ["TorchDesign", "TorchSamples", "full_precision", "scores_of"]

# Rows whose products are summed in the arithmetic of X; their sums are summed in float64 (10,240:
# tests/linear/test_torch_samples.py::test_sums_of_many_rows_are_as_exact_as_their_terms fails).
ROWS_OF_SUM = 1024
DTYPES = {np.dtype(np.float32): torch.float32, np.dtype(np.float64): torch.float64}
# The setting of torch.backends.cuda.matmul for products of float32, which torch 2.9 renamed, and
# its value for products with all digits. "none" is as good.
HAS_FP32_PRECISION = hasattr(torch.backends.cuda.matmul, "fp32_precision")
SETTING, EXACT = ("fp32_precision", "ieee") if HAS_FP32_PRECISION else ("allow_tf32", False)


class _ExactProducts:
    # A context without TF32. All threads share the setting: the first thread to enter saves it, and
    # the last to leave restores it.
    def __init__(self):
        self.lock = threading.Lock()
        self.n_inside = 0
        self.given = EXACT

    def __enter__(self):
        with self.lock:
            if self.n_inside == 0:
                self.given = getattr(torch.backends.cuda.matmul, SETTING)
                self._set_unless_exact(EXACT)
            self.n_inside += 1

    def __exit__(self, *error):
        with self.lock:
            self.n_inside -= 1
            if self.n_inside == 0:
                self._set_unless_exact(self.given)

    def _set_unless_exact(self, value):
        if self.given not in (EXACT, "none"):
            setattr(torch.backends.cuda.matmul, SETTING, value)


_exact_products = _ExactProducts()


@contextmanager
def full_precision():
    """Switch autocast and TF32 off: they leave a product fewer digits than a gradient needs."""
    with ExitStack() as stack:
        for device in ("cuda", "cpu"):
            if torch.is_autocast_enabled(device):
                stack.enter_context(torch.autocast(device, enabled=False))
        stack.enter_context(_exact_products)
        yield


@full_precision()
def scores_of(X, coef, intercept):
    """Return X coef' + intercept of tensors in the wider dtype, shape (n_samples, n_columns)."""
    dtype = torch.promote_types(X.dtype, coef.dtype)
    return X.to(dtype) @ coef.to(dtype).T + intercept.to(dtype)


class TorchDesign:
    """A dense X in a tensor, with the attributes of a `DenseDesign`.

    Parameters
    ----------
    X : Tensor of shape (n_samples, n_features), float64 or float32
    dtype : dtype, default=None
        Of the arithmetic; None for the dtype of X.
    """

    is_sparse = False
    has_rows = True
    has_class_grams = False

    def __init__(self, X, dtype=None):
        self.X = X.detach()
        self.device = X.device
        self.shape = tuple(X.shape)
        self.n_samples, self.n_features = self.shape
        self.n_stored = self.n_samples * self.n_features
        self.dtype = np.dtype(np.float32 if X.dtype == torch.float32 else np.float64)
        self.arithmetic = DTYPES[np.dtype(self.dtype if dtype is None else dtype)]
        self.is_float32 = self.arithmetic == torch.float32
        # A plan depends on the number of blocks of a pass. So that it is the same as on the CPU,
        # this is, too.
        self.block_rows = DenseDesign(
            np.empty((1, self.n_features), np.float32 if self.is_float32 else np.float64),
            self.is_float32,
        ).block_rows

    def astype(self, dtype) -> TorchDesign:
        """Return the same X for passes in the arithmetic of dtype, without a copy."""
        return TorchDesign(self.X, dtype)

    def chunks(self):
        """Yield slices of rows, and X there in the dtype of the arithmetic.

        Each has about BLOCK_ENTRIES times ROWS_OF_SUM entries, so no pass needs a copy of X.
        """
        size = max(1, BLOCK_ENTRIES // max(1, self.n_features)) * ROWS_OF_SUM
        for start in range(0, self.n_samples, size):
            rows = slice(start, min(start + size, self.n_samples))
            yield rows, self.X[rows].to(self.arithmetic)

    def tensor(self, array, dtype=None):
        """Return an ndarray as a tensor on the device of X, by default of the arithmetic."""
        # torch warns of read-only arrays.
        array = np.require(array, requirements="W")
        return torch.as_tensor(array, device=self.X.device, dtype=dtype or self.arithmetic)

    def zeros(self, size):
        """Return a tensor of zeros for sums, float64."""
        return torch.zeros(size, dtype=torch.float64, device=self.X.device)

    def of_columns(self, coordinates):
        """Return center, scale and fit_intercept of Coordinates, as `_in_theta` takes them."""
        center, scale = self.tensor(coordinates.center), self.tensor(coordinates.scale)
        return center, scale, coordinates.fit_intercept


def take_tensor_rows(X, rows):
    """Return a copy of some rows of a tensor."""
    return X[torch.tensor(rows, device=X.device)]


def take_tensor_columns(X, features, n_threads):
    """Return a copy of some columns of a tensor. The device has threads of its own."""
    return X[:, torch.tensor(features, device=X.device)]


class TorchSamples(Samples):
    """Rows of a tensor with their targets, weights and offsets, and the passes of log loss.

    The passes are those of `Samples`, and return the same NumPy arrays. The curvature, which has a
    row for each sample, stays on the device.

    Attributes
    ----------
    design : TorchDesign
    local : Samples
        Samples of a copy of X on the CPU, made when it is first needed: by the test for separable
        classes, and by the reduction to the space that few rows span.
    """

    _make_design = TorchDesign
    _take_rows = staticmethod(take_tensor_rows)
    _take_columns = staticmethod(take_tensor_columns)

    def __post_init__(self):
        super().__post_init__()
        of_rows = (self.target, self.weight, self.offset)
        tensors = [None if array is None else self.design.tensor(array) for array in of_rows]
        vars(self).update(_tensors=tensors)

    @cached_property
    def local(self):
        design = make_design(self.design.X.to("cpu").numpy(), self.dtype)
        return Samples(design, self.target, self.weight, self.offset, self.n_threads)

    def chunks(self):
        """Yield the rows in chunks, see `TorchDesign.chunks`."""
        for rows, X in self.design.chunks():
            yield _Chunk(rows, X, *(None if a is None else a[rows] for a in self._tensors))

    def largest_entries(self, which):
        """Return the largest absolute entry of each column."""
        lowest, highest = torch.aminmax(self.design.X, dim=0)
        return torch.maximum(highest, -lowest).to("cpu", torch.float64).numpy()

    def constant_columns(self, columns):
        """Return which of some columns of X have the same entry in all rows with weight."""
        if len(columns) == 0:
            return columns
        rows = self.rows_with_weight
        some = self if rows is None else self.take(rows)
        lowest, highest = torch.aminmax(some.columns(columns).design.X, dim=0)
        return columns[(lowest == highest).cpu().numpy()]

    def moments(self, weight=None, *, centred):
        """Return the total weight, and means and mean squared deviations of the columns."""
        weight = self.weight if weight is None else weight
        p, first = self.design.n_features, 0 if weight is None else int(np.argmax(weight))
        of_rows = None if weight is None else self.design.tensor(weight, torch.float64)
        shift, sums = self.design.X[first].double(), self.design.zeros(2 * p)
        for rows, X in self.design.chunks():
            difference = X.double() - shift
            weighted = difference if of_rows is None else difference * of_rows[rows, None]
            sums[:p] += weighted.sum(dim=0)
            sums[p:] += (weighted * difference).sum(dim=0)
        total = float(self.n_samples if weight is None else weight.sum(dtype=np.float64))
        with np.errstate(all="ignore"):
            means = sums.cpu().numpy() / total
            mean, spread = means[:p], np.maximum(means[p:] - means[:p] ** 2, 0)
            mean = mean + shift.cpu().numpy()
            if not centred:
                spread = spread + mean**2
                mean = np.zeros(p)
        return total, mean, spread

    @full_precision()
    def value_gradient(self, loss, predictor, *, curvature=False):
        """Return the sums of the loss and its gradient, and the curvature if requested."""
        sums, kept = self.design.zeros(1 + (self.design.n_features + 1) * loss.n_columns), []
        predictor = [self.design.tensor(array) for array in predictor]
        for chunk in self.chunks():
            raw_prediction = chunk.raw_prediction(*predictor)
            sums += chunk.value_gradient(raw_prediction)
            if curvature:
                kept.append(_curvature(raw_prediction))
        kept = TorchCurvature(self, loss, torch.cat(kept)) if curvature else None
        return sums.cpu().numpy(), kept

    @full_precision()
    def value_gradient_hessian(self, loss, predictor, coordinates, *, single=False, stride=1):
        """Return the sums of the loss, its gradient and its Hessian in theta, in one pass."""
        p, k = self.design.n_features, loss.n_columns
        size, start = p + coordinates.fit_intercept, 1 + (p + 1) * k
        sums = self.design.zeros(start + k * (k + 1) // 2 * size**2)
        pairs = sums[start:].view(-1, size, size)
        predictor = [self.design.tensor(array) for array in predictor]
        of_columns = self.design.of_columns(coordinates)
        for chunk in self.chunks():
            raw_prediction = chunk.raw_prediction(*predictor)
            sums[:start] += chunk.value_gradient(raw_prediction)
            some, curvature = chunk, _curvature(raw_prediction)
            if stride > 1:
                is_taken = chunk.in_every_block(stride, self.design.block_rows)
                some, curvature = chunk.take(is_taken), curvature[is_taken]
            _add_hessian(pairs, _in_theta(some.X, *of_columns), curvature, some.weight)
        if k > 1:
            fill_diagonal(pairs, k)
        return sums.cpu().numpy()


class TorchCurvature(Curvature):
    """The curvature of each row, which stays on the device, and the passes that need it."""

    @full_precision()
    def class_mean_hessian(self, coordinates):
        """Return the sum of the mean over the classes of the Hessian's blocks."""
        design = self.samples.design
        size, of_columns = coordinates.shape[0], design.of_columns(coordinates)
        gram, mean = design.zeros(size**2).view(size, size), _mean_curvature(self.values)
        for chunk in self.samples.chunks():
            columns = _in_theta(chunk.X, *of_columns)
            gram += _cross(columns, _times(columns, mean[chunk.rows], chunk.weight))
        return gram.cpu().numpy()

    @full_precision()
    def hessian_product(self, predictor):
        """Return the sums of the Hessian times a direction, given as coef and intercept."""
        design, k = self.samples.design, self.loss.n_columns
        sums = design.zeros((design.n_features + 1) * k)
        predictor = [design.tensor(array) for array in predictor]
        for chunk in self.samples.chunks():
            of_rows = self.values[chunk.rows]
            product = of_rows * chunk.scores(*predictor)
            if k > 1:
                product -= of_rows * product.sum(dim=1, keepdim=True)
            sums += _gradient(chunk.X, _times(product, chunk.weight))
        return sums.cpu().numpy()

    @full_precision()
    def hessian_diagonal(self, center):
        """Return the sums of the Hessian's diagonal, in coef of centred columns and intercept."""
        design, p, k = self.samples.design, self.samples.design.n_features, self.loss.n_columns
        sums, center = design.zeros((p + 1) * k), design.tensor(center)
        for chunk in self.samples.chunks():
            of_rows = _diagonal(self.values[chunk.rows])
            sums += _gradient((chunk.X - center) ** 2, _times(of_rows, chunk.weight))
        sums = sums.cpu().numpy()
        return sums[: p * k].reshape(p, k), sums[p * k :]

    def of_rows(self):
        """Return the mean over the columns of the curvature of each row's weighted loss."""
        mean = _mean_curvature(self.values).cpu().numpy()
        return mean if self.samples.weight is None else mean * self.samples.weight


@dataclass
class _Chunk:
    """Some neighbouring rows.

    Attributes
    ----------
    rows : slice
        Which of all.
    X, target, weight, offset : Tensor, the last two or None
        Those of the rows, in the dtype of the arithmetic.
    """

    rows: slice
    X: torch.Tensor
    target: torch.Tensor
    weight: torch.Tensor | None
    offset: torch.Tensor | None

    def scores(self, coef, intercept):
        """Return X coef + intercept."""
        return self.X @ coef + intercept

    def raw_prediction(self, coef, intercept):
        """Return the scores and the offset."""
        scores = self.scores(coef, intercept)
        return scores if self.offset is None else scores + self.offset

    def value_gradient(self, raw_prediction):
        """Return the sums of the loss and its gradient."""
        value, gradient = _log_loss(raw_prediction, self.target)
        total = _times(value, self.weight).sum(dtype=torch.float64)
        return torch.cat([total[None], _gradient(self.X, _times(gradient, self.weight))])

    def in_every_block(self, stride, block_rows):
        """Return which rows are in every stride-th block of the rows of all chunks."""
        places = torch.arange(self.rows.start, self.rows.stop, device=self.X.device)
        return places // block_rows % stride == 0

    def take(self, which):
        """Return the rows where `which` is true."""
        of_rows = (self.X, self.target, self.weight, self.offset)
        return _Chunk(self.rows, *(None if array is None else array[which] for array in of_rows))


def _log_loss(raw_prediction, target):
    # Value (n,) and gradient (n, n_columns) of the log loss, without cancellation.
    if raw_prediction.shape[1] == 1:
        z, target = raw_prediction[:, 0], target[:, 0]
        zero = torch.zeros_like(z)
        value = target * torch.logaddexp(zero, -z) + (1 - target) * torch.logaddexp(zero, z)
        gradient = (1 - target) * torch.sigmoid(z) - target * torch.sigmoid(-z)
        return value, gradient[:, None]
    proba = torch.softmax(raw_prediction, dim=1)
    if target.shape[1] > 1:
        return -(target * torch.log_softmax(raw_prediction, dim=1)).sum(dim=1), proba - target
    label = target.to(torch.int64)
    others = (raw_prediction - raw_prediction.gather(1, label)).scatter(1, label, -torch.inf)
    value = torch.logaddexp(torch.zeros_like(target[:, 0]), torch.logsumexp(others, dim=1))
    gradient = proba.scatter(1, label, 0)
    return value, gradient.scatter(1, label, -gradient.sum(dim=1, keepdim=True))


def _curvature(raw_prediction):
    # The numbers that determine the Hessian of each row: p (1 - p) for two classes, the
    # probabilities for more.
    if raw_prediction.shape[1] == 1:
        return torch.sigmoid(raw_prediction) * torch.sigmoid(-raw_prediction)
    return torch.softmax(raw_prediction, dim=1)


def _diagonal(curvature):
    # The diagonal of the Hessian of each row.
    return curvature * (1 - curvature) if curvature.shape[1] > 1 else curvature


def _mean_curvature(curvature):
    return _diagonal(curvature).mean(dim=1)


def _add_hessian(pairs, columns, curvature, weight):
    # Add the parts of the pairs of columns k < l of raw_prediction, or the part of a single column.
    k = curvature.shape[1]
    if k == 1:
        pairs[0] += _cross(columns, _times(columns, curvature[:, 0], weight))
        return
    pair = 0
    for one in range(k):
        for other in range(one, k):
            if other > one:
                product = -curvature[:, one] * curvature[:, other]
                pairs[pair] += _cross(columns, _times(columns, product, weight))
            pair += 1


def _in_theta(X, center, scale, fit_intercept):
    columns = (X - center) * scale
    return torch.nn.functional.pad(columns, (0, 1), value=1) if fit_intercept else columns


def _times(array, *factors):
    # The rows of an array, each times its factor; None for 1.
    for factor in factors:
        if factor is not None:
            array = array * (factor[:, None] if array.ndim > 1 else factor)
    return array


def _gradient(X, of_rows):
    # The sums in coef, then in the intercept, of what each row adds to its raw predictions.
    return torch.cat([_cross(X, of_rows).ravel(), of_rows.sum(dim=0, dtype=torch.float64)])


def _cross(left, right):
    # left' right; the sums of blocks of rows are added in float64.
    whole = len(left) // ROWS_OF_SUM * ROWS_OF_SUM
    total = (left[whole:].T @ right[whole:]).double()
    if whole:
        blocks = (array[:whole].unflatten(0, (-1, ROWS_OF_SUM)) for array in (left, right))
        left, right = blocks
        total += (left.transpose(1, 2) @ right).sum(dim=0, dtype=torch.float64)
    return total
