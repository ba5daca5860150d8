"""An inverse of the Hessian, kept from an earlier point and updated step by step."""

__all__ = ["InverseHessian"]

# Steps that are remembered: more gain little and cost two products each.
MAX_STEPS = 30


class InverseHessian:
    """The inverse Hessian of an earlier point or of a subset of the rows, and the steps since then.

    Each step tells how the gradient changes along it. The update is that of BFGS, by the two-loop
    recursion (Nocedal & Wright, Numerical Optimization, algorithm 7.4), so that the inverse stays
    positive definite.

    Parameters
    ----------
    solve : callable
        From a vector b to the solution x of hessian x = b.
    """

    def __init__(self, solve):
        self.solve = solve
        self.steps = []

    def update(self, step, change):
        """Learn that the gradient changes by `change` along `step`."""
        curvature = float(step @ change)
        if curvature > 0:
            self.steps.append((step, change, curvature))
            self.steps = self.steps[-MAX_STEPS:]

    def __matmul__(self, vector):
        """Return the product with a vector of shape (n_parameters,)."""
        product = vector.copy()
        parts = []
        for step, change, curvature in reversed(self.steps):
            part = float(step @ product) / curvature
            product -= part * change
            parts.append(part)
        product = self.solve(product)
        for (step, change, curvature), part in zip(self.steps, reversed(parts), strict=True):
            product += (part - float(change @ product) / curvature) * step
        return product
