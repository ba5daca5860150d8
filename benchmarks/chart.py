"""Draws the committed results of the fits as the picture of the README: an SVG, without a library.

One picture serves light and dark pages: its background is transparent, and its text is a grey that
can be read on both.
"""

import argparse
import math
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from benchmarks.report import read_rows

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "fit.csv"
CHART = ROOT / "docs" / "_static" / "fit-times.svg"

# Series of the chart: the legend's text, and how a dot is drawn.
SERIES = {
    "sklogloss": ("sklogloss", 'fill="#d9562b"'),
    "sklearn": ("scikit-learn, its fastest solver", 'fill="#6f8fc0"'),
    "others": (
        "fastest of the other libraries",
        'fill="none" stroke="#7d8590" stroke-width="2"',
    ),
}
TEXT = "#7d8590"
LABELS, PLOT, FACTORS = 320, 470, 104  # Widths of the three columns.
ROW, TOP = 27, 62


@dataclass
class Task:
    """Seconds until the objective is within the gap; others is NaN if no library got there."""

    name: str
    sklogloss: float
    sklearn: float
    others: float

    @property
    def factor(self):
        return self.sklearn / self.sklogloss


def read_tasks(path=RESULTS):
    """Return the tasks of a table of ``python -m benchmarks fit``, fastest first."""
    rows = read_rows(path)
    names = list(dict.fromkeys(row["task"] for row in rows))

    def best(task, is_counted):
        seconds = [float(row["seconds"]) for row in rows if row["task"] == task and is_counted(row)]
        return min((s for s in seconds if not math.isnan(s)), default=math.nan)

    tasks = [
        Task(
            name,
            best(name, lambda row: (row["library"], row["solver"]) == ("sklogloss", "auto")),
            best(name, lambda row: row["library"] == "scikit-learn"),
            best(name, lambda row: row["library"] not in ("sklogloss", "scikit-learn")),
        )
        for name in names
    ]
    return sorted(tasks, key=lambda task: task.sklogloss)


def write_time(seconds):
    return f"{1000 * seconds:g} ms" if seconds < 1 else f"{seconds:g} s"


def position(seconds, low, high):
    """Return the x of a time on the logarithmic axis from low to high, in powers of ten."""
    return LABELS + PLOT * (math.log10(seconds) - low) / (high - low)


def draw_text(x, y, text, anchor="start", weight="normal"):
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{TEXT}" text-anchor="{anchor}" '
        f'font-weight="{weight}">{escape(text)}</text>'
    )


def draw_axis(low, high, bottom):
    """Return the grid lines and times of the powers of ten."""
    lines = []
    for power in range(low, high + 1):
        x = position(10.0**power, low, high)
        lines.append(f'<path d="M{x:.1f} {TOP - 18}V{bottom}" stroke="{TEXT}" opacity="0.3"/>')
        lines.append(draw_text(x, bottom + 18, write_time(10.0**power), "middle"))
    return lines


def draw_legend():
    lines, x = [], 12
    for text, style in SERIES.values():
        lines.append(f'<circle cx="{x}" cy="20" r="6" {style}/>')
        lines.append(draw_text(x + 13, 25, text))
        x += 45 + 7.6 * len(text)
    return lines


def draw_task(task, y, low, high):
    lines = [draw_text(LABELS - 14, y + 5, task.name, "end")]
    left, right = (position(s, low, high) for s in (task.sklogloss, task.sklearn))
    lines.append(f'<path d="M{left:.1f} {y}H{right:.1f}" stroke="{TEXT}" opacity="0.5"/>')
    for series in ("others", "sklearn", "sklogloss"):
        seconds = getattr(task, series)
        if not math.isnan(seconds):
            x = position(seconds, low, high)
            lines.append(f'<circle cx="{x:.1f}" cy="{y}" r="6" {SERIES[series][1]}/>')
    lines.append(
        draw_text(LABELS + PLOT + FACTORS - 10, y + 5, f"{task.factor:.1f} times", "end", "bold")
    )
    return lines


def draw(tasks):
    """Return the SVG: a line for each task, from sklogloss to scikit-learn's fastest solver."""
    times = [getattr(task, series) for task in tasks for series in SERIES]
    times = [seconds for seconds in times if not math.isnan(seconds)]
    low, high = math.floor(math.log10(min(times))), math.ceil(math.log10(max(times)))
    bottom = TOP + ROW * len(tasks) - 8
    width, height = LABELS + PLOT + FACTORS, bottom + 28
    lines = [*draw_legend(), *draw_axis(low, high, bottom)]
    for row, task in enumerate(tasks):
        lines += draw_task(task, TOP + ROW * row, low, high)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
            'font-family="system-ui, sans-serif" font-size="15">',
            "<title>Time to fit a logistic regression to the same accuracy</title>",
            *lines,
            "</svg>\n",
        ]
    )


def main(argv):
    parser = argparse.ArgumentParser(prog="python -m benchmarks chart", description=__doc__)
    parser.add_argument("--results", type=Path, default=RESULTS, help="CSV file of the fits")
    parser.add_argument("--output", type=Path, default=CHART, help="SVG file to write")
    arguments = parser.parse_args(argv)
    tasks = read_tasks(arguments.results)
    arguments.output.write_text(draw(tasks), encoding="utf-8")
    factors = [task.factor for task in tasks]
    print(
        f"{arguments.output}: {len(tasks)} data sets, {min(factors):.1f} to {max(factors):.1f} "
        "times as fast as scikit-learn's fastest solver"
    )
    return 0
