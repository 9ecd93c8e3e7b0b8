"""conventions_test.py finds what each of its rules is about."""

from __future__ import annotations

from typing import Iterator

from plant import Finding, PlantedTest, run

from conventions_test import check

OPENING = "// What every layer needs.\n#pragma once\n"


class ConventionsPlantedTest(PlantedTest):
    def findings(self, files: dict[str, str]) -> Iterator[Finding]:
        return check(self.plant({"LICENSE": "Apache License\n", **files}))

    def test_a_sound_file_is_fine(self) -> None:
        code = OPENING + """\
            // TODO(keys): drop once Linux 6.1 is gone.
            #define PW_TWICE(x) ((x) + (x))
            namespace pageward::frame {
            namespace {
            namespace pageward::frame::internal {
            """
        test = "TEST(BuddyDeathTest, Dies) {\n  EXPECT_DEATH(Die(), why);\n}\n"
        self.assert_finds(
            self.findings({"runtime/frame/a.h": code, "tests/unit/frame/a_test.cc": test})
        )

    def test_headers_open_with_a_comment_and_pragma_once(self) -> None:
        self.assert_finds(
            self.findings(
                {
                    "runtime/core/a.h": "#pragma once\n",
                    "runtime/core/b.h": "// b.h\n#pragma once\n",
                    "runtime/core/c.h": "// What every layer needs.\n#ifndef C_H\n",
                    "runtime/core/d.h": "// SPDX-License-Identifier: Apache-2.0\n#pragma once\n",
                }
            ),
            "runtime/core/a.h:1: no file comment",
            "runtime/core/b.h:2: no file comment",
            "runtime/core/c.h:2: the file comment is not followed by #pragma once",
            "runtime/core/d.h:2: no file comment",
        )

    def test_notes_have_an_owner_and_an_end(self) -> None:
        code = "// TODO: later\n// TODO(me) soon\n// FIXME(me): when it rains\n"
        self.assert_finds(
            self.findings({"runtime/core/a.cc": code}),
            "runtime/core/a.cc:1: TODO without",
            "runtime/core/a.cc:2: TODO without",
            "runtime/core/a.cc:3: FIXME without",
        )

    def test_booleans_that_need_a_comment_are_found(self) -> None:
        code = "f(/*is_zeroed=*/true);\nf(/* zero */ false);\nf(/*true*/ 1);\nf(true);\n"
        self.assert_finds(
            self.findings({"bench/a.cc": code}),
            "bench/a.cc:1: a boolean",
            "bench/a.cc:2: a boolean",
            "bench/a.cc:3: a boolean",
        )

    def test_another_licence_is_found(self) -> None:
        self.assert_finds(
            self.findings({"tools/a.cc": "// SPDX-License-Identifier: MIT\n"}),
            "tools/a.cc:1: licence MIT in a tree under Apache-2.0",
        )
        self.assert_finds(check(self.plant({"LICENSE": "MIT\n"})), "LICENSE:0: is not the text of")

    def test_names_of_the_runtime(self) -> None:
        code = OPENING + "#define TWICE 2\nnamespace pageward::extent {\n"
        self.assert_finds(
            self.findings({"runtime/frame/PageBlock.h": code}),
            "runtime/frame/PageBlock.h:0: file names are snake_case",
            "runtime/frame/PageBlock.h:3: macro TWICE does not begin with PW_",
            "runtime/frame/PageBlock.h:4: namespace pageward::extent; this layer's is pageward::fr",
        )

    def test_names_of_tests_and_benchmarks(self) -> None:
        test = "TEST(Buddy, Works) {}\nTEST_F(BuddyTest, Dies) {\n  ASSERT_DEATH(Die(), why);\n"
        self.assert_finds(
            self.findings(
                {"tests/unit/frame/a_test.cc": test, "bench/frame/a.cc": "BENCHMARK(Split);\n"}
            ),
            "bench/frame/a.cc:1: benchmark Split is not BM_...",
            "tests/unit/frame/a_test.cc:1: suite Buddy does not end in Test",
            "tests/unit/frame/a_test.cc:3: a death in suite BuddyTest",
        )


if __name__ == "__main__":
    run()
