"""Losses against arbitrary precision, numeric derivatives and a slow twin in NumPy."""

from functools import cache
from itertools import product

import numpy as np
import pytest
from mpmath import mp, mpf
from numpy.testing import assert_array_equal
from scipy.special import log_softmax

from sklogloss.losses import BrierLoss, FocalLoss, LogLoss

LOG_LOSSES = [LogLoss(), LogLoss(n_classes=3), LogLoss(n_classes=10)]
# With two classes 2 and 1 take multiplications instead of an exponential.
GAMMAS = [0.1, 0.5, 1, 2, 2.5, 5]
FOCAL_LOSSES = [
    *(FocalLoss(gamma, 2) for gamma in GAMMAS),
    *(FocalLoss(gamma, 3) for gamma in GAMMAS),
    FocalLoss(5, n_classes=10),
]
BRIER_LOSSES = [BrierLoss(), BrierLoss(n_classes=3)]
LOSSES = LOG_LOSSES + FOCAL_LOSSES + BRIER_LOSSES
# One of each, for what does not depend on the loss's formulas.
SOME_FOCAL_LOSSES = [FocalLoss(), FocalLoss(1.7), FocalLoss(2.5, 3), FocalLoss(2, 10)]
SOME_LOSSES = [*LOG_LOSSES, *SOME_FOCAL_LOSSES, *BRIER_LOSSES]
DTYPES = [np.float64, np.float32]
QUANTITIES = ["value", "gradient", "value_gradient", "gradient_hessian"]

# What each quantity returns.
PARTS = {
    "value": ["value"],
    "gradient": ["gradient"],
    "value_gradient": ["value", "gradient"],
    "gradient_hessian": ["gradient", "hessian"],
}

# exp(-|z|) is a normal number, nearly, up to here.
LARGEST_EXPONENT = {np.float64: 700, np.float32: 87}

# Memory layouts of a raw prediction or an out array.
LAYOUTS = {
    "C": np.ascontiguousarray,
    "F": np.asfortranarray,
    "every other row": lambda a: np.repeat(a, 2, axis=0)[::2],
    "rows reversed": lambda a: a[::-1].copy()[::-1],
    "columns apart": lambda a: np.repeat(a, 2, axis=-1)[..., ::2] if a.ndim == 2 else a.copy(),
}

all_losses = pytest.mark.parametrize("loss", LOSSES, ids=repr)
some_losses = pytest.mark.parametrize("loss", SOME_LOSSES, ids=repr)
all_dtypes = pytest.mark.parametrize("dtype", DTYPES)
all_quantities = pytest.mark.parametrize("quantity", QUANTITIES)
hard_or_soft = pytest.mark.parametrize("soft", [False, True], ids=["hard", "soft"])


def columns(loss):
    return () if loss.n_classes == 2 else (loss.n_classes,)


def random_target(loss, n_samples, soft, dtype, rng):
    """Return a target; some of the soft ones are those of label smoothing, and some are hard."""
    hard = rng.integers(0, loss.n_classes, n_samples)
    if not soft:
        return hard
    proba = rng.dirichlet(np.ones(loss.n_classes), n_samples)
    one_hot = np.eye(loss.n_classes)[hard]
    proba[::3] = 0.9 * one_hot[::3] + 0.1 / loss.n_classes
    proba[1::3] = one_hot[1::3]
    proba = proba.astype(dtype)
    return proba[:, 1] if loss.n_classes == 2 else proba


def probabilities(loss, target):
    """Return the target as float64 matrix of probabilities, two columns for two classes."""
    target = np.asarray(target)
    if target.ndim == 2:
        return target.astype(np.float64)
    if loss.n_classes == 2:
        target = target.astype(np.float64)
        return np.column_stack([1 - target, target])
    return np.eye(loss.n_classes)[target]


