"""Suite `windows`: a window of one thread, beside the register writes that it is made of."""

from __future__ import annotations

from report.figure_program import FigureProgram
from report.suite import Suite
from report.summary import Summary
from report.vocabulary import Outcome

FIGURES = ("window_vs_two_wrpkru", "window_abi_vs_two_wrpkru", "window_speedup_vs_mprotect")


def summarize_windows(outcome: Outcome) -> Summary:
    return {name: outcome.figures.get(name) for name in FIGURES}


# Without protection keys the program says so and ends, and none of the figures is there.
WINDOWS = Suite(
    name="windows",
    question="opening and closing memory: a keyed window, two bare WRPKRU, two calls of mprotect",
    parts=(
        FigureProgram(
            "windows",
            "bench/library/bench_library_windows",
            keys={name: name for name in FIGURES},
            quick_arguments=("--quick",),
        ),
    ),
    reference="-",
    summarize=summarize_windows,
    due=FIGURES,
    bounds={
        "window_vs_two_wrpkru": 1.10,
        "window_abi_vs_two_wrpkru": 1.25,
        "window_speedup_vs_mprotect": 100,
    },
    at_least=frozenset({"window_speedup_vs_mprotect"}),
    has_columns=False,
)
