"""Suite `sim`: what the simulated kernel costs the machine that runs it, in time and memory."""

from __future__ import annotations

from report.figure_program import FigureProgram
from report.google_benchmark import GoogleBenchmark
from report.suite import Suite
from report.suites.sim_source import Source, per_microsecond, shared_figure
from report.suites.sim_traces import RECORDING, REPLAY
from report.summary import Summary
from report.vocabulary import Outcome

TLB_HIT = "BM_Mmu_TlbHit"
FULL_WALKS = ("BM_Mmu_FullWalk/levels:4/far:0", "BM_Mmu_FullWalk/levels:4/far:1")
PAGE_OPERATIONS = ("BM_Kernel_PageOps", "BM_Kernel_HiddenPageOps/policy:0")

TRANSLATIONS = Source(
    GoogleBenchmark(
        "bench/ptable/bench_ptable_mmu",
        variants={"BM_": "software mmu"},
        references={"*": TLB_HIT},
        due=(TLB_HIT, *FULL_WALKS),
    ),
    # Where pages are neighbours or far apart, the slower decides.
    figures={
        "tlb_hit_mops": per_microsecond(TLB_HIT),
        "walk_mops": per_microsecond(*FULL_WALKS),
    },
    at_least={"tlb_hit_mops": 50, "walk_mops": 10},
)
PAGES = Source(
    GoogleBenchmark(
        "bench/sim/bench_sim_simulation",
        variants={"BM_": "simulated kernel"},
        references={"*HiddenPageOps*": PAGE_OPERATIONS[0]},
        due=PAGE_OPERATIONS,
    ),
    figures={"page_ops_mops": per_microsecond(*PAGE_OPERATIONS)},
    at_least={"page_ops_mops": 1},
)
TERABYTE = Source(
    FigureProgram(
        "terabyte",
        "bench/sim/bench_sim_terabyte",
        keys={"ram_1tib_rss_gib": "peak_rss_gib", "populate_64gib_s": "populate_seconds"},
        arguments=("mib=65536",),
        quick_arguments=("mib=1024",),
        rounds=1,
    ),
    figures={name: shared_figure(name) for name in ("ram_1tib_rss_gib", "populate_64gib_s")},
    at_most={"ram_1tib_rss_gib": 4, "populate_64gib_s": 60},
)

# One more is a module that makes a Source, and a name here.
SOURCES = (TRANSLATIONS, PAGES, TERABYTE, RECORDING, REPLAY)


def summarize_sim(outcome: Outcome) -> Summary:
    return {
        name: figure(outcome) for source in SOURCES for name, figure in source.figures.items()
    }


SIM = Suite(
    name="sim",
    question="simulated kernel: translations, page operations, a terabyte of RAM",
    parts=tuple(source.part for source in SOURCES),
    reference="software mmu",
    summarize=summarize_sim,
    due=tuple(name for source in SOURCES for name in source.figures),
    bounds={
        name: bound
        for source in SOURCES
        for bounds in (source.at_most, source.at_least)
        for name, bound in bounds.items()
    },
    at_least=frozenset(name for source in SOURCES for name in source.at_least),
    has_columns=False,
)
