"""Builds what is measured."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from report.locate import require_program
from report.vocabulary import UsageError


def run(command: list[str], project: Path) -> None:
    """Runs a command of the build; its output is shown if it fails."""
    done = subprocess.run(
        command, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if done.returncode != 0:
        sys.stderr.write(done.stdout)
        raise UsageError(f"{' '.join(command)} failed")


def build_preset(project: Path, preset: str) -> Path:
    """Configures the preset if that was never done, builds it, and returns its folder."""
    cmake = require_program("cmake", "cmake")
    folder = project / "build" / preset
    if not (folder / "CMakeCache.txt").exists():
        run([cmake, "--preset", preset], project)
    run([cmake, "--build", str(folder)], project)
    return folder
