"""How variants are compared, and that whatever goes wrong in one of them is told and not measured."""

from __future__ import annotations

import unittest
from typing import Mapping

import support
from report.comparison import Case, Comparison, Patience, Setting
from report.jobs import Sample
from report.variants import Variant
from report.vocabulary import NO_PRELOAD, Outcome, RunFailed, Selection

STOCK = support.variant("stock", reads_malloc_conf=True)
OURS = support.variant("ours", reads_malloc_conf=True)
OTHER = support.variant("other")
SETTINGS = (Setting("slow"), Setting("fast", "decay:0"))


def times(environment: Mapping[str, str]) -> Sample:
    """Costs that depend on the variant and on the setting."""
    cost = {"stock": 1.0, "ours": 2.0, "other": 4.0}.get(environment.get("NAME", ""), 1.0)
    if environment.get("MALLOC_CONF"):
        cost *= 3
    return Sample(support.usage(cpu_s=cost, rss_mib=10 * cost), "right")


class ComparisonTest(unittest.TestCase):
    def compare(
        self,
        job: support.FakeJob,
        rounds: int = 2,
        quick: bool = False,
        refined: tuple[Variant, ...] = (),
    ) -> Outcome:
        case = Case("case", job, settings=SETTINGS)
        variants = [STOCK, OURS, OTHER]
        selection = Selection(support.build_folder(), rounds=rounds, is_quick=quick)
        part = Comparison((case,), tuple(variants), STOCK, refined)
        settings = case.selected_settings(selection)
        return part._run_case(case, settings, variants, selection, Patience(), lambda text: None)

    def test_ratios_refer_to_the_reference_in_the_same_setting(self) -> None:
        outcome = self.compare(support.FakeJob(times))
        ratios = {(row.case, row.variant): row.ratio for row in outcome.rows if row.role == "time"}
        self.assertEqual(ratios["case/slow", "ours"], 2.0)
        self.assertEqual(ratios["case/fast", "ours"], 2.0)
        # It does not read the setting: the same runs count against both.
        self.assertEqual(ratios["case/slow", "other"], 4.0)
        self.assertAlmostEqual(ratios["case/fast", "other"] or 0, 4 / 3)

    def test_a_variant_that_reads_no_setting_runs_once_a_round(self) -> None:
        job = support.FakeJob(times)
        self.compare(job, rounds=2)
        names = [environment.get("NAME") for environment in job.environments]
        # One warm-up and two rounds; two settings for those that read them; one plain run.
        self.assertEqual((names.count("stock"), names.count("other"), names.count(None)), (6, 3, 1))

    def test_quick_runs_the_first_setting_without_a_warm_up(self) -> None:
        job = support.FakeJob(times)
        outcome = self.compare(job, rounds=1, quick=True)
        self.assertEqual(len(job.environments), 4)
        self.assertEqual({row.case for row in outcome.rows}, {"case/slow"})

    def test_an_unsure_ratio_gets_more_rounds_than_a_sure_one(self) -> None:
        calls: dict[str, int] = {}

        def unsteady_when_slow(environment: Mapping[str, str]) -> Sample:
            sample = times(environment)
            if environment.get("NAME") != "ours" or environment.get("MALLOC_CONF"):
                return sample
            calls["ours"] = calls.get("ours", 0) + 1
            cost = 2.0 + 0.5 * (calls["ours"] % 3)
            return Sample(support.usage(cpu_s=cost), "right")

        outcome = self.compare(support.FakeJob(unsteady_when_slow), rounds=3, refined=(OURS,))
        rounds = {(row.case, row.variant): row.rounds for row in outcome.rows if row.role == "time"}
        # A run of this job takes a second; there are four in a round, and two once one is sure.
        self.assertEqual(rounds["case/slow", "ours"], 6 + (60 - 3 * 4) // 2)
        self.assertEqual(rounds["case/slow", "stock"], rounds["case/slow", "ours"])
        self.assertEqual(rounds["case/fast", "ours"], 6)
        self.assertEqual(rounds["case/fast", "stock"], 6)
        self.assertEqual(rounds["case/slow", "other"], 3)
        ratios = {(row.case, row.variant): row.ratio for row in outcome.rows if row.role == "time"}
        self.assertEqual(ratios["case/slow", "other"], 4.0)

    def test_a_variant_that_crashes_in_a_further_round_fails(self) -> None:
        calls = []

        def crash_late(environment: Mapping[str, str]) -> Sample:
            if environment.get("NAME") == "ours":
                calls.append(1)
                if len(calls) > 9:
                    raise RunFailed("died of SIGSEGV")
                return Sample(support.usage(cpu_s=1.0 + 0.4 * (len(calls) % 5)), "right")
            return times(environment)

        outcome = self.compare(support.FakeJob(crash_late), rounds=3, refined=(OURS,))
        self.assertIn("died of SIGSEGV", str(outcome.failures[0]))
        failed = (outcome.failures[0].case, "ours")
        self.assertNotIn(failed, {(row.case, row.variant) for row in outcome.rows})

    def test_a_variant_that_crashes_once_has_no_rows_and_a_failure(self) -> None:
        calls = []

        def crash_late(environment: Mapping[str, str]) -> Sample:
            if environment.get("NAME") == "other":
                calls.append(1)
                if len(calls) == 3:
                    raise RunFailed("died of SIGSEGV")
            return times(environment)

        outcome = self.compare(support.FakeJob(crash_late))
        self.assertEqual({row.variant for row in outcome.rows}, {"stock", "ours"})
        self.assertEqual([str(one) for one in outcome.failures], ["case [other]: died of SIGSEGV"])

    def test_a_wrong_result_is_a_failure(self) -> None:
        def wrong(environment: Mapping[str, str]) -> Sample:
            is_wrong = environment.get("NAME") == "ours" and "MALLOC_CONF" in environment
            return Sample(support.usage(), "wrong" if is_wrong else "right")

        outcome = self.compare(support.FakeJob(wrong))
        self.assertEqual([one.case for one in outcome.failures], ["case/fast"])
        self.assertIn("wrong result: 'wrong' and not 'right'", outcome.failures[0].reason)
        kept = {row.case for row in outcome.rows if row.variant == "ours"}
        self.assertEqual(kept, {"case/slow"})

    def test_without_a_reference_rows_have_no_ratio(self) -> None:
        def fail_stock(environment: Mapping[str, str]) -> Sample:
            if environment.get("NAME") == "stock":
                raise RunFailed("died of SIGABRT")
            return times(environment)

        outcome = self.compare(support.FakeJob(fail_stock))
        self.assertTrue(outcome.rows)
        self.assertEqual({row.ratio for row in outcome.rows}, {None})

    def test_a_program_that_fails_by_itself_runs_under_no_variant(self) -> None:
        def fail(environment: Mapping[str, str]) -> Sample:
            raise RunFailed("exit status 1")

        job = support.FakeJob(fail)
        outcome = self.compare(job)
        self.assertEqual(len(job.environments), 1)
        self.assertEqual([one.variant for one in outcome.failures], [NO_PRELOAD])


class PatienceTest(unittest.TestCase):
    def run_with(self, foreign: list[float]) -> tuple[float, int]:
        """Returns the other work of the sample that is kept, and how many were taken."""
        samples = [Sample(support.usage(foreign_s=one), "right") for one in foreign]
        taken = iter(samples)
        kept = Patience().least_disturbed(lambda: next(taken))
        return kept.usage.foreign_s, len(samples) - len(list(taken))

    def test_a_quiet_run_counts_at_once(self) -> None:
        self.assertEqual(self.run_with([0.05, 0.0]), (0.05, 1))

    def test_a_disturbed_run_is_repeated_until_it_is_quiet(self) -> None:
        self.assertEqual(self.run_with([0.5, 0.02, 0.0]), (0.02, 2))

    def test_the_least_disturbed_counts_when_time_is_up(self) -> None:
        self.assertEqual(self.run_with([0.3, 0.5, 0.0]), (0.3, 2))

    def test_time_for_repetitions_comes_with_quiet_runs(self) -> None:
        patience = Patience()
        for _ in range(10):
            patience.least_disturbed(lambda: Sample(support.usage(), ""))
        taken = iter([0.5, 0.4, 0.3, 0.2, 0.1])
        kept = patience.least_disturbed(lambda: Sample(support.usage(foreign_s=next(taken)), ""))
        self.assertEqual(kept.usage.foreign_s, 0.2)


if __name__ == "__main__":
    support.main()
