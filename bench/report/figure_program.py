"""A program that prints named figures, `key value unit` a line, as part of a suite."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Mapping

from report.jobs import LAUNCHER, scratch_folder
from report.launcher import Launch
from report.stats import median, spread
from report.variants import Variant, check_libraries, plain_environment
from report.vocabulary import Failure, Outcome, Progress, Row, RunFailed, Selection, UsageError

Figures = dict[str, tuple[float, str]]


def read_figures(text: str) -> Figures:
    """Reads lines of the form `key value unit`. Raises RunFailed for a line that is none."""
    figures: Figures = {}
    for line in text.splitlines():
        words = line.split()
        try:
            key, value, unit = words[0], float(words[1]), " ".join(words[2:])
        except (IndexError, ValueError):
            raise RunFailed(f"not of the form key value unit: {line!r}") from None
        if key in figures:
            raise RunFailed(f"{key} is printed twice")
        figures[key] = (value, unit)
    return figures


@dataclass(frozen=True)
class FigureProgram:
    """A part of a suite: one program, run once or in rounds, under one heap or several.

    `keys` says which of its figures enter the summary, by the name they have there. They are those
    of the first variant; the others are for comparison.
    """

    case: str
    program: str
    keys: Mapping[str, str]
    arguments: tuple[str, ...] = ()
    quick_arguments: tuple[str, ...] = ()
    long_arguments: tuple[str, ...] | None = None
    # None is the program as it stands, without a preload.
    variants: tuple[Variant | None, ...] = (None,)
    environment: Mapping[str, str] = field(default_factory=dict)
    # For figures that are counts and the same each time one round is enough.
    rounds: int | None = None
    limit_s: int = 1800

    def variant_names(self) -> list[str]:
        return [self._name(variant) for variant in self.variants]

    def case_names(self, selection: Selection) -> list[str]:
        return [self.case]

    def prepare(self, selection: Selection) -> None:
        if not selection.has_case(self.case):
            return
        for path in (selection.build / self.program, selection.build / LAUNCHER):
            if not path.exists():
                raise UsageError(f"{path} is not built")
        check_libraries([one for one in self._selected(selection) if one], selection.build)

    def run(self, selection: Selection, progress: Progress) -> Outcome:
        outcome = Outcome()
        if not selection.has_case(self.case):
            return outcome
        for variant in self._selected(selection):
            name = self._name(variant)
            progress(f"{self.case}: {name}")
            try:
                count = self.rounds or selection.rounds
                rounds = [self._run_once(variant, selection) for _ in range(count)]
            except RunFailed as failure:
                outcome.failures.append(Failure(self.case, name, str(failure)))
                continue
            for key, (_, unit) in rounds[0].items():
                values = [figures[key][0] for figures in rounds if key in figures]
                around = spread(values)
                row = Row(self.case, name, key, median(values), unit, spread=around, rounds=count)
                outcome.rows.append(row)
            if variant is self.variants[0]:
                self._name_figures(outcome, name)
        return outcome

    def _selected(self, selection: Selection) -> list[Variant | None]:
        return [one for one in self.variants if selection.has_variant(self._name(one))]

    def _arguments(self, selection: Selection) -> tuple[str, ...]:
        if selection.is_long and self.long_arguments is not None:
            return self.long_arguments
        return self.quick_arguments if selection.is_quick else self.arguments

    def _name(self, variant: Variant | None) -> str:
        return variant.name if variant else "-"

    def _name_figures(self, outcome: Outcome, variant: str) -> None:
        measured = {row.metric: row.value for row in outcome.rows if row.variant == variant}
        for name, key in self.keys.items():
            if key in measured:
                outcome.figures[name] = measured[key]
            else:
                reason = f"{self.program} did not print {key}"
                outcome.failures.append(Failure(self.case, variant, reason))

    def _run_once(self, variant: Variant | None, selection: Selection) -> Figures:
        environment = variant.environment_for(selection.build) if variant else plain_environment()
        command = [str(selection.build / self.program), *self._arguments(selection)]
        launcher = selection.build / LAUNCHER
        together = {**environment, **self.environment}
        with scratch_folder() as folder:
            with Launch(launcher, command, together, folder, self.limit_s) as launch:
                launch.wait()
                return read_figures(launch.output().decode(errors="replace"))
