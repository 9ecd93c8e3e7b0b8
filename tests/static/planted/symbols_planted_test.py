"""symbols_test.py finds the heap, the C++ library and constructors in compiled objects."""

from __future__ import annotations

from plant import Finding, PlantedTest, run
from toolchain import compile_cxx

from symbols_test import check

LIST = "*: memset _GLOBAL_OFFSET_TABLE_\ncore: abort\nos:\n"
PLAIN = """
#include <cstdlib>
#include <cstring>
namespace pageward {
void Clear(char* bytes, unsigned long count) { std::memset(bytes, 0, count); }
void Die() { std::abort(); }
}
"""


class SymbolsPlantedTest(PlantedTest):
    def findings(self, layer: str, source: str, *options: str, table: str = LIST) -> list[Finding]:
        tree = self.plant({"tests/static/symbols.txt": table})
        flags = ("-c", "-O1", "-fno-exceptions", "-fno-stack-protector", *options)
        return list(check(tree, {layer: [compile_cxx(tree.root, source, "toy.o", *flags)]}))

    def assert_imports(self, findings: list[Finding], *names: str) -> None:
        for name in names:
            wanted = f"imports {name}, which no layer may"
            self.assertTrue(any(wanted in finding.message for finding in findings), findings)

    def test_listed_imports_are_fine(self) -> None:
        self.assert_finds(self.findings("core", PLAIN))

    def test_what_another_layer_may_import_is_found(self) -> None:
        self.assert_finds(
            self.findings("os", PLAIN),
            "toy.o:0: layer 'os' imports abort, which is not in tests/static/symbols.txt",
        )

    def test_a_layer_without_a_row_is_found(self) -> None:
        self.assert_finds(
            self.findings("vault", "int x;"),
            "tests/static/symbols.txt:0: no row for layer 'vault'",
        )

    def test_the_heap_is_found(self) -> None:
        source = """
            #include <cstdlib>
            int* Make() { return new int; }
            void Drop(int* object) { delete object; }
            void* Take(unsigned long bytes) { return std::malloc(bytes); }
            """
        self.assert_imports(self.findings("core", source), "_Znwm", "malloc")
        self.assertTrue(any("_Zdl" in str(found) for found in self.findings("core", source)))

    def test_exceptions_and_the_library_are_found(self) -> None:
        source = """
            #include <stdexcept>
            void Throw() { throw std::runtime_error("toy"); }
            """
        self.assert_imports(
            self.findings("core", source, "-fexceptions"),
            "__cxa_throw",
            "__cxa_allocate_exception",
            "__gxx_personality_v0",
            "_ZNSt13runtime_errorC1EPKc",
        )

    def test_a_list_that_allows_the_heap_is_found(self) -> None:
        self.assert_finds(
            self.findings("core", "int x;", table="core: abort free\n"),
            "tests/static/symbols.txt:1: layer 'core' is allowed free, which no layer is",
        )

    def test_static_constructors_are_found_in_hooks_too(self) -> None:
        source = "int Roll(); int g_rolled = Roll();"
        self.assert_finds(
            self.findings("hooks_preload", source),
            "toy.o:0: static constructor in layer 'hooks_preload': ",
            "toy.o:0: static constructor in layer 'hooks_preload': section .init_array",
        )


if __name__ == "__main__":
    run()
