"""tree.py sees the files that a commit could hold, and no others."""

from __future__ import annotations

import unittest

from plant import PlantedTest, Tree, run

from tree import git


class TreePlantedTest(PlantedTest):
    def test_a_plain_folder_is_walked_without_its_build_output(self) -> None:
        tree = self.plant({"a.h": "", "runtime/b.h": "", "build/c.h": ""})
        self.assertEqual(tree.files, ["a.h", "runtime/b.h"])

    def test_a_repository_is_what_git_tracks_and_still_there(self) -> None:
        tree = self.plant({"old.h": "", "gone.h": "", "new.h": ""})
        try:
            git(tree.root, "init", "--quiet")
        except FileNotFoundError:
            raise unittest.SkipTest("git is not installed") from None
        git(tree.root, "add", "old.h", "gone.h")
        (tree.root / "gone.h").unlink()
        self.assertEqual(Tree(tree.root).files, ["old.h"])

    def test_tables_are_read_with_their_lines(self) -> None:
        tree = self.plant({"t.txt": "# note: no row\na: one two\n\nb:\n"})
        self.assertEqual(tree.table("t.txt"), {"a": (2, "one two"), "b": (4, "")})

    def test_folders_are_there_if_a_file_is(self) -> None:
        tree = self.plant({"runtime/core/a.h": ""})
        self.assertTrue(tree.has("runtime/"))
        self.assertFalse(tree.has("runtime/cor"))


if __name__ == "__main__":
    run()
