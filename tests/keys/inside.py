"""In the machine: runs the programs of a list and leaves what they print, and how they end.

Usage: inside.py RESULTS JOBS. A line of JOBS is a name and a command.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

LIMIT_S = 240


def run(results: Path, job: str) -> str:
    """Runs one job and returns a line about it."""
    name, *command = shlex.split(job)
    environment = {**os.environ, "GTEST_OUTPUT": f"xml:{results / name}.xml"}
    begin = time.monotonic()
    with open(results / f"{name}.txt", "wb") as output:
        try:
            status = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                    env=environment, timeout=LIMIT_S).returncode
        except subprocess.TimeoutExpired:
            status = 124
    (results / f"{name}.status").write_text(f"{status}\n")
    return f"{name}: {status} after {time.monotonic() - begin:.1f} s"


def main(results: Path, jobs: Path) -> int:
    if "ospke" not in Path("/proc/cpuinfo").read_text().split():
        print("the machine has no protection keys")
        return 1
    for job in jobs.read_text().splitlines():
        print(run(results, job), flush=True)
    print(f"Linux {os.uname().release}, {float(Path('/proc/uptime').read_text().split()[0]):.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
