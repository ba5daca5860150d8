"""Random problems whose answers are checked by a descent of their own: `python -m tests.fuzz`."""
