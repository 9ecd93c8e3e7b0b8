"""Whole programs recorded, replayed and mirrored.

PAGEWARD_COMMAND names the command; CMake sets it.
"""

import json
import os
import pathlib
import re
import shutil
import signal
import struct
import subprocess
import tempfile
import time

from harness import PRELOAD, PreloadTest, conf, main

COMMAND = os.environ.get("PAGEWARD_COMMAND", "")

SQL = ("create table t(a integer, b text); with recursive c(x) as (select 1 union all "
       "select x+1 from c where x < 20000) insert into t select x, hex(x*x) from c; "
       "create index i on t(b); select count(*), sum(a), max(b) from t where b > '5';")

PYTHON = """
import threading
def work(n):
    d = {}
    for i in range(5000):
        d[i % 97] = d.get(i % 97, '') + str(i) * (n + 1)
    results[n] = sum(map(len, d.values()))
results = {}
threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
[t.start() for t in threads]; [t.join() for t in threads]
print(sorted(results.items()))
"""


class TrafficTest(PreloadTest):
    def setUp(self) -> None:
        if not os.path.exists(COMMAND):
            self.skipTest("the command pageward is not in this build")
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def path(self, name: str) -> str:
        return str(self.folder / name)

    def pageward(self, *words: str, timeout: float = 100, **extra: str):
        return self.run_program([COMMAND, *words], preload=False, timeout=timeout,
                                PAGEWARD_CONF=extra.pop("PAGEWARD_CONF", conf()), **extra)

    def record(self, name: str, *command: str, **extra: str):
        """Records a program, without the settings that a library of another build would need."""
        return self.pageward("record", "--library", PRELOAD, "-o", self.path(name), "--", *command,
                             **extra)

    def replay(self, name: str, *words: str) -> list[dict]:
        """Returns the runs of a replay."""
        done = self.pageward("sim", self.path(name), "--json", *words)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)["runs"]

    def counts_of(self, run: dict) -> dict[str, int]:
        """Returns what is not zero of a run's counts."""
        return {name: times for name, times in run["counts"].items() if times}

    def quantity(self, run: dict, name: str) -> float:
        return run["quantities"][name]["value"]

    def live_counts(self, report: str) -> dict[str, int]:
        """Returns the counts of a report of space:sim."""
        lines = re.findall(r"^  ([a-z-]+) +(\d+)$", report, re.MULTILINE)
        return {name: int(times) for name, times in lines}


