"""Debian's kernels, downloaded and unpacked without being installed.

Not the flavour for clouds: it is smaller but can't mount files of the host (9p).
"""

from __future__ import annotations

import lzma
import re
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Iterable, Mapping

SERIES = ("6.1", "6.12")
# Packages that depend on the newest kernel of a series, which differs by release of Debian.
METAPACKAGES = ("linux-image-{series}-amd64", "linux-image-amd64")
# What the machine loads, and where these and what they depend on lie below kernel/.
MODULES = ("virtio_pci", "virtio_console", "9pnet_virtio", "9p", "overlay")
MODULE_FOLDERS = ("drivers/virtio/", "drivers/char/", "fs/9p/", "fs/fscache/", "fs/netfs/",
                  "fs/overlayfs/", "net/9p/")
MODULE = re.compile(r"^lib/modules/[^/]+/kernel/(?P<path>.*/(?P<stem>[^/]+)\.ko)(?P<xz>\.xz)?$")
DEPENDS = re.compile(rb"\0depends=([^\0]*)\0")


class Unavailable(Exception):
    """The machine can't be had here; the text is the reason."""


@dataclass(frozen=True)
class Kernel:
    """An unpacked kernel and its modules, in the order in which they load."""

    image: Path
    modules: tuple[Path, ...]


def module_name(text: str) -> str:
    """Returns the name that the kernel knows a module by, whose file may have dashes."""
    return text.replace("-", "_")


def load_order(wanted: Iterable[str], modules: Mapping[str, bytes], built_in: set[str]) -> list[str]:
    """Returns the modules to load for `wanted`, each after what it depends on."""
    order: list[str] = []

    def add(name: str) -> None:
        if name in order or name in built_in:
            return
        if name not in modules:
            raise Unavailable(f"this kernel has no module {name}")
        depends = DEPENDS.search(modules[name])
        for dependency in depends.group(1).decode().split(",") if depends else ():
            if dependency:
                add(module_name(dependency))
        order.append(name)

    for name in wanted:
        add(name)
    return order


def newest_package(series: str, dependencies: str) -> str | None:
    """Picks the kernel package of `series` out of what `apt-cache depends` prints."""
    found = re.search(rf"Depends: (linux-image-{re.escape(series)}\.\S+)", dependencies)
    return found.group(1) if found else None


def run(*command: str, cwd: Path | None = None) -> str:
    """Returns what `command` prints; raises Unavailable if that fails."""
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    except OSError as error:
        raise Unavailable(f"{command[0]}: {error.strerror}") from error
    if done.returncode != 0:
        raise Unavailable(f"{' '.join(command)}: {done.stderr.strip() or 'failed'}")
    return done.stdout


def download(series: str, folder: Path) -> Path:
    """Puts the newest kernel package of `series` into `folder` and returns it."""
    for name in METAPACKAGES:
        metapackage = name.format(series=series)
        try:
            package = newest_package(series, run("apt-cache", "depends", metapackage))
        except Unavailable:
            continue
        if package:
            run("apt-get", "download", "-q", package, cwd=folder)
            return next(folder.glob("*.deb"))
    raise Unavailable(f"apt-cache knows no package of Linux {series}")


def unpack(package: Path, folder: Path) -> None:
    """Takes the image and the modules that the machine needs out of a kernel package."""
    modules: dict[str, bytes] = {}
    built_in: set[str] = set()
    command = ["dpkg-deb", "--fsys-tarfile", str(package)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        with tarfile.open(fileobj=process.stdout, mode="r|") as archive:
            for member in archive:
                path = member.name.removeprefix("./")
                module = MODULE.match(path)
                if path.startswith("boot/vmlinuz-"):
                    (folder / "image").write_bytes(archive.extractfile(member).read())
                elif path.endswith("/modules.builtin"):
                    lines = archive.extractfile(member).read().decode().split()
                    built_in = {module_name(Path(line).stem) for line in lines}
                elif module and module["path"].startswith(MODULE_FOLDERS):
                    data = archive.extractfile(member).read()
                    unpacked = lzma.decompress(data) if module["xz"] else data
                    modules[module_name(module["stem"])] = unpacked
    if not (folder / "image").exists():
        raise Unavailable(f"{package.name} holds no kernel")
    order = load_order(MODULES, modules, built_in)
    for name in order:
        (folder / f"{name}.ko").write_bytes(modules[name])
    (folder / "order").write_text("".join(f"{name}\n" for name in order))


def fetch(series: str, cache: Path) -> None:
    """Makes the kernel of `series` available below `cache`."""
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as name:
        folder = Path(name, "unpacked")
        folder.mkdir()
        unpack(download(series, Path(name)), folder)
        # Whole or not at all, even if two do it at once.
        shutil.rmtree(cache / series, ignore_errors=True)
        folder.rename(cache / series)


def find(series: str, cache: Path) -> Kernel:
    """Returns the kernel of `series` that fetch() left below `cache`; raises Unavailable."""
    folder = cache / series
    try:
        names = (folder / "order").read_text().split()
    except FileNotFoundError:
        raise Unavailable(
            f"there is no kernel yet; this gets one: scripts/on-keys --kernel {series} true"
        ) from None
    return Kernel(folder / "image", tuple(folder / f"{name}.ko" for name in names))
