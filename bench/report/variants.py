"""The heaps that are compared, and how a program is made to use one."""

from __future__ import annotations

import os
import platform
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Mapping

from report.locate import PROGRAM_FOLDERS, Library
from report.vocabulary import RunFailed, Selection, UsageError

WHICH_HEAP = "bench/workload/workload_which_heap"


@dataclass(frozen=True)
class Variant:
    """One heap."""

    name: str
    library: Library
    environment: Mapping[str, str] = field(default_factory=dict, hash=False)
    # Whether it reads MALLOC_CONF, so that the settings of a case mean something to it.
    reads_malloc_conf: bool = False

    def environment_for(self, build: Path) -> dict[str, str]:
        """Returns the environment that makes a program use this heap.

        Requires: the library is there.
        """
        path = self.library.find(build)
        assert path is not None
        # An absolute path: the program runs in another folder.
        return {**plain_environment(), "LD_PRELOAD": str(path.resolve()), **self.environment}


def plain_environment() -> dict[str, str]:
    """Returns an environment in which nothing of the caller's changes what is measured."""
    environment = {"PATH": os.pathsep.join(PROGRAM_FOLDERS), "LC_ALL": "C.UTF-8"}
    if "TMPDIR" in os.environ:
        environment["TMPDIR"] = os.environ["TMPDIR"]
    # Nobody's: the start-up files of a user are no part of the work.
    return {**environment, "HOME": "/nonexistent"}


def debian(library: str, package: str, *patterns: str) -> Library:
    return Library(library, f"install Debian's {package}", patterns)


def pageward(name: str, profile: str) -> Variant:
    file = "libpageward-preload.so"
    library = Library(file, "build it with the preset release", built=file)
    return Variant(name, library, {"PAGEWARD_CONF": f"profile:{profile}"}, reads_malloc_conf=True)


SCUDO = f"libclang_rt.scudo_standalone-{platform.machine()}.so"

# Libc is preloaded too: Debian's redis-server is linked with jemalloc, and only a preload that
# comes before it lets libc serve.
GLIBC = Variant("glibc", debian("libc.so.6", "libc6"))
JEMALLOC = Variant("jemalloc", debian("libjemalloc.so.2", "libjemalloc2"), reads_malloc_conf=True)
MIMALLOC = Variant("mimalloc", debian("libmimalloc.so.2", "libmimalloc2.0"))
TCMALLOC = Variant("tcmalloc", debian("libtcmalloc_minimal.so.4", "libtcmalloc-minimal4"))
SCUDO_VARIANT = Variant(
    "scudo",
    debian(SCUDO, "libclang-rt-14-dev", f"/usr/lib/llvm-*/lib/clang/*/lib/linux/{SCUDO}"),
)
PAGEWARD = pageward("pageward", "standard")
# A trace for each process, in the folder that the program runs in.
RECORDED = pageward("pageward-recorded", "standard,record:trace-%p")
PAGEWARD_STRICT = pageward("pageward-strict", "strict")

HEAPS = (JEMALLOC, GLIBC, MIMALLOC, TCMALLOC, SCUDO_VARIANT, PAGEWARD, PAGEWARD_STRICT)


def check_libraries(variants: list[Variant], build: Path) -> None:
    """Raises UsageError that names every library that is missing and what to do about it."""
    missing = [
        f"variant {variant.name}: {variant.library.name} is not there; {variant.library.remedy}"
        for variant in variants
        if variant.library.find(build) is None
    ]
    if missing:
        names = ",".join(variant.name for variant in variants if not variant.library.find(build))
        raise UsageError("\n".join([*missing, f"or leave them out: --without {names}"]))


def choose(
    variants: tuple[Variant, ...], reference: Variant, selection: Selection
) -> list[Variant]:
    """Returns the selected variants; the reference is always among them, and first."""
    chosen = [variant for variant in variants if selection.has_variant(variant.name)]
    if reference.name in selection.without:
        raise UsageError(f"{reference.name} is what all ratios refer to; it can't be left out")
    return [reference, *(variant for variant in chosen if variant is not reference)]


def check_heap(variant: Variant, build: Path) -> None:
    """Raises RunFailed if a program with this variant's environment uses another heap."""
    environment = variant.environment_for(build)
    program = build / WHICH_HEAP
    # What it writes goes with the folder.
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [program.resolve()], capture_output=True, text=True, env=environment, cwd=folder
        )
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        reason = f": {lines[-1]}" if lines else ""
        raise RunFailed(f"a program that does nothing fails with {done.returncode}{reason}")
    for line in done.stdout.splitlines():
        function, _, file = line.partition(" ")
        if not os.path.samefile(file, environment["LD_PRELOAD"]):
            raise RunFailed(f"{function} comes from {file} and not from {variant.library.name}")
