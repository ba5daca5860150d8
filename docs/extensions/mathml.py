"""Formulas as MathML: browsers draw it by themselves, without a script from another host."""

import re

from docutils import nodes
from latex2mathml.converter import convert


def mathml(formula, display):
    # latex2mathml keeps the backslashes of underscores in \text, and puts no space between a
    # function and its argument.
    formula = re.sub(r"\\(ln|exp) (?=\w)", r"\\\1\, ", formula.replace(r"\_", "_").strip())
    return convert(formula, display=display)


def visit_math(self, node):
    self.body.append(mathml(node.astext(), "inline"))
    raise nodes.SkipNode


def visit_displaymath(self, node):
    self.body.append(self.starttag(node, "div", CLASS="math notranslate"))
    # A blank line is between two equations.
    formulas = [formula for formula in node.astext().split("\n\n") if formula.strip()]
    self.body += [mathml(formula, "block") for formula in formulas]
    self.body.append("</div>")
    raise nodes.SkipNode


def setup(app):
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_displaymath, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
