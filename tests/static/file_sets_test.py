"""Every header, source and test of ours is named by the CMake file that should build it.

A header outside a FILE_SET is never compiled on its own, and a test file that is in no list passes
for ever without having run.
"""

from __future__ import annotations

import posixpath
from typing import Iterator

from cmake_calls import calls_in, cmake_files
from tree import CODE, Finding, Tree, main

HEADER_FOLDERS = ("runtime/", "hooks/", "include/")


def listed_files(tree: Tree) -> tuple[set[str], set[str]]:
    """Returns the headers that are in a FILE_SET, and every file that any call names."""
    headers: set[str] = set()
    named: set[str] = set()
    for path in cmake_files(tree):
        folder = posixpath.dirname(path)

        def resolve(words: list[str]) -> set[str]:
            return {posixpath.normpath(posixpath.join(folder, word)) for word in words}

        for call in calls_in(tree, path):
            named |= resolve([word for word in call.words if word.endswith(CODE)])
            if call.name == "pw_layer":
                headers |= resolve(call.values("HEADERS"))
            if call.name == "target_sources":
                headers |= resolve(call.values("FILES"))
    return headers, named


def check(tree: Tree) -> Iterator[Finding]:
    headers, named = listed_files(tree)
    for path in tree.matching((".h",), HEADER_FOLDERS):
        if path not in headers:
            yield Finding(path, 0, "is in no FILE_SET, so nothing compiles it on its own")
    for path in tree.matching((".cc", ".c"), HEADER_FOLDERS):
        if path not in named:
            yield Finding(path, 0, "is in no CMakeLists.txt, so nothing compiles it")
    for path in tree.matching(("_test.cc", "_fuzz.cc", "_bench.cc"), ("tests/", "bench/")):
        if path not in named:
            yield Finding(path, 0, "is in no CMakeLists.txt, so it never runs")
    for path in cmake_files(tree):
        for call in calls_in(tree, path):
            if call.name == "file" and call.words[:1] in (["GLOB"], ["GLOB_RECURSE"]):
                yield Finding(path, call.line, "sources are listed, never globbed")


if __name__ == "__main__":
    main(check)
