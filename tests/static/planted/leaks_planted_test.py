"""leaks_test.py finds what tells where a file was written.

What it must find is put together here, so that it does not find it in this file.
"""

from __future__ import annotations

from plant import PlantedTest, run

from leaks_test import check


class LeaksPlantedTest(PlantedTest):
    def test_places_of_every_system_are_fine(self) -> None:
        text = """\
            see /usr/share/doc, /etc/pageward.conf, /proc/self/maps and the root of /
            work/share, bench/workload/a.cc, ~/work, $HOME/work, ${DIR}/work and "/workload"
            write to bugs AT example, or @mention somebody, or see https://www.kernel.org/doc
            """
        self.assert_finds(check(self.plant({"README.md": text})))

    def test_places_of_one_machine_are_found(self) -> None:
        places = ["/" + "work/x", "'/" + "root'", "=/" + "home/me/x", "x/" + "home/me/x"]
        self.assert_finds(
            check(self.plant({"a.txt": "\n".join(places)})),
            *(f"a.txt:{line}: a path of somebody's machine" for line in (1, 2, 3, 4)),
        )

    def test_registries_and_addresses_are_found(self) -> None:
        text = "files.python" + "hosted.org\nme" + "@example.org\n"
        self.assert_finds(
            check(self.plant({".ci/a": text})),
            ".ci/a:1: the host name of a registry",
            ".ci/a:2: an e-mail address",
        )

    def test_copyright_lines_of_others_keep_their_addresses(self) -> None:
        line = "Copyright: Somebody <me" + "@example.org>\n"
        self.assert_finds(
            check(self.plant({"THIRD_PARTY_NOTICES.md": line, "README.md": line})),
            "README.md:1: an e-mail address",
        )


if __name__ == "__main__":
    run()
