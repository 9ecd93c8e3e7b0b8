"""`pageward sim` as a user runs it: help, exit codes, what stands on which stream, files."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

COMMAND = os.environ["PAGEWARD_COMMAND"]
SCENARIOS = (
    "populate fork churn fragmentation asi guest-memfd secretmem execmem stale-window recursion"
).split()
# What every run has, under names that stay.
RUN_KEYS = {
    "name", "settings", "counts", "quantities", "cycles", "shares", "freetypes", "blocks",
    "views", "probes", "participants", "messages", "remarks",
}  # fmt: skip
REPORT_KEYS = {
    "title", "question", "command", "version", "runs", "comparisons", "published", "modelled",
    "not_modelled",
}  # fmt: skip


def pageward(*arguments: str, **options) -> subprocess.CompletedProcess:
    return subprocess.run(
        [COMMAND, *arguments], capture_output=True, text=True, timeout=280, **options
    )


class CommandCase(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def report(self, *arguments: str) -> dict:
        """Returns what the command says as JSON."""
        done = pageward("sim", *arguments, "--json")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return json.loads(done.stdout)

    def refused(self, *arguments: str) -> str:
        """Returns the one line that the command complains with."""
        done = pageward(*arguments)
        self.assertEqual(done.returncode, 2, done)
        self.assertEqual(done.stdout, "")
        lines = done.stderr.splitlines()
        self.assertEqual(len(lines), 1, done.stderr)
        self.assertTrue(lines[0].startswith("pageward: "), lines[0])
        return lines[0][len("pageward: ") :]

    def write(self, name: str, contents: str) -> str:
        path = self.folder / name
        path.write_text(contents)
        return str(path)


class HelpTest(CommandCase):
    def test_it_says_what_there_is(self) -> None:
        for arguments in (["--help"], ["sim", "--help"]):
            done = pageward(*arguments)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
        for scenario in SCENARIOS:
            self.assertIn(f"\n  {scenario} ", done.stdout)
        for option in "conversion ptp window batching reserve refill-orders cpus ram seed".split():
            self.assertIn(f"--{option} ", done.stdout)
        self.assertIn("Examples:", done.stdout)

    def test_every_example_of_a_scenario_is_understood(self) -> None:
        text = pageward("sim", "--help").stdout
        examples = [line.split() for line in text.splitlines() if line.startswith("  pageward sim")]
        self.assertGreater(len(examples), 3)
        for _, *arguments in examples:
            # The work is made small; what is asked for stays.
            small = ["--size", "2M", "--ram", "1G"]
            if "-o" in arguments:
                arguments[arguments.index("-o") + 1] = str(self.folder)
            done = pageward(*arguments, *small)
            self.assertEqual((done.returncode, done.stderr), (0, ""), arguments)

    def test_the_version_is_told(self) -> None:
        self.assertRegex(pageward("--version").stdout, r"^pageward \d+\.\d+\.\d+\n$")


class BadInputTest(CommandCase):
    def test_words_that_do_not_exist_are_told_with_the_nearest(self) -> None:
        self.assertIn("did you mean 'populate'?", self.refused("sim", "popluate"))
        self.assertIn(
            "did you mean 'grouped'?", self.refused("sim", "fork", "--conversion", "groupd")
        )
        self.assertIn("did you mean 'cpus'?", self.refused("sim", "fork", "--sweep", "cpu=1"))
        self.assertIn("--convrsion", self.refused("sim", "fork", "--convrsion", "all"))

    def test_no_input_and_too_many_are_refused(self) -> None:
        self.refused()
        self.refused("nonsense")
        self.refused("sim")
        self.refused("sim", "fork", "churn")
        self.refused("sim", "fork", "--import", self.write("events", ""))

    def test_impossible_sizes_are_refused(self) -> None:
        for arguments in (
            ["--cpus", "0"],
            ["--cpus", "257"],
            ["--cpus", "-1"],
            ["--cpus", "two"],
            ["--ram", "0"],
            ["--ram", "33M"],
            ["--ram", "2T"],
            ["--ram", "64"],
            ["--size", "0"],
            ["--size", "1G"],  # More than there is RAM.
            ["--size", "99999999999999999999"],
            ["--seed", "1.5"],
        ):
            complaint = self.refused("sim", "populate", *arguments)
            self.assertTrue(complaint.startswith("--"), complaint)
        self.assertIn("too small for populate", self.refused("sim", "populate", "--ram", "64M"))

    def test_a_sweep_needs_an_axis_with_values_that_is_not_given_twice(self) -> None:
        self.refused("sim", "populate", "--sweep", "cpus")
        self.refused("sim", "populate", "--sweep", "cpus=")
        self.refused("sim", "populate", "--sweep", "cpus=1,1")
        self.refused("sim", "populate", "--sweep", "cpus=1,2", "--cpus", "3")

    def test_a_cost_file_is_told_by_line_and_nearest_name(self) -> None:
        costs = self.write("costs", "walk = 3\nshotdown = 4\n")
        complaint = self.refused("sim", "populate", "--costs", costs)
        self.assertIn("line 2: 'shotdown'", complaint)
        self.assertIn("did you mean 'shootdown'?", complaint)
        self.refused("sim", "populate", "--costs", COMMAND)  # A program is no table of costs.
        self.refused("sim", "populate", "--costs", str(self.folder))
        self.refused("sim", "populate", "--costs", str(self.folder / "nothing"))

    def test_a_folder_that_cannot_be_written_is_told_before_the_run(self) -> None:
        path = self.write("file", "1")
        self.assertIn("file", self.refused("sim", "populate", "-o", path))
        self.assertIn("file", self.refused("sim", "populate", "-o", path + "/below"))

    def test_nothing_is_written_when_the_run_fails(self) -> None:
        target = self.folder / "out"
        self.refused("sim", "populate", "--size", "1G", "-o", str(target))
        self.assertFalse(target.exists())
        foreign = self.write("foreign", "no event of any kernel\n")
        self.refused("sim", "--import", foreign, "-o", str(target))
        self.assertFalse(target.exists())
        target.mkdir()
        self.refused("sim", "--import", foreign, "-o", str(target))
        self.assertEqual(list(target.iterdir()), [])

    def test_a_full_standard_output_is_told(self) -> None:
        with open("/dev/full", "w") as full:
            done = subprocess.run(
                [COMMAND, "sim", "populate", "--size", "2M"],
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                timeout=60,
            )
        self.assertEqual(done.returncode, 2)
        self.assertEqual(done.stderr, "pageward: cannot write to standard output\n")


class OutputTest(CommandCase):
    def test_text_has_runs_side_by_side_counts_before_cycles(self) -> None:
        done = pageward("sim", "populate", "--conversion", "all", "--size", "4M")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        lines = done.stdout.splitlines()
        self.assertTrue(lines[0].startswith("populate: "))
        heads = [line.split() for line in lines]
        self.assertIn(["adhoc", "grouped", "skip-flush"], heads)
        self.assertLess(lines.index("What happened"), lines.index("Modelled cycles"))
        shootdowns = next(line.split() for line in lines if line.startswith("  shootdown "))
        self.assertEqual(shootdowns[1:4], ["1,024", "2", "0"])

    def test_json_has_keys_that_stay(self) -> None:
        report = self.report("guest-memfd", "--size", "2M")
        self.assertEqual(set(report), REPORT_KEYS)
        self.assertEqual([run["name"] for run in report["runs"]], ["kmap-local", "mermap"])
        for run in report["runs"]:
            self.assertEqual(set(run), RUN_KEYS)
            self.assertEqual(run["settings"]["ram"], "1G")
            self.assertEqual(run["counts"]["windows-opened"], 512)
            low, nominal, high = (run["cycles"][key] for key in ("low", "nominal", "high"))
            self.assertAlmostEqual(low / nominal, 0.5)
            self.assertAlmostEqual(high / nominal, 1.5)
        self.assertTrue(report["command"].startswith("pageward sim guest-memfd"))

    def test_a_run_gives_the_same_counts_again_and_another_seed_others(self) -> None:
        counts = [
            self.report("churn", "--size", "2M", "--conversion", "grouped", "--seed", seed)["runs"][
                0
            ]["counts"]
            for seed in ("1", "1", "2")
        ]
        self.assertEqual(counts[0], counts[1])
        self.assertNotEqual(counts[0], counts[2])

    def test_costs_change_cycles_and_no_counts(self) -> None:
        costs = self.write("costs", "frame-copied = 0  # free\nwalk = 1000000\n")
        plain, dear = (
            self.report("populate", "--size", "2M", *more)["runs"][0]
            for more in ([], ["--costs", costs])
        )
        self.assertEqual(plain["counts"], dear["counts"])
        self.assertGreater(dear["cycles"]["nominal"], 100 * plain["cycles"]["nominal"])

    def test_a_folder_gets_a_report_and_standard_output_its_names(self) -> None:
        target = self.folder / "new" / "folder"
        done = pageward("sim", "populate", "--size", "2M", "-o", str(target))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        names = {Path(line).name for line in done.stdout.splitlines()}
        self.assertEqual(names, {entry.name for entry in target.iterdir()})
        self.assertIn("report.json", names)
        self.assertEqual(set(json.loads((target / "report.json").read_text())), REPORT_KEYS)

    def test_a_sweep_is_a_table_of_runs(self) -> None:
        arguments = ["sim", "populate", "--size", "2M", "--conversion", "adhoc,grouped"]
        done = pageward(*arguments, "--sweep", "cpus=1,2,4", "-o", str(self.folder))
        self.assertEqual(done.returncode, 0, done.stderr)
        table = (self.folder / "sweep.csv").read_text()
        self.assertEqual(pageward(*arguments, "--sweep", "cpus=1,2,4").stdout.splitlines()[0],
                         table.splitlines()[0])  # fmt: skip
        rows = list(csv.DictReader(io.StringIO(table)))
        self.assertEqual([row["cpus"] for row in rows], ["1", "2", "4"] * 2)
        shootdowns = [int(row["shootdown"]) for row in rows]
        self.assertEqual(shootdowns, [0, 512, 512, 0, 1, 1])
        for row in rows:
            self.assertLess(float(row["cycles-low"]), float(row["cycles"]))

    def long_run(self) -> list[str]:
        """Returns arguments that take seconds in this build, and shows that nothing is told."""
        for megabytes in (64, 256, 1024, 4096, 16384):
            arguments = ["sim", "populate", "--ram", "1T", "--size", f"{megabytes}M", "--json"]
            begun = time.monotonic()
            self.assertEqual(pageward(*arguments).stderr, "")
            if time.monotonic() - begun > 1.5:
                break
        return arguments

    def test_progress_is_told_on_request_or_on_a_terminal_and_only_there(self) -> None:
        long_run = self.long_run()
        self.assertRegex(pageward(*long_run, "--progress").stderr, r"running: \d+ %")
        ours, theirs = pty.openpty()
        with subprocess.Popen(
            [COMMAND, *long_run], stdout=subprocess.DEVNULL, stderr=theirs
        ) as process:
            os.close(theirs)
            shown = b""
            try:
                while more := os.read(ours, 4096):
                    shown += more
            except OSError:
                pass  # The other end of a terminal is gone.
        os.close(ours)
        self.assertEqual(process.returncode, 0)
        self.assertRegex(shown.decode(), r"running: \d+ %")


class AnswersTest(CommandCase):
    def compared(self, report: dict, run: str, other: str) -> dict:
        return next(
            comparison["ratio"]
            for comparison in report["comparisons"]
            if (comparison["run"], comparison["with"]) == (run, other)
        )

    # Spec: T126
    def test_grouped_conversion_takes_most_off_and_is_as_good_as_no_flush(self) -> None:
        report = self.report("populate", "--conversion", "all")
        adhoc = self.compared(report, "grouped", "adhoc")
        self.assertGreaterEqual(1 - adhoc["nominal"], 0.60)
        self.assertLessEqual(1 - adhoc["nominal"], 0.80)
        self.assertLess(adhoc["high"], 1)
        skip = self.compared(report, "grouped", "skip-flush")
        self.assertAlmostEqual(skip["nominal"], 1, delta=0.05)
        self.assertLess(skip["low"], skip["high"])
        self.assertEqual([figure["holds"] for figure in report["published"]], [True, True])

    # Spec: T127
    def test_switches_for_each_write_are_dear_and_for_each_batch_are_not(self) -> None:
        report = self.report("fork")
        unbatched = self.compared(report, "reserve, batching off", "none")
        batched = self.compared(report, "reserve, batching on", "none")
        self.assertGreaterEqual(unbatched["nominal"], 2)
        self.assertGreater(unbatched["low"], 1.5)
        self.assertLess(batched["nominal"], 1.10)
        self.assertLess(batched["high"], 1.2)
        self.assertEqual([figure["holds"] for figure in report["published"]], [True, True])

    def test_a_stale_window_is_open_to_its_owner_and_closed_by_the_check(self) -> None:
        report = self.report("stale-window")
        ended = "its owner, after the frame was freed, with another window open"
        reads = {
            run["name"]: {probe["what"]: probe["went_through"] for probe in run["probes"]}
            for run in report["runs"]
        }
        self.assertTrue(reads["mermap, report"][ended])
        self.assertFalse(reads["mermap, flush-first"][ended])
        elsewhere = "another process, while it is open"
        self.assertTrue(reads["kmap-local"][elsewhere])
        self.assertFalse(reads["mermap, report"][elsewhere])
        views = {run["name"]: run["views"] for run in report["runs"]}
        self.assertIsNone(views["mermap, report"][0]["flushed"])
        self.assertIsNotNone(views["mermap, flush-first"][0]["flushed"])

    def test_protecting_page_by_page_goes_in_a_circle_and_the_reserve_ends_it(self) -> None:
        per_page, reserve = self.report("recursion")["runs"]
        self.assertEqual(per_page["counts"]["unprotected-tables"], 1)
        self.assertEqual(reserve["counts"]["unprotected-tables"], 0)
        self.assertEqual(reserve["counts"]["splits"], 1)
        self.assertEqual(max(message["depth"] for message in reserve["messages"]), 2)
        self.assertGreater(max(message["depth"] for message in per_page["messages"]), 3)
        told = [message["text"] for message in per_page["messages"]]
        self.assertTrue(any("a kernel would wait for itself" in text for text in told))
        for run in (per_page, reserve):
            numbers = [message["at"] for message in run["messages"]]
            self.assertEqual(numbers, sorted(numbers))

    def test_without_a_reserve_a_split_cannot_be_made(self) -> None:
        (run,) = self.report("recursion", "--ptp", "reserve", "--reserve", "0+0")["runs"]
        self.assertTrue(any("no table page" in remark for remark in run["remarks"]))

    def test_hidden_memory_is_taken_back_when_ordinary_memory_is_wanted(self) -> None:
        report = self.report("fragmentation")
        runs = {run["name"]: run for run in report["runs"]}
        self.assertGreater(runs["grouped"]["counts"]["frames-moved"], 0)
        self.assertGreater(runs["grouped"]["quantities"]["blocks-taken-back"]["value"], 0)
        self.assertEqual(runs["grouped"]["quantities"]["leaves-4k"]["value"], 0)
        self.assertGreater(runs["adhoc"]["quantities"]["leaves-4k"]["value"], 0)

    # Spec: T129
    def test_a_terabyte_and_256_processors_take_little_memory(self) -> None:
        (run,) = self.report("populate", "--ram", "1T", "--cpus", "256", "--size", "64M")["runs"]
        self.assertEqual(run["settings"]["cpus"], "256")
        self.assertLess(run["quantities"]["real-memory"]["value"], 4096)
        self.assertGreater(run["quantities"]["leaves-1g"]["value"], 1000)


if __name__ == "__main__":
    unittest.main()
