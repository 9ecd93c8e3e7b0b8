"""configure_test.py notices when CMake no longer refuses."""

from __future__ import annotations

import shutil
import unittest

from plant import PROJECT, PlantedTest, Tree, run

from configure_test import check

MODULES = ("PagewardOptions", "PagewardFlags", "PagewardLayer")


class ConfigurePlantedTest(PlantedTest):
    def setUp(self) -> None:
        if not shutil.which("cmake"):
            raise unittest.SkipTest("cmake is not installed")

    def modules_with(self, old: str, new: str) -> Tree:
        """Returns a tree with the project's CMake modules, in which `old` has become `new`."""
        files = {f"cmake/{name}.cmake": (PROJECT / f"cmake/{name}.cmake").read_text()
                 for name in MODULES}
        self.assertTrue(any(old in text for text in files.values()))
        return self.plant({name: text.replace(old, new) for name, text in files.items()})

    def test_a_build_that_accepts_everything_is_found(self) -> None:
        self.assert_finds(
            check(self.modules_with("message(FATAL_ERROR", "message(STATUS")),
            "cmake/PagewardFlags.cmake:0: an unknown check level is accepted",
            "cmake/PagewardLayer.cmake:0: an upward dependency is accepted",
        )

    def test_a_build_that_looks_the_wrong_way_is_found(self) -> None:
        self.assert_finds(
            check(self.modules_with("NOT TARGET", "TARGET")),
            "cmake/PagewardLayer.cmake:0: a downward dependency is refused",
            "cmake/PagewardLayer.cmake:0: an upward dependency is accepted",
        )

    def test_a_refusal_that_does_not_say_why_is_found(self) -> None:
        self.assert_finds(
            check(self.modules_with("which is not below it", "sorry")),
            "cmake/PagewardLayer.cmake:0: an upward dependency is refused, but not with: layer",
        )


if __name__ == "__main__":
    run()
