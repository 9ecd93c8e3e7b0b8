"""layers_test.py finds includes and links that no edge allows."""

from __future__ import annotations

from typing import Iterator

from plant import Finding, PlantedTest, run

from layers_test import check

TABLE = (
    "include:\ncore:\narch: core\nframe: core\n"
    "hooks/preload: core\nhooks/jemalloc: core\n"
)


class LayersPlantedTest(PlantedTest):
    def findings(self, files: dict[str, str], table: str = TABLE) -> Iterator[Finding]:
        return check(self.plant({"tests/static/layers.txt": table, **files}))

    def test_edges_of_the_table_are_allowed(self) -> None:
        code = """\
            #include <cstddef>
            #include "runtime/core/units.h"
            #include "runtime/frame/buddy.h"
            """
        cmake = "pw_layer(frame HEADERS buddy.h USES core)\n"
        self.assert_finds(
            self.findings({"runtime/frame/buddy.cc": code, "runtime/frame/CMakeLists.txt": cmake})
        )

    def test_an_upward_include_is_found(self) -> None:
        self.assert_finds(
            self.findings({"runtime/core/a.h": '\n#  include "runtime/frame/buddy.h"\n'}),
            "runtime/core/a.h:2: layer 'core' may not include layer 'frame'",
        )

    def test_a_sideways_include_is_found_in_angle_brackets_too(self) -> None:
        self.assert_finds(
            self.findings({"runtime/frame/a.cc": "#include <runtime/arch/pkru.h>\n"}),
            "runtime/frame/a.cc:1: layer 'frame' may not include layer 'arch'",
        )

    def test_hooks_do_not_see_each_other(self) -> None:
        self.assert_finds(
            self.findings({"hooks/preload/a.cc": '#include "hooks/jemalloc/arena.h"\n'}),
            "hooks/preload/a.cc:1: layer 'hooks/preload' may not include layer 'hooks/jemalloc'",
        )

    def test_public_headers_stand_alone(self) -> None:
        self.assert_finds(
            self.findings(
                {
                    "include/pageward/a.h": '#include "runtime/core/units.h"\n',
                    "include/pageward/b.h": "#include <pageward/a.h>\n",
                    "runtime/frame/a.h": "#include <pageward/a.h>\n",
                    "runtime/frame/b.h": '#include "include/pageward/a.h"\n',
                }
            ),
            "include/pageward/a.h:1: layer 'include' may not include layer 'core'",
            "runtime/frame/a.h:1: layer 'frame' may not include layer 'include'",
            "runtime/frame/b.h:1: write <pageward/a.h>",
        )

    def test_an_include_that_hides_its_layer_is_found(self) -> None:
        self.assert_finds(
            self.findings({"runtime/frame/a.cc": '#include "buddy.h"\n#include WHERE\n'}),
            'runtime/frame/a.cc:1: "buddy.h" does not name its layer',
            "runtime/frame/a.cc:2: cannot tell what is included: WHERE",
        )

    def test_a_layer_outside_the_table_is_found(self) -> None:
        self.assert_finds(
            self.findings({"runtime/vault/a.h": "\n"}),
            "runtime/vault/a.h:0: belongs to no layer",
        )

    def test_a_link_that_the_table_does_not_have_is_found(self) -> None:
        cmake = "pw_layer(frame\n  HEADERS a.h\n  USES core arch NO_STACK_PROTECTOR)\n"
        self.assert_finds(
            self.findings({"runtime/frame/CMakeLists.txt": cmake}),
            "runtime/frame/CMakeLists.txt:1: layer 'frame' may not use layer 'arch'",
        )

    def test_a_table_that_names_a_layer_below_is_found(self) -> None:
        self.assert_finds(
            self.findings({}, table="core: frame\nframe: core\n"),
            "tests/static/layers.txt:1: layer 'core' names 'frame', which is not above it",
        )


if __name__ == "__main__":
    run()
