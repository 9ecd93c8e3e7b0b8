"""Every C and C++ file is laid out as .clang-format says.

Only clang-format 14 decides: other versions lay the same rules out differently.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import Iterator

from tree import CODE, Finding, Skip, Tree, main

VERSION = "14"
COMPLAINT = re.compile(r"^(.*?):(\d+):\d+: (?:error|warning): ", re.MULTILINE)


def find_formatter() -> str:
    """Returns the program to run; skips if there is none of the right version."""
    for name in (f"clang-format-{VERSION}", "clang-format"):
        program = shutil.which(name)
        if program:
            said = subprocess.run([program, "--version"], capture_output=True, text=True).stdout
            if f"version {VERSION}." in said:
                return program
    raise Skip(f"clang-format {VERSION} is not installed")


def check(tree: Tree) -> Iterator[Finding]:
    formatter = find_formatter()
    files = tree.matching(CODE)
    if not files:
        return
    command = [formatter, "--dry-run", "-Werror", "--style=file", *files]
    done = subprocess.run(command, cwd=tree.root, capture_output=True, text=True)
    complaints = {(path, int(line)) for path, line in COMPLAINT.findall(done.stderr)
                  if tree.has(path)}
    for path, line in complaints:
        yield Finding(path, line, "not as clang-format lays it out")
    if done.returncode != 0 and not complaints:
        yield Finding(".clang-format", 0, done.stderr.strip())


if __name__ == "__main__":
    main(check)
