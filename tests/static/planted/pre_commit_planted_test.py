"""tools/git-hooks/pre-commit looks at what is staged, and at nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import unittest
from pathlib import Path

from plant import PROJECT, PlantedTest, run

from tree import git

NEEDED = (
    "tools/git-hooks/pre-commit",
    ".clang-format",
    "tests/static/tree.py",
    "tests/static/cmake_calls.py",
    "tests/static/format_test.py",
    "tests/static/layers_test.py",
    "tests/static/layers.txt",
)


class PreCommitPlantedTest(PlantedTest):
    def setUp(self) -> None:
        if not shutil.which("git"):
            raise unittest.SkipTest("git is not installed")
        self.root = self.plant({}).root
        for name in NEEDED:
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(PROJECT / name, self.root / name)
        git(self.root, "init", "--quiet")
        git(self.root, "add", ".")

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def run_hook(self) -> "subprocess.CompletedProcess[str]":
        # As git calls it: with the repository named in the environment.
        environment = {**os.environ, "GIT_DIR": str(self.root / ".git"),
                       "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.run([self.root / "tools/git-hooks/pre-commit"], cwd=self.root,
                              env=environment, capture_output=True, text=True)

    def test_sound_files_pass(self) -> None:
        self.write("runtime/core/a.h", "int a;\n")
        git(self.root, "add", ".")
        done = self.run_hook()
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_an_upward_include_is_refused(self) -> None:
        self.write("runtime/core/a.h", '#include "runtime/os/os.h"\n')
        git(self.root, "add", ".")
        done = self.run_hook()
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("runtime/core/a.h:1: layer 'core' may not include layer 'os'", done.stdout)

    def test_the_staged_text_counts_and_not_the_working_tree(self) -> None:
        path = self.write("runtime/core/a.h", '#include "runtime/os/os.h"\n')
        git(self.root, "add", ".")
        path.write_text("int a;\n")
        self.assertEqual(self.run_hook().returncode, 1)
        git(self.root, "add", ".")
        path.write_text('#include "runtime/os/os.h"\n')
        self.assertEqual(self.run_hook().returncode, 0)

    def test_a_bad_layout_is_refused(self) -> None:
        if not shutil.which("clang-format-14"):
            raise unittest.SkipTest("clang-format-14 is not installed")
        self.write("runtime/core/a.h", "int  a ;\n")
        git(self.root, "add", ".")
        done = self.run_hook()
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("runtime/core/a.h:1: not as clang-format lays it out", done.stdout)


if __name__ == "__main__":
    run()
