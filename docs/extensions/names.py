"""Names in backquotes link to their page where they have one, and are plain code elsewhere.

In the docstring of a method, `fit` means that of its own class; `log_loss` in any docstring means
the metric. A name that is not public, such as `X`, stays code.
"""

from docutils import nodes
from sphinx.roles import XRefRole

MODULES = (
    "sklogloss",
    "sklogloss.metrics",
    "sklogloss.calibration",
    "sklogloss.inference",
    "sklogloss.displays",
    "sklogloss.losses",
)


class NameRole(XRefRole):
    """A reference to a Python object that need not be resolved."""

    def process_link(self, env, refnode, has_explicit_title, title, target):
        refnode["refdomain"], refnode["reftype"] = "py", "obj"
        refnode["is_optional"] = True
        for key in ("py:module", "py:class"):
            refnode[key] = env.ref_context.get(key)
        return title, target


def link(app, env, node, contnode):
    """Look for a name in the public modules; return it as code if it is in none."""
    if not node.get("is_optional"):
        return None
    python = env.get_domain("py")
    for module in MODULES:
        name = f"{module}.{node['reftarget']}"
        if name in python.objects:
            return python.resolve_xref(
                env, node["refdoc"], app.builder, "obj", name, node, contnode
            )
    return nodes.literal("", contnode.astext())


def setup(app):
    app.add_role("name", NameRole())
    app.connect("missing-reference", link)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
