"""A Google Benchmark program as part of a suite: every benchmark a row, every counter a figure."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Mapping

from report.jobs import LAUNCHER, scratch_folder
from report.launcher import Launch, Usage
from report.stats import median, paired_ratios, spread
from report.variants import plain_environment
from report.vocabulary import Failure, Outcome, Progress, Row, RunFailed, Selection, UsageError

NANOSECONDS = {"ns": 1.0, "us": 1e3, "ms": 1e6, "s": 1e9}
# What the library itself writes for each repetition; other numbers are counters of the benchmark.
OWN_FIELDS = {
    "name",
    "family_index",
    "per_family_instance_index",
    "run_name",
    "run_type",
    "repetitions",
    "repetition_index",
    "threads",
    "iterations",
    "real_time",
    "cpu_time",
    "time_unit",
    "label",
    "error_occurred",
    "error_message",
}
LIMIT_S = 600


@dataclass
class Benchmark:
    """One benchmark of the program, with a time for each repetition."""

    name: str
    times_ns: list[float] = field(default_factory=list)
    counters: dict[str, list[float]] = field(default_factory=dict)
    error: str = ""


def is_counter(name: str, value: object) -> bool:
    """Returns whether a field is a figure of the benchmark's own. Rates only repeat its time."""
    is_rate = name.endswith(("/s", "_per_second"))
    return name not in OWN_FIELDS and not is_rate and isinstance(value, (int, float))


def place_of(entry: Mapping[str, Any]) -> list[int]:
    """Returns what sorts interleaved repetitions into the order of the source."""
    fields = ("family_index", "per_family_instance_index", "repetition_index")
    return [int(entry.get(field, 0)) for field in fields]


def read_benchmarks(text: str) -> dict[str, Benchmark]:
    """Reads the JSON of a Google Benchmark program; leaves its own means and medians out."""
    found: dict[str, Benchmark] = {}
    entries: list[dict[str, Any]] = json.loads(text)["benchmarks"]
    repetitions = [entry for entry in entries if entry.get("run_type", "iteration") == "iteration"]
    for entry in sorted(repetitions, key=place_of):
        name = str(entry.get("run_name", entry["name"]))
        benchmark = found.setdefault(name, Benchmark(name))
        if entry.get("error_occurred"):
            benchmark.error = str(entry.get("error_message", "failed"))
            continue
        # Where threads work together only the wall says how long it takes.
        key = "real_time" if "/real_time" in name or "/threads:" in name else "cpu_time"
        benchmark.times_ns.append(float(entry[key]) * NANOSECONDS[entry["time_unit"]])
        for counter, value in entry.items():
            if is_counter(counter, value):
                benchmark.counters.setdefault(counter, []).append(float(value))
    return found


@dataclass(frozen=True)
class GoogleBenchmark:
    """A part of a suite: one program.

    `variants` names the variant by how a benchmark's name begins. `references` names, for each
    benchmark that fits a pattern, the one that its ratio refers to. The first that fits counts.
    """

    program: str
    variants: Mapping[str, str]
    references: Mapping[str, str] = field(default_factory=dict)
    # Benchmarks without which the suite is not whole.
    due: tuple[str, ...] = ()

    def variant_names(self) -> list[str]:
        return list(dict.fromkeys(self.variants.values()))

    def case_names(self, selection: Selection) -> list[str]:
        program = selection.build / self.program
        if not program.exists():
            return list(self.due)
        command = [str(program), "--benchmark_list_tests=true"]
        listed = subprocess.run(command, capture_output=True, text=True, env=plain_environment())
        return listed.stdout.split()

    def prepare(self, selection: Selection) -> None:
        if not self._is_selected(selection):
            return
        for path in (selection.build / self.program, selection.build / LAUNCHER):
            if not path.exists():
                raise UsageError(f"{path} is not built")

    def run(self, selection: Selection, progress: Progress) -> Outcome:
        outcome = Outcome()
        if not self._is_selected(selection):
            return outcome
        progress(f"{self.program}: {selection.rounds} repetitions")
        try:
            text, usage = self._measure(selection)
            found = read_benchmarks(text)
        except (RunFailed, ValueError, KeyError) as error:
            outcome.failures.append(Failure(self.program, "-", f"{type(error).__name__}: {error}"))
            return outcome
        outcome.foreign_shares.append(usage.foreign_share)
        for name in self.due:
            if name not in found and selection.has_case(name):
                outcome.failures.append(Failure(name, "-", f"{self.program} has no such benchmark"))
        for benchmark in found.values():
            is_variant = selection.has_variant(self._variant_of(benchmark.name))
            if selection.has_case(benchmark.name) and is_variant:
                self._add(benchmark, found, outcome)
        return outcome

    def _is_selected(self, selection: Selection) -> bool:
        return any(selection.has_case(name) for name in self.case_names(selection))

    def _measure(self, selection: Selection) -> tuple[str, Usage]:
        """Runs all repetitions; returns what the program printed and what the run cost."""
        command = [
            str(selection.build / self.program),
            "--benchmark_format=json",
            f"--benchmark_repetitions={selection.rounds}",
            "--benchmark_enable_random_interleaving=true",
            f"--benchmark_min_time={0.02 if selection.is_quick else 0.2}",
        ]
        launcher = selection.build / LAUNCHER
        with scratch_folder() as folder:
            with Launch(launcher, command, plain_environment(), folder, LIMIT_S) as launch:
                usage = launch.wait()
                return launch.output().decode(errors="replace"), usage

    def _variant_of(self, name: str) -> str:
        fitting = [variant for begin, variant in self.variants.items() if name.startswith(begin)]
        return fitting[0] if fitting else "-"

    def _add(self, benchmark: Benchmark, found: Mapping[str, Benchmark], outcome: Outcome) -> None:
        variant = self._variant_of(benchmark.name)
        if benchmark.error or not benchmark.times_ns:
            reason = benchmark.error or "no repetition"
            outcome.failures.append(Failure(benchmark.name, variant, reason))
            return
        times = benchmark.times_ns
        base = self._reference_of(benchmark.name, found)
        ratios = paired_ratios(times, base) if base and len(base) == len(times) else None
        row = Row(
            benchmark.name,
            variant,
            "time",
            median(times),
            "ns",
            ratio=median(ratios) if ratios else None,
            spread=spread(times),
            ratio_spread=spread(ratios) if ratios else None,
            role="time",
            rounds=len(times),
        )
        outcome.rows.append(row)
        outcome.figures[benchmark.name] = row.value
        for counter, values in benchmark.counters.items():
            value = median(values)
            outcome.rows.append(
                Row(benchmark.name, variant, counter, value, "", spread=spread(values))
            )
            outcome.figures[f"{benchmark.name}.{counter}"] = value

    def _reference_of(self, name: str, found: Mapping[str, Benchmark]) -> list[float] | None:
        for pattern, reference in self.references.items():
            if fnmatchcase(name, pattern):
                return found[reference].times_ns if reference in found else None
        return None
