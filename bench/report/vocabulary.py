"""The words that the parts of the harness share: rows, failures, figures, and what was asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Callable, Protocol

Spread = tuple[float, float]
Progress = Callable[[str], None]

# In place of a variant: the run that says what a program's output should be.
NO_PRELOAD = "no preload"


class UsageError(Exception):
    """What was asked for cannot be run; the text says what to change. Nothing was measured."""


class RunFailed(Exception):
    """One run failed; the text says how."""


@dataclass(frozen=True)
class Row:
    """One measured value. `ratio` is to the reference variant of the same case and metric."""

    case: str
    variant: str
    metric: str
    value: float
    unit: str
    ratio: float | None = None
    spread: Spread | None = None
    ratio_spread: Spread | None = None
    # "time" and "rss" rows enter the means, "shown" ones the tables, "info" ones only the JSON.
    role: str = "info"
    rounds: int = 1


@dataclass(frozen=True)
class Failure:
    """A case that did not give a figure, and why."""

    case: str
    variant: str
    reason: str

    def __str__(self) -> str:
        return f"{self.case} [{self.variant}]: {self.reason}"


@dataclass
class Outcome:
    """What a part of a suite found: rows, named figures for the summary, and failures."""

    rows: list[Row] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    # For each run, the part of the machine that others used meanwhile.
    foreign_shares: list[float] = field(default_factory=list)

    def add(self, other: Outcome) -> None:
        """Appends what another part found."""
        self.rows += other.rows
        self.figures.update(other.figures)
        self.failures += other.failures
        self.foreign_shares += other.foreign_shares

    def select(self, role: str, variant: str) -> list[Row]:
        """Returns the rows of one role and variant."""
        return [row for row in self.rows if row.role == role and row.variant == variant]


@dataclass(frozen=True)
class Selection:
    """What was asked for on the command line."""

    build: Path
    rounds: int = 5
    is_quick: bool = False
    # The whole amount of work where a default run does a sample of it.
    is_long: bool = False
    # None stands for all.
    variants: tuple[str, ...] | None = None
    without: tuple[str, ...] = ()
    cases: str | None = None

    def has_variant(self, name: str) -> bool:
        chosen = self.variants is None or name in self.variants
        return chosen and name not in self.without

    def has_case(self, name: str) -> bool:
        """Returns whether the glob fits the name, or the part of it before a slash."""
        return self.cases is None or any(
            fnmatchcase(candidate, self.cases) for candidate in (name, name.split("/")[0])
        )

    def is_whole(self) -> bool:
        """Returns whether nothing was left out, so that every figure of the suite is due."""
        return self.variants is None and not self.without and self.cases is None


class Part(Protocol):
    """A piece of a suite that measures in one way."""

    def variant_names(self) -> list[str]:
        """Returns the variants that --variants may name."""

    def case_names(self, selection: Selection) -> list[str]:
        """Returns the cases that --cases may pick from."""

    def prepare(self, selection: Selection) -> None:
        """Raises UsageError if a library or a program is missing. Measures nothing."""

    def run(self, selection: Selection, progress: Progress) -> Outcome:
        """Measures what was selected. A case that fails becomes a Failure, not an exception."""
