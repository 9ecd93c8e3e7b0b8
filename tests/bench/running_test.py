"""Real runs under the launcher: what is measured, what is refused, and that nothing is left over."""

from __future__ import annotations

import os
import signal
import subprocess
import time
import unittest
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Callable

import support
from report.jobs import LAUNCHER, ProgramJob, Site, WorkloadJob
from report.launcher import Launch
from report.locate import Library, find_program
from report.redis import RedisJob
from report.variants import JEMALLOC, Variant, check_heap, check_libraries, plain_environment
from report.vocabulary import RunFailed, UsageError

BENCH = support.PROJECT / "scripts" / "bench"
QUICK = ("malloc", "--quick", "--rounds", "1", "--variants", "jemalloc,glibc")
ONE_CASE = ("--cases", "churn_small")


def site() -> Site:
    return Site(support.build_folder(), is_quick=True)


def shell(script: str) -> ProgramJob:
    return ProgramJob("sh", "dash", ("-c", script), ("-c", script))


def wait_for(condition: Callable[[], bool], limit_s: float = 20) -> bool:
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


def processes_in(folder: str) -> list[str]:
    """Returns the processes that work in a folder or below it."""
    found = []
    for entry in os.listdir("/proc"):
        try:
            if entry.isdigit() and os.readlink(f"/proc/{entry}/cwd").startswith(folder):
                found.append(entry)
        except OSError:
            continue
    return found


class LauncherTest(unittest.TestCase):
    def run_shell(self, script: str) -> None:
        shell(script).run(site(), plain_environment())

    def test_a_crash_is_named_with_its_signal(self) -> None:
        with self.assertRaisesRegex(RunFailed, "died of SIGSEGV"):
            self.run_shell("kill -SEGV $$")

    def test_an_exit_status_comes_with_the_last_line_of_stderr(self) -> None:
        with self.assertRaisesRegex(RunFailed, "exit status 3: what went wrong"):
            self.run_shell("echo first >&2; echo what went wrong >&2; exit 3")

    def test_a_program_that_prints_nothing_fails(self) -> None:
        with self.assertRaisesRegex(RunFailed, "printed nothing"):
            self.run_shell("true")

    def test_a_preload_that_the_loader_refuses_fails(self) -> None:
        environment = {**plain_environment(), "LD_PRELOAD": "/nonexistent/libheap.so"}
        with self.assertRaisesRegex(RunFailed, "refused the preload"):
            shell("echo done").run(site(), environment)

    def test_cpu_time_and_rss_are_those_of_the_program(self) -> None:
        usage = (
            WorkloadJob("large_blocks", quick_arguments=("operations=20",))
            .run(site(), plain_environment())
            .usage
        )
        self.assertGreater(usage.cpu_s, 0.0)
        self.assertGreater(usage.wall_s, 0.0)
        self.assertGreater(usage.rss_mib, 20)
        self.assertGreater(usage.faults, 5000)

    def test_the_harness_does_not_show_in_the_rss(self) -> None:
        ballast = bytearray(os.urandom(1)) * 100_000_000
        usage = shell("echo small").run(site(), plain_environment()).usage
        self.assertLess(usage.rss_mib, 20)
        del ballast

    def test_a_program_that_does_not_end_is_stopped_with_its_children(self) -> None:
        with TemporaryDirectory() as name:
            command = ["/bin/sh", "-c", "sleep 1000 & wait"]
            launcher = support.build_folder() / LAUNCHER
            with Launch(launcher, command, plain_environment(), Path(name), 1) as launch:
                with self.assertRaisesRegex(RunFailed, "stopped after 1 s"):
                    launch.wait()
            self.assertTrue(wait_for(lambda: not processes_in(name)))


class VariantTest(unittest.TestCase):
    def test_a_missing_library_names_the_package_to_install(self) -> None:
        library = Library("libnowhere.so.9", "install Debian's libnowhere9")
        with self.assertRaisesRegex(UsageError, "install Debian's libnowhere9(.|\n)*--without no"):
            check_libraries([JEMALLOC, Variant("no", library)], support.build_folder())

    def test_a_library_that_serves_no_malloc_is_found_out(self) -> None:
        with self.assertRaisesRegex(RunFailed, "malloc comes from .*libc.so.6 and not from libm"):
            check_heap(Variant("math", Library("libm.so.6", "")), support.build_folder())

    def test_jemalloc_serves_what_it_is_preloaded_for(self) -> None:
        check_heap(JEMALLOC, support.build_folder())


