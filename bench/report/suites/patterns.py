"""The cases that several suites share: allocation patterns and whole programs.

Each program says in its source which question it answers.
"""

from __future__ import annotations

from report.comparison import Case, Setting
from report.jobs import ProgramJob, WorkloadJob, input_file
from report.redis import RedisJob

DECAYS = (
    Setting("decay=default"),
    Setting("decay=200ms", "dirty_decay_ms:200,muzzy_decay_ms:200"),
    Setting("decay=0", "dirty_decay_ms:0,muzzy_decay_ms:0"),
)


def pattern(
    program: str,
    quick: tuple[str, ...],
    time: str = "cpu",
    shows: tuple[str, ...] = (),
) -> Case:
    """Returns the case of a program of bench/workload/, which knows its own amount of work."""
    return Case(program, WorkloadJob(program, (), quick), time, DECAYS, shows)


PATTERNS = (
    pattern("churn_small", ("operations=300000",)),
    pattern("churn_mixed", ("operations=400000",)),
    pattern("batch_fifo", ("batches=2",)),
    pattern("realloc_growth", ("rounds=1",)),
    pattern("large_blocks", ("operations=60",)),
    # Four threads that are always ready to run, or wait for one another: wall time decides.
    pattern("producer_consumer", ("batches=12000",), "wall", ("cpu",)),
    pattern("free_only", ("batches=10000",), "wall", ("cpu",)),
    pattern("server", ("generations=8",), "wall", ("cpu",)),
    # The main thread waits for each wave of threads, and how long the scheduler takes to wake it
    # is nothing that a heap can change. What a thread costs is CPU time.
    pattern("thread_cycle", ("waves=600",), "cpu", ("wall",)),
)


def sqlite(rows: int) -> tuple[str, ...]:
    return (
        ":memory:",
        "PRAGMA temp_store = MEMORY",
        ".parameter init",
        f".parameter set @rows {rows}",
        f".read {input_file('tables.sql')}",
    )


def python(turns: int) -> tuple[str, ...]:
    return ("-I", input_file("objects.py"), str(turns))


def python_malloc(turns: int) -> tuple[str, ...]:
    # -I would ignore PYTHONMALLOC.
    return ("-s", "-P", input_file("objects.py"), str(turns))


def compiler(width: int) -> tuple[str, ...]:
    source = input_file("translation_unit.cc")
    return ("-std=c++20", "-O1", f"-DWIDTH={width}", "-S", source, "-o", "unit.s")


PROGRAMS = (
    Case("sqlite3", ProgramJob("sqlite3", "sqlite3", sqlite(150_000), sqlite(40_000))),
    Case("python3", ProgramJob("python3", "python3", python(6), python(1))),
    Case(
        "python3-malloc",
        ProgramJob(
            "python3", "python3", python_malloc(6), python_malloc(1), {"PYTHONMALLOC": "malloc"}
        ),
    ),
    Case("redis", RedisJob(requests=64_000, quick_requests=16_000), shows=("requests",)),
    Case("g++", ProgramJob("g++", "g++", compiler(3), compiler(1), products=("unit.s",))),
)