def plain(loss, target, raw_prediction):
    """Return value, gradient and diagonal of the Hessian, each sample by its definition."""
    y = probabilities(loss, target)
    z = raw_prediction.astype(np.float64)
    if loss.n_classes == 2:
        z = np.column_stack([np.zeros_like(z), z])
    log_p = log_softmax(z, axis=1)
    p = np.exp(log_p)
    # 1 - p by the other classes
    q = np.stack([np.delete(p, k, axis=1).sum(axis=1) for k in range(p.shape[1])], axis=1)
    if isinstance(loss, BrierLoss):
        factor, r = 1 if loss.n_classes == 2 else 2, p - y
        share = np.sum(p * r, axis=1, keepdims=True)
        mean = np.sum(p * (p + r), axis=1, keepdims=True)
        value = factor / 2 * np.sum(r**2, axis=1)
        gradient = factor * p * (r - share)
        hessian = factor * p * ((p + r - share) * q - p * (p + r - mean))
    else:
        gamma = getattr(loss, "gamma", 0)
        value, gradient, hessian = np.zeros(len(z)), np.zeros_like(z), np.zeros_like(z)
        for t in range(p.shape[1]):
            yt, pt, qt, surprise = y[:, t], p[:, t], q[:, t], -log_p[:, t]
            slope = yt * qt**gamma * (qt + gamma * pt * surprise)
            bend = (
                yt * pt * qt**gamma * ((1 + 2 * gamma) * qt + gamma * (gamma * pt - qt) * surprise)
            )
            value += yt * qt**gamma * surprise
            share = p / qt[:, None]
            others = slope[:, None] * share * (1 - share) + bend[:, None] * share**2
            share[:, t], others[:, t] = -1, bend
            gradient += slope[:, None] * share
            hessian += others
    if loss.n_classes == 2:
        gradient, hessian = gradient[:, 1], hessian[:, 1]
    return {"value": value, "gradient": gradient, "hessian": hessian}


def exact(loss, target, raw_prediction):
    """Return lists of value, gradient, diagonal of the Hessian and the latter's size, 50 digits.

    The size is the sum of the absolute values of the terms of the Hessian.
    """
    results = {"value": [], "gradient": [], "hessian": [], "size": []}
    with mp.workdps(50):
        for y, z in zip(target, raw_prediction, strict=True):
            if loss.n_classes == 2:
                y, z = [1 - mpf(float(y)), mpf(float(y))], [mpf(0), mpf(float(z))]
            else:
                z = [mpf(float(entry)) for entry in z]
                if np.ndim(y) == 0:
                    y = np.arange(loss.n_classes) == y
                y = [mpf(float(entry)) for entry in y]
            e = [mp.exp(entry - max(z)) for entry in z]
            # All but one, so that 1 - p keeps its digits whatever they are.
            rest = [mp.fsum(e[:k] + e[k + 1 :]) for k in range(len(e))]
            exact_row = exact_brier_row if isinstance(loss, BrierLoss) else exact_focal_row
            value, *columns = exact_row(loss, y, e, rest)
            results["value"].append(value)
            for name, column in zip(("gradient", "hessian", "size"), columns, strict=True):
                results[name].extend(column[1 if loss.n_classes == 2 else 0 :])
    return results


def exact_focal_row(loss, y, e, rest):
    """Return value, gradient, Hessian and its size for exponentials e and the sums of the others.

    By the derivatives of (1 - p)^gamma (-ln p) in the raw predictions, class by class; for
    gamma = 0 that is log loss.
    """
    gamma, total, classes = mpf(getattr(loss, "gamma", 0)), mp.fsum(e), range(len(e))
    value, gradient, hessian, size = mpf(0), [0] * len(e), [0] * len(e), [0] * len(e)
    for t in classes:
        if y[t] == 0:
            continue
        p, q, surprise = e[t] / total, rest[t] / total, mp.log1p(rest[t] / e[t])
        power = mp.exp(-gamma * mp.log1p(e[t] / rest[t]))
        slope = power * (q + gamma * p * surprise)
        bend = [
            p * power * ((1 + 2 * gamma) * q + gamma * (gamma * p + sign * q) * surprise)
            for sign in (-1, 1)
        ]
        value += y[t] * power * surprise
        for k in classes:
            if k == t:
                gradient[k] -= y[t] * slope
                hessian[k] += y[t] * bend[0]
                size[k] += y[t] * bend[1]
            else:
                share = e[k] / rest[t]
                others = mp.fsum(e[j] for j in classes if j not in (k, t)) / rest[t]
                gradient[k] += y[t] * slope * share
                hessian[k] += y[t] * (slope * share * others + bend[0] * share**2)
                size[k] += y[t] * (slope * share * others + bend[1] * share**2)
    return value, gradient, hessian, size


def exact_brier_row(loss, y, e, rest):
    """As exact_focal_row, of the sum of (p - y)^2, halved for two classes."""
    total, factor = mp.fsum(e), 1 if len(e) == 2 else 2
    p, q = [ek / total for ek in e], [rk / total for rk in rest]
    r = [mp.fsum(y[:k] + y[k + 1 :]) * pk - y[k] * q[k] for k, pk in enumerate(p)]
    # r - sum p r and p - sum p^2, so that no digits cancel
    without = [mp.fsum(p[j] * r[j] for j in range(len(e)) if j != k) for k in range(len(e))]
    steep = [rk * qk - w for rk, qk, w in zip(r, q, without, strict=True)]
    without = [mp.fsum(p[j] ** 2 for j in range(len(e)) if j != k) for k in range(len(e))]
    flat = [pk * qk - w for pk, qk, w in zip(p, q, without, strict=True)]
    value = mp.fsum(rk**2 for rk in r) * factor / 2
    gradient = [factor * pk * s for pk, s in zip(p, steep, strict=True)]
    terms = [
        (pk * qk, s * qk, -pk * s, -pk * f) for pk, qk, s, f in zip(p, q, steep, flat, strict=True)
    ]
    hessian = [factor * pk * mp.fsum(t) for pk, t in zip(p, terms, strict=True)]
    size = [factor * pk * mp.fsum(map(abs, t)) for pk, t in zip(p, terms, strict=True)]
    return value, gradient, hessian, size


