"""violations_test.py finds ways to die that are not documented, not tested or not raised."""

from __future__ import annotations

from typing import Iterator

from plant import Finding, PlantedTest, run

from violations_test import check

HEADER = """\
enum class Violation : std::uint8_t {
  kDoubleFree,  ///< Twice.
  kForeignFrame  ///< Not ours.
};
"""
SOURCE = """\
    case Violation::kDoubleFree:
      return "double free";
    case Violation::kForeignFrame:
      return "foreign frame";
"""
ROWS = (
    "| `kDoubleFree` | double free | twice | the program | look |\n"
    "| `kForeignFrame` | foreign frame | not ours | the program | look |\n"
)
FILES = {
    "runtime/core/violation.h": HEADER,
    "runtime/core/violation.cc": SOURCE,
    "docs/INVARIANTS.md": ROWS,
    "runtime/extent/a.cc": "PW_CHECK(is_live, Violation::kDoubleFree, 1);\n",
    "tests/unit/extent/a_test.cc": 'EXPECT_DEATH(Free(Get(1)), "double free: 0x1");\n',
    "tests/static/violations.txt": "kForeignFrame: for the frame table\n",
}


class ViolationsPlantedTest(PlantedTest):
    def findings(self, files: dict[str, str]) -> Iterator[Finding]:
        return check(self.plant({**FILES, **files}))

    def test_documented_and_tested_violations_are_fine(self) -> None:
        self.assert_finds(self.findings({}))

    def test_missing_and_wrong_rows_are_found(self) -> None:
        rows = (
            "| `kDoubleFree` | freed twice | twice | | look |\n"
            "| `kGone` | gone | was | the program | look |\n"
        )
        self.assert_finds(
            self.findings({"docs/INVARIANTS.md": rows}),
            "docs/INVARIANTS.md:1: kDoubleFree prints 'double free'",
            "docs/INVARIANTS.md:1: says not what it means",
            "docs/INVARIANTS.md:2: there is no violation kGone",
            "runtime/core/violation.h:3: kForeignFrame has no row",
        )

    def test_a_violation_without_a_name_is_found(self) -> None:
        header = HEADER.replace("kForeignFrame  ///", "kForeignFrame,\n  kNew  ///")
        self.assert_finds(
            self.findings({"runtime/core/violation.h": header}),
            "runtime/core/violation.h:4: kNew has no printed name",
            "runtime/core/violation.h:4: kNew has no row",
        )

    def test_a_raised_violation_needs_a_death_test(self) -> None:
        self.assert_finds(
            self.findings({"tests/unit/extent/a_test.cc": '// "double free"\n'}),
            "runtime/core/violation.h:2: no death test expects 'double free'",
        )

    def test_a_test_that_raises_the_violation_itself_does_not_count(self) -> None:
        test = (
            "void Die() { Fatal(Violation::kDoubleFree, why); }\n"
            'EXPECT_DEATH(Die(), "double free");\n'
        )
        self.assert_finds(
            self.findings({"tests/unit/extent/a_test.cc": test}),
            "runtime/core/violation.h:2: no death test expects 'double free'",
        )

    def test_what_nothing_raises_must_wait_for_something(self) -> None:
        self.assert_finds(
            # Neither a comment nor a switch raises anything.
            self.findings(
                {
                    "tests/static/violations.txt": "",
                    "runtime/frame/a.cc": "// Violation::kForeignFrame\n"
                    "case Violation::kForeignFrame:\n",
                }
            ),
            "runtime/core/violation.h:3: nothing raises kForeignFrame",
        )

    def test_the_list_of_those_that_wait_only_shrinks(self) -> None:
        waiting = "kForeignFrame:\nkDoubleFree: for extent\nkGone: for what?\n"
        self.assert_finds(
            self.findings({"tests/static/violations.txt": waiting}),
            "tests/static/violations.txt:1: kForeignFrame waits without a reason",
            "tests/static/violations.txt:2: kDoubleFree is raised by now or gone",
            "tests/static/violations.txt:3: kGone is raised by now or gone",
        )


if __name__ == "__main__":
    run()
