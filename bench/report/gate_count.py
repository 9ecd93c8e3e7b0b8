"""How often a program opens the gate of the metadata: counted by the heap, where there are keys."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from report.jobs import PROJECT
from report.variants import PAGEWARD, check_libraries
from report.vocabulary import Failure, Outcome, Progress, Row, RunFailed, Selection

OPENED = re.compile(r"^  gate +opened (\d+) times; (\d+) ungated writes, \d+ repairs$", re.M)
OPERATIONS = re.compile(r"\boperations=(\d+)$", re.M)
LIMIT_S = 300


def has_keys() -> bool:
    """Returns whether this machine has protection keys, so that metadata is closed here."""
    return "ospke" in Path("/proc/cpuinfo").read_text().split()


def openings_for_each(output: str, report: str) -> float:
    """Returns the openings for each operation, from a program's output and the heap's report."""
    opened, operations = OPENED.search(report), OPERATIONS.search(output)
    if not opened or not operations:
        raise RunFailed(f"no count of openings: {(output + report)[-300:]!r}")
    if opened.group(2) != "0":
        raise RunFailed(f"{opened.group(2)} ungated writes")
    return int(opened.group(1)) / int(operations.group(1))


@dataclass(frozen=True)
class GateCount:
    """A part of a suite: a pattern, and how many of its operations open the gate.

    It is a count and no time, so where there are no keys an emulated processor counts as well.
    """

    case: str
    program: str
    figure: str
    arguments: tuple[str, ...] = ()
    emulated_arguments: tuple[str, ...] = ()

    def variant_names(self) -> list[str]:
        return [PAGEWARD.name]

    def case_names(self, selection: Selection) -> list[str]:
        return [self.case]

    def prepare(self, selection: Selection) -> None:
        if self._is_selected(selection):
            check_libraries([PAGEWARD], selection.build)

    def run(self, selection: Selection, progress: Progress) -> Outcome:
        outcome = Outcome()
        if not self._is_selected(selection):
            return outcome
        where = "this processor" if has_keys() else "emulated processor"
        progress(f"{self.case}: counting on {where}")
        try:
            count = self._count(selection)
        except RunFailed as failure:
            outcome.failures.append(Failure(self.case, PAGEWARD.name, str(failure)))
            return outcome
        outcome.figures[self.figure] = count
        outcome.rows.append(Row(self.case, PAGEWARD.name, f"openings, {where}", count, ""))
        return outcome

    def _is_selected(self, selection: Selection) -> bool:
        return selection.has_case(self.case) and selection.has_variant(PAGEWARD.name)

    def _count(self, selection: Selection) -> float:
        environment = PAGEWARD.environment_for(selection.build)
        words = [f"{name}={value}" for name, value in environment.items()]
        command = ["env", *words, "PAGEWARD_CONF=report:exit", str(selection.build / self.program)]
        if has_keys():
            command += self.arguments
        else:
            # The command ends with 125 and says why if there is no such processor to be had.
            command = [str(PROJECT / "scripts" / "on-keys"), *command, *self.emulated_arguments]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S)
        except subprocess.TimeoutExpired:
            raise RunFailed(f"not done after {LIMIT_S} s") from None
        if done.returncode != 0:
            raise RunFailed(f"ended with {done.returncode}: {done.stderr.strip()[-300:]}")
        return openings_for_each(done.stdout, done.stderr)
