"""Whether this process may use OpenMP."""

import os

__all__ = ["in_forked_child"]

_is_forked_child = False


def _mark_forked_child() -> None:
    global _is_forked_child
    _is_forked_child = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_mark_forked_child)


def in_forked_child() -> bool:
    """Return whether this process was forked, without exec, from one that had loaded sklogloss.

    GNU OpenMP hangs in a child of a process that has used it: the child uses one thread.
    """
    return _is_forked_child
