"""Suites `windows` and `domains`: what programs that link the library pay for closed memory."""

from __future__ import annotations

from typing import Mapping

from report.figure_program import FigureProgram
from report.suite import Suite
from report.summary import Summary
from report.vocabulary import Outcome


def library_suite(
    name: str, question: str, bounds: Mapping[str, float], at_least: frozenset[str] = frozenset()
) -> Suite:
    """Returns the suite of one program, which prints a figure for each bound.

    Without protection keys it says so and ends, and none of the figures is there.
    """

    def summarize(outcome: Outcome) -> Summary:
        return {figure: outcome.figures.get(figure) for figure in bounds}

    program = FigureProgram(
        name,
        f"bench/library/bench_library_{name}",
        keys={figure: figure for figure in bounds},
        quick_arguments=("--quick",),
    )
    return Suite(
        name=name,
        question=question,
        parts=(program,),
        reference="-",
        summarize=summarize,
        due=tuple(bounds),
        bounds=bounds,
        at_least=at_least,
        has_columns=False,
    )


WINDOWS = library_suite(
    "windows",
    "opening and closing memory: a keyed window, two bare WRPKRU, two calls of mprotect",
    {
        "window_vs_two_wrpkru": 1.10,
        "window_abi_vs_two_wrpkru": 1.25,
        "window_speedup_vs_mprotect": 100,
    },
    at_least=frozenset({"window_speedup_vs_mprotect"}),
)

DOMAINS = library_suite(
    "domains",
    "a window on a domain that has a key, on one that must get it, and what mappings cost",
    {"domain_hit_vs_window": 1.10, "domain_miss_key_changes": 2, "domains_1000_vmas": 200},
)
