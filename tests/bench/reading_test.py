"""What the harness reads and writes: other programs' output, and its own JSON and tables."""

from __future__ import annotations

import json
import tempfile
import unittest
from pathlib import Path

import support
from report import cli, results, table
from report.figure_program import read_figures
from report.gate_count import openings_for_each
from report.google_benchmark import GoogleBenchmark, read_benchmarks
from report.launcher import Usage, usage_of
from report.redis import Load, requests_answered
from report.suite import Suite
from report.suites import SUITES
from report.suites.metadata import METADATA, PAIR, TABLES
from report.suites.populate import summarize_populate
from report.suites.sim_source import per_microsecond
from report.suites.sim_traces import worst_overhead
from report.summary import Summary
from report.trace_replay import recorded_s_of
from report.vocabulary import Outcome, Row, RunFailed, Selection, UsageError


def repetition(name: str, index: int, time: float, **more: object) -> dict[str, object]:
    entry: dict[str, object] = {
        "name": name,
        "run_name": name,
        "run_type": "iteration",
        "repetition_index": index,
        "iterations": 100,
        "real_time": time * 3,
        "cpu_time": time,
        "time_unit": "us",
    }
    return {**entry, **more}


class CannedBenchmark(GoogleBenchmark):
    """A Google Benchmark program that is not run."""

    text = ""

    def _is_selected(self, selection: Selection) -> bool:
        return True

    def _measure(self, selection: Selection) -> tuple[str, Usage]:
        return self.text, support.usage()


class GoogleBenchmarkTest(unittest.TestCase):
    def text(self) -> str:
        mean = repetition("BM_Pair", 0, 99.0, run_type="aggregate")
        entries = [
            # Interleaved repetitions come in any order.
            repetition("BM_Pair", 1, 2.0, pairs=512.0, bytes_per_second=1e9),
            repetition("BM_Mmap", 0, 4.0),
            repetition("BM_Pair", 0, 1.0, pairs=512.0),
            repetition("BM_Mmap", 1, 8.0),
            mean,
            {**repetition("BM_Bad", 0, 0.0), "error_occurred": True, "error_message": "no keys"},
            repetition("BM_Walls/threads:4", 0, 1.0),
        ]
        return json.dumps({"context": {}, "benchmarks": entries})

    def test_repetitions_become_times_in_order(self) -> None:
        found = read_benchmarks(self.text())
        self.assertEqual(found["BM_Pair"].times_ns, [1000.0, 2000.0])
        self.assertEqual(found["BM_Pair"].counters, {"pairs": [512.0, 512.0]})

    def test_threads_are_timed_by_the_wall(self) -> None:
        self.assertEqual(read_benchmarks(self.text())["BM_Walls/threads:4"].times_ns, [3000.0])

    def test_rows_have_ratios_and_counters_become_figures(self) -> None:
        CannedBenchmark.text = self.text()
        part = CannedBenchmark(
            "program", {"BM_Pair": "ours", "BM_Mmap": "kernel"}, {"BM_Pair": "BM_Mmap"}, ("BM_No",)
        )
        outcome = part.run(Selection(Path()), lambda text: None)
        row = next(row for row in outcome.rows if row.case == "BM_Pair")
        self.assertEqual((row.variant, row.value, row.ratio), ("ours", 1500.0, 0.25))
        self.assertEqual(outcome.figures["BM_Pair.pairs"], 512.0)
        reasons = {failure.case: failure.reason for failure in outcome.failures}
        self.assertEqual(reasons["BM_Bad"], "no keys")
        self.assertIn("no such benchmark", reasons["BM_No"])


