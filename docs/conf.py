"""Sphinx configuration: ``sphinx-build -W --keep-going docs docs/_build/html``."""

import os
import re
from importlib.metadata import version as installed_version

# The gallery runs without a display.
os.environ.setdefault("MPLBACKEND", "agg")

project = "sklogloss"
author = "The sklogloss developers"
project_copyright = "2026, The sklogloss developers"
release = version = installed_version("sklogloss")

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "_templates", "examples"]
default_role = "literal"

autosummary_generate = True
autodoc_typehints = "none"
# Methods are shown on the page of their class, not on pages of their own.
numpydoc_show_class_members = False

sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"\.py$",
    "download_all_examples": False,
    "show_memory": False,
}

html_theme = "pydata_sphinx_theme"
html_title = f"sklogloss {release}"
html_show_sourcelink = False
html_theme_options = {"show_toc_level": 2, "secondary_sidebar_items": ["page-toc"]}

# Metadata routing is scikit-learn's own, and documented there.
SCIKIT_LEARN_METHODS = {
    "get_metadata_routing",
    "set_fit_request",
    "set_predict_request",
    "set_score_request",
}


def skip_metadata_routing(app, what, name, obj, skip, options):
    return True if name in SCIKIT_LEARN_METHODS else None


def unlink_scikit_learn_labels(app, what, name, obj, options, lines):
    """Keep the text of references to scikit-learn's user guide, whose labels do not exist here."""
    if (getattr(obj, "__module__", None) or "").startswith("sklearn."):
        lines[:] = [re.sub(r":ref:`([^`<]*[^`< ])\s*(<[^`>]*>)?`", r"\1", line) for line in lines]


def setup(app):
    app.connect("autodoc-skip-member", skip_metadata_routing)
    app.connect("autodoc-process-docstring", unlink_scikit_learn_labels)
