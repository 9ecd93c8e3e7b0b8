"""A shared library exports exactly what its version script lists.

usage: exports_test.py LIBRARY MAP    compares the two
       exports_test.py                looks for version scripts that no test compares

A pattern in the script stands for at least one symbol.
"""

from __future__ import annotations

import argparse
import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Iterator

from object_files import symbols_of
from tree import Finding, Tree, common_arguments, finish, line_of

REGISTRATION = "tests/static/CMakeLists.txt"
COMMENT = re.compile(r"/\*.*?\*/|#[^\n]*", re.DOTALL)
NODE = re.compile(r"([\w.]+)?\s*\{(.*?)\}[^;]*;", re.DOTALL)
# Names as C++ writes them stand in quotes.
PART = re.compile(r'\b(global|local)\s*:|(?:"([^"]+)"|([^\s;"{}]+))\s*;')
CXX_PART = re.compile(r'extern\s+"C\+\+"\s*\{([^}]*)\}\s*;')


def blank(comment: "re.Match[str]") -> str:
    return re.sub(r"[^\n]", " ", comment.group())


def unwrap(part: "re.Match[str]") -> str:
    """Leaves the names of an extern "C++" part where they stand, and blanks what is around."""
    before, _, after = part.group().partition(part.group(1))
    return re.sub(r"[^\n]", " ", before) + part.group(1) + re.sub(r"[^\n]", " ", after)


def read_map(text: str) -> tuple[dict[str, tuple[int, str]], set[str]]:
    """Returns the exported patterns with their lines and versions, and the names of the nodes."""
    text = CXX_PART.sub(unwrap, COMMENT.sub(blank, text))
    patterns: dict[str, tuple[int, str]] = {}
    nodes = set()
    for node in NODE.finditer(text):
        version = node.group(1) or ""
        nodes.add(version)
        scope = "global"
        for part in PART.finditer(node.group(2)):
            if part.group(1):
                scope = part.group(1)
            elif scope == "global":
                line = line_of(text, node.start(2) + part.start())
                patterns[part.group(2) or part.group(3)] = (line, version)
    return patterns, nodes


def exported_by(library: str) -> dict[str, str]:
    """Returns the names that a library exports, with their versions."""
    symbols = symbols_of([library], "--dynamic", "--defined-only", "--demangle")
    names = (re.split("@@?", symbol.name) for symbol in symbols)
    return {name[0]: name[1] if len(name) > 1 else "" for name in names}


def is_named(name: str, pattern: str) -> bool:
    return name == pattern or fnmatchcase(name, pattern)


def compare(library: str, map_name: str, map_text: str) -> Iterator[Finding]:
    patterns, nodes = read_map(map_text)
    exported = {name: version for name, version in exported_by(library).items()
                if name not in nodes}
    for name, version in exported.items():
        if not any(is_named(name, pattern) for pattern in patterns):
            yield Finding(map_name, 0, f"{Path(library).name} exports {name}, which is not listed")
        elif name in patterns and patterns[name][1] != version:
            line, wanted = patterns[name]
            yield Finding(map_name, line, f"{name} has version '{version}', not '{wanted}'")
    for pattern, (line, _) in patterns.items():
        if not any(is_named(name, pattern) for name in exported):
            yield Finding(map_name, line, f"{Path(library).name} does not export {pattern}")


def check(tree: Tree) -> Iterator[Finding]:
    """Every version script of the tree is compared with a library by some test."""
    for path in tree.matching((".map",)):
        if path not in tree.text(REGISTRATION):
            yield Finding(path, 0, f"no pw_exports_test() in {REGISTRATION} reads it")


def program() -> None:
    parser = argparse.ArgumentParser(parents=[common_arguments()])
    parser.add_argument("library", nargs="?")
    parser.add_argument("map", nargs="?", type=Path)
    arguments = parser.parse_args()

    def check_exports(tree: Tree) -> Iterator[Finding]:
        if arguments.library is None:
            return check(tree)
        return compare(arguments.library, str(arguments.map), arguments.map.read_text())

    finish(check_exports, arguments.root)


if __name__ == "__main__":
    program()
