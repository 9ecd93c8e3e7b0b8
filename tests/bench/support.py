"""What the tests of the harness share: its modules, the build folder, and jobs that misbehave."""

from __future__ import annotations

import os
import sys
import unittest
from pathlib import Path
from typing import Callable, Mapping, NoReturn

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / "bench"))

from report.jobs import Sample, Site  # noqa: E402
from report.launcher import Usage  # noqa: E402
from report.locate import Library  # noqa: E402
from report.variants import Variant  # noqa: E402

SKIPPED = 77  # SKIP_RETURN_CODE of pw_python_test


def build_folder() -> Path:
    """Returns the build that the tests look at, given by ctest."""
    return Path(os.environ["PAGEWARD_BUILD"])


def usage(cpu_s: float = 1.0, rss_mib: float = 10.0, foreign_s: float = 0.0) -> Usage:
    return Usage(1.0, cpu_s, 0.0, rss_mib, faults=1, foreign_s=foreign_s, cpus=1)


def variant(name: str, reads_malloc_conf: bool = False) -> Variant:
    """Returns a variant that any Debian has the library of, for jobs that do not run programs."""
    library = Library("libc.so.6", "")
    return Variant(name, library, {"NAME": name}, reads_malloc_conf=reads_malloc_conf)


class FakeJob:
    """A job that runs a function of the environment instead of a program."""

    def __init__(self, work: Callable[[Mapping[str, str]], Sample]) -> None:
        self._work = work
        self.environments: list[Mapping[str, str]] = []

    def check(self, site: Site) -> None:
        pass

    def run(self, site: Site, environment: Mapping[str, str]) -> Sample:
        self.environments.append(environment)
        return self._work(environment)


def main(skip_reason: str = "") -> NoReturn:
    """Runs the tests of the calling script, or says why not."""
    if skip_reason:
        print(f"skipped: {skip_reason}")
        sys.exit(SKIPPED)
    unittest.main(verbosity=1)
    sys.exit(0)
