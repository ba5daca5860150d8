"""Links to the documentation of the libraries beside this one, by the rule of their addresses.

Sphinx's own intersphinx would ask each site for its inventory, and no build without a network could
tell a wrong name from a right one. Here a name must be importable.
"""

import importlib

from docutils import nodes

SITES = {
    "sklearn": "https://scikit-learn.org/stable/modules/generated/{page}.html#{name}",
    "numpy": "https://numpy.org/doc/stable/reference/generated/{page}.html#{name}",
    "scipy": "https://docs.scipy.org/doc/scipy/reference/generated/{page}.html#{name}",
    "pandas": "https://pandas.pydata.org/docs/reference/api/{page}.html#{name}",
}


def find(name):
    """Return the object of a full name, and whether it is an attribute of a class."""
    parts = name.split(".")
    for n_modules in range(len(parts) - 1, 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:n_modules]))
        except ImportError:
            continue
        owner = None
        for part in parts[n_modules:]:
            owner, found = found, getattr(found, part)
        return found, isinstance(owner, type)
    raise AttributeError(name)


def link(app, env, node, contnode):
    name = node.get("reftarget", "")
    site = SITES.get(name.split(".")[0])
    if site is None or node.get("refdomain") != "py":
        return None
    try:
        _, is_member = find(name)
    except AttributeError:
        return None
    page = name.rpartition(".")[0] if is_member else name
    reference = nodes.reference("", "", refuri=site.format(page=page, name=name), internal=False)
    reference += contnode
    return reference


def setup(app):
    app.connect("missing-reference", link)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
