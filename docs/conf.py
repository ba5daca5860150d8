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


def skip_metadata_routing(app, what, name, obj, skip, options):
    """Leave out scikit-learn's own methods for metadata routing, which are documented there."""
    is_request = name.startswith("set_") and name.endswith("_request")
    return True if is_request or name == "get_metadata_routing" else None


def unlink_scikit_learn_labels(app, what, name, obj, options, lines):
    """Keep the text of references to scikit-learn's user guide, whose labels do not exist here."""
    if (getattr(obj, "__module__", None) or "").startswith("sklearn."):
        lines[:] = [re.sub(r":ref:`([^`<]*[^`< ])\s*(<[^`>]*>)?`", r"\1", line) for line in lines]


def setup(app):
    app.connect("autodoc-skip-member", skip_metadata_routing)
    app.connect("autodoc-process-docstring", unlink_scikit_learn_labels)
