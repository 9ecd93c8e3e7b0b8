"""format_test.py finds lines that clang-format would change."""

from __future__ import annotations

import unittest

from plant import PROJECT, PlantedTest, Skip, run

from format_test import check, find_formatter


class FormatPlantedTest(PlantedTest):
    def setUp(self) -> None:
        try:
            find_formatter()
        except Skip as reason:
            raise unittest.SkipTest(str(reason)) from None
        self.rules = {".clang-format": (PROJECT / ".clang-format").read_text()}

    def test_what_is_laid_out_well_is_fine(self) -> None:
        self.assert_finds(check(self.plant({**self.rules, "a.h": "int* a;\n"})))

    def test_what_is_not_is_found(self) -> None:
        self.assert_finds(
            check(self.plant({**self.rules, "a.h": "int a;\nint  *b;\n", "b.c": "int a;\n"})),
            "a.h:2: not as clang-format lays it out",
        )

    def test_rules_that_clang_format_cannot_read_are_found(self) -> None:
        self.assert_finds(
            check(self.plant({".clang-format": "Nonsense: true\n", "a.h": "int a;\n"})),
            ".clang-format:",
        )


if __name__ == "__main__":
    run()
