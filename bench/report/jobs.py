"""What a case runs: one program, measured from start to end, whose output must be right."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Iterator, Mapping, Protocol

from report.launcher import Launch, Usage
from report.locate import require_program
from report.vocabulary import RunFailed, UsageError

PROJECT = Path(__file__).resolve().parents[2]
LAUNCHER = "bench/report/launch"
LIMIT_S = 120


@dataclass(frozen=True)
class Sample:
    """One run of a job: what it cost, and what it produced."""

    usage: Usage
    # Equal for all variants; the text is shown if it is not.
    output: str
    # Further figures, by metric: value and unit.
    extra: Mapping[str, tuple[float, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Site:
    """Where a job runs."""

    build: Path
    is_quick: bool

    @property
    def launcher(self) -> Path:
        return self.build / LAUNCHER


class Job(Protocol):
    """Something that can be run again and again under different heaps."""

    def check(self, site: Site) -> None:
        """Raises UsageError if a program that the job needs is missing."""

    def run(self, site: Site, environment: Mapping[str, str]) -> Sample:
        """Runs once. Raises RunFailed if that does not work out."""


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder of its own for one run. Short, because a socket may have to fit into its path."""
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


@dataclass(frozen=True)
class WorkloadJob:
    """A program of bench/workload/. Its one line of output is the result."""

    program: str
    arguments: tuple[str, ...] = ()
    quick_arguments: tuple[str, ...] = ()

    def _path(self, site: Site) -> Path:
        return site.build / "bench" / "workload" / f"workload_{self.program}"

    def check(self, site: Site) -> None:
        if not self._path(site).exists():
            raise UsageError(f"{self._path(site)} is not built")

    def run(self, site: Site, environment: Mapping[str, str]) -> Sample:
        arguments = self.quick_arguments if site.is_quick else self.arguments
        command = [str(self._path(site)), *arguments]
        with scratch_folder() as folder:
            with Launch(site.launcher, command, environment, folder, LIMIT_S) as launch:
                usage = launch.wait()
                return Sample(usage, launch.output().decode(errors="replace").strip())


@dataclass(frozen=True)
class ProgramJob:
    """An installed program with inputs from bench/workload/."""

    program: str
    package: str
    arguments: tuple[str, ...]
    quick_arguments: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    # Files that it leaves behind, which count as output beside stdout.
    products: tuple[str, ...] = ()

    def check(self, site: Site) -> None:
        require_program(self.program, self.package)

    def run(self, site: Site, environment: Mapping[str, str]) -> Sample:
        arguments = self.quick_arguments if site.is_quick else self.arguments
        command = [require_program(self.program, self.package), *arguments]
        with scratch_folder() as folder:
            together = {**environment, **self.environment}
            with Launch(site.launcher, command, together, folder, LIMIT_S) as launch:
                usage = launch.wait()
                products = b"".join((folder / name).read_bytes() for name in self.products)
                output = launch.output() + products
        if not output:
            raise RunFailed("printed nothing")
        return Sample(usage, digest(output))


def input_file(name: str) -> str:
    """Returns the path of an input of a whole program."""
    return str(PROJECT / "bench" / "workload" / "programs" / name)
