"""What a suite is: parts that measure, and the figures that it promises."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Callable, Mapping

from report.summary import Summary
from report.vocabulary import Failure, Outcome, Part, Selection


@dataclass(frozen=True)
class Suite:
    """One suite. To add one: write a module in suites/ and name it in suites/__init__.py."""

    name: str
    question: str
    parts: tuple[Part, ...]
    # The variant that ratios refer to in the tables.
    reference: str
    summarize: Callable[[Outcome], Summary]
    # Keys of the summary without which a whole run has failed: a missing figure is no zero.
    due: tuple[str, ...] = ()
    # The most (or, for AT_LEAST, the least) that a figure may be; shown, never enforced here.
    bounds: Mapping[str, float] = field(default_factory=dict)
    at_least: frozenset[str] = frozenset()
    # Whether the table has a column for each variant, or a line for each row.
    has_columns: bool = True

    def variant_names(self) -> list[str]:
        names = (name for part in self.parts for name in part.variant_names())
        return list(dict.fromkeys(names))

    def case_names(self, selection: Selection) -> list[str]:
        return [name for part in self.parts for name in part.case_names(selection)]

    def missing_figures(self, summary: Summary, selection: Selection) -> list[Failure]:
        """Returns a failure for each figure that is due and not there, if nothing was left out."""
        if not selection.is_whole():
            return []
        missing = [key for key in self.due if summary.get(key) is None]
        return [Failure("summary", "-", f"there is no {key}") for key in missing]

    def meets_bound(self, key: str, value: float) -> bool:
        """Returns whether a figure keeps its bound. Requires: it has one."""
        bound = self.bounds[key]
        return value >= bound if key in self.at_least else value <= bound
