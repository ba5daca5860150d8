"""Errors that name the argument, in few words."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sklearn.exceptions import NotFittedError

__all__ = ["naming", "shown"]

# Characters of a value that an error shows.
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