class RecordTest(TrafficTest):
    def test_it_ends_as_the_program_does(self) -> None:
        for script, status in (("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 128 + 9),
                               ("kill -15 $$", 128 + 15)):
            with self.subTest(script=script):
                done = self.record("t", "/bin/sh", "-c", f"echo out; echo err >&2; {script}")
                self.assertEqual((done.returncode, done.stdout, done.stderr),
                                 (status, "out\n", "err\n"))
                run = self.replay("t")[0]
                self.assertGreater(self.counts_of(run)["fault"], 10)
                # The shell leaves without a word to anybody; nothing of its traffic is lost.
                self.assertIn("killed or left without a word", str(run["remarks"]))

    def test_what_cannot_be_run_is_told_as_env_tells_it(self) -> None:
        pathlib.Path(self.path("text")).write_text("text")
        for program, status in ((self.path("nothing"), 127), (self.path("text"), 126)):
            done = self.record("t", program)
            self.assertEqual(done.returncode, status)
            self.assertRegex(done.stderr, "^pageward: cannot run .*\n$")
        self.assertEqual(sorted(os.listdir(self.folder)), ["text"], "nothing is left behind")

    def test_where_nothing_can_be_written_nothing_is_run(self) -> None:
        for name in ("no/folder/t", ".", "a,b"):
            done = self.record(name, "/bin/echo", "out")
            self.assertEqual((done.returncode, done.stdout), (125, ""))
            self.assertRegex(done.stderr, "^pageward: -o: .*\n$")

    def test_a_program_without_a_trace_is_told(self) -> None:
        launch = pathlib.Path(COMMAND).parent / "bench/report/launch"  # Static, as it happens.
        if not launch.exists():
            self.skipTest("there is no static program in this build")
        done = self.record("t", str(launch))
        self.assertEqual(done.returncode, 125)
        self.assertIn("pageward: the program left no trace", done.stderr)
        self.assertEqual(os.listdir(self.folder), [])

    def test_an_older_trace_stays_until_there_is_a_new_one(self) -> None:
        pathlib.Path(self.path("t")).write_text("older")
        self.record("t", self.path("nothing"))
        self.assertEqual(pathlib.Path(self.path("t")).read_text(), "older")
        self.assertEqual(self.record("t", "/bin/true").returncode, 0)
        self.assertEqual(len(self.replay("t")), 1)

    def test_signals_are_handed_on(self) -> None:
        script = "trap 'echo got it; exit 3' TERM; echo ready; while :; do sleep 0.01; done"
        process = subprocess.Popen(
            [COMMAND, "record", "--library", PRELOAD, "-o", self.path("t"), "--", "/bin/sh", "-c",
             script], stdout=subprocess.PIPE, text=True, env=self.environment(False, {}))
        self.assertEqual(process.stdout.readline(), "ready\n")
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.communicate(timeout=60)[0], "got it\n")
        self.assertEqual(process.returncode, 3)

    def test_with_a_mark_each_process_has_a_trace(self) -> None:
        done = self.record("t-%p", "/bin/sh", "-c", "/bin/true; /bin/echo out; exit 0")
        self.assertEqual((done.returncode, done.stdout), (0, "out\n"))
        names = os.listdir(self.folder)
        self.assertEqual(len(names), 3, names)
        for name in names:
            self.replay(name)

    def test_a_program_that_a_recorded_one_starts_is_not_recorded(self) -> None:
        done = self.record("t", "/bin/sh", "-c", "/bin/true; /bin/true; exit 0")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn(b"sh\0", pathlib.Path(self.path("t")).read_bytes()[40:104])

    def test_a_program_that_replaces_a_recorded_one_is_recorded(self) -> None:
        done = self.record("t", "/usr/bin/env", "A=1", "/bin/echo", "out")
        self.assertEqual((done.returncode, done.stdout), (0, "out\n"))
        self.assertIn(b"echo\0", pathlib.Path(self.path("t")).read_bytes()[40:104])

    # A child of fork(2) is a copy; what it does is not in the trace of its parent.
    def test_forks_record_nothing(self) -> None:
        done = self.record("t", self.our("forking"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.replay("t")

    def test_a_recording_that_cannot_be_is_one_line_and_the_program_runs(self) -> None:
        done = self.run_program(["/bin/echo", "out"],
                                PAGEWARD_CONF=conf(f"record:{self.path('no/folder')}"))
        self.assertEqual((done.returncode, done.stdout), (0, "out\n"))
        self.assertEqual(done.stderr, f"pageward: nothing is recorded: can't be written: "
                         f"{self.path('no/folder')}\n")

    def test_a_full_recording_is_told_and_the_program_runs(self) -> None:
        done = self.run_program(["/bin/sh", "-c", "ulimit -f 0; exec /bin/echo out"],
                                PAGEWARD_CONF=conf(f"record:{self.path('t-%p')}"))
        self.assertEqual((done.returncode, done.stdout), (0, "out\n"))
        self.assertRegex(done.stderr, "^pageward: nothing is recorded: ")

    def test_a_program_that_closes_all_it_has_ends_its_trace_and_runs(self) -> None:
        python = self.need("/usr/bin/python3")
        other = self.path("other")
        script = ("import os; os.closerange(3, 1000); "
                  f"files = [os.open({other!r}, os.O_WRONLY | os.O_CREAT) for _ in range(300)]; "
                  "data = [bytearray(5000 * i) for i in range(300)]; print(len(data))")
        done = self.run_program([python, "-c", script],
                                PAGEWARD_CONF=conf(f"record:{self.path('t')}"))
        self.assertEqual((done.returncode, done.stdout), (0, "300\n"))
        self.assertEqual(os.path.getsize(other), 0)


class ReplayTest(TrafficTest):
    # Spec: T128
    def test_programs_replay_under_every_policy_with_the_same_outcomes(self) -> None:
        programs = {
            "sqlite3": [self.need("sqlite3"), ":memory:", SQL],
            "python3": [self.need("/usr/bin/python3"), "-c", PYTHON],
        }
        for name, command in programs.items():
            with self.subTest(program=name):
                done = self.record(name, *command)
                plain = self.run_program(command, preload=False)
                self.assertEqual((done.returncode, done.stdout), (0, plain.stdout), done.stderr)
                # The command itself refuses to report runs that differ.
                runs = self.replay(name, "--conversion", "all", "--ptp", "all", "--window", "all")
                self.assertEqual(len(runs), 18)
                for quantity in ("requests-allocated", "requests-refused", "requests-over-limit"):
                    self.assertEqual(len({self.quantity(run, quantity) for run in runs}), 1)
                self.assertEqual(self.quantity(runs[0], "requests-over-limit"), 0)
                self.assertGreater(len({self.counts_of(run)["table-write"] for run in runs}), 1)

    # Spec: T128
    def test_a_server_replays(self) -> None:
        server, load = self.need("redis-server"), self.need("redis-benchmark")
        socket = self.path("socket")
        with subprocess.Popen(
                [COMMAND, "record", "--library", PRELOAD, "-o", self.path("redis"), "--", server,
                 "--port", "0", "--unixsocket", socket, "--save", "", "--loglevel", "warning"],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                env=self.environment(False, {"PAGEWARD_CONF": conf()}), cwd=self.folder) as process:
            end = time.monotonic() + 30
            while not os.path.exists(socket) and time.monotonic() < end:
                time.sleep(0.01)
            done = self.run_program([load, "-s", socket, "-n", "5000", "-r", "1000", "-d", "500",
                                     "-t", "set,lpush", "-q"], preload=False)
            process.send_signal(signal.SIGTERM)
            self.assertEqual(process.wait(timeout=60), 0)
        self.assertEqual(done.returncode, 0, done.stderr)
        runs = self.replay("redis", "--conversion", "all")
        self.assertEqual([self.quantity(run, "requests-over-limit") for run in runs], [0, 0, 0])
        self.assertGreater(self.quantity(runs[0], "requests-allocated"), 10)

    def test_what_is_no_whole_trace_is_refused_in_one_line(self) -> None:
        self.assertEqual(self.record("t", "/bin/true").returncode, 0)
        whole = pathlib.Path(self.path("t")).read_bytes()
        damaged = bytearray(whole)
        damaged[150] ^= 1
        newer = bytearray(whole)
        newer[8:12] = struct.pack("<I", 2)
        for name, content in (("cut", whole[:-1]), ("shorter", whole[:len(whole) // 2]),
                              ("empty", b""), ("text", b"#!/bin/sh\n" * 100), ("newer", newer),
                              ("damaged", damaged), ("longer", whole + whole)):
            with self.subTest(name=name):
                pathlib.Path(self.path(name)).write_bytes(content)
                done = self.pageward("sim", self.path(name), "-o", self.path("out"))
                self.assertEqual((done.returncode, done.stdout), (2, ""))
                self.assertRegex(done.stderr, "^pageward: [^\n]*\n$")
                self.assertIn(name, done.stderr)
                shutil.rmtree(self.path("out"), ignore_errors=True)

    def test_too_little_ram_fails_the_same_requests_everywhere_and_is_told(self) -> None:
        python = self.need("/usr/bin/python3")
        self.record("t", python, "-c", "x = [bytes(100000) for _ in range(400)]; print(len(x))")
        runs = self.replay("t", "--ram", "64M", "--conversion", "all")
        over = {self.quantity(run, "requests-over-limit") for run in runs}
        self.assertEqual(len(over), 1)
        self.assertGreater(over.pop(), 0)
        self.assertIn("half of --ram", str(runs[0]["remarks"]))


class LiveTest(TrafficTest):
    def mirrored(self, *command: str):
        return self.run_program(command, timeout=100,
                                PAGEWARD_CONF=conf("space:sim", f"record:{self.path('t')}"))

    # Spec: U43
    def test_output_is_the_same_and_counts_are_those_of_the_trace_replayed(self) -> None:
        programs = {
            "echo": ["/bin/echo", "hello"],
            "sqlite3": [self.need("sqlite3"), ":memory:", SQL],
            "python3": [self.need("/usr/bin/python3"), "-c", PYTHON],
        }
        for name, command in programs.items():
            with self.subTest(program=name):
                plain = self.run_program(command, preload=False)
                live = self.mirrored(*command)
                self.assertEqual((live.returncode, live.stdout), (0, plain.stdout))
                self.assertIn(f"pageward: simulated kernel of {name}", live.stderr)
                replayed = self.counts_of(self.replay("t")[0])
                self.assertEqual(self.live_counts(live.stderr), replayed)
                self.assertGreater(replayed["fault"], 50)

    # Spec: U43
    def test_of_a_deterministic_program_another_run_may_be_the_recorded_one(self) -> None:
        # Without addresses that differ from run to run, one thread asks for the same each time.
        fixed = [self.need("setarch"), "-R"]
        command = [*fixed, self.need("sqlite3"), ":memory:", SQL]
        settings = conf("arenas:1")
        live = self.run_program(command, timeout=100, PAGEWARD_CONF=settings + ",space:sim")
        self.assertEqual(self.record("t", *command, PAGEWARD_CONF=settings).returncode, 0)
        report = live.stderr[live.stderr.index("simulated kernel of sqlite3"):]
        self.assertEqual(self.live_counts(report), self.counts_of(self.replay("t")[0]))

    def test_a_child_that_ends_without_exec_reports_nothing(self) -> None:
        live = self.run_program([self.our("forking")], PAGEWARD_CONF=conf("space:sim"))
        self.assertEqual(live.returncode, 0, live.stderr)
        self.assertEqual(live.stderr.count("simulated kernel of forking"), 1)

    def test_without_addresses_for_it_the_program_runs(self) -> None:
        live = self.run_program(["/bin/sh", "-c", "ulimit -v 4000000; exec /bin/echo out"],
                                PAGEWARD_CONF=conf("space:sim"))
        self.assertEqual((live.returncode, live.stdout), (0, "out\n"))
        self.assertIn("pageward: no simulated kernel: ", live.stderr)


if __name__ == "__main__":
    main()
