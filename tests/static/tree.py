"""What every check of this folder needs: the project's files, and one way to end.

A check is a function from a Tree to Findings. Run as a program it looks at the project; the tests
in planted/ run the same function over small trees with a violation planted in them.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Iterable, NoReturn

PROJECT = Path(__file__).resolve().parents[2]
SKIPPED = 77  # SKIP_RETURN_CODE of pw_python_test
GENERATED_FOLDERS = {".git", "build", "install", "__pycache__"}
CODE = (".h", ".cc", ".c")


@dataclass(frozen=True, order=True)
class Finding:
    """One thing that is wrong, at a place that an editor can jump to. Line 0 is the whole file."""

    path: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


class Skip(Exception):
    """The check cannot say anything here; the text is the reason."""


class Tree:
    """The files of a source tree, named relative to its root with forward slashes."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files = sorted(self._list())
        self._known = set(self.files)

    def _list(self) -> Iterable[str]:
        if (self.root / ".git").exists():
            # What a commit could hold. Others are build output, or somebody's work in progress.
            listed = git(self.root, "ls-files", "-z", "--cached")
            return {name for name in listed.split("\0") if name and (self.root / name).is_file()}
        return self._walk()

    def _walk(self) -> Iterable[str]:
        for folder, folders, names in os.walk(self.root):
            folders[:] = [name for name in folders if name not in GENERATED_FOLDERS]
            for name in names:
                yield (Path(folder) / name).relative_to(self.root).as_posix()

    def matching(self, suffixes: tuple[str, ...], under: tuple[str, ...] = ("",)) -> list[str]:
        """Returns the files whose name ends in one of `suffixes`, in one of the folders `under`."""
        return [name for name in self.files if name.endswith(suffixes) and name.startswith(under)]

    def has(self, name: str) -> bool:
        """Returns whether `name` is a file of the tree, or a folder with one in it."""
        name = name.rstrip("/")
        return name in self._known or any(file.startswith(name + "/") for file in self.files)

    def text(self, name: str) -> str:
        """Returns the contents of a file, or nothing if it is binary or not there."""
        try:
            data = (self.root / name).read_bytes()
        except OSError:
            return ""
        return "" if b"\0" in data else data.decode("utf-8", errors="replace")

    def lines(self, name: str) -> list[tuple[int, str]]:
        """Returns the lines of a file with their numbers."""
        return list(enumerate(self.text(name).splitlines(), start=1))

    def table(self, name: str) -> dict[str, tuple[int, str]]:
        """Reads lines of the form `name: text` and returns, by name, the line and the text."""
        rows = {}
        for number, line in self.lines(name):
            key, colon, rest = line.partition(":")
            if colon and not line.startswith("#"):
                rows[key.strip()] = (number, rest.strip())
        return rows


Check = Callable[[Tree], Iterable[Finding]]


def git(root: Path, *arguments: str) -> str:
    """Runs git on the repository at `root`, whatever repository a calling hook belongs to."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    command = ["git", "-C", str(root), *arguments]
    return subprocess.run(
        command, check=True, capture_output=True, text=True, env=environment
    ).stdout


def line_of(text: str, offset: int) -> int:
    """Returns the number of the line that `offset` lies in."""
    return text.count("\n", 0, offset) + 1


def common_arguments(add_help: bool = False) -> argparse.ArgumentParser:
    """Returns the arguments of every check, as a parent for a parser with more."""
    parser = argparse.ArgumentParser(add_help=add_help)
    parser.add_argument("--root", type=Path, default=PROJECT, help="the tree to look at")
    return parser


def finish(check: Check, root: Path) -> NoReturn:
    """Runs `check` over the tree at `root` and exits with what it found."""
    try:
        findings = sorted(check(Tree(root)))
    except Skip as reason:
        print(f"skipped: {reason}")
        sys.exit(SKIPPED)
    for finding in findings:
        print(finding)
    sys.exit(1 if findings else 0)


def main(check: Check) -> NoReturn:
    """The program of a check that needs nothing but the tree."""
    finish(check, common_arguments(add_help=True).parse_args().root)
