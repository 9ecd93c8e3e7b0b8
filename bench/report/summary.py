"""The named figures of a comparison: means and worst cases of each variant."""

from __future__ import annotations

from typing import Mapping, Union

from report.stats import geometric_mean
from report.vocabulary import NO_PRELOAD, Outcome

Figure = Union[float, str, None]
Summary = dict[str, Figure]


def is_whole(outcome: Outcome, variant: str, reference: str) -> bool:
    """Returns whether no case failed without which a mean over the cases would mislead."""
    needed = {variant, reference, NO_PRELOAD}
    return not any(failure.variant in needed for failure in outcome.failures)


def summarize(outcome: Outcome, prefixes: Mapping[str, str], reference: str) -> Summary:
    """Returns geometric means and worst cases of the variants, over all cases.

    `prefixes` says what the keys of each variant begin with; for the variant with none the mean of
    the times is `time_vs_<reference>`. Figures that a failed case leaves incomplete are None; a
    variant without any row has none.
    """
    summary: Summary = {}
    for variant, prefix in prefixes.items():
        keys = {
            "time": (f"{prefix or 'time_'}vs_{reference}", f"{prefix}worst_case"),
            "rss": (f"{prefix}rss_vs_{reference}", f"{prefix}worst_rss"),
        }
        for role, (mean_key, worst_key) in keys.items():
            ratios = {
                row.case: row.ratio
                for row in outcome.select(role, variant)
                if row.ratio is not None
            }
            if not ratios:
                continue
            values: list[Figure] = [None, None, None]
            if is_whole(outcome, variant, reference):
                worst = max(ratios, key=lambda case: ratios[case])
                values = [geometric_mean(ratios.values()), ratios[worst], worst]
            summary.update(zip((mean_key, worst_key, f"{worst_key}_name"), values))
    return summary
