"""Results: printed as they come, written as CSV and as Markdown."""

import csv
import sys
from dataclasses import astuple, fields
from pathlib import Path

from benchmarks.machine import describe_machine


def add_arguments(parser):
    """Add the arguments that a Report takes."""
    parser.add_argument("--output", type=Path, help="CSV file to write, with every result")
    parser.add_argument(
        "--markdown", type=Path, help="Markdown file to write: the machine and the table"
    )


def read_rows(path):
    """Return the rows of a CSV file that --output wrote, each as a dict of texts."""
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


def markdown_row(cells):
    return f"| {' | '.join(cells)} |"


class Report:
    """A table that grows.

    Parameters
    ----------
    columns : dict of str to str
        Title and format of each column; ``{0}`` stands for the result, as in ``{0.seconds:.3f}``.
        Columns with a format after a colon are aligned to the right.
    arguments : argparse.Namespace
        With those that `add_arguments` adds.
    notes : list of str, optional
        Lines to add to the description of the machine.
    """

    def __init__(self, columns, arguments, notes=()):
        self._formats = list(columns.values())
        self._arguments = arguments
        self._machine = [*describe_machine(), *notes]
        alignment = ["---:" if ":" in text else "---" for text in self._formats]
        self._lines = [markdown_row(columns), markdown_row(alignment)]
        self._results = []
        print(*self._machine, "", *self._lines, sep="\n", flush=True)

    def add(self, results, shown=None):
        """Take results: all go to the CSV file, those of shown (default: all) to the table.

        The files are written anew, so that little is lost when a later result fails.
        """
        rows = [
            markdown_row(text.format(result) for text in self._formats)
            for result in (results if shown is None else shown)
        ]
        if rows:
            print(*rows, sep="\n", flush=True)
        self._lines += rows
        self._results += results
        if self._arguments.output:
            self._write_csv(self._arguments.output)
        if self._arguments.markdown:
            machine = [f"- {line}" for line in self._machine]
            command = f"`python -m benchmarks {' '.join(sys.argv[1:2])}` on this machine:"
            text = "\n".join([command, "", *machine, "", *self._lines, ""])
            self._arguments.markdown.write_text(text, encoding="utf-8")

    def note(self, lines):
        """Add lines of text below the table."""
        self._lines += ["", *lines]
        print("", *lines, sep="\n", flush=True)
        self.add([])

    def _write_csv(self, path):
        with path.open("w", newline="", encoding="utf-8") as file:
            file.writelines(f"# {line}\n" for line in self._machine)
            writer = csv.writer(file)
            writer.writerow(field.name for field in fields(self._results[0]))
            writer.writerows(astuple(result) for result in self._results)