def largest_error(computed, exact, unit, size=None):
    """Return the largest error in units that `unit` gives for an exact number, or for its size."""
    with mp.workdps(50):
        return max(
            float(abs(mpf(float(c)) - e) / unit(s))
            for c, e, s in zip(computed.ravel(), exact, size or exact, strict=True)
        )


def ulp(dtype):
    """Return the function that gives the distance of neighbouring numbers of dtype at x."""
    info = np.finfo(dtype)

    def distance(x):
        exponent = mp.frexp(x)[1] - 1 if x else info.minexp
        return mpf(2) ** (max(exponent, info.minexp) - info.nmant)

    return distance


def hostile_raw_prediction(loss, dtype, rng):
    """Return raw predictions: everyday ones, the whole range of exp, close calls and ties."""
    largest = LARGEST_EXPONENT[dtype]
    parts = [rng.normal(size=(150, *columns(loss))) * scale for scale in (0.1, 3, 10)]
    parts.append(rng.uniform(-largest, largest, size=(150, *columns(loss))))
    magnitude = 10 ** rng.uniform(-17, 1.5, size=(100, *columns(loss)))
    parts.append(magnitude * rng.choice([-1, 1], size=magnitude.shape))
    edges = [0, 1e-300 if dtype == np.float64 else 1e-37, 1, 37, 40, largest]
    edges = np.array(edges + [-edge for edge in edges])
    if loss.n_classes == 2:
        parts.append(edges)
    else:
        grid = np.zeros((len(edges) ** 2, loss.n_classes))
        grid[:, :2] = list(product(edges, edges))
        parts.append(grid)
    return np.concatenate(parts).clip(-largest, largest).astype(dtype)


def evaluate(loss, quantity, *args, **kwargs):
    results = getattr(loss, quantity)(*args, **kwargs)
    if len(PARTS[quantity]) == 1:
        results = (results,)
    return dict(zip(PARTS[quantity], results, strict=True))


def all_results(loss, target, raw_prediction):
    """Yield names and arrays of all quantities, those of the same bits once."""
    seen = set()
    for quantity in QUANTITIES:
        for name, computed in evaluate(loss, quantity, target, raw_prediction).items():
            if (name, computed.tobytes()) not in seen:
                seen.add((name, computed.tobytes()))
                yield name, computed


