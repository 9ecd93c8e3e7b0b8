"""Every program of bench/workload/ with little work: same result each time, bad arguments refused."""

from __future__ import annotations

import re
import subprocess
import unittest

import support
from report.figure_program import read_figures

# Little work, and the checksum that it has always had: another one means other work, so that
# figures from before and after could not be compared.
PATTERNS = {
    "churn_small": ("operations=2000 live=500", "f99ff671c21c6ec8"),
    "churn_mixed": ("operations=2000 live=500", "7db1e1e027bbefc3"),
    "batch_fifo": ("batches=2 objects=1000", "506595edd09ad8f4"),
    "realloc_growth": ("rounds=1 mib=1", "ee824cbdc65fd624"),
    "large_blocks": ("operations=3", "93ff6766bc452b17"),
    "producer_consumer": ("batches=40", "266af797c0746ccf"),
    "free_only": ("batches=40", "64e5a062b5c0f25d"),
    "server": ("generations=3 replacements=500 live=200", "2b220ca62c7d1d2f"),
    "thread_cycle": ("waves=70", "b599c9069b83a979"),
}
LINE = re.compile(r"^(\w+) checksum=([0-9a-f]{16}) operations=(\d+)\n$")


def run(program: str, arguments: str) -> subprocess.CompletedProcess[str]:
    path = support.build_folder() / "bench" / "workload" / f"workload_{program}"
    return subprocess.run([path, *arguments.split()], capture_output=True, text=True)


class WorkloadsTest(unittest.TestCase):
    def test_each_pattern_prints_its_checksum(self) -> None:
        for name, (arguments, checksum) in PATTERNS.items():
            with self.subTest(name):
                done = run(name, arguments)
                self.assertEqual(done.returncode, 0, done.stderr)
                line = LINE.match(done.stdout)
                assert line, done.stdout
                self.assertEqual(line.group(1), name)
                self.assertEqual(line.group(2), checksum)
                self.assertGreater(int(line.group(3)), 0)

    def test_other_work_has_another_checksum(self) -> None:
        more = run("churn_small", "operations=2001 live=500")
        self.assertEqual(more.returncode, 0, more.stderr)
        self.assertNotIn(PATTERNS["churn_small"][1], more.stdout)

    def test_an_argument_that_nobody_knows_is_refused(self) -> None:
        for arguments in ("operation=5", "operations=", "operations=-1", "operations=5x"):
            with self.subTest(arguments):
                done = run("churn_small", arguments)
                self.assertNotEqual(done.returncode, 0)
                self.assertTrue(done.stderr)

    def test_vma_churn_counts_mappings(self) -> None:
        done = run("vma_churn", "operations=2000 samples=5")
        self.assertEqual(done.returncode, 0, done.stderr)
        figures = read_figures(done.stdout)
        self.assertGreaterEqual(figures["vmas_max_total"][0], figures["vmas_end_total"][0])
        self.assertGreater(figures["vmas_end_memory"][0], 0)
        self.assertGreater(figures["vmas_end:file"][0], 0)
        self.assertEqual(figures["checksum"][0], 9414184967485)

    def test_a_pair_takes_some_time(self) -> None:
        done = run("pair64", "pairs=1000")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertGreater(read_figures(done.stdout)["pair64_ns"][0], 0)

    def test_which_heap_names_libc_without_a_preload(self) -> None:
        done = run("which_heap", "")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(done.stdout.splitlines()), 5)


if __name__ == "__main__":
    support.main()
