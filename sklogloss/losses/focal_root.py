"""The root of the second derivative of focal loss, with more digits than a float has."""

from decimal import Context, Decimal, localcontext
from functools import lru_cache

# Distance from the root up to which the kernels take a polynomial, and its number of coefficients.
RADIUS = 0.2
N_COEFFICIENTS = 10
# Outside these limits, the second derivative underflows at the root, or the root has no effect.
SMALLEST_GAMMA, LARGEST_GAMMA = 1 / 600, 1e4


@lru_cache
def root_parameters(gamma: float) -> tuple[float, ...]:
    r"""Return what the kernels need to know about the root of the second derivative.

    For the class that happened, with margin m, the second derivative is
    :math:`p\, q^{\gamma + 1} F(m)` with

    .. math::
        F(m) = 1 + 2 \gamma + \gamma^2 \tfrac{p}{q} l - \gamma l,
        \qquad l = \ln(1 + e^{-m}),\; \tfrac{p}{q} = e^m,

    which increases and has one root, at a negative m.

    Parameters
    ----------
    gamma : float

    Returns
    -------
    parameters : tuple of float
        The root as a sum of two floats, the radius of the polynomial, 1 + 2 gamma + gamma root,
        and the coefficients of F(root + d) / d from the constant on. The first two and the radius
        are 0 if gamma is too small or too large for the root to matter.
    """
    if not SMALLEST_GAMMA <= gamma <= LARGEST_GAMMA:
        return (0.0, 0.0, 0.0, 1 + 2 * gamma, *[0.0] * N_COEFFICIENTS)
    with localcontext(Context(prec=60)):
        exact_gamma = Decimal(gamma)
        root = _root(exact_gamma)
        # Interpolation at Chebyshev's nodes, by Newton's divided differences.
        nodes = [Decimal(RADIUS) * node for node in _CHEBYSHEV_NODES]
        coefficients = [_factor(exact_gamma, root + node)[0] / node for node in nodes]
        for order in range(1, N_COEFFICIENTS):
            for i in range(N_COEFFICIENTS - 1, order - 1, -1):
                rise = coefficients[i] - coefficients[i - 1]
                coefficients[i] = rise / (nodes[i] - nodes[i - order])
        for order in range(N_COEFFICIENTS - 2, -1, -1):
            for i in range(order, N_COEFFICIENTS - 1):
                coefficients[i] -= nodes[order] * coefficients[i + 1]
        high = float(root)
        low = float(root - Decimal(high))
        at_root = 1 + 2 * exact_gamma + exact_gamma * root
        return (high, low, RADIUS, float(at_root), *map(float, coefficients))


def _root(gamma: Decimal) -> Decimal:
    """Return the root by Newton's method."""
    margin = -2 - 1 / gamma
    for _ in range(100):
        value, slope = _factor(gamma, margin)
        step = value / slope
        margin -= step
        if abs(step) < Decimal("1e-25") * abs(margin):
            break
    return margin


def _factor(gamma: Decimal, margin: Decimal) -> tuple[Decimal, Decimal]:
    """Return F and its derivative."""
    odds = margin.exp()
    surprise = (1 + 1 / odds).ln()
    p, q = odds / (1 + odds), 1 / (1 + odds)
    value = 1 + 2 * gamma + gamma * (gamma * odds - 1) * surprise
    return value, gamma * (gamma * (odds * surprise - p) + q)


# cos((2 i + 1) pi / 20). Ten numbers close to these would do as well.
_CHEBYSHEV_NODES = [
    Decimal(sign * node)
    for node in (0.1564344650402309, 0.4539904997395468, 0.7071067811865475, 0.8910065241883679,
                 0.9876883405951378)
    for sign in (-1, 1)
]  # fmt: skip
