"""What scikit-learn's parameters of the penalty mean together."""

import warnings

import numpy as np

__all__ = ["resolve_penalty"]


def resolve_penalty(penalty, C, l1_ratio):
    """Return (C, l1_ratio) that scikit-learn's penalty, C and l1_ratio together mean.

    Parameters
    ----------
    penalty : {"elasticnet", "l2", "l1", None}
    C : float
    l1_ratio : float or None

    Returns
    -------
    C : float
    l1_ratio : float

    Warns
    -----
    UserWarning
        If penalty overrules a C or an l1_ratio that was given.
    """
    if penalty is None:
        if C != 1.0:
            warnings.warn(
                "Setting penalty=None will ignore the C and l1_ratio parameters; "
                "use C=np.inf instead of penalty=None.",
                UserWarning,
                stacklevel=4,
            )
        return np.inf, 0.0
    meant = {"l2": 0.0, "l1": 1.0}.get(penalty)
    if meant is None:
        return C, 0.0 if l1_ratio is None else float(l1_ratio)
    # 0 is the default of l1_ratio, and the only value that says nothing.
    if l1_ratio not in (None, 0, meant):
        warnings.warn(
            f"Inconsistent values: penalty={penalty} with l1_ratio={l1_ratio}. l1_ratio parameter "
            f"is only used when penalty is 'elasticnet'. Got (penalty={penalty}), which means "
            f"l1_ratio={meant:g}.",
            UserWarning,
            stacklevel=4,
        )
    return C, meant
