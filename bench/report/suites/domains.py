"""Suite `domains`: many domains that share a few keys."""

from __future__ import annotations

from report.figure_program import FigureProgram
from report.suite import Suite
from report.summary import Summary
from report.vocabulary import Outcome

FIGURES = ("domain_hit_vs_window", "domain_miss_key_changes", "domains_1000_vmas")


def summarize_domains(outcome: Outcome) -> Summary:
    return {name: outcome.figures.get(name) for name in FIGURES}


# Without protection keys the program says so and ends, and none of the figures is there.
DOMAINS = Suite(
    name="domains",
    question="a window on a domain that has a key, on one that must get it, and what mappings cost",
    parts=(
        FigureProgram(
            "domains",
            "bench/library/bench_library_domains",
            keys={name: name for name in FIGURES},
            quick_arguments=("--quick",),
        ),
    ),
    reference="-",
    summarize=summarize_domains,
    due=FIGURES,
    bounds={"domain_hit_vs_window": 1.10, "domain_miss_key_changes": 2, "domains_1000_vmas": 200},
    has_columns=False,
)
