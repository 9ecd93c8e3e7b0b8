"""redis-server under load from redis-benchmark: the server is measured, the load is not.

Both are Debian's. The server listens on a socket in a folder of its own, keeps nothing on disk and
always ends with the run.
"""

from __future__ import annotations

import csv
import io
import os
import socket
import subprocess
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Mapping

from report.jobs import LIMIT_S, Sample, Site, scratch_folder
from report.launcher import Launch
from report.locate import require_program
from report.variants import plain_environment
from report.vocabulary import RunFailed

START_LIMIT_S = 20
# A value that stays for the whole run, to be found unharmed at its end.
KEPT_VALUE = b"kept " * 20_000


class Connection:
    """As much of the Redis protocol as a check of the server needs."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(30)
        try:
            self._socket.connect(str(path))
        except OSError:
            self._socket.close()
            raise
        self._reader = self._socket.makefile("rb")

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.close()
        self._socket.close()

    def send(self, *words: bytes) -> None:
        parts = [b"*%d\r\n" % len(words)]
        parts += [b"$%d\r\n%s\r\n" % (len(word), word) for word in words]
        self._socket.sendall(b"".join(parts))

    def ask(self, *words: bytes) -> bytes:
        """Sends a command and returns its answer, a status, a number or a string."""
        self.send(*words)
        line = self._reader.readline().rstrip(b"\r\n")
        kind, rest = line[:1], line[1:]
        if kind == b"-" or not line:
            raise RunFailed(f"redis-server answers {line.decode(errors='replace')!r}")
        if kind != b"$" or rest == b"-1":
            return rest
        return self._reader.read(int(rest) + 2)[:-2]


def wait_until_ready(path: Path, launch: Launch) -> None:
    end = time.monotonic() + START_LIMIT_S
    while time.monotonic() < end:
        try:
            with Connection(path) as connection:
                connection.ask(b"PING")
                return
        except (OSError, RunFailed):
            if launch.has_ended():
                launch.wait()
                raise RunFailed("redis-server ended at once") from None
            time.sleep(0.01)
    raise RunFailed(f"redis-server does not answer after {START_LIMIT_S} s")


def check_preload(process: int, library: str) -> None:
    """Raises RunFailed unless the server has the library mapped."""
    mapped = Path(f"/proc/{process}/maps").read_text()
    if not any(line.endswith(library) for line in mapped.splitlines()):
        raise RunFailed(f"redis-server does not use {library}")


def children_cpu_s() -> float:
    """Returns the CPU time of all children that were waited for."""
    times = os.times()
    return times.children_user + times.children_system


def requests_answered(text: str, load: tuple[str, ...]) -> None:
    """Raises RunFailed if redis-benchmark's CSV output lacks a test or tells of an error."""
    rows = list(csv.reader(io.StringIO(text)))
    tests = [row for row in rows if len(row) > 1 and row[0] != "test"]
    if not tests or any(float(row[1]) <= 0 for row in tests):
        raise RunFailed(f"redis-benchmark {' '.join(load)} gave no figures: {text[:200]!r}")


@dataclass(frozen=True)
class Load:
    """One call of redis-benchmark: what it sends, in how many requests."""

    words: tuple[str, ...]
    # Kinds of requests in `words`; each is sent `requests` times.
    kinds: int = 1


# Values of two sizes, overwritten, extended and dropped, and structures of many small nodes.
LOADS = (
    Load(("-d", "100", "-t", "set,get,incr,lpush,sadd,hset"), kinds=6),
    Load(("-d", "900", "-t", "set,mset"), kinds=2),
    Load(("APPEND", "key:__rand_int__", "x" * 200)),
    Load(("DEL", "key:__rand_int__")),
    Load(("-d", "300", "-t", "set")),
)


@dataclass(frozen=True)
class RedisJob:
    """CPU time and RSS of the server for a fixed number of requests; requests per second shown."""

    requests: int
    quick_requests: int
    keys: int = 100_000

    def check(self, site: Site) -> None:
        require_program("redis-server", "redis-server")
        require_program("redis-benchmark", "redis-tools")

    def run(self, site: Site, environment: Mapping[str, str]) -> Sample:
        requests = self.quick_requests if site.is_quick else self.requests
        with scratch_folder() as folder:
            path = folder / "redis"
            command = [require_program("redis-server", "redis-server")]
            command += ["--port", "0", "--unixsocket", str(path), "--dir", str(folder)]
            command += ["--save", "", "--appendonly", "no", "--loglevel", "warning"]
            with Launch(site.launcher, command, environment, folder, LIMIT_S) as launch:
                wait_until_ready(path, launch)
                own_s = children_cpu_s()
                wall_s, state = self._use(path, requests, environment.get("LD_PRELOAD", ""))
                own_s = children_cpu_s() - own_s
                usage = launch.wait()
        # The load belongs to the run; it is no other work.
        usage = replace(usage, foreign_s=max(usage.foreign_s - own_s, 0.0))
        sent = requests * sum(load.kinds for load in LOADS)
        return Sample(usage, state, {"requests": (sent / wall_s, "1/s")})

    def _use(self, path: Path, requests: int, library: str) -> tuple[float, str]:
        """Loads the server, checks what it holds and ends it; returns the time under load."""
        with Connection(path) as connection:
            info = connection.ask(b"INFO", b"server").decode()
            process = next(line for line in info.splitlines() if line.startswith("process_id:"))
            if library:
                check_preload(int(process.partition(":")[2]), library)
            connection.ask(b"SET", b"kept", KEPT_VALUE)
            wall_s = sum(self._send(path, load, requests) for load in LOADS)
            if connection.ask(b"GET", b"kept") != KEPT_VALUE:
                raise RunFailed("redis-server lost a value that nobody touched")
            # The keys are random, but what is pushed to the one list is not.
            pushed = connection.ask(b"LLEN", b"mylist").decode()
            connection.send(b"SHUTDOWN", b"NOSAVE")
        return wall_s, f"list of {pushed}"

    def _send(self, path: Path, load: Load, requests: int) -> float:
        command = [require_program("redis-benchmark", "redis-tools"), "-s", str(path)]
        command += ["-n", str(requests), "-r", str(self.keys), "-c", "50", "-P", "16", "--csv"]
        begin = time.monotonic()
        done = subprocess.run(
            [*command, *load.words],
            capture_output=True,
            text=True,
            env=plain_environment(),
            timeout=LIMIT_S,
        )
        wall_s = time.monotonic() - begin
        if done.returncode != 0:
            raise RunFailed(f"redis-benchmark fails with {done.returncode}: {done.stderr[:200]}")
        requests_answered(done.stdout, load.words)
        return wall_s
