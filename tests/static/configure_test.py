"""CMake itself refuses what the build must not contain.

Configures small projects with the CMake modules of the tree: a layer that uses one above it and an
unknown check level must be refused, each with its message, and a sound project must not be.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator

from tree import Finding, Skip, Tree, main

PROJECT = """\
cmake_minimum_required(VERSION 3.25)
project(toy LANGUAGES CXX)
list(APPEND CMAKE_MODULE_PATH "{modules}")
include(PagewardOptions)
include(PagewardFlags)
include(PagewardLayer)
"""
LOW = "pw_layer(low HEADERS low.h {uses})\n"
HIGH = "pw_layer(high HEADERS high.h {uses})\n"
LAYER_MODULE = "cmake/PagewardLayer.cmake"
FLAGS_MODULE = "cmake/PagewardFlags.cmake"


@dataclass(frozen=True)
class Case:
    """A project and the message it must be refused with, or nothing if it is sound."""

    what: str
    module: str
    layers: str
    options: tuple[str, ...] = ()
    refusal: str = ""


CASES = (
    Case("a downward dependency", LAYER_MODULE, LOW.format(uses="") + HIGH.format(uses="USES low")),
    Case(
        "an upward dependency",
        LAYER_MODULE,
        LOW.format(uses="USES high") + HIGH.format(uses=""),
        refusal="layer 'low' uses 'high', which is not below it",
    ),
    Case(
        "an unknown check level",
        FLAGS_MODULE,
        LOW.format(uses=""),
        options=("-DPAGEWARD_CHECK_LEVEL=loud",),
        refusal="PAGEWARD_CHECK_LEVEL is 'loud'; it must be one of: hardened, debug, paranoid",
    ),
)


def configure(modules: Path, case: Case) -> tuple[bool, str]:
    """Returns whether the project of `case` configures, and all that CMake said in one line."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder)
        text = PROJECT.format(modules=modules.as_posix()) + case.layers
        (source / "CMakeLists.txt").write_text(text)
        for header in ("low.h", "high.h"):
            (source / header).write_text("#pragma once\n")
        command = [os.environ.get("CMAKE", "cmake"), "-S", folder, "-B", f"{folder}/build"]
        done = subprocess.run([*command, *case.options], capture_output=True, text=True)
        # CMake breaks lines where it likes.
        return done.returncode == 0, re.sub(r"\s+", " ", done.stdout + done.stderr)


def check(tree: Tree) -> Iterator[Finding]:
    if not shutil.which(os.environ.get("CMAKE", "cmake")):
        raise Skip("cmake is not installed")
    for case in CASES:
        is_accepted, said = configure(tree.root / "cmake", case)
        if not case.refusal and not is_accepted:
            yield Finding(case.module, 0, f"{case.what} is refused: {said[-300:]}")
        elif case.refusal and is_accepted:
            yield Finding(case.module, 0, f"{case.what} is accepted")
        elif case.refusal not in said:
            yield Finding(case.module, 0, f"{case.what} is refused, but not with: {case.refusal}")


if __name__ == "__main__":
    main(check)
