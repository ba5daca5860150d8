"""Facts about the installation for bug reports."""

import os
import platform
import sys

__all__ = ["show_versions", "versions"]

_PACKAGES = ("sklogloss", "scikit-learn", "numpy", "scipy", "joblib", "threadpoolctl")


def versions() -> dict[str, str]:
    """Return what :func:`show_versions` prints.

    Returns
    -------
    versions : dict of str to str
        Python and the machine, the version of each package that sklogloss stands on, the C
        compiler, the OpenMP standard it was built with, the SIMD level of the kernels on this
        processor, the number of threads a fit uses by default, and one entry for each OpenMP and
        BLAS library that is loaded.
    """
    # Imported here: `import sklogloss` imports this module and should cost little.
    import importlib.metadata

    import threadpoolctl

    from sklogloss._cython import build_info
    from sklogloss.linear.threads import effective_n_threads

    result = {
        "Python": sys.version.replace("\n", " "),
        "machine": platform.platform(),
    }
    for package in _PACKAGES:
        result[package] = importlib.metadata.version(package)
    openmp_version = build_info.openmp_version()
    result["compiler"] = build_info.compiler()
    result["OpenMP"] = f"built with {openmp_version}" if openmp_version else "built without OpenMP"
    result["SIMD level"] = build_info.simd_level()
    result["threads"] = str(effective_n_threads(None))
    for library in threadpoolctl.threadpool_info():
        name = "OpenMP runtime" if library["user_api"] == "openmp" else "BLAS"
        text = f"{library['internal_api']} {library['version'] or ''}".strip()
        text += f", {library['num_threads']} threads"
        if "architecture" in library:
            text += f", {library['architecture']}"
        # The file's name tells apart what NumPy, SciPy and scikit-learn each bring.
        result[f"{name} ({os.path.basename(library['filepath'])})"] = text
    return result


def show_versions() -> None:
    """Print the versions of sklogloss, of what it stands on and of what it was built with.

    ``python -m sklogloss`` prints the same. Put it in a bug report.

    Examples
    --------
    >>> import sklogloss
    >>> sklogloss.show_versions()  # doctest: +ELLIPSIS
    Python: 3...
    """
    for name, text in versions().items():
        print(f"{name}: {text}")
