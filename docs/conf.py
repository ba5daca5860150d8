"""Sphinx configuration: ``sphinx-build -W --keep-going docs docs/_build/html``."""

import os
import re
import sys
from importlib.metadata import version as installed_version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "extensions"))

# The gallery runs without a display.
os.environ.setdefault("MPLBACKEND", "agg")

project = "sklogloss"
author = "The sklogloss developers"
project_copyright = "2026, The sklogloss developers"
release = version = installed_version("sklogloss")

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
    "mathml",
    # First what has a page at a neighbour; what is left over becomes code.
    "neighbours",
    "names",
    "page_figure",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "_templates", "examples"]
nitpicky = True
# Types in words, as numpydoc writes them; none of these is the name of something with a page.
nitpick_ignore_regex = [("py:(class|obj)", r"(?!sklogloss|sklearn|numpy|scipy|pandas).*")]
html_math_renderer = "mathml"
default_role = "name"

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
    "show_signature": False,
    "within_subsection_order": "gallery_order.GalleryOrder",
    # Of examples without a figure.
    "default_thumb_file": str(Path(__file__).parent / "_static" / "logo.svg"),
    # The page of times loads scripts from other hosts.
    "write_computation_times": False,
    # The text that a cell prints, not the address of its last object.
    "capture_repr": (),
    "backreferences_dir": "generated/backreferences",
    "doc_module": ("sklogloss",),
}

html_theme = "pydata_sphinx_theme"
html_title = f"sklogloss {release}"
html_show_sourcelink = False
# The reference lists the modules.
html_domain_indices = False
html_static_path = ["_static"]
html_css_files = ["sklogloss.css"]
html_logo = "_static/logo.svg"
html_favicon = "_static/logo.svg"
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
html_context = {"default_mode": "auto"}
html_theme_options = {
    "header_links_before_dropdown": 8,
    # The text beside the logo says what it is.
    "logo": {"text": "sklogloss", "alt_text": ""},
    "secondary_sidebar_items": ["page-toc"],
    "show_toc_level": 2,
}
# Pages without pages below them need no column for those.
html_sidebars = {"index": [], "install": []}


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
