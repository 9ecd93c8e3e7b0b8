"""Running programs under the preload library, for the tests beside this file.

PAGEWARD_PRELOAD names the library and PAGEWARD_PROGRAMS the folder of our own programs; CMake sets
both.
"""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys
import unittest
from typing import Mapping, Optional, Sequence

PRELOAD = os.environ["PAGEWARD_PRELOAD"]
PROGRAMS = pathlib.Path(os.environ["PAGEWARD_PROGRAMS"])
# What the whole run was started with: `PAGEWARD_CONF=pku:off ctest` tests every program that way.
BASE_CONF = os.environ.get("PAGEWARD_CONF", "")


def conf(*settings: str) -> str:
    """Returns the settings of this run and `settings` on top."""
    return ",".join(setting for setting in (BASE_CONF, *settings) if setting)


class PreloadTest(unittest.TestCase):
    """A test case that runs programs with and without the library."""

    def environment(self, preload: bool, extra: Mapping[str, str]) -> dict[str, str]:
        names = ("LD_PRELOAD", "PAGEWARD_CONF", "MALLOC_CONF")
        environment = {k: v for k, v in os.environ.items() if k not in names}
        if preload:
            environment["LD_PRELOAD"] = PRELOAD
            if BASE_CONF:
                environment["PAGEWARD_CONF"] = BASE_CONF
        environment.update(extra)
        return environment

    def run_program(self, command: Sequence[str], preload: bool = True,
                    stdin: Optional[str] = None, timeout: float = 60,
                    **extra: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([str(word) for word in command], input=stdin, text=True,
                              capture_output=True, timeout=timeout,
                              env=self.environment(preload, extra))

    def our(self, name: str) -> str:
        """Returns the path of one of our own programs."""
        return str(PROGRAMS / name)

    def need(self, program: str) -> str:
        """Returns the path of `program`, or skips the test with the reason."""
        path = shutil.which(program)
        if path is None:
            self.skipTest(f"{program} is not installed")
        return path

    def need_program(self, path: str) -> None:
        """Skips the test if one of our own programs was left out, for lack of what it needs."""
        if not os.path.exists(path):
            self.skipTest(f"{os.path.basename(path)} is not built: its library is not installed")

    def assert_same_output(self, command: Sequence[str], stdin: Optional[str] = None,
                           timeout: float = 60, **extra: str) -> subprocess.CompletedProcess[str]:
        """Runs `command` both ways and compares output and exit status."""
        plain = self.run_program(command, preload=False, stdin=stdin, timeout=timeout)
        loaded = self.run_program(command, stdin=stdin, timeout=timeout, **extra)
        self.assertEqual(loaded.stdout, plain.stdout)
        self.assertEqual(loaded.stderr, plain.stderr)
        self.assertEqual(loaded.returncode, plain.returncode)
        return loaded

    def assert_dies(self, command: Sequence[str], pattern: str, **extra: str) -> None:
        """Runs `command` and expects one line of report that matches, and a death by a signal."""
        died = self.run_program(command, **extra)
        self.assertLess(died.returncode, 0, died.stdout + died.stderr)
        self.assertNotIn("survived", died.stdout)
        reports = [line for line in died.stderr.splitlines() if line.startswith("pageward: ")]
        self.assertEqual(len(reports), 1, died.stderr)
        self.assertRegex(reports[0], pattern)


def main() -> None:
    """Runs the cases named on the command line, or all. Exits with 77 if every one was skipped."""
    program = unittest.main(exit=False)
    result = program.result
    for case, reason in result.skipped:
        print(f"skipped: {case.id()}: {reason}")
    if result.wasSuccessful() and result.testsRun == len(result.skipped):
        sys.exit(77)
    sys.exit(0 if result.wasSuccessful() else 1)
