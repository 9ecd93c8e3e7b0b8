"""The files that the machine starts from: the archive that the kernel unpacks into its first root."""

from __future__ import annotations

import shlex
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Iterable, Mapping, Sequence

from vm.kernel import Kernel

PARTS = Path(__file__).resolve().parent
BUSYBOX = Path("/bin/busybox")


@dataclass(frozen=True)
class Entry:
    """A file of the archive; without data it is a folder."""

    name: str
    data: bytes | None = None
    permissions: int = 0o755


def padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)


def record(entry: Entry, inode: int) -> bytes:
    data = entry.data or b""
    mode = (stat.S_IFDIR if entry.data is None else stat.S_IFREG) | entry.permissions
    name = entry.name.encode() + b"\0"
    # Inode, mode, uid, gid, links, mtime, size, four device numbers, length of the name, checksum.
    fields = (inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name), 0)
    header = b"070701" + b"".join(b"%08X" % field for field in fields)
    return padded(header + name) + padded(data)


def pack(entries: Iterable[Entry]) -> bytes:
    """Returns a cpio archive in the "newc" format.

    Source: Documentation/driver-api/early-userspace/buffer-format.rst of Linux.
    """
    listed = [*entries, Entry("TRAILER!!!", b"")]
    return b"".join(record(entry, number) for number, entry in enumerate(listed, start=1))


def script_of(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> str:
    """Returns the shell script that runs `command` in `folder`."""
    exports = [f"export {name}={shlex.quote(value)}" for name, value in environment.items()]
    lines = [f"cd {shlex.quote(str(folder))} || exit 125", *exports, f"exec {shlex.join(command)}"]
    return "".join(f"{line}\n" for line in lines)


def build(kernel: Kernel, script: str, writable: Path | None) -> bytes:
    """Returns the archive for one run of `script`."""
    names = [module.stem for module in kernel.modules]
    entries = [
        Entry("init", (PARTS / "init").read_bytes()),
        Entry("start", (PARTS / "start").read_bytes()),
        Entry("command", script.encode()),
        Entry("bin"),
        Entry("bin/busybox", BUSYBOX.read_bytes()),
        Entry("modules"),
        Entry("modules/order", "".join(f"{name}\n" for name in names).encode()),
        *(Entry(f"modules/{file.name}", file.read_bytes()) for file in kernel.modules),
    ]
    if writable:
        entries.append(Entry("writable_folder", str(writable).encode()))
    return pack(entries)
