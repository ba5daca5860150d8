"""Whether this process was forked, and so shares the cores with its parent."""

import os

# Whether this process was forked, without exec, from one that had loaded sklogloss. Such a child is
# mostly one of several, each of which takes its part of the work: it uses one thread.
is_child = False


def _mark_child() -> None:
    global is_child
    is_child = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_mark_child)
