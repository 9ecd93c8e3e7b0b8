"""Every option of the build is read somewhere and documented, and every option that is set exists.

Options stand in cmake/PagewardOptions.cmake and are documented in CONTRIBUTING.md. Those that wait
for their reader are in options.txt.
"""

from __future__ import annotations

import re
from typing import Iterator

from cmake_calls import calls_in, cmake_files
from tree import Finding, Tree, main

DEFINITIONS = "cmake/PagewardOptions.cmake"
DOCUMENT = "CONTRIBUTING.md"
PRESETS = "CMakePresets.json"
WAITING = "tests/static/options.txt"
READ = re.compile(r"\$\{(PAGEWARD_\w+)\}|\bif\s*\((?:NOT )?(PAGEWARD_\w+)")
SET = re.compile(r"-D\s*(PAGEWARD_\w+)|\"(PAGEWARD_\w+)\"\s*:")


def options_of(tree: Tree) -> dict[str, int]:
    """Returns the options with the lines that define them."""
    found = {}
    for call in calls_in(tree, DEFINITIONS):
        if call.name == "option" or (call.name == "set" and "CACHE" in call.words):
            if call.words[0].startswith("PAGEWARD_"):
                found[call.words[0]] = call.line
    return found


def options_read(tree: Tree) -> set[str]:
    found: set[str] = set()
    for path in cmake_files(tree):
        if path != DEFINITIONS:
            for line in tree.text(path).splitlines():
                names = READ.findall(line.partition("#")[0])
                found |= {name for groups in names for name in groups if name}
    return found


def check(tree: Tree) -> Iterator[Finding]:
    options = options_of(tree)
    read = options_read(tree)
    waiting = tree.table(WAITING)
    for name, line in options.items():
        if name not in read and name not in waiting:
            yield Finding(DEFINITIONS, line, f"nothing reads {name}")
        if f"`{name}`" not in tree.text(DOCUMENT):
            yield Finding(DEFINITIONS, line, f"{name} is not documented in {DOCUMENT}")
    for name, (line, reason) in waiting.items():
        if name not in options or name in read:
            yield Finding(WAITING, line, f"{name} is read by now or gone: remove the line")
        elif not reason:
            yield Finding(WAITING, line, f"{name} waits without a reason")
    for path in [PRESETS, *tree.matching((".md",))]:
        for number, text in tree.lines(path):
            for name in filter(None, (group for found in SET.findall(text) for group in found)):
                if name not in options:
                    yield Finding(path, number, f"there is no option {name}")


if __name__ == "__main__":
    main(check)
