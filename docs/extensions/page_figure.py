"""``.. page-figure:: display``: the figure that the code above it on the page has drawn.

The page's examples run once, in order, up to the directive; so what a reader sees is what the code
draws. The argument names a display, or a figure of matplotlib.
"""

import contextlib
import doctest
import io
import os
from pathlib import Path
from typing import ClassVar

from docutils.parsers.rst import directives
from docutils.parsers.rst.directives.images import Figure

FOLDER = "generated/figures"


def run_examples(text, names, first_line):
    """Run the examples of a page from a line on; expected exceptions are left out."""
    for example in doctest.DocTestParser().get_examples(text):
        if example.lineno < first_line or example.exc_msg is not None:
            continue
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(example.source, "<page>", "single"), names)


class PageFigure(Figure):
    """A figure of the page's own code, with a caption and a description for who cannot see it."""

    option_spec: ClassVar = {"alt": directives.unchanged_required}

    def run(self):
        from matplotlib import pyplot

        if "alt" not in self.options:
            raise self.error("page-figure needs :alt:")
        environment = self.state.document.settings.env
        names, first_line, number = environment.temp_data.setdefault("page_figure", ({}, 0, 1))
        source = Path(environment.doc2path(environment.docname)).read_text(encoding="utf-8")
        lines = source.splitlines(keepends=True)[: self.lineno]
        run_examples("".join(lines), names, first_line)
        environment.temp_data["page_figure"] = (names, self.lineno, number + 1)

        drawn = names[self.arguments[0]]
        folder = Path(environment.srcdir) / FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        name = f"{environment.docname.replace('/', '-')}-{number}.png"
        figure = getattr(drawn, "figure_", drawn)
        figure.savefig(folder / name, dpi=150, bbox_inches="tight")
        pyplot.close("all")

        self.options["width"] = "640px"
        self.arguments[0] = f"/{FOLDER}/{name}"
        return super().run()


def setup(app):
    os.environ.setdefault("MPLBACKEND", "agg")
    app.add_directive("page-figure", PageFigure)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
