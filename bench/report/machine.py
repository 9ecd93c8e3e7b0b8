"""What the figures depend on besides the code: the machine, its settings and its other load."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from pathlib import Path
from typing import Any

from report.launcher import DISTURBING_SHARE

# The load from which on the figures of a small machine are worth less.
BUSY_LOAD = 0.5


def first_line(path: str) -> str:
    try:
        return Path(path).read_text().splitlines()[0].strip()
    except (OSError, IndexError):
        return "unknown"


def chosen_word(text: str) -> str:
    """Returns the word in brackets, as the kernel marks what is chosen."""
    found = re.search(r"\[(\w+)\]", text)
    return found.group(1) if found else text


def cpu_model() -> str:
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.M)
    except OSError:
        found = None
    return found.group(1) if found else platform.machine()


def revision(project: Path) -> str:
    """Returns the commit, marked if the tree differs from it."""
    try:
        command = ["git", "-C", str(project), "describe", "--always", "--dirty", "--abbrev=12"]
        done = subprocess.run(command, capture_output=True, text=True)
    except OSError:
        return "unknown"
    return done.stdout.strip() or "unknown"


def describe(project: Path) -> dict[str, Any]:
    """Returns what stands beside the figures in the JSON."""
    governor = "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "cpu": cpu_model(),
        "cpus": os.cpu_count(),
        "memory_gib": round(pages / 2**30, 1),
        "kernel": platform.release(),
        "is_virtual": "hypervisor" in Path("/proc/cpuinfo").read_text(),
        "governor": first_line(governor),
        "thp": chosen_word(first_line("/sys/kernel/mm/transparent_hugepage/enabled")),
        "aslr": first_line("/proc/sys/kernel/randomize_va_space"),
        "overcommit": first_line("/proc/sys/vm/overcommit_memory"),
        "load": list(os.getloadavg()),
        "revision": revision(project),
    }


def remarks(machine: dict[str, Any], shares: list[float]) -> list[str]:
    """Returns what a reader of the figures should know about how they came about."""
    found = []
    if machine["load"][0] > BUSY_LOAD:
        found.append(f"the machine was busy at the start (load {machine['load'][0]:.1f})")
    if machine["governor"] not in ("performance", "unknown"):
        found.append(f"the CPU frequency may vary (governor {machine['governor']})")
    disturbed = [share for share in shares if share > DISTURBING_SHARE]
    if disturbed:
        found.append(
            f"{len(disturbed)} of {len(shares)} runs shared the machine with other work; "
            f"at worst that took {max(shares):.0%} of it"
        )
    return found