class RedisTest(unittest.TestCase):
    def setUp(self) -> None:
        for program in ("redis-server", "redis-benchmark"):
            if find_program(program) is None:
                self.skipTest(f"{program} is not installed")

    def test_the_server_answers_and_ends(self) -> None:
        environment = JEMALLOC.environment_for(support.build_folder())
        sample = RedisJob(requests=800, quick_requests=800).run(site(), environment)
        self.assertEqual(sample.output, "list of 800")
        self.assertGreater(sample.extra["requests"][0], 0)


class HarnessTest(unittest.TestCase):
    def setUp(self) -> None:
        self._folder = TemporaryDirectory()
        self.addCleanup(self._folder.cleanup)
        self.folder = self._folder.name
        self.output = Path(self.folder) / "suite.json"
        self.output.write_text("stale")

    def command(self, *arguments: str) -> list[str]:
        where = ("--build-dir", str(support.build_folder()), "--output", str(self.output))
        return [str(BENCH), *arguments, *where]

    def environment(self) -> dict[str, str]:
        return {**os.environ, "TMPDIR": self.folder}

    def run_bench(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments), capture_output=True, text=True, env=self.environment()
        )

    def test_two_variants_of_one_case_give_rows_and_a_summary(self) -> None:
        import json

        done = self.run_bench(*QUICK, *ONE_CASE)
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout)
        document = json.loads(self.output.read_text())
        self.assertEqual(document["suite"], "malloc")
        found = {(row["case"], row["variant"]) for row in document["rows"]}
        case = "churn_small/decay=default"
        self.assertEqual(found, {(case, "jemalloc"), (case, "glibc")})
        self.assertGreater(document["summary"]["glibc_vs_jemalloc"], 0)
        self.assertIn("geometric mean", done.stdout)

    def test_bad_usage_measures_nothing(self) -> None:
        done = self.run_bench("malloc", "--variants", "jemalloc,dlmalloc")
        self.assertEqual(done.returncode, 2)
        self.assertIn("there is no variant 'dlmalloc'", done.stderr)

    def test_a_build_without_the_programs_is_an_error_and_leaves_no_result(self) -> None:
        where = ("--build-dir", self.folder, "--output", str(self.output))
        done = subprocess.run(
            [str(BENCH), *QUICK, *ONE_CASE, *where], capture_output=True, text=True
        )
        self.assertEqual(done.returncode, 2)
        self.assertIn("is not built", done.stderr)
        self.assertFalse(self.output.exists())

    def interrupt(self, number: signal.Signals) -> subprocess.Popen[str]:
        """Starts a run, sends it a signal in the midst of a measurement and returns it."""
        process = subprocess.Popen(
            self.command("malloc", "--variants", "jemalloc,glibc", "--cases", "churn_small"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment(),
        )
        self.assertTrue(wait_for(lambda: len(processes_in(self.folder)) >= 2))
        self.assertFalse(self.output.exists())
        process.send_signal(number)
        return process

    def test_an_interrupted_run_leaves_neither_a_result_nor_processes(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(number.name):
                process = self.interrupt(number)
                _, errors = process.communicate(timeout=30)
                self.assertEqual(process.returncode, 130, errors)
                self.assertIn("interrupted", errors)
                self.assertFalse(self.output.exists())
                self.assertTrue(wait_for(lambda: not processes_in(self.folder)))

    def test_a_killed_run_leaves_no_processes(self) -> None:
        process = self.interrupt(signal.SIGKILL)
        process.communicate(timeout=30)
        self.assertTrue(wait_for(lambda: not processes_in(self.folder)))
        self.assertFalse(self.output.exists())


if __name__ == "__main__":
    is_there = JEMALLOC.library.find(support.build_folder()) is not None
    support.main("" if is_there else "Debian's libjemalloc2 is not installed")
