"""Whether this process may use OpenMP."""

import os

# Whether this process was forked, without exec, from one that had loaded sklogloss. GNU OpenMP
# hangs in a child of a process that has used it: the child uses one thread.
is_child = False


def _mark_child() -> None:
    global is_child
    is_child = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_mark_child)
