"""The protocol of pins and evictions, checked for every order of steps by Spin.

usage: spin_test.py COMPILER
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

MODEL = Path(__file__).resolve().parent / "spin" / "pins.pml"
SKIPPED = 77  # SKIP_RETURN_CODE of pw_python_test
compiler = "cc"


def errors_in(*defines: str) -> int:
    """Returns how many errors an exhaustive search of the model finds."""
    with tempfile.TemporaryDirectory() as folder:
        flags = [f"-D{name}" for name in defines]
        subprocess.run(["spin", *flags, "-a", str(MODEL)], cwd=folder, check=True,
                       stdout=subprocess.DEVNULL)
        subprocess.run([compiler, "-O1", "-w", "-DSAFETY", "-o", "pan", "pan.c"], cwd=folder,
                       check=True)
        found = subprocess.run(["./pan", "-m100000"], cwd=folder, capture_output=True, text=True)
    if "search depth too small" in found.stdout or "errors: " not in found.stdout:
        raise AssertionError(found.stdout)
    return int(found.stdout.split("errors: ")[1].split()[0])


class PinsTest(unittest.TestCase):
    # Spec: U26
    def test_a_pinned_domain_never_loses_its_key(self) -> None:
        self.assertEqual(errors_in(), 0)

    def test_each_part_of_the_protocol_is_needed(self) -> None:
        for missing in ("NO_BARRIER", "NO_SECOND_LOOK", "UNPIN_EARLY"):
            self.assertGreater(errors_in(missing), 0, missing)


if __name__ == "__main__":
    if shutil.which("spin") is None:
        print("skipped: spin is not installed")
        sys.exit(SKIPPED)
    if len(sys.argv) > 1:
        compiler = sys.argv.pop(1)
    unittest.main()
