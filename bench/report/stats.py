"""The statistics of the harness. All of it is medians: one disturbed round must not show."""

from __future__ import annotations

import math
from statistics import median
from typing import Iterable, Sequence

from report.vocabulary import Spread


def spread(values: Sequence[float]) -> Spread:
    """Returns the least and the greatest of `values`."""
    return min(values), max(values)


def paired_ratios(values: Sequence[float], reference: Sequence[float]) -> list[float]:
    """Divides round by round, so that what slowed a whole round down cancels.

    Raises ValueError if a round is missing on one side or took no time at all.
    """
    if len(values) != len(reference):
        raise ValueError("ratios need the same rounds on both sides")
    if any(value <= 0 for value in reference):
        raise ValueError("a ratio to nothing")
    return [value / base for value, base in zip(values, reference)]


def median_error(values: Sequence[float]) -> float:
    """Returns the standard error of the median, as a share of it.

    From the median distance to the median, as for values that scatter normally around it, so that
    one disturbed round does not count here either.
    """
    middle = median(values)
    scatter = 1.4826 * median([abs(value - middle) for value in values])
    return 1.2533 * scatter / math.sqrt(len(values)) / middle


def geometric_mean(values: Iterable[float]) -> float:
    """Returns the geometric mean, under which twice as slow and twice as fast cancel.

    Raises ValueError for no values and for values that are not positive.
    """
    logarithms = [math.log(value) for value in values]
    if not logarithms:
        raise ValueError("the mean of nothing")
    return math.exp(math.fsum(logarithms) / len(logarithms))


__all__ = ["geometric_mean", "median", "median_error", "paired_ratios", "spread"]
