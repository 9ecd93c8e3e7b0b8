"""A part of the suite `sim` together with the figures that it owes the summary."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Callable, Mapping, Union

from report.vocabulary import Outcome, Part

Figure = Callable[[Outcome], Union[float, None]]


@dataclass(frozen=True)
class Source:
    part: Part
    figures: Mapping[str, Figure]
    at_most: Mapping[str, float] = field(default_factory=dict)
    at_least: Mapping[str, float] = field(default_factory=dict)


def per_microsecond(*benchmarks: str) -> Figure:
    """Returns the figure of the slowest of several benchmarks, in millions a second.

    Each has a counter `operations`: how many of them an iteration is.
    """

    def figure(outcome: Outcome) -> float | None:
        speeds = []
        for name in benchmarks:
            time_ns = outcome.figures.get(name)
            operations = outcome.figures.get(f"{name}.operations")
            if not time_ns or operations is None:
                return None
            speeds.append(operations / time_ns * 1e3)
        return min(speeds)

    return figure


def shared_figure(name: str) -> Figure:
    """Returns the figure that a part has under this name already."""
    return lambda outcome: outcome.figures.get(name)
