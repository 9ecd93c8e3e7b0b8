"""Suite `populate`: filling protected memory page by page, by several ways to open and close it."""

from __future__ import annotations

from report.figure_program import FigureProgram
from report.suite import Suite
from report.summary import Figure, Summary
from report.vocabulary import Outcome

# What the ratios are made of, by the keys that the program prints.
MEASURED = (
    "by_keys",
    "4k_cold_none",
    "4k_cold_ad_hoc",
    "4k_cold_grouped",
    "thp_cold_ad_hoc",
    "thp_cold_grouped",
    "thp_cold_by_block",
    "view_hit",
    "window",
    "view_first_syscalls",
)


def ratio(outcome: Outcome, part: str, whole: str) -> Figure:
    """Returns one figure by another, or None if one of them is missing."""
    if part not in outcome.figures or not outcome.figures.get(whole):
        return None
    return outcome.figures[part] / outcome.figures[whole]


def saving(outcome: Outcome, part: str, whole: str) -> Figure:
    """Returns how much less one figure is than another, in percent."""
    remaining = ratio(outcome, part, whole)
    return 100 * (1 - remaining) if isinstance(remaining, float) else None


def means(outcome: Outcome) -> Figure:
    """Returns what opened and closed pages on this machine: it decides what the ratios mean."""
    if "by_keys" not in outcome.figures:
        return None
    return "protection keys" if outcome.figures["by_keys"] else "page permissions: no keys here"


def summarize_populate(outcome: Outcome) -> Summary:
    return {
        "view_hit_vs_window": ratio(outcome, "view_hit", "window"),
        "view_first_syscalls": outcome.figures.get("view_first_syscalls"),
        "populate_cold_vs_none": ratio(outcome, "4k_cold_grouped", "4k_cold_none"),
        "populate_cold_saving": saving(outcome, "4k_cold_grouped", "4k_cold_ad_hoc"),
        "populate_thp_saving": saving(outcome, "thp_cold_grouped", "thp_cold_ad_hoc"),
        "populate_default_speedup": ratio(outcome, "4k_cold_none", "thp_cold_by_block"),
        "opened_and_closed_by": means(outcome),
    }


BOUNDS = {
    "view_hit_vs_window": 2.2,
    "view_first_syscalls": 2,
    "populate_cold_vs_none": 1.08,
    "populate_cold_saving": 74,
    "populate_thp_saving": 95,
    "populate_default_speedup": 4,
}

POPULATE = Suite(
    name="populate",
    question="filling protected memory page by page: ad hoc, grouped, unprotected, through views",
    parts=(
        FigureProgram(
            "populate",
            "bench/space/bench_space_populate",
            keys={key: key for key in MEASURED},
            arguments=("mib=128",),
            quick_arguments=("mib=16",),
            long_arguments=("mib=1024",),
        ),
    ),
    reference="none",
    summarize=summarize_populate,
    due=tuple(BOUNDS),
    bounds=BOUNDS,
    at_least=frozenset({"populate_cold_saving", "populate_thp_saving", "populate_default_speedup"}),
    has_columns=False,
)
