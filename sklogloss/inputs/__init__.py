"""From what users pass to arrays: one set of checks for classifiers, losses and metrics."""
