"""Runs the programs of a list in one machine with protection keys and keeps their results.

Usage: machine_test.py KERNEL RESULTS JOBS. The fixture of program_test.py; skipped where no machine
can be had.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from verdict import NO_MACHINE, SKIPPED
from vm import cli, initramfs, kernel, machine

TIMEOUT_S = 540
INSIDE = Path(__file__).resolve().with_name("inside.py")


def make(series: str, results: Path) -> machine.Machine:
    missing = machine.missing_program()
    if missing:
        raise kernel.Unavailable(missing)
    # Nothing is downloaded here; scripts/test does that before it runs the tests. One processor,
    # since emulating several at once costs more than it saves; the kernels run side by side.
    return machine.Machine(kernel.find(series, cli.CACHE), cpus=1, memory_mib=2048, writable=results)


def main(series: str, results: Path, jobs: Path) -> int:
    shutil.rmtree(results, ignore_errors=True)
    results.mkdir(parents=True)
    try:
        made = make(series, results)
    except kernel.Unavailable as reason:
        print(f"skipped: {reason}")
        (results / NO_MACHINE).write_text(str(reason))
        return SKIPPED
    command = ["/usr/bin/python3", "-B", str(INSIDE), str(results), str(jobs)]
    script = initramfs.script_of(command, cli.PROJECT, cli.environment())
    try:
        return machine.run(made, script, TIMEOUT_S, sys.stdout.buffer, sys.stderr.buffer, cli.CACHE)
    except subprocess.TimeoutExpired:
        print(f"not done after {TIMEOUT_S} s")
    except machine.Lost as end:
        print(end)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])))
