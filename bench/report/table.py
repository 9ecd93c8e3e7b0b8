"""The tables that people read."""

from __future__ import annotations

from typing import Iterable

from report.stats import geometric_mean
from report.suite import Suite
from report.summary import Summary, is_whole
from report.vocabulary import Outcome, Row, Spread

TITLES = {
    "time": "Time",
    "rss": "Peak RSS",
    "shown": "For information, in no mean",
}


def number(value: float) -> str:
    """Writes a figure with three significant digits, or whole if it is large."""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 1 else f"{value:.4g}"


def ratio(value: float, around: Spread | None) -> str:
    """Writes a ratio with the least and the greatest of the rounds."""
    digits = 2 if value >= 0.1 else 4
    if around is None or around[0] == around[1]:
        return f"{value:.{digits}f}"
    return f"{value:.{digits}f} ({around[0]:.{digits}f}-{around[1]:.{digits}f})"


def align(lines: list[list[str]], left: int) -> list[str]:
    """Pads the cells of a table; the first `left` columns to the right, the others to the left."""
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return [
        "  ".join(
            cell.ljust(width) if column < left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths))
        ).rstrip()
        for line in lines
    ]


def value_cell(row: Row) -> str:
    if row.spread is None or row.rounds < 2 or row.value == 0:
        return f"{number(row.value)} {row.unit}".rstrip()
    half = (row.spread[1] - row.spread[0]) / 2 / row.value
    return f"{number(row.value)} {row.unit} \u00b1{half:.0%}"


def columns_table(suite: Suite, outcome: Outcome, role: str) -> list[str]:
    """Returns the table of one role: a line for each case, a column for each variant."""
    rows = [row for row in outcome.rows if row.role == role]
    present = {row.variant for row in rows}
    variants = [name for name in suite.variant_names() if name in present]
    by_place = {(row.case, row.metric, row.variant): row for row in rows}
    lines = [["case", "metric", *variants]]
    for case, metric in dict.fromkeys((row.case, row.metric) for row in rows):
        line = [case, metric]
        for variant in variants:
            row = by_place.get((case, metric, variant))
            if row is None:
                line.append("failed")
            elif variant == suite.reference or row.ratio is None:
                line.append(value_cell(row))
            else:
                line.append(ratio(row.ratio, row.ratio_spread))
        lines.append(line)
    if role != "shown":
        lines.append(means_line(suite, outcome, role, variants))
    return [f"{TITLES[role]}, ratio to {suite.reference} (min-max of the rounds)", *align(lines, 2)]


def means_line(suite: Suite, outcome: Outcome, role: str, variants: list[str]) -> list[str]:
    line = ["geometric mean", ""]
    for variant in variants:
        ratios = [row.ratio for row in outcome.select(role, variant) if row.ratio is not None]
        has_mean = ratios and is_whole(outcome, variant, suite.reference)
        line.append(f"{geometric_mean(ratios):.3f}" if has_mean else "-")
    return line


def list_table(outcome: Outcome) -> list[str]:
    """Returns a table with a line for each row."""
    lines = [["case", "variant", "metric", "value", "ratio"]]
    for row in outcome.rows:
        shown = ratio(row.ratio, row.ratio_spread) if row.ratio is not None else ""
        lines.append([row.case, row.variant, row.metric, value_cell(row), shown])
    return align(lines, 3)


def summary_table(suite: Suite, summary: Summary) -> list[str]:
    """Returns the summary, with the bound of each figure that has one."""
    lines = []
    for key, value in summary.items():
        shown = number(value) if isinstance(value, (int, float)) else str(value or "-")
        judgement = ""
        if key in suite.bounds:
            least = "at least" if key in suite.at_least else "at most"
            judgement = f"{least} {suite.bounds[key]:g}"
            if isinstance(value, (int, float)):
                judgement += ": met" if suite.meets_bound(key, value) else ": NOT MET"
        lines.append([key, shown, judgement])
    return ["Summary", *align(lines, 1)] if lines else []


def render(suite: Suite, outcome: Outcome, summary: Summary, notes: Iterable[str]) -> str:
    """Returns all that a run has to say."""
    blocks = []
    if suite.has_columns:
        roles = {row.role for row in outcome.rows}
        blocks += [columns_table(suite, outcome, role) for role in TITLES if role in roles]
    elif outcome.rows:
        blocks.append(list_table(outcome))
    blocks.append(summary_table(suite, summary))
    blocks.append([f"note: {note}" for note in notes])
    blocks.append([f"FAILED {failure}" for failure in outcome.failures])
    return "\n\n".join("\n".join(block) for block in blocks if block)
