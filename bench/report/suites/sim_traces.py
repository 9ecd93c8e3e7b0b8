"""Of the suite `sim`: what recording costs a program, and how fast a trace replays."""

from __future__ import annotations

from report.comparison import Comparison
from report.redis import RedisJob
from report.suites.patterns import PROGRAMS
from report.suites.sim_source import Source, shared_figure
from report.trace_replay import TraceReplay
from report.variants import PAGEWARD, RECORDED
from report.vocabulary import Outcome

RECORDED_PROGRAMS = ("sqlite3", "redis", "g++")


def worst_overhead(outcome: Outcome) -> float | None:
    """Returns the time of the program that recording slows down most, as a part of its own."""
    ratios = {row.case: row.ratio for row in outcome.select("time", RECORDED.name) if row.ratio}
    return max(ratios.values()) if set(ratios) == set(RECORDED_PROGRAMS) else None


RECORDING = Source(
    Comparison(
        tuple(case for case in PROGRAMS if case.name in RECORDED_PROGRAMS),
        (PAGEWARD, RECORDED),
        PAGEWARD,
    ),
    figures={"record_overhead": worst_overhead},
    at_most={"record_overhead": 1.10},
)
REPLAY = Source(
    TraceReplay(
        "redis-replay", RedisJob(requests=64_000, quick_requests=16_000), "replay_speedup"
    ),
    figures={"replay_speedup": shared_figure("replay_speedup")},
    at_least={"replay_speedup": 10},
)
