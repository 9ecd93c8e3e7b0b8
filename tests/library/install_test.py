"""An installed Pageward is found by find_package and by pkg-config, and the examples run with it.

usage: install_test.py BUILD_FOLDER C_COMPILER CXX_COMPILER
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
EXAMPLES = {"quickstart": "inside a window: correct horse", "containers": "1000 strings in a domain"}
SKIPPED = 77  # SKIP_RETURN_CODE of pw_python_test
build, c_compiler, cxx_compiler = "", "", ""


def run(*command: object, **environment: str) -> str:
    """Runs `command` and returns what it prints; what it prints if it fails is in the exception."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          env={**os.environ, **environment})
    if done.returncode != 0:
        raise AssertionError(f"{command}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


class InstallTest(unittest.TestCase):
    folder: tempfile.TemporaryDirectory[str]
    prefix: Path

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = tempfile.TemporaryDirectory()
        # Installed in one place and moved to another: nothing may remember where it was.
        first = Path(cls.folder.name) / "first"
        run("cmake", "--install", build, "--prefix", first)
        cls.prefix = Path(cls.folder.name) / "installed"
        first.rename(cls.prefix)

    @classmethod
    def tearDownClass(cls) -> None:
        cls.folder.cleanup()

    def library_folder(self) -> Path:
        found = list(self.prefix.rglob("libpageward.so.0"))
        self.assertEqual(len(found), 1)
        return found[0].parent

    def check(self, name: str, program: Path) -> None:
        printed = run(program, LD_LIBRARY_PATH=str(self.library_folder()))
        self.assertIn(EXAMPLES[name], printed)

    def test_the_examples_build_with_find_package(self) -> None:
        there = Path(self.folder.name) / "with_cmake"
        run("cmake", "-S", PROJECT / "examples", "-B", there, f"-DCMAKE_PREFIX_PATH={self.prefix}",
            f"-DCMAKE_C_COMPILER={c_compiler}", f"-DCMAKE_CXX_COMPILER={cxx_compiler}")
        run("cmake", "--build", there)
        for name in EXAMPLES:
            self.check(name, there / name)

    def test_the_examples_build_with_pkg_config(self) -> None:
        if shutil.which("pkg-config") is None:
            self.skipTest("pkg-config is not installed")
        path = str(self.library_folder() / "pkgconfig")
        flags = run("pkg-config", "--cflags", "--libs", "pageward", PKG_CONFIG_PATH=path).split()
        self.assertIn("-lpageward", flags)
        for name, compiler, source in (("quickstart", [c_compiler, "-std=c11"], "quickstart.c"),
                                       ("containers", [cxx_compiler, "-std=c++17"], "containers.cc")):
            program = Path(self.folder.name) / name
            run(*compiler, PROJECT / "examples" / source, *flags, "-o", program)
            self.check(name, program)

    def test_a_program_asks_for_the_library_by_its_abi(self) -> None:
        library = self.library_folder() / "libpageward.so"
        printed = run("readelf", "-d", library)
        self.assertIn("Library soname: [libpageward.so.0]", printed)
        self.assertNotIn("libstdc++", printed)


if __name__ == "__main__":
    build, c_compiler, cxx_compiler = sys.argv[1:4]
    del sys.argv[1:4]
    unittest.main()
