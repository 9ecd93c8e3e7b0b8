"""The order in which the runs of a case take place.

In a fixed order each run would always follow the same predecessor, and take over the temperature,
the caches and the free memory that this one leaves behind.
"""

from __future__ import annotations

import random
from typing import Sequence, TypeVar

T = TypeVar("T")


def order_of_round(runs: Sequence[T], case: str, round_number: int) -> list[T]:
    """Returns the runs of one round in an order that differs from round to round.

    The same case and round always give the same order.
    """
    shuffled = list(runs)
    random.Random(f"{case} {round_number}").shuffle(shuffled)
    return shuffled
