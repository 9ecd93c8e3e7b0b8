"""Where libraries and programs are, and which Debian package brings what is not there."""

from __future__ import annotations

import glob
import os
import platform
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from report.vocabulary import UsageError

# Debian's own programs come before whatever else a PATH may put in front of them.
PROGRAM_FOLDERS = ("/usr/bin", "/bin", "/usr/sbin", "/sbin", "/usr/local/bin")


def library_folders() -> list[str]:
    """Returns the places where Debian and others put shared libraries."""
    machine = platform.machine()
    return [
        f"/usr/lib/{machine}-linux-gnu",
        f"/lib/{machine}-linux-gnu",
        "/usr/lib64",
        "/usr/lib",
        "/lib64",
        "/lib",
        "/usr/local/lib",
    ]


@cache
def loader_cache() -> dict[str, str]:
    """Returns what the dynamic loader knows: paths by the name of the library."""
    program = find_program("ldconfig")
    if program is None:
        return {}
    done = subprocess.run([program, "-p"], capture_output=True, text=True)
    known: dict[str, str] = {}
    for line in done.stdout.splitlines():
        # libc.so.6 (libc6,x86-64) => /lib/x86_64-linux-gnu/libc.so.6
        found = re.match(r"\s*(\S+) \(([^)]*)\) => (\S+)", line)
        is_ours = found and (platform.machine() != "x86_64" or "x86-64" in found.group(2))
        if found and is_ours:
            known.setdefault(found.group(1), found.group(3))
    return known


def find_program(name: str) -> str | None:
    """Returns the path of a program, or nothing."""
    folders = os.pathsep.join(PROGRAM_FOLDERS)
    return shutil.which(name, path=folders) or shutil.which(name)


def require_program(name: str, package: str) -> str:
    """Returns the path of a program; raises UsageError with the package to install."""
    path = find_program(name)
    if path is None:
        raise UsageError(f"{name} is not installed; install Debian's {package}")
    return path


def version_of(path: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", path))


@dataclass(frozen=True)
class Library:
    """A shared library to preload."""

    # What stands in the loader's cache, or the end of `patterns`.
    name: str
    # What to do if it is not there.
    remedy: str
    patterns: tuple[str, ...] = ()
    # Relative to the build folder, for what this project builds.
    built: str = ""

    def find(self, build: Path) -> Path | None:
        """Returns where the library is, or nothing."""
        if self.built:
            path = build / self.built
            return path if path.exists() else None
        candidates = [loader_cache().get(self.name, "")]
        candidates += [f"{folder}/{self.name}" for folder in library_folders()]
        for pattern in self.patterns:
            candidates += sorted(glob.glob(pattern), key=version_of, reverse=True)
        return next((Path(path) for path in candidates if path and Path(path).exists()), None)
