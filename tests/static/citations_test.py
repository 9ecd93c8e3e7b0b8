"""Citations and docs/SPECIFICATION.md agree.

A test says what it proves in a comment at most four lines above itself: the word Spec, a colon, and
a list of statements such as T19, U3. Which statements no test cites yet is printed for information;
it is no failure.
"""

from __future__ import annotations

import re
from typing import Iterator

from tree import Finding, Tree, main

SPECIFICATION = "docs/SPECIFICATION.md"
FILES = (".cc", ".h", ".c", ".py", ".sh", "CMakeLists.txt")
STATEMENT = re.compile(r"^- ([TUA])(\d+) \S")
CITATION = re.compile(r"^\s*(?://|#|\*|/\*)\s*Spec:\s*(.*?)\s*(?:\*/)?$")
NUMBERS = re.compile(r"^[TUA]\d+(?:, [TUA]\d+)*$")
TEST = re.compile(
    r"^\s*(?:TEST|TEST_F|TEST_P|TYPED_TEST|TYPED_TEST_P|INSTANTIATE_\w+|pw_test|pw_python_test"
    r"|add_test)\(|^\s*def test_|^\s*int main\(|^\s*(?:test_\w+|\w+_test)\s*\(\)"
)
REACH = 4


def statements(tree: Tree) -> tuple[dict[str, int], list[Finding]]:
    """Returns the statements with their lines, and what is wrong with their numbering."""
    known: dict[str, int] = {}
    findings = []
    for line, text in tree.lines(SPECIFICATION):
        found = STATEMENT.match(text)
        if not found:
            continue
        number = "".join(found.groups())
        if number in known:
            message = f"{number} stands in line {known[number]} already"
            findings.append(Finding(SPECIFICATION, line, message))
        known.setdefault(number, line)
    for kind in "TUA":
        numbers = {int(number[1:]) for number in known if number[0] == kind}
        missing = set(range(1, max(numbers, default=0) + 1)) - numbers
        if missing:
            message = "not there: " + ", ".join(f"{kind}{number}" for number in sorted(missing))
            findings.append(Finding(SPECIFICATION, 0, message))
    return known, findings


def citations(tree: Tree) -> Iterator[tuple[str, int, str, bool]]:
    """Yields path, line and text of each citation, and whether a test follows it."""
    for path in tree.matching(FILES, ("tests/", "bench/")):
        lines = [text for _, text in tree.lines(path)]
        for index, text in enumerate(lines):
            found = CITATION.match(text)
            if found:
                below = lines[index + 1 : index + 1 + REACH]
                yield path, index + 1, found.group(1), any(TEST.match(text) for text in below)


def check(tree: Tree) -> Iterator[Finding]:
    known, findings = statements(tree)
    yield from findings
    cited: set[str] = set()
    for path, line, text, is_followed in citations(tree):
        if not NUMBERS.match(text):
            message = f"'{text}' is no list of statements such as T19, U3; ranges are not allowed"
            yield Finding(path, line, message)
            continue
        numbers = text.split(", ")
        for number in numbers:
            if number not in known:
                yield Finding(path, line, f"{SPECIFICATION} has no statement {number}")
        if not is_followed:
            yield Finding(path, line, f"no test within {REACH} lines below this citation")
        else:
            cited.update(numbers)
    uncited = [number for number in known if number not in cited]
    print(f"cited: {len(known) - len(uncited)} of {len(known)}; not yet: {' '.join(uncited)}")


if __name__ == "__main__":
    main(check)
