"""The compiled modules, and a sentence for whoever imports the sources before they are compiled."""

from pathlib import Path

try:
    import sklogloss._cython.build_info  # noqa: F401
except ModuleNotFoundError as cause:
    if cause.name != "sklogloss._cython.build_info":
        raise
    raise ImportError(
        f"sklogloss is not compiled in {Path(__file__).parents[2]}: Python found its sources there "
        "before an installed package. Start Python in another folder, or compile in this one by "
        "`pip install -e .`"
    ) from cause
