"""citations_test.py finds citations of nothing, before nothing, and numbers that stand twice."""

from __future__ import annotations

import contextlib
import io

from plant import Finding, PlantedTest, run

from citations_test import check

# In two pieces, so that this file cites nothing.
SPEC = "Spec" + ":"
SPECIFICATION = "# Statements\n- T1 A frame is owned.\n- T2 A frame is freed.\n- U1 It runs.\n"


class CitationsPlantedTest(PlantedTest):
    def look_at(self, files: dict[str, str]) -> tuple[list[Finding], str]:
        """Returns the findings and what is printed for information."""
        tree = self.plant({"docs/SPECIFICATION.md": SPECIFICATION, **files})
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            return list(check(tree)), printed.getvalue()

    def test_citations_before_a_test_count(self) -> None:
        files = {
            "tests/unit/a_test.cc": f"// {SPEC} T1, U1\n// Why.\nTEST(ATest, Works) {{\n",
            "tests/integration/a_test.py": f"# {SPEC} T2\ndef test_it():\n",
        }
        findings, printed = self.look_at(files)
        self.assert_finds(findings)
        self.assertEqual(printed, "cited: 3 of 3; not yet: \n")

    def test_the_uncited_are_named_and_no_failure(self) -> None:
        findings, printed = self.look_at({})
        self.assert_finds(findings)
        self.assertEqual(printed, "cited: 0 of 3; not yet: T1 T2 U1\n")

    def test_a_citation_of_nothing_is_found(self) -> None:
        text = f"\n// {SPEC} T3\nTEST(ATest, Works) {{}}\n"
        findings, _ = self.look_at({"tests/a_test.cc": text})
        self.assert_finds(findings, "tests/a_test.cc:2: docs/SPECIFICATION.md has no statement T3")

    def test_ranges_and_prose_are_found(self) -> None:
        text = f"// {SPEC} T1-T2\n// {SPEC} T1 and T2\n// {SPEC}\nTEST(ATest, Works) {{}}\n"
        findings, printed = self.look_at({"tests/a_test.cc": text})
        self.assert_finds(
            findings,
            "tests/a_test.cc:1: 'T1-T2' is no list",
            "tests/a_test.cc:2: 'T1 and T2' is no list",
            "tests/a_test.cc:3: '' is no list",
        )
        self.assertIn("cited: 0 of 3", printed)

    def test_a_citation_before_no_test_is_found_and_does_not_count(self) -> None:
        text = f"// {SPEC} T1\n\n\n\n\nTEST(ATest, Works) {{}}\n"
        findings, printed = self.look_at({"tests/a_test.cc": text})
        self.assert_finds(findings, "tests/a_test.cc:1: no test within 4 lines")
        self.assertIn("cited: 0 of 3", printed)

    def test_numbers_that_stand_twice_or_are_left_out_are_found(self) -> None:
        findings, _ = self.look_at({"docs/SPECIFICATION.md": "- T1 One.\n- T1 Two.\n- T3 Three.\n"})
        self.assert_finds(
            findings,
            "docs/SPECIFICATION.md:0: not there: T2",
            "docs/SPECIFICATION.md:2: T1 stands in line 1 already",
        )


if __name__ == "__main__":
    run()
