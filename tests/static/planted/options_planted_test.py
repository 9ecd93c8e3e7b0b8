"""options_test.py finds options that do nothing, and settings of none."""

from __future__ import annotations

from plant import PlantedTest, run

from options_test import check

FILES = {
    "cmake/PagewardOptions.cmake": (
        'option(PAGEWARD_FAST "Go fast (clang only)" OFF)\n'
        'set(PAGEWARD_LEVEL "low" CACHE STRING "How much")\n'
    ),
    "CMakeLists.txt": 'if(PAGEWARD_FAST)\nendif()\nmessage("${PAGEWARD_LEVEL}")\n',
    "CONTRIBUTING.md": "`PAGEWARD_FAST` and `PAGEWARD_LEVEL`; cmake -DPAGEWARD_LEVEL=low\n",
    "CMakePresets.json": '{"cacheVariables": {"PAGEWARD_FAST": "ON"}}\n',
}


class OptionsPlantedTest(PlantedTest):
    def test_options_that_are_read_and_documented_are_fine(self) -> None:
        self.assert_finds(check(self.plant(FILES)))

    def test_options_that_nobody_reads_or_explains_are_found(self) -> None:
        files = {**FILES, "CMakeLists.txt": "# ${PAGEWARD_LEVEL}\n", "CONTRIBUTING.md": "\n"}
        self.assert_finds(
            check(self.plant(files)),
            "cmake/PagewardOptions.cmake:1: PAGEWARD_FAST is not documented",
            "cmake/PagewardOptions.cmake:1: nothing reads PAGEWARD_FAST",
            "cmake/PagewardOptions.cmake:2: PAGEWARD_LEVEL is not documented",
            "cmake/PagewardOptions.cmake:2: nothing reads PAGEWARD_LEVEL",
        )

    def test_the_list_of_those_that_wait_only_shrinks(self) -> None:
        waiting = "PAGEWARD_FAST: for the fast path\nPAGEWARD_GONE: for something\n"
        self.assert_finds(
            check(self.plant({**FILES, "tests/static/options.txt": waiting})),
            "tests/static/options.txt:1: PAGEWARD_FAST is read by now or gone",
            "tests/static/options.txt:2: PAGEWARD_GONE is read by now or gone",
        )

    def test_settings_of_no_option_are_found(self) -> None:
        files = {
            **FILES,
            "CMakePresets.json": '{"PAGEWARD_FASTER": "ON"}\n',
            "docs/BUILD.md": "cmake -D PAGEWARD_LEVELS=low\n",
        }
        self.assert_finds(
            check(self.plant(files)),
            "CMakePresets.json:1: there is no option PAGEWARD_FASTER",
            "docs/BUILD.md:1: there is no option PAGEWARD_LEVELS",
        )


if __name__ == "__main__":
    run()
