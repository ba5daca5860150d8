"""The version, which stored classifiers remember."""

__version__ = "0.1.0"
