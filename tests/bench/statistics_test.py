"""The figures that come out of the samples: medians, paired ratios, means, worst cases, order."""

from __future__ import annotations

import random
import statistics
import unittest

import support
from report.schedule import order_of_round
from report.stats import geometric_mean, median, median_error, paired_ratios, spread
from report.summary import summarize
from report.vocabulary import Failure, Outcome, Row


class StatsTest(unittest.TestCase):
    def test_ratios_are_taken_within_a_round(self) -> None:
        # The third round ran on a slow machine, on both sides.
        self.assertEqual(paired_ratios([2.0, 4.0, 20.0], [1.0, 2.0, 10.0]), [2.0, 2.0, 2.0])

    def test_a_missing_round_is_refused(self) -> None:
        with self.assertRaises(ValueError):
            paired_ratios([1.0, 2.0], [1.0])

    def test_a_ratio_to_nothing_is_refused(self) -> None:
        with self.assertRaises(ValueError):
            paired_ratios([1.0], [0.0])

    def test_twice_and_half_cancel_in_the_mean(self) -> None:
        self.assertAlmostEqual(geometric_mean([2.0, 0.5]), 1.0)
        self.assertAlmostEqual(geometric_mean([1.0, 10.0, 100.0]), 10.0)

    def test_there_is_no_mean_of_nothing(self) -> None:
        with self.assertRaises(ValueError):
            geometric_mean([])

    def test_one_disturbed_round_does_not_show_in_the_median(self) -> None:
        self.assertEqual(median([1.0, 1.1, 50.0, 0.9, 1.0]), 1.0)
        self.assertEqual(spread([1.0, 1.1, 50.0, 0.9, 1.0]), (0.9, 50.0))

    def test_the_error_of_a_median_is_that_of_normal_scatter(self) -> None:
        numbers = random.Random(1)
        samples = [[numbers.gauss(10, 1) for _ in range(25)] for _ in range(400)]
        estimated = median([median_error(sample) for sample in samples])
        medians = [median(sample) for sample in samples]
        self.assertAlmostEqual(estimated, statistics.stdev(medians) / 10, delta=0.005)

    def test_one_disturbed_round_makes_no_median_unsure(self) -> None:
        self.assertLess(median_error([1.0, 1.01, 50.0, 0.99, 1.0]), 0.01)
        self.assertGreater(median_error([1.0, 1.2, 0.8, 1.1, 0.9]), 0.05)


class ScheduleTest(unittest.TestCase):
    RUNS = ["a", "b", "c", "d", "e"]

    def test_every_round_runs_everything_once(self) -> None:
        for number in range(-1, 9):
            order = order_of_round(self.RUNS, "case", number)
            self.assertEqual(sorted(order), self.RUNS)

    def test_the_same_round_has_the_same_order(self) -> None:
        first = order_of_round(self.RUNS, "case", 3)
        self.assertEqual(first, order_of_round(self.RUNS, "case", 3))

    def test_rounds_differ_in_order(self) -> None:
        orders = {tuple(order_of_round(self.RUNS, "case", number)) for number in range(10)}
        self.assertGreater(len(orders), 5)

    def test_nothing_always_follows_the_same_run(self) -> None:
        followers = set()
        for number in range(30):
            order = order_of_round(self.RUNS, "case", number)
            followers |= {after for before, after in zip(order, order[1:]) if before == "a"}
        self.assertEqual(followers, set(self.RUNS) - {"a"})


def outcome_of(ratios: dict[tuple[str, str], float]) -> Outcome:
    """Returns an outcome with a time and an RSS row for each (case, variant)."""
    rows = []
    for (case, name), ratio in ratios.items():
        rows.append(Row(case, name, "cpu", ratio, "s", ratio, role="time"))
        rows.append(Row(case, name, "rss", ratio, "MiB", ratio * 2, role="rss"))
        rows.append(Row(case, name, "wall", 99.0, "s", 99.0))
    return Outcome(rows)


class SummaryTest(unittest.TestCase):
    PREFIXES = {"ours": "", "strict": "strict_", "absent": "absent_"}

    def summary(self, *failures: Failure) -> dict[str, object]:
        outcome = outcome_of(
            {
                ("x", "stock"): 1.0,
                ("y", "stock"): 1.0,
                ("x", "ours"): 2.0,
                ("y", "ours"): 0.5,
                ("x", "strict"): 4.0,
                ("y", "strict"): 1.0,
            }
        )
        outcome.failures += failures
        return dict(summarize(outcome, self.PREFIXES, "stock"))

    def test_means_and_worst_cases_carry_the_names_that_are_promised(self) -> None:
        summary = self.summary()
        self.assertAlmostEqual(float(str(summary["time_vs_stock"])), 1.0)
        self.assertAlmostEqual(float(str(summary["rss_vs_stock"])), 2.0)
        self.assertEqual(summary["worst_case"], 2.0)
        self.assertEqual(summary["worst_case_name"], "x")
        self.assertEqual(summary["worst_rss"], 4.0)
        self.assertAlmostEqual(float(str(summary["strict_vs_stock"])), 2.0)
        self.assertAlmostEqual(float(str(summary["strict_rss_vs_stock"])), 4.0)

    def test_a_variant_that_did_not_run_has_no_figures(self) -> None:
        self.assertFalse([key for key in self.summary() if key.startswith("absent")])

    def test_a_failed_case_takes_the_meaning_out_of_its_variants_figures(self) -> None:
        summary = self.summary(Failure("z", "ours", "died"))
        self.assertIsNone(summary["time_vs_stock"])
        self.assertIsNone(summary["worst_case_name"])
        self.assertIsNotNone(summary["strict_vs_stock"])

    def test_a_failure_of_the_reference_takes_the_meaning_out_of_all_figures(self) -> None:
        summary = self.summary(Failure("z", "stock", "died"))
        self.assertEqual({value for value in summary.values()}, {None})


if __name__ == "__main__":
    support.main()
