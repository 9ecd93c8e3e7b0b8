"""Compiles small programs for the tests of checks that look at binaries."""

from __future__ import annotations

import os
import shutil
import subprocess
import unittest
from pathlib import Path


def compile_cxx(folder: Path, source: str, output: str, *options: str) -> str:
    """Compiles `source` in `folder` and returns the path of `output`; skips without a compiler."""
    compiler = os.environ.get("CXX", "c++")
    if not shutil.which(compiler):
        raise unittest.SkipTest(f"{compiler} is not installed")
    file = folder / "toy.cc"
    file.write_text(source)
    path = str(folder / output)
    subprocess.run([compiler, "-std=c++20", "-fPIC", *options, str(file), "-o", path], check=True)
    return path
