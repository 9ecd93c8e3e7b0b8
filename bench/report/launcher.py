"""One measured run of a program, through bench/report/launch.c.

Static and small, the launcher keeps this process out of what is measured: its image would count as
the child's peak RSS, and a preload would act on it.
"""

from __future__ import annotations

import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Mapping

from report.vocabulary import RunFailed

REFUSED_PRELOAD = "cannot be preloaded"
# Part of the machine from which on other work shows in the figures: it also slows down those who
# get their full share of time.
DISTURBING_SHARE = 0.1


@dataclass(frozen=True)
class Usage:
    """What a run cost, as the kernel reports it when the process has ended.

    CPU time, faults and RSS cover the descendants that were waited for; RSS is that of the largest.
    """

    wall_s: float
    user_s: float
    system_s: float
    rss_mib: float
    faults: int
    # CPU time that everything else on the machine took in the meantime.
    foreign_s: float
    cpus: int

    @property
    def cpu_s(self) -> float:
        return self.user_s + self.system_s

    @property
    def own_wall_s(self) -> float:
        """Wall time without the share of the machine that others used.

        A program with at least as many threads as there are CPUs runs that much longer when
        something else runs beside it.
        """
        return max(self.wall_s - self.foreign_s / self.cpus, self.cpu_s / self.cpus)

    @property
    def foreign_share(self) -> float:
        """Part of the machine that others used, between 0 and 1."""
        return min(self.foreign_s / (self.wall_s * self.cpus), 1.0) if self.wall_s > 0 else 0.0


def usage_of(values: Mapping[str, int], cpus: int) -> Usage:
    """Turns the launcher's figures into a Usage."""
    cpu_us = values["user_us"] + values["system_us"]
    return Usage(
        wall_s=values["wall_us"] / 1e6,
        user_s=values["user_us"] / 1e6,
        system_s=values["system_us"] / 1e6,
        rss_mib=values["rss_kib"] / 1024,
        faults=values["minor_faults"] + values["major_faults"],
        # The machine's time comes in ticks, a program's to the nanosecond.
        foreign_s=max(values["machine_busy_us"] - cpu_us, 0) / 1e6,
        cpus=cpus,
    )


def read_result(path: Path) -> dict[str, int]:
    """Reads the launcher's `key value` lines."""
    words = (line.split() for line in path.read_text().splitlines())
    return {key: int(value) for key, value in words}


class Launch:
    """A program that runs under the launcher. Use as a context: leaving it ends the program."""

    def __init__(
        self,
        launcher: Path,
        command: list[str],
        environment: Mapping[str, str],
        folder: Path,
        limit_s: int,
    ) -> None:
        self._result = folder / "result"
        self._stdout = folder / "stdout"
        self._stderr = folder / "stderr"
        self._result.unlink(missing_ok=True)
        self._cpus = os.cpu_count() or 1
        self._limit_s = limit_s
        with open(self._stdout, "wb") as out, open(self._stderr, "wb") as error:
            self._process = subprocess.Popen(
                [str(launcher), str(self._result), str(limit_s), *command],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=error,
                env=dict(environment),
                cwd=folder,
            )

    def __enter__(self) -> Launch:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends the program, with all of its process group, if it still runs."""
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait()

    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def wait(self) -> Usage:
        """Waits for the program. Raises RunFailed unless it exits with 0 and was preloaded."""
        if self._process.wait() != 0:
            raise RunFailed(f"the launcher failed: {self.last_error()}")
        values = read_result(self._result)
        if values["timed_out"]:
            raise RunFailed(f"stopped after {self._limit_s} s")
        if values["signal"]:
            name = signal.Signals(values["signal"]).name
            raise RunFailed(f"died of {name}{self._because()}")
        if values["exit"] != 0:
            raise RunFailed(f"exit status {values['exit']}{self._because()}")
        if REFUSED_PRELOAD in self.error():
            raise RunFailed(f"the loader refused the preload: {self.last_error()}")
        return usage_of(values, self._cpus)

    def output(self) -> bytes:
        return self._stdout.read_bytes()

    def error(self) -> str:
        return self._stderr.read_text(errors="replace")

    def last_error(self) -> str:
        """Returns the last line of stderr, or nothing."""
        lines = [line.strip() for line in self.error().splitlines() if line.strip()]
        return lines[-1][:300] if lines else ""

    def _because(self) -> str:
        last = self.last_error()
        return f": {last}" if last else ""
