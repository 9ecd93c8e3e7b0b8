"""Suite `malloc`: what a program's heap costs in time and memory, under each allocator."""

from __future__ import annotations

from report.comparison import Comparison
from report.suite import Suite
from report.suites.patterns import PATTERNS, PROGRAMS
from report.summary import Summary, summarize
from report.variants import HEAPS, JEMALLOC, PAGEWARD, PAGEWARD_STRICT
from report.vocabulary import Outcome

PREFIXES = {
    "pageward": "",
    "pageward-strict": "strict_",
    "glibc": "glibc_",
    "mimalloc": "mimalloc_",
    "tcmalloc": "tcmalloc_",
    "scudo": "scudo_",
}


def summarize_malloc(outcome: Outcome) -> Summary:
    return summarize(outcome, PREFIXES, JEMALLOC.name)


MALLOC = Suite(
    name="malloc",
    question="time and peak RSS of allocation patterns and whole programs",
    parts=(Comparison(PATTERNS + PROGRAMS, HEAPS, JEMALLOC, refined=(PAGEWARD, PAGEWARD_STRICT)),),
    reference=JEMALLOC.name,
    summarize=summarize_malloc,
    due=(
        "time_vs_jemalloc",
        "worst_case",
        "worst_case_name",
        "rss_vs_jemalloc",
        "worst_rss",
        "worst_rss_name",
        "strict_vs_jemalloc",
    ),
    bounds={
        "time_vs_jemalloc": 1.02,
        "worst_case": 1.10,
        "rss_vs_jemalloc": 1.05,
        "worst_rss": 1.25,
        "strict_vs_jemalloc": 1.30,
    },
)