class TraceFiguresTest(unittest.TestCase):
    def test_the_recorded_time_is_read_from_the_report_of_a_replay(self) -> None:
        run = {"quantities": {"recorded-time": {"value": 2.5, "unit": "s"}}}
        self.assertEqual(recorded_s_of(json.dumps({"runs": [run, {}]})), 2.5)
        for text in ("", "[]", '{"runs": []}', '{"runs": [{}]}', '{"runs": [{"quantities": {}}]}'):
            with self.subTest(text=text), self.assertRaises(RunFailed):
                recorded_s_of(text)

    def test_the_overhead_is_the_worst_of_all_programs_or_none(self) -> None:
        rows = [
            Row(case, variant, "cpu", 1.0, "s", ratio=ratio, role="time")
            for case, ratio in (("sqlite3", 1.01), ("redis", 1.04), ("g++", 0.99))
            for variant in ("pageward-recorded", "pageward")
        ]
        self.assertEqual(worst_overhead(Outcome(rows)), 1.04)
        self.assertIsNone(worst_overhead(Outcome(rows[2:])))
        self.assertIsNone(worst_overhead(Outcome()))


class FiguresTest(unittest.TestCase):
    def test_lines_are_key_value_and_unit(self) -> None:
        figures = read_figures("vmas_max 12 mappings\nshare 0.5\n")
        self.assertEqual(figures, {"vmas_max": (12.0, "mappings"), "share": (0.5, "")})

    def test_anything_else_is_refused(self) -> None:
        for text in ("vmas_max\n", "vmas_max twelve mappings\n", "a 1 x\na 2 x\n"):
            with self.subTest(text), self.assertRaises(RunFailed):
                read_figures(text)


class UsageTest(unittest.TestCase):
    VALUES = {
        "wall_us": 1_000_000,
        "user_us": 700_000,
        "system_us": 300_000,
        "rss_kib": 2048,
        "minor_faults": 5,
        "major_faults": 1,
        "machine_busy_us": 1_500_000,
    }

    def test_the_share_of_others_is_taken_out_of_the_wall_time(self) -> None:
        usage = usage_of(self.VALUES, cpus=2)
        self.assertAlmostEqual(usage.cpu_s, 1.0)
        self.assertAlmostEqual(usage.foreign_s, 0.5)
        self.assertAlmostEqual(usage.own_wall_s, 0.75)
        self.assertAlmostEqual(usage.foreign_share, 0.25)
        self.assertEqual((usage.rss_mib, usage.faults), (2.0, 6))

    def test_ticks_that_are_behind_do_not_make_others_work_negative(self) -> None:
        usage = usage_of({**self.VALUES, "machine_busy_us": 990_000}, cpus=2)
        self.assertEqual(usage.foreign_s, 0.0)

    def test_own_wall_time_is_never_below_what_the_cpus_could_do(self) -> None:
        usage = usage_of({**self.VALUES, "machine_busy_us": 3_000_000}, cpus=2)
        self.assertAlmostEqual(usage.own_wall_s, 0.5)


class RedisTest(unittest.TestCase):
    LOAD = Load(("-t", "set"))

    def test_a_load_without_an_answer_fails(self) -> None:
        good = '"test","rps","avg"\n"SET","1000.0","0.1"\n'
        requests_answered(good, self.LOAD.words)
        for text in ('"test","rps"\n', "", '"test","rps"\n"SET","0.0"\n'):
            with self.subTest(text), self.assertRaises(RunFailed):
                requests_answered(text, self.LOAD.words)


