"""Every way to die is documented, and dies in a test.

Each enumerator of Violation has a row in docs/INVARIANTS.md, under the name that reports print. If
something raises it, a death test expects that name; otherwise it waits in violations.txt. A test
file that writes the enumerator raises the violation itself: it proves only the messenger and does
not count.
"""

from __future__ import annotations

import re
from typing import Iterator

from tree import CODE, Finding, Tree, line_of, main

HEADER = "runtime/core/violation.h"
SOURCE = "runtime/core/violation.cc"
DOCUMENT = "docs/INVARIANTS.md"
WAITING = "tests/static/violations.txt"

ENUMERATION = re.compile(r"enum class Violation\b[^{]*\{(.*?)\};", re.DOTALL)
ENUMERATOR = re.compile(r"^\s*(k\w+),?\s*(?:///.*)?$", re.MULTILINE)
PRINTED = re.compile(r'case Violation::(k\w+):\s*return "([^"]*)";')
ROW = re.compile(r"^\| `(k\w+)` \| ([^|]+?) \|(.*)\|\s*$")
RAISED = re.compile(r"(?<!case )\bViolation::(k\w+)")
DEATH = re.compile(r"\b(?:EXPECT|ASSERT)_(?:DEATH|EXIT)\s*\(")
CELLS_AFTER_NAME = 3  # meaning, who can cause it, what to do


def enumerators(tree: Tree) -> dict[str, int]:
    """Returns the violations with their lines in the header."""
    text = tree.text(HEADER)
    body = ENUMERATION.search(text)
    if not body:
        return {}
    return {
        found.group(1): line_of(text, body.start(1) + found.start(1))
        for found in ENUMERATOR.finditer(body.group(1))
    }


def raised(tree: Tree) -> set[str]:
    """Returns the violations that the product's code names outside their own definition."""
    names: set[str] = set()
    for path in tree.matching(CODE, ("runtime/", "hooks/")):
        if path not in (HEADER, SOURCE):
            code = re.sub(r"//.*", "", tree.text(path))
            names.update(RAISED.findall(code))
    return names


def statement_at(text: str, start: int) -> str:
    """Returns the call that opens its parenthesis just before `start`."""
    depth, end = 1, start
    while depth and end < len(text):
        depth += {"(": 1, ")": -1}.get(text[end], 0)
        end += 1
    return text[start:end]


def names_died_by(tree: Tree, printed: dict[str, str]) -> set[str]:
    """Returns the printed names that a death test expects of somebody else's code."""
    found = set()
    for path in tree.matching((".cc",), ("tests/",)):
        text = tree.text(path)
        by_hand = {printed.get(violation) for violation in RAISED.findall(text)}
        statements = [statement_at(text, death.end()) for death in DEATH.finditer(text)]
        for name in set(printed.values()) - by_hand:
            if any(name in statement for statement in statements):
                found.add(name)
    return found


def check_document(tree: Tree, printed: dict[str, str]) -> Iterator[Finding]:
    documented = set()
    for line, text in tree.lines(DOCUMENT):
        row = ROW.match(text)
        if not row:
            continue
        violation, name, rest = row.groups()
        documented.add(violation)
        if violation not in printed:
            yield Finding(DOCUMENT, line, f"there is no violation {violation}")
        elif name != printed[violation]:
            yield Finding(DOCUMENT, line, f"{violation} prints '{printed[violation]}'")
        cells = [cell.strip() for cell in rest.split("|")]
        if len(cells) != CELLS_AFTER_NAME or not all(cells):
            yield Finding(DOCUMENT, line, "says not what it means, who causes it and what to do")
    for violation, line in enumerators(tree).items():
        if violation not in documented:
            yield Finding(HEADER, line, f"{violation} has no row in {DOCUMENT}")


def check(tree: Tree) -> Iterator[Finding]:
    printed = dict(PRINTED.findall(tree.text(SOURCE)))
    yield from check_document(tree, printed)
    died_by, in_use, waiting = names_died_by(tree, printed), raised(tree), tree.table(WAITING)
    for violation, line in enumerators(tree).items():
        name = printed.get(violation)
        if name is None:
            yield Finding(HEADER, line, f"{violation} has no printed name in {SOURCE}")
        elif violation in in_use:
            if name not in died_by:
                yield Finding(HEADER, line, f"no death test expects '{name}' ({violation})")
        elif violation not in waiting:
            yield Finding(HEADER, line, f"nothing raises {violation}, and nothing says what will")
    for violation, (line, reason) in waiting.items():
        if violation in in_use or violation not in printed:
            yield Finding(WAITING, line, f"{violation} is raised by now or gone: remove the line")
        elif not reason:
            yield Finding(WAITING, line, f"{violation} waits without a reason")


if __name__ == "__main__":
    main(check)
