"""exports_test.py finds where a library and its version script disagree."""

from __future__ import annotations

from typing import Iterator

from plant import Finding, PlantedTest, run
from toolchain import compile_cxx

from exports_test import check, compare

MAP = """\
/* What the toy exports. */
TOY_1 {
  global:
    toy_open; toy_view_*;  # two and more
  local:
    *;
};
"""
SOURCE = """
extern "C" {
int toy_open() { return 1; }
int toy_view_get() { return 1; }
int toy_view_put() { return 1; }
int toy_secret() { return 1; }
}
"""


class ExportsPlantedTest(PlantedTest):
    def findings(self, checked: str, linked: str = MAP, source: str = SOURCE) -> Iterator[Finding]:
        """Compares a library that was linked with one script with another script."""
        folder = self.plant({"linked.map": linked}).root
        script = f"-Wl,--version-script={folder}/linked.map"
        library = compile_cxx(folder, source, "libtoy.so", "-shared", script)
        return compare(library, "toy.map", checked)

    # Spec: U10
    def test_the_script_it_was_linked_with_agrees(self) -> None:
        self.assert_finds(self.findings(MAP))

    def test_a_symbol_too_many_is_found(self) -> None:
        self.assert_finds(
            self.findings(MAP, linked=MAP.replace("toy_open;", "toy_open; toy_secret;")),
            "toy.map:0: libtoy.so exports toy_secret, which is not listed",
        )

    def test_a_symbol_that_is_not_there_is_found(self) -> None:
        self.assert_finds(
            self.findings(MAP, source=SOURCE.replace("toy_view_", "toy_").replace("_open", "_o")),
            "toy.map:4: libtoy.so does not export toy_open",
            "toy.map:4: libtoy.so does not export toy_view_*",
        )

    def test_another_version_is_found(self) -> None:
        self.assert_finds(
            self.findings(MAP, linked=MAP.replace("TOY_1", "TOY_2")),
            "toy.map:0: libtoy.so exports TOY_2, which is not listed",
            "toy.map:4: toy_open has version 'TOY_2', not 'TOY_1'",
        )

    def test_names_in_the_words_of_cxx_are_compared_too(self) -> None:
        part = '  global:\n  extern "C++" {\n    "ward(int)";\n    "operator new[](unsigned long)";\n  };\n'
        script = MAP.replace("  global:\n", part)
        source = SOURCE + "void ward(int) {}\nvoid ward(long) {}\n"
        source += "void* operator new[](unsigned long) { return nullptr; }\n"
        self.assert_finds(self.findings(script, linked=script, source=source))
        wider = script.replace('"ward(int)";', '"ward(int)"; "ward(long)";')
        self.assert_finds(
            self.findings(script, linked=wider, source=source),
            "toy.map:0: libtoy.so exports ward(long), which is not listed",
        )
        self.assert_finds(
            self.findings(script, linked=script, source=SOURCE),
            "toy.map:5: libtoy.so does not export ward(int)",
            "toy.map:6: libtoy.so does not export operator new[](unsigned long)",
        )

    def test_a_script_that_no_test_compares_is_found(self) -> None:
        files = {
            "hooks/a.map": MAP,
            "hooks/b.map": MAP,
            "tests/static/CMakeLists.txt": 'pw_exports_test(a "hooks/a.map")\n',
        }
        self.assert_finds(check(self.plant(files)), "hooks/b.map:0: no pw_exports_test()")


if __name__ == "__main__":
    run()
