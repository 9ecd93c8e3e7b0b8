"""What the heap decides by is written inside its gate only.

Most of it needs a processor with protection keys: tests/keys runs it on an emulated one.
"""

import os
import re
import unittest

from harness import BASE_CONF, PreloadTest, conf, main

HAS_KEYS = "ospke" in open("/proc/cpuinfo", encoding="ascii").read().split()
USES_KEYS = HAS_KEYS and "pku:off" not in BASE_CONF
# Preload libraries whose gate does not do what it should.
WRONG_GATES = os.environ.get("PAGEWARD_WRONG_GATES", "")

GATE = re.compile(r"^  gate +opened (\d+) times; (\d+) ungated writes, (\d+) repairs$", re.MULTILINE)
CLOSED = re.compile(r"^  closed metadata +(\d+) pages in tables, (\d+) of jemalloc's, "
                    r"(\d+) of data, key (\d+)$", re.MULTILINE)
OPEN = re.compile(r"left open +thread-local data, thread caches, \d+ pages of live objects' bytes")


class WithoutKeysTest(PreloadTest):
    def test_handlers_behave_as_without_the_library(self) -> None:
        for setting in ("pku:off", "profile:off"):
            with self.subTest(setting=setting):
                self.assert_same_output([self.our("handlers")], PAGEWARD_CONF=conf(setting))

    # Spec: U9
    def test_without_keys_metadata_is_open_and_a_requirement_refuses(self) -> None:
        done = self.run_program(["/bin/echo", "hello"], PAGEWARD_CONF=conf("pku:off", "report:exit"))
        self.assertEqual((done.returncode, done.stdout), (0, "hello\n"))
        self.assertIn("metadata: off", done.stderr)
        self.assertNotIn("closed metadata", done.stderr)
        done = self.run_program(["/bin/echo"], PAGEWARD_CONF=conf("pku:off", "require:metadata=pku"))
        self.assertEqual(done.returncode, 78)
        self.assertIn("metadata=pku is not met: here it is off", done.stderr)


