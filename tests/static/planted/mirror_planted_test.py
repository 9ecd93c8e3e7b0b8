"""mirror_test.py finds headers without a test, tests of nothing, and exceptions without need."""

from __future__ import annotations

from plant import PlantedTest, run

from mirror_test import check

TEST = '#include "{}"\nTEST(ATest, Works) {{}}\n'


class MirrorPlantedTest(PlantedTest):
    def test_mirrored_headers_are_fine(self) -> None:
        files = {
            "runtime/core/a.h": "",
            "tests/unit/core/a_test.cc": TEST.format("runtime/core/a.h"),
            "hooks/preload/b.h": "",
            "tests/unit/hooks/preload/b_test.cc": TEST.format("hooks/preload/b.h"),
            "runtime/core/c.h": "",
            "tests/static/mirror.txt": "runtime/core/c.h: macros only\n",
        }
        self.assert_finds(check(self.plant(files)))

    def test_a_header_without_a_test_is_found(self) -> None:
        self.assert_finds(
            check(self.plant({"runtime/core/a.h": "", "tests/unit/frame/a_test.cc": ""})),
            "runtime/core/a.h:0: has no test tests/unit/core/a_test.cc",
        )

    def test_a_test_of_nothing_is_found(self) -> None:
        self.assert_finds(
            check(self.plant({"runtime/core/a.h": "", "tests/unit/core/a_test.cc": "// TEST(\n"})),
            'tests/unit/core/a_test.cc:0: does not include "runtime/core/a.h"',
            "tests/unit/core/a_test.cc:0: holds no test",
        )

    def test_exceptions_without_need_are_found(self) -> None:
        files = {
            "runtime/core/a.h": "",
            "tests/unit/core/a_test.cc": "",
            "runtime/core/b.h": "",
            "tests/static/mirror.txt": (
                "runtime/core/a.h: was new\nruntime/core/b.h:\nruntime/core/gone.h: is gone\n"
            ),
        }
        self.assert_finds(
            check(self.plant(files)),
            "tests/static/mirror.txt:1: runtime/core/a.h has a test by now",
            "tests/static/mirror.txt:2: runtime/core/b.h is excepted without a reason",
            "tests/static/mirror.txt:3: runtime/core/gone.h is not there any more",
        )


if __name__ == "__main__":
    run()
