"""file_sets_test.py finds files that no CMake file names."""

from __future__ import annotations

from plant import PlantedTest, run

from file_sets_test import check


class FileSetsPlantedTest(PlantedTest):
    def test_listed_files_are_fine(self) -> None:
        files = {
            "runtime/core/CMakeLists.txt": "pw_layer(core\n  HEADERS a.h\n  SOURCES a.cc)\n",
            "runtime/core/a.h": "",
            "runtime/core/a.cc": "",
            "include/CMakeLists.txt": (
                "target_sources(x INTERFACE FILE_SET HEADERS BASE_DIRS . FILES pageward/b.h)\n"
            ),
            "include/pageward/b.h": "",
            "tests/unit/CMakeLists.txt": 'pw_test(unit LABELS unit SOURCES "core/a_test.cc")\n',
            "tests/unit/core/a_test.cc": "",
        }
        self.assert_finds(check(self.plant(files)))

    def test_unlisted_files_are_found(self) -> None:
        files = {
            # A comment lists nothing, and a header among the sources is in no file set.
            "runtime/core/CMakeLists.txt": "pw_layer(core\n  # HEADERS a.h\n  SOURCES b.h)\n",
            "runtime/core/a.h": "",
            "runtime/core/b.h": "",
            "hooks/preload/shim.cc": "",
            "tests/unit/core/a_test.cc": "",
        }
        self.assert_finds(
            check(self.plant(files)),
            "hooks/preload/shim.cc:0: is in no CMakeLists.txt",
            "runtime/core/a.h:0: is in no FILE_SET",
            "runtime/core/b.h:0: is in no FILE_SET",
            "tests/unit/core/a_test.cc:0: is in no CMakeLists.txt, so it never runs",
        )

    def test_globs_are_found(self) -> None:
        self.assert_finds(
            check(self.plant({"tools/CMakeLists.txt": "\nfile(GLOB sources *.cc)\n"})),
            "tools/CMakeLists.txt:2: sources are listed, never globbed",
        )


if __name__ == "__main__":
    run()
