"""libpageward in a process with the preload library, and without."""

from __future__ import annotations

import unittest

import harness


class LibraryTest(harness.PreloadTest):
    # Spec: U42
    def test_alone_it_leaves_malloc_untouched(self) -> None:
        done = self.run_program([self.our("one_engine")], preload=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(done.stdout.splitlines(), [
            "malloc of libc.so.6", "engine of libpageward.s", "alloc of libpageward.s",
            "1 domains, 1 objects"])

    # Spec: U42
    def test_with_the_preload_library_there_is_one_engine(self) -> None:
        done = self.run_program([self.our("one_engine")])
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(done.stdout.splitlines(), [
            "malloc of libpageward-", "engine of libpageward-p", "alloc of libpageward.s",
            "1 domains, 1 objects"])

    def test_everything_works_under_the_preload_library_as_well(self) -> None:
        done = self.run_program([self.our("library"), "--gtest_brief=1"], timeout=250)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("PASSED", done.stdout)

    def test_a_requirement_that_is_not_met_refuses_domains(self) -> None:
        done = self.run_program([self.our("one_engine")], preload=False,
                                PAGEWARD_CONF="pku:off,require:domain=pku")
        self.assertEqual(done.returncode, 1)
        self.assertIn("the requirement for domains is not met", done.stderr)


if __name__ == "__main__":
    harness.main()
