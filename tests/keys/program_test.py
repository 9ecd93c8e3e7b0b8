"""Looks at what one program did in the machine: it passed, and skipped nothing for lack of keys.

Usage: program_test.py KERNEL RESULTS NAME, after machine_test.py with the same kernel and results.
"""

from __future__ import annotations

import sys
from pathlib import Path

import verdict


def main(kernel: str, results: Path, name: str) -> int:
    no_machine = results / verdict.NO_MACHINE
    if no_machine.exists():
        print(f"skipped: {no_machine.read_text()}")
        return verdict.SKIPPED
    result = verdict.read(results, name)
    print(verdict.summary(result, kernel, name))
    complaints = verdict.complaints(result, kernel)
    if complaints:
        print((results / f"{name}.txt").read_text(errors="replace"))
    for complaint in complaints:
        print(f"{name} on Linux {kernel}: {complaint}")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3]))
