"""Errors that name the argument, in few words, and warnings that point at the user's line."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from sklearn.exceptions import NotFittedError

__all__ = ["naming", "shown", "stacklevel_of_user"]

# An error shows at most this many characters of a value.
LONGEST_VALUE = 100


def shown(value: Any) -> str:
    """Return the repr of a value for an error: on one line, and the beginning if it is long."""
    try:
        text = " ".join(repr(value).split())
    except ValueError:  # Python writes no integer of more than 4300 digits
        text = f"a huge {type(value).__name__}"
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}..."


@contextmanager
def naming(name: str) -> Iterator[None]:
    """Let errors of other libraries begin with the name of an argument, unless they mention it.

    Parameters
    ----------
    name : str
        The argument.

    Raises
    ------
    TypeError, ValueError
        As what was raised inside; ValueError for a number that is too large.
    """
    try:
        yield
    except (OverflowError, TypeError, ValueError) as error:
        if isinstance(error, NotFittedError) or re.search(rf"\b{re.escape(name)}\b", str(error)):
            raise
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{name}: {error}") from error


def stacklevel_of_user() -> int:
    """Return the stacklevel by which a warning of the caller points outside this package."""
    package = __name__.partition(".")[0]
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and _package_of(frame) == package:
        frame, level = frame.f_back, level + 1
    return level


def _package_of(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]
