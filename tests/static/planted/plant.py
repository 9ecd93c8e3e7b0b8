"""A small tree with a violation planted in it, and what a check must say about that."""

from __future__ import annotations

import sys
import tempfile
import textwrap
import unittest
from pathlib import Path
from typing import Iterable

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tree import PROJECT, SKIPPED, Finding, Skip, Tree  # noqa: E402

__all__ = ["PROJECT", "Finding", "PlantedTest", "Skip", "Tree", "run"]


class PlantedTest(unittest.TestCase):
    """Makes trees, and compares findings with what they should begin with."""

    def plant(self, files: dict[str, str]) -> Tree:
        """Returns a tree of `files`, whose contents may be indented. It goes with the test."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        for name, text in files.items():
            path = Path(folder.name) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))
        return Tree(Path(folder.name))

    def assert_finds(self, findings: Iterable[Finding], *beginnings: str) -> None:
        """Fails unless there is one finding for each beginning, in order of place."""
        found = [str(finding) for finding in sorted(findings)]
        message = "\n".join(["found:", *found])
        self.assertEqual(len(found), len(beginnings), message)
        for said, beginning in zip(found, beginnings):
            self.assertTrue(said.startswith(beginning), f"expected: {beginning}\n{message}")


def run() -> None:
    """Runs the tests of the calling program; all skipped counts as skipped, not as passed."""
    result = unittest.main(exit=False).result
    if not result.wasSuccessful() or result.testsRun == 0:
        sys.exit(1)
    if result.testsRun == len(result.skipped):
        print("skipped:", *(reason for _, reason in result.skipped))
        sys.exit(SKIPPED)
