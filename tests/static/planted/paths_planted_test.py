"""paths_test.py finds names in documents and comments that lead nowhere."""

from __future__ import annotations

from typing import Iterator

from plant import Finding, PlantedTest, run

from paths_test import check

FILES = {
    "runtime/frame/buddy.h": "",
    "tests/unit/frame/buddy_test.cc": "",
    "scripts/demo": "",
    "docs/GLOSSARY.md": "# Words\n## Frame & page\n",
    "CMakePresets.json": '{"version": 6, "configurePresets": [{"name": "dev"}]}',
}


class PathsPlantedTest(PlantedTest):
    def findings(self, files: dict[str, str]) -> Iterator[Finding]:
        return check(self.plant({**FILES, **files}))

    def test_living_names_are_fine(self) -> None:
        document = """\
            `runtime/frame/buddy.h`, `frame/buddy.h`, `docs/GLOSSARY.md`, `GLOSSARY.md`, `tests/`
            `runtime/<layer>/<file>.h`, `tests/unit/*/buddy_test.cc`, `runtime/frame/buddy.{h,h}`
            `build/dev`, `sys/mman.h`, `a/b`, read/write, tests/nothing outside backticks
            [words](docs/GLOSSARY.md#frame--page), [site](https://example.org/x.md), [up](#up)
            # Up
            ```
            ./scripts/demo --fast && cmake --workflow --preset dev
            ```
            """
        code = "// See docs/GLOSSARY.md, and arch/x86/mm/pkeys.c of Linux.\nint tests_a = b/c;\n"
        self.assert_finds(self.findings({"README.md": document, "runtime/arch/a.h": code}))

    def test_dead_names_in_documents_are_found(self) -> None:
        document = """\
            `runtime/frame/body.h`
            `frame/body.h` and `GLOSSARIES.md`
            `runtime/frame/buddy.{h,cc}` and `tests/model/*_test.cc`
            [words](docs/WORDS.md) and [page](docs/GLOSSARY.md#page)
            ```
            scripts/test --all
            ctest --preset fast
            ```
            """
        self.assert_finds(
            self.findings({"README.md": document}),
            "README.md:1: runtime/frame/body.h does not exist",
            "README.md:2: GLOSSARIES.md does not exist",
            "README.md:2: frame/body.h does not exist",
            "README.md:3: runtime/frame/buddy.cc does not exist",
            "README.md:3: tests/model/*_test.cc does not exist",
            "README.md:4: the link to docs/GLOSSARY.md#page leads nowhere",
            "README.md:4: the link to docs/WORDS.md leads nowhere",
            "README.md:6: scripts/test does not exist",
            "README.md:7: there is no preset fast",
        )

    def test_dead_names_in_comments_are_found(self) -> None:
        files = {
            "runtime/frame/a.cc": "int a;  // Row of docs/INVARIANTS.md.\n",
            "cmake/A.cmake": "# Checked by tests/static/gone_test.py.\n",
        }
        self.assert_finds(
            self.findings(files),
            "cmake/A.cmake:1: tests/static/gone_test.py does not exist",
            "runtime/frame/a.cc:1: docs/INVARIANTS.md does not exist",
        )


if __name__ == "__main__":
    run()
