"""Whatever a document or a comment names exists: files, folders, sections, scripts and presets.

In *.md: words in backticks and code blocks, and the targets of links. In comments of code: words
with a slash and an ending. A word is a path if it starts with a folder of the project; <x> and *
stand for anything.
"""

from __future__ import annotations

import json
import posixpath
import re
from fnmatch import fnmatchcase
from typing import Iterator

from tree import CODE, Finding, Tree, main

FENCE = re.compile(r"^\s*(```|~~~)")
BACKTICKS = re.compile(r"`([^`]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+\s+(.*)")
COMMENT = re.compile(r"(?:(?:^|\s)(?://+|#)|^\s*/?\*+)\s(.*)")
WORD = re.compile(r"[\w.<>*{},/-]+")
BRACES = re.compile(r"\{([^{}]*)\}")
PRESET = re.compile(r"--preset[ =](\w[\w-]*)")
ENDING = re.compile(r"\.(h|cc|c|py|md|txt|cmake|map|sh)$")
SCRIPTS = (".py", ".sh", ".cmake", "CMakeLists.txt")
PLACEHOLDER = re.compile(r"<[^<>]*>")
GENERATED = ("build/", "install/")
PLANTED = "tests/static/planted/"  # Names what is nowhere on purpose.


def expand(word: str) -> Iterator[str]:
    """Yields what a word with {a,b} stands for."""
    braces = BRACES.search(word)
    if not braces:
        yield word
        return
    for choice in braces.group(1).split(","):
        yield from expand(word[: braces.start()] + choice + word[braces.end() :])


class Names:
    """What a path in a document may refer to."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.top = {file.split("/")[0] for file in tree.files if "/" in file}
        self.folders = {posixpath.dirname(file) for file in tree.files}
        self.layers = {folder.split("/")[1] for folder in self.folders if folder[:8] == "runtime/"}

    def is_path(self, word: str) -> bool:
        """Returns whether `word` claims to be a path of this project."""
        first, slash, _ = word.partition("/")
        if not slash:
            return word.endswith(".md")
        if word.startswith(GENERATED):
            return False
        # `core/units.h` is short for a file of runtime/; what lies deeper is somebody else's.
        is_layer_file = first in self.layers and word.count("/") == 1 and ENDING.search(word)
        return first in self.top or bool(is_layer_file)

    def exists(self, word: str) -> bool:
        word = PLACEHOLDER.sub("*", word).rstrip("/")
        candidates = [word, f"docs/{word}"]
        if word.split("/")[0] in self.layers:
            candidates.append(f"runtime/{word}")
        for candidate in candidates:
            if self.tree.has(candidate):
                return True
            if "*" in candidate:
                names = self.tree.files + list(self.folders)
                if any(fnmatchcase(name, candidate) for name in names):
                    return True
        return False


def anchor_of(heading: str) -> str:
    """Returns the link target that a heading gets on the usual forges."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def anchors_in(tree: Tree, path: str) -> set[str]:
    headings = (HEADING.match(line) for _, line in tree.lines(path))
    return {anchor_of(heading.group(1)) for heading in headings if heading}


def dead_words(names: Names, text: str) -> Iterator[str]:
    for word in WORD.findall(text):
        for path in expand(word.strip(".,").removeprefix("./")):
            if names.is_path(path) and not names.exists(path):
                yield path


def dead_link(tree: Tree, document: str, target: str) -> bool:
    if re.match(r"^[a-z]+:", target):
        return False
    name, _, anchor = target.partition("#")
    folder = posixpath.dirname(document)
    path = posixpath.normpath(posixpath.join(folder, name)) if name else document
    if not tree.has(path):
        return True
    return bool(anchor) and anchor not in anchors_in(tree, path)


def presets_of(tree: Tree) -> set[str]:
    presets = json.loads(tree.text("CMakePresets.json") or "{}")
    return {preset["name"] for kind in presets.values() if isinstance(kind, list)
            for preset in kind if not preset.get("hidden")}


def check_document(tree: Tree, names: Names, path: str) -> Iterator[Finding]:
    presets = presets_of(tree)
    is_code = False
    for number, line in tree.lines(path):
        if FENCE.match(line):
            is_code = not is_code
            continue
        for text in [line] if is_code else BACKTICKS.findall(line):
            for word in dead_words(names, text):
                yield Finding(path, number, f"{word} does not exist")
            for preset in PRESET.findall(text):
                if preset not in presets:
                    yield Finding(path, number, f"there is no preset {preset}")
        for target in [] if is_code else LINK.findall(line):
            if dead_link(tree, path, target):
                yield Finding(path, number, f"the link to {target} leads nowhere")


def check_comments(tree: Tree, names: Names, path: str) -> Iterator[Finding]:
    for number, line in tree.lines(path):
        comment = COMMENT.search(line)
        for word in dead_words(names, comment.group(1)) if comment else ():
            if ENDING.search(word):
                yield Finding(path, number, f"{word} does not exist")


def check(tree: Tree) -> Iterator[Finding]:
    names = Names(tree)
    for path in tree.matching((".md",)):
        yield from check_document(tree, names, path)
    for path in tree.matching(CODE + SCRIPTS):
        if not path.startswith(PLANTED):
            yield from check_comments(tree, names, path)


if __name__ == "__main__":
    main(check)
