"""How much faster the trace of a program replays than it was recorded."""

from __future__ import annotations

import json
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from report.jobs import LIMIT_S, Job, Site, scratch_folder
from report.stats import median, spread
from report.variants import PAGEWARD, check_libraries, plain_environment
from report.vocabulary import Failure, Outcome, Progress, Row, RunFailed, Selection, UsageError

COMMAND = "pageward"


def quantity(run: Any, name: str) -> float:
    """Returns a quantity of a run in a JSON report. Raises RunFailed if there is none."""
    try:
        return float(run["quantities"][name]["value"])
    except (KeyError, TypeError, ValueError):
        raise RunFailed(f"the report of a replay has no {name}") from None


def recorded_s_of(report: str) -> float:
    """Returns how long the recording took that a JSON report is about."""
    try:
        runs = json.loads(report)["runs"]
    except (json.JSONDecodeError, KeyError, TypeError):
        raise RunFailed(f"no report of a replay: {report[:200]!r}") from None
    if not runs:
        raise RunFailed("a report without a run")
    return quantity(runs[0], "recorded-time")


@dataclass(frozen=True)
class TraceReplay:
    """A part of a suite: one job is recorded, and its trace replayed with the standard policies.

    The replay's time is that of the whole command, from its start to the end of its report.
    """

    case: str
    job: Job
    figure: str

    def variant_names(self) -> list[str]:
        return [PAGEWARD.name]

    def case_names(self, selection: Selection) -> list[str]:
        return [self.case]

    def prepare(self, selection: Selection) -> None:
        if not self._is_selected(selection):
            return
        if not (selection.build / COMMAND).exists():
            raise UsageError(f"{selection.build / COMMAND} is not built")
        check_libraries([PAGEWARD], selection.build)
        self.job.check(Site(selection.build, selection.is_quick))

    def run(self, selection: Selection, progress: Progress) -> Outcome:
        outcome = Outcome()
        if not self._is_selected(selection):
            return outcome
        try:
            with scratch_folder() as folder:
                progress(f"{self.case}: recording")
                trace = self._record(selection, folder)
                progress(f"{self.case}: replaying")
                rounds = [self._replay(selection, trace) for _ in range(selection.rounds)]
        except RunFailed as failure:
            outcome.failures.append(Failure(self.case, PAGEWARD.name, str(failure)))
            return outcome
        speedups = [recorded_s / replay_s for recorded_s, replay_s in rounds]
        self._add(outcome, "recording", [rounds[0][0]], "s")
        self._add(outcome, "replay", [replay_s for _, replay_s in rounds], "s")
        self._add(outcome, "speedup", speedups, "times")
        outcome.figures[self.figure] = median(speedups)
        return outcome

    def _is_selected(self, selection: Selection) -> bool:
        return selection.has_case(self.case) and selection.has_variant(PAGEWARD.name)

    def _record(self, selection: Selection, folder: Path) -> Path:
        trace = folder / "trace"
        environment = PAGEWARD.environment_for(selection.build)
        environment["PAGEWARD_CONF"] += f",record:{trace}"
        self.job.run(Site(selection.build, selection.is_quick), environment)
        return trace

    def _replay(self, selection: Selection, trace: Path) -> tuple[float, float]:
        begin = time.monotonic()
        done = subprocess.run(
            [selection.build / COMMAND, "sim", trace, "--json"],
            capture_output=True,
            text=True,
            env=plain_environment(),
            timeout=LIMIT_S,
        )
        replay_s = time.monotonic() - begin
        if done.returncode != 0:
            raise RunFailed(f"the replay fails with {done.returncode}: {done.stderr[:200]}")
        return recorded_s_of(done.stdout), replay_s

    def _add(self, outcome: Outcome, metric: str, values: list[float], unit: str) -> None:
        outcome.rows.append(
            Row(
                self.case,
                PAGEWARD.name,
                metric,
                median(values),
                unit,
                spread=spread(values),
                rounds=len(values),
            )
        )
