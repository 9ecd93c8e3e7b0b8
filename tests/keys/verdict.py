"""What the result of a test program in the machine is worth."""

from __future__ import annotations

import re
import xml.etree.ElementTree
from dataclasses import dataclass
from pathlib import Path

SKIPPED = 77  # SKIP_RETURN_CODE of pw_python_test
# Written by the fixture in place of results: why there is no machine.
NO_MACHINE = "no_machine"

NEWER_KERNEL = re.compile(r"\(Linux (\d+)\.(\d+)\)")
NOT_INSTALLED = re.compile(r" is not installed$")
SCRIPT_COUNT = re.compile(r"^Ran (\d+) tests? in ", re.MULTILINE)
SCRIPT_SKIP = re.compile(r"^skipped: \S+: (.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Result:
    """How a program ended, how many tests ran to their end, and why others did not."""

    status: int
    ran: int
    skips: tuple[str, ...]


def of_googletest(status: int, report: str) -> Result:
    """Reads the XML that a GoogleTest program writes."""
    cases = list(xml.etree.ElementTree.fromstring(report).iter("testcase"))
    cases = [case for case in cases if case.get("status") == "run"]
    messages = [case.find("skipped").get("message", "") for case in cases
                if case.find("skipped") is not None]
    # The first line is the place.
    skips = tuple(message.split("\n", 1)[-1].strip() for message in messages)
    return Result(status, len(cases) - len(skips), skips)


def of_script(status: int, text: str) -> Result:
    """Reads what a script of tests/integration/ prints."""
    count = SCRIPT_COUNT.search(text)
    skips = tuple(SCRIPT_SKIP.findall(text))
    return Result(status, int(count.group(1)) - len(skips) if count else 0, skips)


def read(results: Path, name: str) -> Result:
    """Reads what the machine left of one program."""
    status = int((results / f"{name}.status").read_text())
    report = results / f"{name}.xml"
    if report.exists():
        return of_googletest(status, report.read_text())
    return of_script(status, (results / f"{name}.txt").read_text(errors="replace"))


def is_explained(skip: str, kernel: str) -> bool:
    """Returns whether a test may be skipped in the machine, which has everything but a new kernel."""
    newer = NEWER_KERNEL.search(skip)
    if newer:
        needed = tuple(int(number) for number in newer.groups())
        return needed > tuple(int(number) for number in kernel.split("."))
    return bool(NOT_INSTALLED.search(skip))


def complaints(result: Result, kernel: str) -> list[str]:
    """Returns what is wrong with a result, if anything."""
    found = [f"skipped: {skip}" for skip in result.skips if not is_explained(skip, kernel)]
    if result.status != 0:
        found.append(f"ended with {result.status}")
    if result.ran == 0:
        found.append("no test ran")
    return found


def summary(result: Result, kernel: str, name: str) -> str:
    """Returns the line that scripts/test shows."""
    reasons = sorted(set(result.skips))
    without = f" ({'; '.join(reasons)})" if reasons else ""
    return f"keys: {name} on Linux {kernel}: {result.ran} ran, {len(result.skips)} skipped{without}"
