"""The table of coefficients, or of other estimates, as text and HTML."""

from __future__ import annotations

import html
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sklogloss.inference.terms import Terms

__all__ = ["Summary"]


@dataclass(frozen=True)
class Summary:
    """Prints as text, and is shown as HTML in a notebook.

    Attributes
    ----------
    figures : list of tuple (str, str)
        Names and values of what stands above the table, two in a line.
    header : list of str
        Of the table of the estimates.
    blocks : list of tuple (str, list of list of str)
        Title and rows of the table, for each class that has estimates.
    """

    figures: list[tuple[str, str]]
    header: list[str]
    blocks: list[tuple[str, list[list[str]]]]

    @classmethod
    def of(
        cls, figures: list[tuple[str, str]], terms: Terms, columns: dict[str, NDArray[np.float64]]
    ) -> Summary:
        """Return the summary with these columns of the table, the estimates first."""
        cells = [
            [f"{value:.3f}" if np.isfinite(value) else f"{value}" for value in values]
            for values in columns.values()
        ]
        cells[0] = [f"{value:.4f}" for value in next(iter(columns.values()))]
        rows = [list(row) for row in zip(*cells, strict=True)]
        n_terms = len(terms.names)
        blocks = []
        for i, label in enumerate(terms.labels):
            of_label = rows[i * n_terms : (i + 1) * n_terms]
            named = [[name, *row] for name, row in zip(terms.names, of_label, strict=True)]
            blocks.append((f"class {label}", named))
        return cls(figures, list(columns), blocks)

    def __str__(self) -> str:
        widths = [
            max(len(row[i]) for _, rows in self.blocks for row in [["", *self.header], *rows])
            for i in range(1 + len(self.header))
        ]
        widths[0] = max(widths[0], *(len(title) for title, _ in self.blocks))
        lines = self._figure_lines()
        total = max(sum(widths) + 2 * len(self.header), *map(len, lines))
        text = ["=" * total, *lines, "=" * total]
        for i, (title, rows) in enumerate(self.blocks):
            text += ["-" * total] if i else []
            for row in [[title, *self.header], *rows]:
                cells = [f"{row[0]:<{widths[0]}}"]
                cells += [
                    f"{cell:>{width}}" for cell, width in zip(row[1:], widths[1:], strict=True)
                ]
                text.append("  ".join(cells))

        return "\n".join([*text, "=" * total])

    __repr__ = __str__

    def _figure_lines(self) -> list[str]:
        names = [max(len(name) for name, _ in self.figures[side::2]) for side in (0, 1)]
        values = [max(len(value) for _, value in self.figures[side::2]) for side in (0, 1)]
        lines = []
        for i in range(0, len(self.figures), 2):
            parts = [
                f"{name:<{names[side]}}  {value:>{values[side]}}"
                for side, (name, value) in enumerate(self.figures[i : i + 2])
            ]
            lines.append("    ".join(parts))
        return lines

    def _repr_html_(self) -> str:
        def row(cells: list[str], tag: str = "td") -> str:
            return (
                "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"
            )

        figures = [
            row([cell for figure in self.figures[i : i + 2] for cell in figure])
            for i in range(0, len(self.figures), 2)
        ]
        tables = [f"<table>{''.join(figures)}</table>"]
        for title, rows in self.blocks:
            body = "".join(map(row, rows))
            tables.append(f"<table>{row([title, *self.header], 'th')}{body}</table>")
        return "".join(tables)