class ResultsTest(unittest.TestCase):
    def test_a_row_has_the_promised_keys(self) -> None:
        fields = results.row_as_json(Row("c", "v", "cpu", 1.5, "s", 0.5, (1.0, 2.0)))
        self.assertLessEqual({"case", "variant", "value", "unit", "ratio"}, set(fields))
        self.assertEqual(fields["spread"], [1.0, 2.0])

    def test_a_document_replaces_the_old_one_whole(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "deep" / "suite.json"
            results.write(path, {"suite": "x"})
            self.assertEqual(json.loads(path.read_text()), {"suite": "x"})
            results.remove(path)
            self.assertEqual(list(path.parent.iterdir()), [])


def suite_of(**more: object) -> Suite:
    fields: dict[str, object] = {
        "name": "s",
        "question": "",
        "parts": (),
        "reference": "stock",
        **more,
    }
    return Suite(**fields, summarize=lambda outcome: {})  # type: ignore[arg-type]


class SuiteTest(unittest.TestCase):
    def test_a_missing_figure_is_a_failure_and_no_zero(self) -> None:
        suite = suite_of(due=("a", "b", "c"))
        summary: Summary = {"a": 1.0, "b": None}
        missing = suite.missing_figures(summary, Selection(Path()))
        self.assertEqual(
            [failure.reason for failure in missing], ["there is no b", "there is no c"]
        )

    def test_a_selection_owes_nothing(self) -> None:
        suite = suite_of(due=("a",))
        self.assertEqual(suite.missing_figures({}, Selection(Path(), cases="x*")), [])

    def test_bounds_hold_in_their_direction(self) -> None:
        suite = suite_of(bounds={"time": 1.1, "speed": 50}, at_least=frozenset({"speed"}))
        self.assertTrue(suite.meets_bound("time", 1.1))
        self.assertFalse(suite.meets_bound("time", 1.11))
        self.assertTrue(suite.meets_bound("speed", 51))
        self.assertFalse(suite.meets_bound("speed", 49))

    def test_the_tables_show_every_case_and_failure(self) -> None:
        row = Row("case", "v", "cpu", 1.0, "s", 1.25, (1.0, 1.0), (1.2, 1.3), role="time")
        outcome = Outcome([row])
        suite = suite_of(bounds={"time_vs_stock": 1.02}, has_columns=False)
        text = table.render(suite, outcome, {"time_vs_stock": 1.25}, ["noisy"])
        for shown in ("case", "1.25 (1.20-1.30)", "at most 1.02: NOT MET", "note: noisy"):
            self.assertIn(shown, text)

    def test_a_speed_is_that_of_the_slowest_benchmark(self) -> None:
        outcome = Outcome()
        outcome.figures = {"near": 640.0, "near.operations": 64, "far": 50.0, "far.operations": 1}
        self.assertEqual(per_microsecond("near")(outcome), 100.0)
        self.assertEqual(per_microsecond("near", "far")(outcome), 20.0)

    def test_a_speed_without_all_its_benchmarks_is_none(self) -> None:
        outcome = Outcome()
        outcome.figures = {"near": 640.0, "near.operations": 64, "far": 50.0}
        self.assertIsNone(per_microsecond("near", "far")(outcome))
        self.assertIsNone(per_microsecond("other")(outcome))

    def test_every_suite_names_its_cases_once(self) -> None:
        for suite in SUITES.values():
            names = suite.case_names(Selection(support.build_folder()))
            self.assertEqual(len(names), len(set(names)), suite.name)


class MetadataSuiteTest(unittest.TestCase):
    REPORT = "pageward: report\n  gate          opened 12 times; {} ungated writes, 0 repairs\n"
    OUTPUT = "churn_small checksum=0123456789abcdef operations=400\n"

    def test_openings_are_counted_for_each_operation(self) -> None:
        self.assertEqual(openings_for_each(self.OUTPUT, self.REPORT.format(0)), 0.03)

    def test_without_a_count_or_with_ungated_writes_there_is_no_figure(self) -> None:
        for output, report in (
            (self.OUTPUT, "pageward: report\n"),
            ("", self.REPORT.format(0)),
            (self.OUTPUT, self.REPORT.format(1)),
        ):
            with self.subTest(report), self.assertRaises(RunFailed):
                openings_for_each(output, report)

    def summary(self, *closed: float) -> Summary:
        rows = [Row(PAIR, "pageward", "pair64_ns", 7.5, "ns")]
        rows += [Row(PAIR, "jemalloc", "pair64_ns", 6.0, "ns")]
        rows += [Row(TABLES, "-", "metadata_closed", value, "") for value in closed]
        for setting, ratio in (("decay=0", 1.04), ("decay=200ms", 1.01)):
            case = f"churn_small/{setting}"
            rows.append(Row(case, "pageward", "cpu", 1.0, "s", ratio, role="time"))
        return METADATA.summarize(Outcome(rows))

    def test_the_figures_are_differences_and_worst_ratios(self) -> None:
        summary = self.summary(1.0)
        self.assertEqual(summary["pair64_extra_ns"], 1.5)
        self.assertEqual(summary["churn_ratio"], 1.04)
        self.assertEqual(summary["metadata"], "closed")

    def test_without_keys_the_summary_says_that_metadata_is_open(self) -> None:
        self.assertEqual(self.summary(0.0)["metadata"], "open, no protection keys here")
        self.assertIsNone(self.summary()["metadata"])
        self.assertIsNone(self.summary(0.0)["gated_order0_pair_ns"])


class PopulateTest(unittest.TestCase):
    FIGURES = {
        "by_keys": 1.0,
        "4k_cold_none": 400.0,
        "4k_cold_ad_hoc": 1600.0,
        "4k_cold_grouped": 408.0,
        "thp_cold_ad_hoc": 2000.0,
        "thp_cold_grouped": 100.0,
        "thp_cold_by_block": 80.0,
        "view_hit": 60.0,
        "window": 30.0,
        "view_first_syscalls": 2.0,
    }

    def test_ratios_and_savings_are_of_the_figures_they_are_named_after(self) -> None:
        summary = summarize_populate(Outcome(figures=dict(self.FIGURES)))
        self.assertAlmostEqual(summary["populate_cold_vs_none"], 1.02)
        self.assertAlmostEqual(summary["populate_cold_saving"], 74.5)
        self.assertAlmostEqual(summary["populate_thp_saving"], 95)
        self.assertAlmostEqual(summary["populate_default_speedup"], 5)
        self.assertAlmostEqual(summary["view_hit_vs_window"], 2)
        self.assertEqual(summary["view_first_syscalls"], 2)

    def test_the_summary_says_if_there_were_no_keys(self) -> None:
        summary = summarize_populate(Outcome(figures={**self.FIGURES, "by_keys": 0.0}))
        self.assertIn("no keys", str(summary["opened_and_closed_by"]))

    def test_what_was_not_measured_is_none(self) -> None:
        summary = summarize_populate(Outcome(figures={"4k_cold_none": 400.0}))
        self.assertEqual(set(summary.values()), {None})


class CommandLineTest(unittest.TestCase):
    def select(self, *arguments: str) -> Selection:
        return cli.select(SUITES["malloc"], cli.parse(["malloc", *arguments]), Path())

    def test_an_unknown_variant_is_named_with_the_nearest(self) -> None:
        with self.assertRaisesRegex(UsageError, "'jemaloc'.*did you mean jemalloc"):
            self.select("--variants", "jemaloc")

    def test_a_glob_that_fits_nothing_is_refused(self) -> None:
        with self.assertRaisesRegex(UsageError, "no case fits 'nothing.'"):
            self.select("--cases", "nothing*")

    def test_a_glob_may_name_a_program_or_a_setting(self) -> None:
        names = SUITES["malloc"].case_names(self.select())
        for glob, count in (("churn_small", 3), ("*/decay=0", 9), ("churn_small/decay=0", 1)):
            selection = self.select("--cases", glob)
            self.assertEqual(sum(selection.has_case(name) for name in names), count, glob)

    def test_quick_means_fewer_rounds_unless_told(self) -> None:
        self.assertEqual(self.select("--quick").rounds, cli.QUICK_ROUNDS)
        self.assertEqual(self.select("--quick", "--rounds", "9").rounds, 9)
        self.assertEqual(self.select().rounds, cli.DEFAULT_ROUNDS)


if __name__ == "__main__":
    support.main()
