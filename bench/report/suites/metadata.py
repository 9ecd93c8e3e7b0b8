"""Suite `metadata`: what it costs that metadata can be written inside a gate only."""

from __future__ import annotations

from report.comparison import Comparison
from report.figure_program import FigureProgram
from report.gate_count import GateCount, has_keys
from report.suite import Suite
from report.suites.patterns import PATTERNS, PROGRAMS
from report.summary import Summary, summarize
from report.variants import JEMALLOC, PAGEWARD
from report.vocabulary import Outcome

PAIR = "malloc-free-pair"
TABLES = "frame-table"
CHURN = "churn_small"


def value_of(outcome: Outcome, case: str, metric: str, variant: str) -> float | None:
    for row in outcome.rows:
        if (row.case, row.metric, row.variant) == (case, metric, variant):
            return row.value
    return None


def extra_pair_ns(outcome: Outcome) -> float | None:
    """Returns how much longer a pair of malloc(64) and free() takes than under jemalloc."""
    ours = value_of(outcome, PAIR, "pair64_ns", PAGEWARD.name)
    theirs = value_of(outcome, PAIR, "pair64_ns", JEMALLOC.name)
    return None if ours is None or theirs is None else ours - theirs


def churn_ratio(outcome: Outcome) -> float | None:
    """Returns the largest ratio of the churn over its settings."""
    rows = outcome.select("time", PAGEWARD.name)
    ratios = [row.ratio for row in rows if row.case.split("/")[0] == CHURN and row.ratio]
    return max(ratios) if ratios else None


def summarize_metadata(outcome: Outcome) -> Summary:
    keys = value_of(outcome, TABLES, "metadata_closed", "-")
    # Times without keys are those of the same code with its gate left open.
    state = None if keys is None else "closed" if keys else "open, no protection keys here"
    means = summarize(outcome, {PAGEWARD.name: ""}, JEMALLOC.name)
    return {
        "metadata": state,
        "pair64_extra_ns": extra_pair_ns(outcome),
        "churn_ratio": churn_ratio(outcome),
        "gate_openings_per_op": outcome.figures.get("gate_openings_per_op"),
        "time_vs_jemalloc": means.get("time_vs_jemalloc"),
        "worst_case": means.get("worst_case"),
        "worst_case_name": means.get("worst_case_name"),
        "rss_vs_jemalloc": means.get("rss_vs_jemalloc"),
        "worst_rss": means.get("worst_rss"),
        "worst_rss_name": means.get("worst_rss_name"),
        "frame_table_share": outcome.figures.get("frame_table_share"),
        "gated_order0_pair_ns": value_of(outcome, TABLES, "gated_order0_pair_ns", "-"),
    }


ALWAYS_DUE = (
    "metadata",
    "pair64_extra_ns",
    "churn_ratio",
    "gate_openings_per_op",
    "time_vs_jemalloc",
    "worst_case",
    "worst_case_name",
    "frame_table_share",
)
# A time that needs the registers of this very processor.
DUE_WITH_KEYS = ("gated_order0_pair_ns",)

METADATA = Suite(
    name="metadata",
    question="closed metadata: the gate, the frame table, and a heap that has both",
    parts=(
        FigureProgram(
            PAIR,
            "bench/workload/workload_pair64",
            keys={},
            quick_arguments=("pairs=400000",),
            variants=(PAGEWARD, JEMALLOC),
        ),
        GateCount(
            "gate",
            f"bench/workload/workload_{CHURN}",
            figure="gate_openings_per_op",
            emulated_arguments=("operations=400000",),
        ),
        FigureProgram(
            TABLES,
            "bench/engine/bench_engine_metadata_figures",
            keys={"frame_table_share": "frame_table_share"},
            quick_arguments=("pairs=200000",),
            rounds=1,
        ),
        Comparison(PATTERNS + PROGRAMS, (JEMALLOC, PAGEWARD), JEMALLOC, refined=(PAGEWARD,)),
    ),
    reference=JEMALLOC.name,
    summarize=summarize_metadata,
    due=ALWAYS_DUE + (DUE_WITH_KEYS if has_keys() else ()),
    bounds={
        "pair64_extra_ns": 2,
        "churn_ratio": 1.05,
        "gate_openings_per_op": 0.05,
        "time_vs_jemalloc": 1.03,
        "worst_case": 1.12,
        "rss_vs_jemalloc": 1.05,
        "worst_rss": 1.25,
        "frame_table_share": 0.0025,
        "gated_order0_pair_ns": 55,
    },
)
