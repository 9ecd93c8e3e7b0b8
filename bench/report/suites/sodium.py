"""Suite `sodium`: what a guarded object costs, beside libsodium."""

from __future__ import annotations

from report.figure_program import FigureProgram
from report.suite import Suite
from report.summary import Summary
from report.variants import PAGEWARD
from report.vocabulary import Outcome

# What only the keyed mode could show. No such mode is built.
KEYED = ("sodium_alloc_speedup", "sodium_toggle_speedup")


def summarize_sodium(outcome: Outcome) -> Summary:
    ratio = outcome.figures.get("sodium_default_ratio")
    return {"sodium_default_ratio": ratio, **{key: "no keyed mode" for key in KEYED}}


SODIUM = Suite(
    name="sodium",
    question="guarded objects: allocating, changing access and mappings, against libsodium's",
    parts=(
        FigureProgram(
            "guarded",
            "bench/sodium/bench_sodium_figures",
            keys={"sodium_default_ratio": "default_ratio"},
            arguments=("500",),
            quick_arguments=("50",),
            # It compares with libsodium in its own process.
            variants=(PAGEWARD,),
        ),
    ),
    reference="libsodium",
    summarize=summarize_sodium,
    due=("sodium_default_ratio",),
    bounds={"sodium_default_ratio": 1.0},
    has_columns=False,
)