@cache
def hard_case(loss, dtype):
    """Return hard targets, raw predictions and what is exact for them."""
    rng = np.random.default_rng(0)
    raw_prediction = hostile_raw_prediction(loss, dtype, rng)
    if loss not in LOG_LOSSES and loss.n_classes > 2:
        raw_prediction = rng.permutation(raw_prediction)[: 1500 // loss.n_classes]
    target = random_target(loss, len(raw_prediction), False, dtype, rng)
    return target, raw_prediction, exact(loss, target, raw_prediction)


@pytest.mark.parametrize("loss", LOG_LOSSES, ids=repr)
@all_dtypes
def test_hard_targets_are_right_to_4_ulp(loss, dtype):
    target, raw_prediction, expected = hard_case(loss, dtype)
    for name, computed in all_results(loss, target, raw_prediction):
        assert largest_error(computed, expected[name], ulp(dtype)) <= 4, name


@pytest.mark.parametrize(
    "loss",
    [FocalLoss(0), *FOCAL_LOSSES, BrierLoss()],
    ids=repr,
)
@all_dtypes
def test_hard_targets_are_right_to_8_ulp(loss, dtype):
    # The second derivative changes its sign: its terms are of a size that it may be far below.
    # Focal loss of two classes takes it from the root.
    target, raw_prediction, expected = hard_case(loss, dtype)
    is_binary_focal = isinstance(loss, FocalLoss) and loss.n_classes == 2
    for name, computed in all_results(loss, target, raw_prediction):
        size = expected["size"] if name == "hessian" and not is_binary_focal else None
        assert largest_error(computed, expected[name], ulp(dtype), size) <= 8, name


@pytest.mark.parametrize("gamma", [0.01, *GAMMAS])
@all_dtypes
def test_second_derivative_is_right_to_8_ulp_about_its_root(gamma, dtype):
    with mp.workdps(50):
        # It has the sign of this, which increases with the margin.
        root = mp.findroot(
            lambda m: 1 + 2 * mpf(gamma) + gamma * (gamma * mp.exp(m) - 1) * mp.log1p(mp.exp(-m)),
            (-3 - 1 / mpf(gamma), 0),
            solver="anderson",
        )
    nearest = dtype(float(root))
    rng = np.random.default_rng(2)
    distance = 10 ** rng.uniform(-17 if dtype == np.float64 else -8, 0.7, size=300)
    margin = np.concatenate(
        [
            [nearest, np.nextafter(nearest, dtype(0)), np.nextafter(nearest, dtype(-np.inf))],
            nearest + distance * rng.choice([-1, 1], size=300),
            nearest + rng.uniform(-0.5, 0.5, size=300),
        ]
    ).astype(dtype)
    margin = margin.clip(-LARGEST_EXPONENT[dtype], LARGEST_EXPONENT[dtype])
    target = rng.integers(0, 2, len(margin)).astype(dtype)
    raw_prediction = (2 * target - 1) * margin
    loss = FocalLoss(gamma)
    _, hessian = loss.gradient_hessian(target, raw_prediction)
    expected = exact(loss, target, raw_prediction)["hessian"]
    assert largest_error(hessian, expected, ulp(dtype)) <= 8


@all_dtypes
def test_hessian_of_many_classes_is_right_to_4_ulp(dtype):
    # Ten classes have more rounding errors than few; where p (1 - p) is just below a power of two
    # they count double, which is rare.
    loss = LogLoss(n_classes=10)
    rng = np.random.default_rng(100)
    scale = rng.choice([0.1, 1, 3, 10], size=(600, 1))
    raw_prediction = (scale * rng.normal(size=(600, 10))).astype(dtype)
    target = random_target(loss, 600, False, dtype, rng)
    _, hessian = loss.gradient_hessian(target, raw_prediction)
    expected = exact(loss, target, raw_prediction)["hessian"]
    assert largest_error(hessian, expected, ulp(dtype)) <= 4


@cache
def soft_case(loss, dtype):
    """Return soft targets, raw predictions and what is exact for them."""
    rng = np.random.default_rng(1)
    raw_prediction = hostile_raw_prediction(loss, dtype, rng)
    most = 2000 if loss in LOG_LOSSES else 600
    raw_prediction = rng.permutation(raw_prediction)[: most // loss.n_classes]
    target = random_target(loss, len(raw_prediction), True, dtype, rng)
    return target, raw_prediction, exact(loss, target, raw_prediction)


@all_losses
@all_dtypes
def test_soft_targets_are_right_to_1e_15(loss, dtype):
    target, raw_prediction, expected = soft_case(loss, dtype)
    tolerance = 1e-15 / np.finfo(np.float64).eps * np.finfo(dtype).eps
    for name, computed in all_results(loss, target, raw_prediction):
        assert largest_error(computed, expected[name], lambda x: max(1, abs(x))) <= tolerance, name


def test_nothing_cancels():
    # mpmath: log1p(exp(-40)), -1 / (1 + exp(37)), 1 / (1 + exp(37)) / (1 + exp(-37)).
    loss = LogLoss()
    assert loss.value([1], np.array([40.0]))[0] == pytest.approx(4.248354255291589e-18, rel=1e-15)
    gradient, hessian = loss.gradient_hessian([1], np.array([37.0]))
    assert gradient[0] == pytest.approx(-8.533047625744066e-17, rel=1e-15)
    assert hessian[0] == pytest.approx(8.533047625744065e-17, rel=1e-15)
    # The same margins between the first two of three classes; the third is out of the race.
    loss = LogLoss(n_classes=3)
    assert loss.value([1], np.array([[0, 40.0, -700]]))[0] == pytest.approx(
        4.248354255291589e-18, rel=1e-15
    )
    gradient, hessian = loss.gradient_hessian([1], np.array([[0, 37.0, -700]]))
    assert gradient[0, 1] == pytest.approx(-8.533047625744066e-17, rel=1e-15)
    assert hessian[0, 1] == pytest.approx(8.533047625744065e-17, rel=1e-15)


@all_losses
@hard_or_soft
def test_derivatives_are_those_of_the_value(loss, soft):
    rng = np.random.default_rng(2)
    n_samples, step = 300, 2.0**-10
    # A few binary digits, so that adding the step is exact.
    raw_prediction = np.round(rng.normal(size=(n_samples, *columns(loss))) * 3 * 2**10) / 2**10
    target = random_target(loss, n_samples, soft, np.float64, rng)
    gradient, hessian = loss.gradient_hessian(target, raw_prediction)

    def derivative(function, column):
        offset = np.eye(loss.n_classes)[column] * step if column is not None else step

        def difference(n_steps):
            plus, minus = raw_prediction + n_steps * offset, raw_prediction - n_steps * offset
            return function(target, plus) - function(target, minus)

        return (8 * difference(1) - difference(2)) / (12 * step)

    # Truncation: step^4 / 30 times the fifth derivative, of log loss and Brier loss below 1.1, of
    # focal loss in its margin below 6 for gamma up to 5 (mpmath's Taylor series). 100 leaves room
    # for the chain rule of more classes and is less than what is allowed for rounding.
    # Rounding: 18 / 12 of an error of 8 ulp per function value, over the step.
    largest_value = loss.value(target, raw_prediction).max() + 1
    fifth_derivative = 100 if isinstance(loss, FocalLoss) else 1.1
    eps = np.finfo(np.float64).eps
    tolerance = fifth_derivative * step**4 / 30
    tolerance += 1.5 * 8 * eps / step * np.array([largest_value, 2])
    for column in [None] if loss.n_classes == 2 else range(loss.n_classes):
        at = ... if column is None else (..., column)
        numeric = derivative(loss.value, column)
        assert np.max(np.abs(gradient[at] - numeric)) < tolerance[0]
        numeric = derivative(lambda *args, at=at: loss.gradient(*args)[at], column)
        assert np.max(np.abs(hessian[at] - numeric)) < tolerance[1]


@pytest.mark.parametrize("n_threads", [1, 3])
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize(
    ("loss", "layout"),
    [*product(LOG_LOSSES, LAYOUTS), *product(SOME_LOSSES[len(LOG_LOSSES) :], ["C"])],
    ids=repr,
)
@all_dtypes
@all_quantities
@hard_or_soft
def test_agrees_with_plain_numpy(loss, dtype, quantity, soft, layout, n_threads, weighted):
    rng = np.random.default_rng(3)
    n_samples = 4500  # two blocks and a rest, at least
    raw_prediction = (rng.normal(size=(n_samples, *columns(loss))) * 3).astype(dtype)
    target = random_target(loss, n_samples, soft, dtype, rng)
    sample_weight = rng.uniform(0, 2, n_samples).astype(dtype) if weighted else None
    expected = plain(loss, target, raw_prediction)

    raw_prediction = LAYOUTS[layout](raw_prediction)
    arrays = [target, raw_prediction, sample_weight]
    for array in arrays:
        if array is not None:
            array.flags.writeable = False
    outs = {
        f"{name}_out": LAYOUTS[layout](np.full(expected[name].shape, np.nan, dtype=dtype))
        for name in PARTS[quantity]
    }
    results = evaluate(loss, quantity, *arrays, n_threads=n_threads)
    filled = evaluate(loss, quantity, *arrays, n_threads=n_threads, **outs)

    # 4 or 8 ulp for each of ours; in the twin one rounding error for each class it sums, of which
    # the focal ones go through a power.
    error = 4 if isinstance(loss, LogLoss) else 8
    power = 1 + getattr(loss, "gamma", 0)
    rtol = error * np.finfo(dtype).eps
    rtol += power**2 * (4 + loss.n_classes) * np.finfo(np.float64).eps
    for name, result in results.items():
        exact = expected[name]
        size = np.maximum(1, np.abs(exact))
        if weighted:
            weight = sample_weight.astype(np.float64)
            weight = weight.reshape(-1, *[1] * (exact.ndim - 1))
            exact, size = exact * weight, size * weight
        assert result.dtype == dtype
        assert result.shape == exact.shape
        assert np.all(np.abs(result - exact) <= (rtol + np.finfo(dtype).eps) * size), name
        assert filled[name] is outs[f"{name}_out"]
        assert_array_equal(filled[name], result)


@some_losses
@all_dtypes
@all_quantities
@hard_or_soft
def test_same_bits_for_any_number_of_threads(loss, dtype, quantity, soft):
    rng = np.random.default_rng(4)
    n_samples = 10_001
    raw_prediction = (rng.normal(size=(n_samples, *columns(loss))) * 10).astype(dtype)
    target = random_target(loss, n_samples, soft, dtype, rng)
    one = evaluate(loss, quantity, target, raw_prediction)
    for n_threads in (2, 3, 4, 64):
        many = evaluate(loss, quantity, target, raw_prediction, n_threads=n_threads)
        for name in one:
            assert_array_equal(one[name], many[name])


@pytest.mark.parametrize("n_samples", [0, 1, 2, 3, 4, 7])
@some_losses
@hard_or_soft
def test_few_samples(loss, soft, n_samples):
    rng = np.random.default_rng(5)
    raw_prediction = rng.normal(size=(n_samples, *columns(loss)))
    target = random_target(loss, n_samples, soft, np.float64, rng)
    expected = plain(loss, target, raw_prediction)
    for quantity in QUANTITIES:
        results = evaluate(loss, quantity, target, raw_prediction, n_threads=2)
        for name, result in results.items():
            np.testing.assert_allclose(result, expected[name], rtol=1e-13, atol=1e-14)
    assert loss.link(raw_prediction).shape == (n_samples, loss.n_classes)


@all_losses
@all_dtypes
@hard_or_soft
def test_extreme_raw_predictions(loss, dtype, soft):
    info = np.finfo(dtype)
    edges = np.array([0, info.smallest_subnormal, 1, 88, 709, 745, 1e30, info.max], dtype=dtype)
    edges = np.concatenate([-edges, edges])
    raw_prediction = edges
    if loss.n_classes > 2:
        raw_prediction = np.zeros((len(edges) ** 3, loss.n_classes), dtype=dtype)
        raw_prediction[:, :3] = list(product(edges, edges, edges))
    rng = np.random.default_rng(6)
    target = random_target(loss, len(raw_prediction), soft, dtype, rng)

    value, gradient = loss.value_gradient(target, raw_prediction)
    _, hessian = loss.gradient_hessian(target, raw_prediction)
    assert not np.isnan(value).any()
    assert not np.isnan(gradient).any()
    assert not np.isnan(hessian).any()
    assert np.all(value >= 0)
    if not isinstance(loss, LogLoss):
        # q^gamma <= 1, p <= 1 and p (-ln p) <= 1/e in their formulas, and gamma <= 5
        assert np.all(np.abs(gradient) <= 1 + 5 / np.e)
        assert np.all(np.abs(hessian) <= (1 + 2 * 5) / 4 + 5 * (5 + 1) / np.e)
        return
    assert np.all(np.abs(gradient) <= 1)
    assert np.all((hessian >= 0) & (hessian <= 0.25))
    # log(n_classes) is beyond all digits of the numbers that overflow: the sum of y (max - z)
    # decides, here halved.
    y = probabilities(loss, target).astype(np.longdouble)
    z = raw_prediction.astype(np.longdouble)
    if loss.n_classes == 2:
        z = np.column_stack([np.zeros_like(z), z])
    half = np.sum(y * (z.max(axis=1, keepdims=True) / 2 - z / 2), axis=1)
    largest = np.longdouble(info.max) / 2
    margin = 4 * loss.n_classes * info.eps
    assert np.all(np.isfinite(value[half < largest * (1 - margin)]))
    assert np.all(np.isinf(value[half > largest * (1 + margin)]))

    proba, log_proba = loss.link(raw_prediction), loss.log_link(raw_prediction)
    assert np.all((proba >= 0) & (proba <= 1))
    assert np.all(np.isfinite(log_proba) & (log_proba <= 0))


def test_weight_zero_silences_an_infinite_loss():
    loss = LogLoss(n_classes=3)
    raw_prediction = np.array([[1.7e308, -1.7e308, 0.0]] * 2)
    value = loss.value([1, 1], raw_prediction, np.array([0.0, 1.0]))
    assert_array_equal(value, [0, np.inf])


def test_nan_in_the_raw_prediction_stays_nan():
    for loss in LOSSES:
        raw_prediction = np.zeros((3, *columns(loss)))
        raw_prediction[1] = np.nan
        value, gradient = loss.value_gradient([0, 1, 1], raw_prediction)
        assert_array_equal(np.isnan(value), [False, True, False])
        assert np.isnan(gradient[1]).all()
        assert np.isfinite(gradient[[0, 2]]).all()


@pytest.mark.parametrize("loss", LOG_LOSSES, ids=repr)
@all_dtypes
def test_links(loss, dtype):
    rng = np.random.default_rng(7)
    raw_prediction = hostile_raw_prediction(loss, dtype, rng)
    exact_proba, exact_log_proba = [], []
    with mp.workdps(50):
        for row in raw_prediction:
            z = [mpf(float(entry)) for entry in np.atleast_1d(row)]
            z = [mpf(0), *z] if loss.n_classes == 2 else z
            e = [mp.exp(entry - max(z)) for entry in z]
            for k, ek in enumerate(e):
                exact_proba.append(ek / mp.fsum(e))
                rest = mp.fsum(e[:k] + e[k + 1 :])
                largest = ek == 1
                log_proba = -mp.log1p(rest) if largest else z[k] - max(z) - mp.log(mp.fsum(e))
                exact_log_proba.append(log_proba)
    checked = set()
    for layout, change in LAYOUTS.items():
        changed = change(raw_prediction)
        proba, log_proba = loss.link(changed), loss.log_link(changed)
        assert proba.dtype == log_proba.dtype == dtype, layout
        assert proba.shape == log_proba.shape == (len(raw_prediction), loss.n_classes), layout
        bits = proba.tobytes() + log_proba.tobytes()
        if bits in checked:  # as right as those of the layout before
            continue
        checked.add(bits)
        assert largest_error(proba, exact_proba, ulp(dtype)) <= 4, layout
        assert largest_error(log_proba, exact_log_proba, ulp(dtype)) <= 4, layout
        # Each probability is right to 4 ulp, and they are at most 1.
        tolerance = (4 + loss.n_classes) * np.finfo(dtype).eps
        assert np.all(np.abs(proba.sum(axis=1) - 1) <= tolerance), layout


@pytest.mark.parametrize(
    "loss",
    [LogLoss(), FocalLoss(2), FocalLoss(2.5), FocalLoss(1.7), BrierLoss()],
    ids=repr,
)
def test_swapping_the_two_classes_mirrors_the_loss(loss):
    rng = np.random.default_rng(8)
    raw_prediction, target = rng.normal(size=1000) * 10, rng.integers(0, 2, 1000)
    value, gradient = loss.value_gradient(target, raw_prediction)
    mirrored_value, mirrored_gradient = loss.value_gradient(1 - target, -raw_prediction)
    assert_array_equal(value, mirrored_value)
    assert_array_equal(gradient, -mirrored_gradient)


@pytest.mark.parametrize("loss", [LogLoss(4), FocalLoss(2.5, 4), BrierLoss(4)], ids=repr)
def test_soft_targets_at_the_corners_are_hard_targets(loss):
    rng = np.random.default_rng(9)
    raw_prediction, target = rng.normal(size=(1000, 4)) * 10, rng.integers(0, 4, 1000)
    hard, soft = (loss.value_gradient(t, raw_prediction) for t in (target, np.eye(4)[target]))
    eps = np.finfo(np.float64).eps
    # Soft ones are right to 1e-15, hard ones to 4 or 8 ulp.
    np.testing.assert_allclose(soft[0], hard[0], rtol=13 * eps, atol=5 * eps)
    np.testing.assert_allclose(soft[1], hard[1], rtol=13 * eps, atol=5 * eps)


@pytest.mark.parametrize("kind", [bool, np.int8, np.uint16, np.int64, np.float32, float])
def test_hard_targets_of_any_real_dtype(kind):
    target = np.array([0, 1, 1, 0])
    loss, raw_prediction = LogLoss(), np.array([-1.0, 0.5, 2.0, 3.0])
    expected = loss.value(target, raw_prediction)
    assert_array_equal(loss.value(target.astype(kind), raw_prediction), expected)
    raw_prediction = np.column_stack([raw_prediction, -raw_prediction, np.zeros(4)])
    loss = LogLoss(n_classes=3)
    expected = loss.value(target, raw_prediction)
    assert_array_equal(loss.value(target.astype(kind), raw_prediction), expected)


def test_a_column_is_taken_for_two_classes():
    raw_prediction = np.array([-1.0, 0.5])
    for result, column_result in zip(
        LogLoss().value_gradient([0, 1], raw_prediction),
        LogLoss().value_gradient([0, 1], raw_prediction[:, None]),
        strict=True,
    ):
        assert_array_equal(result, column_result)


def test_gradients_lie_in_memory_as_the_raw_prediction():
    loss = LogLoss(n_classes=3)
    raw_prediction = np.zeros((5, 3))
    assert loss.gradient([0] * 5, raw_prediction).flags.c_contiguous
    assert loss.gradient([0] * 5, np.asfortranarray(raw_prediction)).flags.f_contiguous


def test_kernel_says_what_it_takes():
    assert LogLoss().kernel().n_columns == 1
    kernel = LogLoss(n_classes=5).kernel(target_is_matrix=True)
    assert kernel.n_columns == 5
    assert kernel.target_is_matrix
    with pytest.raises(ValueError, match="For two classes the target is one-dimensional"):
        LogLoss().kernel(target_is_matrix=True)


@all_losses
def test_only_the_kernel_of_log_loss_says_so(loss):
    assert loss.kernel().is_log_loss == isinstance(loss, LogLoss)


two, three = np.zeros(4), np.zeros((4, 3))
nan, inf = np.nan, np.inf
read_only = np.zeros(4)
read_only.flags.writeable = False


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: LogLoss(1), ValueError, "n_classes must be at least 2, got 1"),
        (lambda: LogLoss(2.5), TypeError, "n_classes must be an integer, got 2.5 of type float"),
        (
            lambda: LogLoss().value([0] * 4, np.zeros(4, dtype=int)),
            TypeError,
            "raw_prediction must have dtype float32 or float64, got int64",
        ),
        (
            lambda: LogLoss().value([0] * 4, np.zeros((4, 2))),
            ValueError,
            r"raw_prediction must have shape \(n_samples,\) or \(n_samples, 1\)",
        ),
        (
            lambda: LogLoss(3).value([0] * 4, np.zeros((4, 2))),
            ValueError,
            r"raw_prediction must have shape \(n_samples, 3\) for 3 classes, got \(4, 2\)",
        ),
        (
            lambda: LogLoss().value([0] * 3, two),
            ValueError,
            r"target must have shape \(4,\) to match raw_prediction, got \(3,\)",
        ),
        (
            lambda: LogLoss(3).value(np.zeros((4, 2)), three),
            ValueError,
            r"target must have shape \(4,\) or \(4, 3\) to match raw_prediction, got \(4, 2\)",
        ),
        (lambda: LogLoss().value(["a"] * 4, two), TypeError, "target must hold real numbers"),
        (
            lambda: LogLoss().value([0, 0, 1.5, 0], two),
            ValueError,
            r"target must hold probabilities in \[0, 1\], got 1.5 at \[2\]",
        ),
        (lambda: LogLoss().value([0, -1, 0, 0], two), ValueError, r"got -1.0 at \[1\]"),
        (lambda: LogLoss().value([0, 0, 0, nan], two), ValueError, r"got nan at \[3\]"),
        (
            lambda: LogLoss(3).value([0, 1, 3, 0], three),
            ValueError,
            r"target must hold class indices, whole numbers from 0 to 2, got 3.0 at \[2\]",
        ),
        (lambda: LogLoss(3).value([0, 0.5, 0, 0], three), ValueError, r"got 0.5 at \[1\]"),
        (lambda: LogLoss(3).value([0, 1, -1, 0], three), ValueError, r"got -1.0 at \[2\]"),
        (lambda: LogLoss(3).value([0, nan, 1, 0], three), ValueError, r"got nan at \[1\]"),
        (lambda: LogLoss(3).value([0, inf, 1, 0], three), ValueError, r"got inf at \[1\]"),
        (
            lambda: LogLoss(3).value([[1, 0, 0], [0.5, 0, 0.4], [1, 0, 0], [1, 0, 0]], three),
            ValueError,
            "target must hold probabilities whose rows sum to 1 .* got the sum 0.9 in row 1",
        ),
        (
            lambda: LogLoss(3).value([[1, 0, 0], [1.5, 0, -0.5], [1, 0, 0], [1, 0, 0]], three),
            ValueError,
            r"target must hold probabilities in \[0, 1\], got 1.5 at \[1, 0\]",
        ),
        (
            lambda: LogLoss().value([0] * 4, two, [1] * 3),
            ValueError,
            r"sample_weight must have shape \(4,\), one entry per row of raw_prediction",
        ),
        (
            lambda: LogLoss().value([0] * 4, two, [1, -1, 1, 1]),
            ValueError,
            r"sample_weight must hold finite numbers that are not negative, got -1.0 at \[1\]",
        ),
        (lambda: LogLoss().value([0] * 4, two, [1, 1, nan, 1]), ValueError, r"got nan at \[2\]"),
        (lambda: LogLoss().value([0] * 4, two, [1, inf, 1, 1]), ValueError, r"got inf at \[1\]"),
        (
            lambda: LogLoss().value([0] * 4, two, value_out=np.zeros(4, dtype=np.float32)),
            TypeError,
            "value_out must be an ndarray of the dtype of raw_prediction, float64, got float32",
        ),
        (lambda: LogLoss().value([0] * 4, two, value_out=[0] * 4), TypeError, "got list"),
        (
            lambda: LogLoss(3).gradient([0] * 4, three, gradient_out=two.copy()),
            ValueError,
            r"gradient_out must have shape \(4, 3\), got \(4,\)",
        ),
        (
            lambda: LogLoss().value([0] * 4, two, value_out=read_only),
            ValueError,
            "value_out must be writeable and aligned",
        ),
        (
            lambda: LogLoss().gradient([0] * 4, two, gradient_out=two),
            ValueError,
            "gradient_out must not share memory with raw_prediction",
        ),
        (
            lambda: LogLoss().value([0] * 4, two, n_threads=0),
            ValueError,
            "n_threads must be at least 1, got 0",
        ),
        (
            lambda: LogLoss().value([0] * 4, two, n_threads=1.5),
            TypeError,
            "n_threads must be an integer, got 1.5",
        ),
    ],
)
def test_errors_name_the_argument(call, error, text):
    with pytest.raises(error, match=text):
        call()
