"""lengths_test.py fails over 600 lines and warns over the limit of each kind of file."""

from __future__ import annotations

from plant import PlantedTest, run

from lengths_test import check, warnings


class LengthsPlantedTest(PlantedTest):
    def test_files_within_their_limits_are_fine(self) -> None:
        tree = self.plant({"runtime/core/a.h": "\n" * 300, "runtime/core/a.cc": "\n" * 400,
                           "tests/unit/core/a_test.cc": "\n" * 500})
        self.assert_finds(warnings(tree))
        self.assert_finds(check(tree))

    def test_a_long_file_is_a_warning_that_passes(self) -> None:
        tree = self.plant({"runtime/core/a.h": "\n" * 301, "runtime/core/a.cc": "\n" * 401,
                           "tests/unit/core/a_test.cc": "\n" * 501})
        self.assert_finds(check(tree))
        self.assert_finds(
            warnings(tree),
            "runtime/core/a.cc:401: warning: 401 lines; 400",
            "runtime/core/a.h:301: warning: 301 lines; 300",
            "tests/unit/core/a_test.cc:501: warning: 501 lines; 500",
        )

    def test_a_very_long_file_fails(self) -> None:
        tree = self.plant({"tests/unit/core/a_test.cc": "\n" * 601})
        self.assert_finds(check(tree), "tests/unit/core/a_test.cc:601: 601 lines; 600 is the limit")


if __name__ == "__main__":
    run()
