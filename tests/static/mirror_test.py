"""Every header of runtime/ and hooks/ has a unit test of its own, at the mirrored place.

runtime/<layer>/x.h is tested by tests/unit/<layer>/x_test.cc, and hooks/<api>/x.h by
tests/unit/hooks/<api>/x_test.cc. The exceptions are in mirror.txt, each with its reason.
"""

from __future__ import annotations

import re
from typing import Iterator

from tree import Finding, Tree, main

EXCEPTIONS = "tests/static/mirror.txt"
CASE = re.compile(r"^(TYPED_)?TEST(_F|_P)?\(", re.MULTILINE)


def test_of(header: str) -> str:
    """Returns where the unit test of `header` belongs."""
    return "tests/unit/" + header[: -len(".h")].replace("runtime/", "", 1) + "_test.cc"


def check(tree: Tree) -> Iterator[Finding]:
    exceptions = tree.table(EXCEPTIONS)
    headers = tree.matching((".h",), ("runtime/", "hooks/"))
    for header in headers:
        test = test_of(header)
        if header in exceptions:
            continue
        if not tree.has(test):
            yield Finding(header, 0, f"has no test {test}")
            continue
        text = tree.text(test)
        if f'#include "{header}"' not in text:
            yield Finding(test, 0, f'does not include "{header}", which it should test')
        if not CASE.search(text):
            yield Finding(test, 0, "holds no test")
    for header, (number, reason) in exceptions.items():
        if header not in headers:
            yield Finding(EXCEPTIONS, number, f"{header} is not there any more")
        elif tree.has(test_of(header)):
            yield Finding(EXCEPTIONS, number, f"{header} has a test by now: remove the exception")
        elif not reason:
            yield Finding(EXCEPTIONS, number, f"{header} is excepted without a reason")


if __name__ == "__main__":
    main(check)
