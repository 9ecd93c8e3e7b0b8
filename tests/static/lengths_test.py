"""No file is longer than a reader can hold in mind.

Over the limit of its kind is a warning, which is printed and passes; over 600 lines fails.
"""

from __future__ import annotations

from typing import Iterator

from tree import CODE, Finding, Tree, main

HARD_LIMIT = 600


def limit_of(path: str) -> int:
    """Returns how long a file of this kind should be at most."""
    if path.startswith("tests/"):
        return 500
    return 300 if path.endswith(".h") else 400


def lengths(tree: Tree) -> Iterator[tuple[str, int]]:
    for path in tree.matching(CODE + (".py", ".sh", ".cmake", "CMakeLists.txt")):
        yield path, len(tree.lines(path))


def warnings(tree: Tree) -> Iterator[Finding]:
    for path, length in lengths(tree):
        if limit_of(path) < length <= HARD_LIMIT:
            message = f"warning: {length} lines; {limit_of(path)} is where to think of splitting"
            yield Finding(path, length, message)


def check(tree: Tree) -> Iterator[Finding]:
    for warning in warnings(tree):
        print(warning)
    for path, length in lengths(tree):
        if length > HARD_LIMIT:
            yield Finding(path, length, f"{length} lines; {HARD_LIMIT} is the limit")


if __name__ == "__main__":
    main(check)
