"""Reads calls out of CMake files, as far as the checks of this folder need."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Iterator

from tree import Tree, line_of

CALL = re.compile(r'\b(\w+)\s*\(((?:"[^"]*"|[^()"])*)\)')
WORD = re.compile(r'"([^"]*)"|([^\s"]+)')
COMMENT = re.compile(r"#[^\n]*")
KEYWORD = re.compile(r"^[A-Z_]+$")


@dataclass(frozen=True)
class Call:
    """One call whose arguments hold no parentheses outside quotes."""

    line: int
    name: str
    words: list[str]

    def values(self, keyword: str) -> list[str]:
        """Returns the words between `keyword` and the next keyword."""
        found: list[str] = []
        is_inside = False
        for word in self.words:
            if KEYWORD.match(word):
                is_inside = word == keyword
            elif is_inside:
                found.append(word)
        return found


def calls_in(tree: Tree, path: str) -> Iterator[Call]:
    """Yields the calls of one CMake file."""
    text = COMMENT.sub("", tree.text(path))
    for found in CALL.finditer(text):
        words = [quoted or bare for quoted, bare in WORD.findall(found.group(2))]
        yield Call(line_of(text, found.start()), found.group(1), words)


def cmake_files(tree: Tree) -> list[str]:
    return tree.matching(("CMakeLists.txt", ".cmake"))
