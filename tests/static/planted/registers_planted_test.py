"""registers_test.py finds values of PKRU that come from elsewhere."""

from __future__ import annotations

from plant import Finding, PlantedTest, run
from toolchain import compile_cxx

from registers_test import check

SOURCE = """
static inline unsigned Read() {
  unsigned eax, edx;
  asm volatile(".byte 0x0f, 0x01, 0xee" : "=a"(eax), "=d"(edx) : "c"(0));
  return eax;
}
static inline void Write(unsigned value) {
  asm volatile(".byte 0x0f, 0x01, 0xef" : : "a"(value), "c"(0), "d"(0) : "memory");
}
extern unsigned g_field;
unsigned g_field;
void Work();
void Work() { asm volatile(""); }
unsigned Saved();
unsigned Saved() {
  const unsigned before = Read();
  Write((before & ~(g_field | 3)) | (g_field & 0xaaaaaaaa));
  Work();
  if (g_field != 5) Write(before);
  return before;
}
void Changed(unsigned value);
void Changed(unsigned value) {
  PLANTED
}
"""


class RegistersPlantedTest(PlantedTest):
    def findings(self, planted: str) -> list[Finding]:
        source = SOURCE.replace("PLANTED", planted)
        folder = self.plant({}).root
        return list(check(compile_cxx(folder, source, "libtoy.so", "-O2", "-shared")))

    def assert_one_is_found(self, planted: str) -> None:
        found = self.findings(planted)
        self.assertEqual(len(found), 1, found)
        self.assertIn("does not come from RDPKRU", found[0].message)

    # Spec: T79
    def test_what_changes_bits_of_the_register_is_right(self) -> None:
        for planted in ("if (value) Write(Read() & ~3u);", "Write(Read() | value);",
                        "for (unsigned i = 0; i < value; ++i) { Write(Read() ^ 12); Work(); }"):
            with self.subTest(planted):
                self.assert_finds(self.findings(planted))

    # Spec: T79
    def test_an_argument_a_constant_and_memory_are_found(self) -> None:
        for planted in ("Write(value);", "Write(0);", "Write(g_field);", "Read(); Write(value);",
                        "Write(value > 3 ? Read() : value);"):
            with self.subTest(planted):
                self.assert_one_is_found(planted)

    def test_a_library_without_any_is_not_the_one_that_was_meant(self) -> None:
        library = compile_cxx(self.plant({}).root, "int none() { return 1; }", "libtoy.so", "-shared")
        self.assert_finds(check(library), "libtoy.so:0: no WRPKRU at all: is this the library?")


if __name__ == "__main__":
    run()
