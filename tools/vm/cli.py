"""The command `scripts/on-keys`."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from vm import initramfs, kernel, machine

PROJECT = Path(__file__).resolve().parents[2]
CACHE = PROJECT / "build" / "vm"
EXIT_TIMEOUT = 124
EXIT_NO_MACHINE = 125
EXIT_INTERRUPTED = 130
# Variables that go into the machine, besides those that set up its shell.
PASSED_ON = ("PAGEWARD_", "GTEST_", "CTEST_", "MALLOC_CONF")

DESCRIPTION = """\
Runs a command of this checkout in a virtual machine whose processor has protection keys, and ends
with its exit status. QEMU emulates the processor, so this shows what works, not how fast it is.

In the machine the command is root, and sees the files of this one. What it writes stays in the
machine's memory and goes with it. Neither its standard input nor a network is connected."""

EPILOG = """\
examples:
  scripts/on-keys build/dev/tests/unit/keys/unit_keys --gtest_filter='AccessScope*'
  scripts/on-keys --kernel 6.1 ctest --test-dir build/dev -L unit -R Zone
  scripts/on-keys env LD_PRELOAD=$PWD/build/release/libpageward-preload.so PAGEWARD_CONF=report:exit ls

The kernel is a package of Debian, downloaded once into build/vm and not installed; remove that for a
newer one. Exit status: the command's; 124 after the timeout; 125 if there is no machine, or none
that survived the command."""


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/on-keys", description=DESCRIPTION, epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kernel", choices=kernel.SERIES, default=kernel.SERIES[-1],
                        help="series of Linux (default %(default)s)")
    parser.add_argument("--timeout", type=float, default=600, metavar="S",
                        help="seconds after which the machine is ended (default %(default)s)")
    parser.add_argument("--cpus", type=int, default=2, metavar="N", help="default %(default)s")
    parser.add_argument("--memory", type=int, default=2048, metavar="M",
                        help="MiB, for files that are written too (default %(default)s)")
    parser.add_argument("--writable", type=Path, metavar="DIR",
                        help="folder in which what is written stays")
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="COMMAND ...")
    options = parser.parse_args(arguments)
    if options.command[:1] == ["--"]:
        del options.command[0]
    if not options.command:
        parser.error("no command to run")
    return options


def environment() -> dict[str, str]:
    """Returns the variables that the command gets."""
    passed = {name: value for name, value in os.environ.items() if name.startswith(PASSED_ON)}
    return {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": "/tmp", "LANG": "C.UTF-8", **passed}


def run(options: argparse.Namespace) -> int:
    missing = machine.missing_program()
    if missing:
        raise kernel.Unavailable(missing)
    if not (CACHE / options.kernel).exists():
        print(f"scripts/on-keys: downloading Linux {options.kernel}", file=sys.stderr)
        kernel.fetch(options.kernel, CACHE)
    made = machine.Machine(
        kernel=kernel.find(options.kernel, CACHE), cpus=options.cpus, memory_mib=options.memory,
        writable=options.writable and options.writable.resolve())
    script = initramfs.script_of(options.command, PROJECT, environment())
    return machine.run(made, script, options.timeout, sys.stdout.buffer, sys.stderr.buffer, CACHE)


def main(arguments: list[str]) -> int:
    options = parse(arguments)
    try:
        return run(options)
    except subprocess.TimeoutExpired:
        print(f"scripts/on-keys: ended after {options.timeout:g} s", file=sys.stderr)
        return EXIT_TIMEOUT
    except (kernel.Unavailable, machine.Lost) as error:
        print(f"scripts/on-keys: {error}", file=sys.stderr)
        return EXIT_NO_MACHINE
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
