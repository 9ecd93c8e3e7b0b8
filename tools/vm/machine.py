"""One run of a command in the machine: QEMU, what comes out of it, and its end."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Sequence

from vm import initramfs
from vm.kernel import Kernel

QEMU = "qemu-system-x86_64"
# The kernel's own messages go to a file, which is shown if the machine doesn't end as it should.
CONSOLE_LINES = 15
# Mitigations cost time on an emulated processor and change nothing there. Linux 6.1 grants
# memfd_secret only if asked. Panicking ends the machine.
KERNEL_ARGUMENTS = "console=ttyS0 quiet panic=-1 mitigations=off secretmem.enable=1"


@dataclass(frozen=True)
class Machine:
    """What the machine is made of, and where it may write on the host."""

    kernel: Kernel
    cpus: int
    memory_mib: int
    writable: Path | None = None


class Lost(Exception):
    """The machine ended without an exit status; the text says how."""


def missing_program() -> str | None:
    """Returns why no machine can run here, if so."""
    if not shutil.which(QEMU):
        return f"{QEMU} is not installed (qemu-system-x86)"
    if not initramfs.BUSYBOX.exists():
        return f"{initramfs.BUSYBOX} is not installed (busybox-static)"
    return None


def escape(path: Path) -> str:
    """Returns `path` for use in an option of QEMU, which separates by commas."""
    return str(path).replace(",", ",,")


def share(folder: Path, tag: str, mode: str) -> list[str]:
    """Returns the options that offer a folder of the host under the name `tag`."""
    fields = f"local,path={escape(folder)},mount_tag={tag},security_model=none,multidevs=remap"
    return ["-virtfs", f"{fields},readonly={mode}"]


def command_line(machine: Machine, archive: Path, console: Path, ports: Sequence[int]) -> list[str]:
    """Returns the call of QEMU. What the command prints comes out of the descriptors `ports`."""
    line = [QEMU, "-no-user-config", "-nodefaults", "-display", "none", "-no-reboot"]
    line += ["-accel", "tcg,thread=multi", "-cpu", "max,la57=off"]
    line += ["-smp", str(machine.cpus), "-m", f"{machine.memory_mib}M"]
    line += ["-kernel", str(machine.kernel.image), "-initrd", str(archive)]
    line += ["-append", KERNEL_ARGUMENTS]
    line += ["-chardev", f"file,id=console,path={escape(console)}", "-serial", "chardev:console"]
    line += ["-device", "virtio-serial"]
    for number, port in enumerate(ports, start=1):
        line += ["-chardev", f"file,id=port{number},path=/dev/fd/{port}"]
        line += ["-device", f"virtserialport,chardev=port{number},nr={number}"]
    line += share(Path("/"), "root", "on")
    if machine.writable:
        line += share(machine.writable, "writable", "off")
    return line


def status_of(text: bytes) -> int | None:
    """Returns the exit status that the machine reports on its third port, if it got that far."""
    found = re.fullmatch(rb"exit (\d+)\n", text)
    return int(found.group(1)) if found else None


class Pump(threading.Thread):
    """Hands on what the machine writes to one of its ports, as it comes."""

    def __init__(self, sink: BinaryIO) -> None:
        super().__init__(daemon=True)
        self._source, self.port = os.pipe()
        self._sink = sink

    def run(self) -> None:
        with open(self._source, "rb", buffering=0) as source:
            while data := source.read(1 << 16):
                try:
                    self._sink.write(data)
                    self._sink.flush()
                except BrokenPipeError:
                    # Nobody reads any more; the machine may go on to its end.
                    continue


def last_lines(console: Path) -> str:
    text = console.read_text(errors="replace") if console.exists() else ""
    return "".join(f"\n  {line}" for line in text.splitlines()[-CONSOLE_LINES:])


def run(machine: Machine, script: str, timeout_s: float, stdout: BinaryIO, stderr: BinaryIO,
        scratch: Path) -> int:
    """Runs `script` in a new machine and returns its exit status.

    Raises subprocess.TimeoutExpired after `timeout_s`, and Lost if there is no status. The machine
    has ended in any case.
    """
    report = io.BytesIO()
    pumps = [Pump(stdout), Pump(stderr), Pump(report)]
    ports = [pump.port for pump in pumps]
    with tempfile.TemporaryDirectory(dir=scratch) as name:
        archive, console, complaints = (Path(name, part) for part in ("archive", "console", "qemu"))
        archive.write_bytes(initramfs.build(machine.kernel, script, machine.writable))
        with open(complaints, "wb") as log:
            process = subprocess.Popen(
                # Whatever becomes of this process, QEMU ends with it.
                ["setpriv", "--pdeathsig", "KILL",
                 *command_line(machine, archive, console, ports)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=ports)
        for pump in pumps:
            os.close(pump.port)
            pump.start()
        try:
            process.wait(timeout_s)
        finally:
            process.kill()
            process.wait()
            for pump in pumps:
                pump.join()
        status = status_of(report.getvalue())
        if status is None:
            raise Lost(f"the machine ended without an exit status{last_lines(complaints)}"
                       f"{last_lines(console)}")
        return status
