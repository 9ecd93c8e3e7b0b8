"""Reads the symbols and sections of object files, archives and shared libraries with binutils."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from typing import Iterator

from tree import Skip

SECTION_FILE = re.compile(r"^File: (.*)$")
SECTION = re.compile(r"^\s*\[\s*\d+\] (\.\S+)")
# Name, kind, and value and size where there are any. A demangled name has spaces.
SYMBOL = re.compile(r"^(.+?) ([A-Za-z?-])(?: [0-9a-f]+)*$")


@dataclass(frozen=True)
class Symbol:
    """One line of nm: where it is, its name, and its kind as nm's letter."""

    place: str
    name: str
    kind: str

    @property
    def is_import(self) -> bool:
        return self.kind in "Uwv"


def run(tool: str, *arguments: str) -> str:
    """Returns what a tool of binutils prints; skips if it is not installed."""
    if not shutil.which(tool):
        raise Skip(f"{tool} is not installed")
    return subprocess.run([tool, *arguments], check=True, capture_output=True, text=True).stdout


def symbols_of(files: list[str], *options: str) -> Iterator[Symbol]:
    """Yields the symbols of object files, archives or (with --dynamic) shared libraries."""
    for line in run("nm", "-A", "-P", *options, *files).splitlines():
        place, _, rest = line.partition(": ")
        found = SYMBOL.match(rest.strip())
        if found:
            yield Symbol(place.rsplit("/", 1)[-1], found.group(1), found.group(2))


def sections_of(files: list[str]) -> Iterator[tuple[str, str]]:
    """Yields the file and the name of each section."""
    place = files[0]
    for line in run("readelf", "--wide", "--section-headers", *files).splitlines():
        named = SECTION_FILE.match(line)
        if named:
            place = named.group(1)
        section = SECTION.match(line)
        if section:
            yield place.rsplit("/", 1)[-1], section.group(1)