@unittest.skipUnless(USES_KEYS, "no protection keys on this machine")
class ClosedMetadataTest(PreloadTest):
    def key(self) -> str:
        """Returns the key of the metadata, which is the same for every program."""
        done = self.run_program(["/bin/true"], PAGEWARD_CONF=conf("report:exit"))
        return CLOSED.search(done.stderr).group(4)

    def walk(self, **extra: str):
        return self.run_program([self.our("metadata_walk"), self.key()],
                                PAGEWARD_CONF=conf("report:exit", "require:metadata=pku"), **extra)

    def is_closed_throughout(self, done) -> bool:
        """Whether every page was tried by every thread, refused, and counted by the heap itself."""
        printed = re.fullmatch(r"pages (\d+) denied (\d+) threads (\d+)\n", done.stdout)
        counted = CLOSED.search(done.stderr)
        if done.returncode != 0 or not printed or not counted:
            return False
        pages, denied, threads = map(int, printed.groups())
        return (pages == sum(map(int, counted.groups()[:3])) and pages > 2500
                and denied == pages * threads and threads == 4)

    # Spec: U11
    def test_no_thread_can_write_a_page_of_it(self) -> None:
        for extra in ({}, {"MALLOC_CONF": "background_thread:true,dirty_decay_ms:10"}):
            with self.subTest(extra=extra):
                done = self.walk(**extra)
                self.assertTrue(self.is_closed_throughout(done), done.stdout + done.stderr)
                residue = OPEN.search(done.stderr)
                self.assertTrue(residue, done.stderr)
                print(f"walk: {done.stdout.strip()}; {residue.group()}")

    def openings(self, kind: str, count: int) -> int:
        done = self.run_program([self.our("operations"), kind, str(count)],
                                PAGEWARD_CONF=conf("report:exit"),
                                MALLOC_CONF="dirty_decay_ms:-1,muzzy_decay_ms:-1")
        self.assertEqual(done.returncode, 0, done.stderr)
        return int(GATE.search(done.stderr).group(1))

    # Spec: U12
    def test_a_call_opens_the_gate_once_or_not_at_all(self) -> None:
        # What a thread cache answers opens nothing; each other kind is two calls.
        for kind, calls in (("small", 0), ("cached", 0), ("large", 2), ("zeroed", 2), ("grown", 2),
                            ("aligned", 2)):
            with self.subTest(kind=kind):
                opened = self.openings(kind, 1000) - self.openings(kind, 0)
                self.assertLessEqual(opened, calls * 1000)
                print(f"openings: {kind} {opened} in 1000 rounds")

    # Spec: U14
    def test_a_gate_that_is_wrong_is_noticed(self) -> None:
        for name in ("gate_swapped", "gate_left_open"):
            with self.subTest(name=name):
                done = self.walk(LD_PRELOAD=f"{WRONG_GATES}/{name}.so")
                self.assertFalse(self.is_closed_throughout(done), done.stdout)

    # Spec: U16
    def test_a_write_to_it_dies_with_a_report(self) -> None:
        # By a stray pointer, by running off the end of open memory, and by free() itself.
        for way in ("write", "overflow", "cache"):
            with self.subTest(way=way):
                self.assert_dies(
                    [self.our("metadata_walk"), self.key(), way],
                    r"^pageward: write to metadata: write of 0x[0-9a-f]+, \d+ bytes into (the "
                    r"|jemalloc's )[a-zA-Z .']+; protection key \d+ is closed .* "
                    r"\(code at 0x[0-9a-f]+, thread \d+\)$")

    def test_a_pointer_that_leaves_a_forged_cache_is_looked_up(self) -> None:
        self.assert_dies([self.our("metadata_walk"), self.key(), "slot"],
                         r"^pageward: foreign pointer: 0x[0-9a-f]+ ")

    def test_the_heap_writes_no_answer_where_its_caller_could_not(self) -> None:
        for way in ("mallctl", "mib", "name", "length", "stats"):
            with self.subTest(way=way):
                self.assert_dies([self.our("metadata_walk"), self.key(), way],
                                 r"^pageward: write to metadata: ")


