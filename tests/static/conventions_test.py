"""The conventions of headers, names and comments that a script can tell without compiling.

clang-format and clang-tidy see the rest; each rule here is one that neither of them has.
"""

from __future__ import annotations

import re
from typing import Iterator

from tree import CODE, Finding, Tree, main

OURS = ("runtime/", "hooks/", "include/")
SCRIPTS = (".py", ".sh", ".cmake", "CMakeLists.txt")
LICENCE = "Apache-2.0"  # What LICENSE holds; asserted below.

SNAKE_CASE = re.compile(r"^[a-z][a-z0-9_]*$")
# An owner, and what will be true when the note can go.
OWNED_NOTE = re.compile(r"TODO\([a-z][\w-]*\): \S+ \S+")
NOTE = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
NAMED_BOOLEAN = re.compile(r"/\*\s*\w+\s*=?\s*\*/\s*(true|false)\b|/\*\s*(true|false)\s*\*/")
SPDX = re.compile(r"SPDX-License-Identifier:\s*(\S+)")
DEFINE = re.compile(r"^\s*#\s*define\s+(\w+)")
NAMESPACE = re.compile(r"^namespace ([\w:]+) \{")
SUITE = re.compile(r"^(?:TYPED_)?TEST(?:_F|_P)?\((\w+), (\w+)\)")
DEATH = re.compile(r"\b(?:EXPECT|ASSERT)_(?:DEATH|EXIT)\b")
BENCHMARK = re.compile(r"^BENCHMARK(?:_\w+)?\((\w+)")


def check_opening(tree: Tree, path: str) -> Iterator[Finding]:
    """A header opens with a comment that says what it is for, then `#pragma once`."""
    words: list[str] = []
    for number, line in tree.lines(path):
        if line.startswith(("//", "/*", " *")):
            if not SPDX.search(line):
                words += line.strip("/* ").split()
        elif line.strip():
            if len(words) < 4:
                yield Finding(path, number, "no file comment that says what the header is for")
            if line != "#pragma once":
                yield Finding(path, number, "the file comment is not followed by #pragma once")
            return
    yield Finding(path, 0, "is empty")


def check_comments(tree: Tree, path: str) -> Iterator[Finding]:
    for number, line in tree.lines(path):
        note = NOTE.search(line)
        if note and not OWNED_NOTE.search(line):
            message = f"{note.group(1)} without TODO(owner): and the condition for its removal"
            yield Finding(path, number, message)
        if NAMED_BOOLEAN.search(line):
            yield Finding(path, number, "a boolean that needs a comment: take a two-valued enum")
        licence = SPDX.search(line)
        if licence and licence.group(1) != LICENCE:
            message = f"licence {licence.group(1)} in a tree under {LICENCE}"
            yield Finding(path, number, message)


def check_names(tree: Tree, path: str) -> Iterator[Finding]:
    """File, macro and namespace names of the runtime."""
    stem = path.rsplit("/", 1)[-1].rsplit(".", 1)[0]
    if not SNAKE_CASE.match(stem):
        yield Finding(path, 0, "file names are snake_case")
    layer = path.split("/")[1] if path.startswith("runtime/") else None
    own = "pageward" if layer == "core" else f"pageward::{layer}"
    for number, line in tree.lines(path):
        macro = DEFINE.match(line)
        if macro and path.endswith(".h") and not macro.group(1).startswith(("PW_", "PAGEWARD_")):
            yield Finding(path, number, f"macro {macro.group(1)} does not begin with PW_")
        space = NAMESPACE.match(line)
        if layer and space and space.group(1) not in (own, f"{own}::internal", "internal"):
            yield Finding(path, number, f"namespace {space.group(1)}; this layer's is {own}")


def check_tests(tree: Tree, path: str) -> Iterator[Finding]:
    suite = ""
    for number, line in tree.lines(path):
        test = SUITE.match(line)
        if test:
            suite = test.group(1)
            if not suite.endswith("Test"):
                message = f"suite {suite} does not end in Test or DeathTest"
                yield Finding(path, number, message)
        if DEATH.search(line) and suite and not suite.endswith("DeathTest"):
            # GoogleTest runs *DeathTest first, while there is one thread.
            yield Finding(path, number, f"a death in suite {suite}, whose name does not say so")
        benchmark = BENCHMARK.match(line)
        if benchmark and not benchmark.group(1).startswith("BM_"):
            yield Finding(path, number, f"benchmark {benchmark.group(1)} is not BM_...")


def check(tree: Tree) -> Iterator[Finding]:
    if "Apache License" not in tree.text("LICENSE"):
        yield Finding("LICENSE", 0, f"is not the text of {LICENCE}")
    for path in tree.matching((".h",), OURS):
        yield from check_opening(tree, path)
    for path in tree.matching(CODE, OURS):
        yield from check_names(tree, path)
    for path in tree.matching(CODE, ("tests/", "bench/")):
        yield from check_tests(tree, path)
    for path in tree.matching(CODE + SCRIPTS):
        if not path.startswith("tests/static/"):  # These name what they look for.
            yield from check_comments(tree, path)


if __name__ == "__main__":
    main(check)