@unittest.skipUnless(USES_KEYS, "no protection keys on this machine")
class SealedMetadataTest(PreloadTest):
    def setUp(self) -> None:
        done = self.run_program(["/bin/true"], PAGEWARD_CONF=conf("report:exit,profile:strict"))
        self.key = CLOSED.search(done.stderr).group(4)
        self.is_sealed = "metadata: sealed" in done.stderr
        release = tuple(int(part) for part in os.uname().release.split(".")[:2])
        if release < (6, 10):
            self.assertIn("metadata: pku", done.stderr)
            self.skipTest("this kernel has no mseal (Linux 6.10)")

    def assert_refused(self, *words: str, setting: str) -> None:
        done = self.run_program([self.our("change_mappings"), self.key, *words],
                                PAGEWARD_CONF=conf(setting))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        print(f"{setting}: {done.stdout.strip()}")

    def test_in_strict_no_mapping_of_it_can_be_changed(self) -> None:
        self.assertTrue(self.is_sealed)
        self.assert_refused(setting="profile:strict")

    def test_a_requirement_has_it_sealed(self) -> None:
        self.assert_refused(setting="require:metadata=sealed")

    def test_the_data_of_the_library_is_sealed_always(self) -> None:
        done = self.run_program(["/bin/true"], PAGEWARD_CONF=conf("report:exit"))
        self.assertIn("metadata: pku", done.stderr)
        self.assert_refused("data", setting="")

    def test_where_data_is_limited_it_is_closed_and_not_sealed(self) -> None:
        done = self.run_program(["/bin/sh", "-c", "ulimit -d 4000000; exec /bin/true"],
                                PAGEWARD_CONF=conf("report:exit,profile:strict"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("metadata: pku", done.stderr)


@unittest.skipUnless(USES_KEYS, "no protection keys on this machine")
class UngatedWriteTest(PreloadTest):
    def has_none(self, command, timeout: float = 100, may_repair: bool = False, **extra: str):
        """Runs `command` and expects every process of it to have written inside the gate only.

        Nor may a thread have lost its rights, unless that is what the command is for.
        """
        plain = self.run_program(command, preload=False, timeout=timeout)
        done = self.run_program(command, timeout=timeout,
                                PAGEWARD_CONF=conf("report:exit", "require:metadata=pku"), **extra)
        self.assertEqual((done.returncode, done.stdout), (plain.returncode, plain.stdout),
                         done.stderr)
        gates = [tuple(map(int, found)) for found in GATE.findall(done.stderr)]
        self.assertTrue(gates, done.stderr)
        self.assertTrue(all(ungated == 0 for _, ungated, _ in gates), done.stderr)
        self.assertTrue(all(opened > 0 for opened, _, _ in gates), done.stderr)
        self.assertTrue(may_repair or all(repairs == 0 for _, _, repairs in gates), done.stderr)
        return done

    def test_programs_of_our_own(self) -> None:
        for name in ("forking", "cxx_rules", "early_and_late", "handlers"):
            with self.subTest(name=name):
                self.has_none([self.our(name)])

    # Spec: T74, T75
    def test_lost_rights_are_given_back_for_reading(self) -> None:
        done = self.has_none([self.our("lost_rights")], may_repair=True)
        # Once for each way to lose them.
        self.assertEqual(GATE.search(done.stderr).group(3), "3", done.stderr)

    def test_every_entry_point(self) -> None:
        for name in ("api_rules", "jemalloc_rules"):  # Not what glibc's own heap keeps to.
            with self.subTest(name=name):
                done = self.run_program([self.our(name)], PAGEWARD_CONF=conf("report:exit"))
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                self.assertEqual(GATE.search(done.stderr).group(2), "0")

    def test_background_threads_statistics_and_exit(self) -> None:
        self.has_none([self.our("forking")],
                      MALLOC_CONF="background_thread:true,dirty_decay_ms:10")
        done = self.run_program(["/bin/true"], PAGEWARD_CONF=conf("report:exit"),
                                MALLOC_CONF="stats_print:true,background_thread:true")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("End jemalloc statistics", done.stderr)

    def test_python_with_threads_and_processes(self) -> None:
        program = ("import json, subprocess, threading\n"
                   "def work():\n"
                   "    for i in range(40):\n"
                   "        json.loads(json.dumps({str(k): list(range(k)) for k in range(60)}))\n"
                   "threads = [threading.Thread(target=work) for _ in range(4)]\n"
                   "[thread.start() for thread in threads]\n"
                   "[thread.join() for thread in threads]\n"
                   "print(subprocess.run(['/bin/echo', 'hi'], capture_output=True).stdout)\n")
        for extra in ({}, {"PYTHONMALLOC": "malloc"}):
            with self.subTest(extra=extra):
                self.has_none([self.need("python3"), "-c", program], **extra)

    def test_sqlite(self) -> None:
        self.has_none([self.need("sqlite3"), ":memory:",
                       "create table t(a, b);"
                       "with recursive c(x) as (select 1 union all select x + 1 from c where"
                       " x < 20000) insert into t select x, hex(x * x) from c;"
                       "create index i on t(b); select count(*), max(b) from t;"])

    def test_a_shell_with_traps_and_pipes(self) -> None:
        self.has_none([self.need("bash"), "-c",
                       "trap 'echo got' USR1; for i in 1 2 3; do x=$(echo $i | cat); echo $x; done;"
                       " kill -USR1 $$; (exit 3); echo $?"])


if __name__ == "__main__":
    main()
