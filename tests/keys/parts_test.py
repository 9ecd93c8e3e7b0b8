"""The parts of the machine that need no machine: modules, the archive, QEMU's command line."""

from __future__ import annotations

import subprocess
import tempfile
import unittest
from pathlib import Path

from vm import cli, initramfs, kernel, machine
from vm.initramfs import Entry


def module(*depends: str) -> bytes:
    return b"\x7fELF\0license=GPL\0depends=" + ",".join(depends).encode() + b"\0retpoline=Y\0"


class KernelTest(unittest.TestCase):
    MODULES = {"a": module("b", "c"), "b": module("c"), "c": module(), "d": module("b-uilt")}

    def test_a_module_loads_once_and_after_what_it_depends_on(self) -> None:
        self.assertEqual(kernel.load_order(["a", "c"], self.MODULES, set()), ["c", "b", "a"])

    def test_what_is_built_in_is_not_loaded(self) -> None:
        order = kernel.load_order(["d", "e"], self.MODULES, {"b_uilt", "e"})
        self.assertEqual(order, ["d"])

    def test_a_missing_module_is_named(self) -> None:
        with self.assertRaisesRegex(kernel.Unavailable, "b_uilt"):
            kernel.load_order(["d"], self.MODULES, set())

    def test_the_package_is_of_the_series_that_was_asked_for(self) -> None:
        printed = "linux-image-amd64\n  Depends: linux-image-6.12.3+deb13-amd64\n"
        self.assertEqual(kernel.newest_package("6.12", printed), "linux-image-6.12.3+deb13-amd64")
        self.assertIsNone(kernel.newest_package("6.1", printed))

    def test_without_a_kernel_the_reason_says_how_to_get_one(self) -> None:
        with tempfile.TemporaryDirectory() as empty:
            with self.assertRaisesRegex(kernel.Unavailable, "scripts/on-keys --kernel 6.1 true"):
                kernel.find("6.1", Path(empty))


class ArchiveTest(unittest.TestCase):
    def test_every_part_begins_at_a_multiple_of_four(self) -> None:
        archive = initramfs.pack([Entry("ab", b"12345"), Entry("folder"), Entry("c", b"")])
        self.assertEqual(len(archive) % 4, 0)
        starts = [at for at in range(len(archive)) if archive.startswith(b"070701", at)]
        self.assertEqual(len(starts), 4)
        self.assertTrue(all(at % 4 == 0 for at in starts))

    def test_a_record_holds_type_permissions_size_and_data(self) -> None:
        archive = initramfs.pack([Entry("name", b"data", 0o644)])
        fields = [int(archive[at : at + 8], 16) for at in range(6, 110, 8)]
        self.assertEqual((oct(fields[1]), fields[4], fields[6]), ("0o100644", 1, 4))
        self.assertEqual(archive[110 : 110 + fields[11]], b"name\0")
        self.assertEqual(archive[116:120], b"data")

    def test_a_command_arrives_word_by_word(self) -> None:
        words = ["printf", "%s|", "two words", "it's", "$HOME", "", "*"]
        script = initramfs.script_of(words, Path("/"), {"A": "b c"})
        done = subprocess.run(["sh", "-c", script], capture_output=True, text=True)
        self.assertEqual(done.stdout, "two words|it's|$HOME||*|")

    def test_variables_are_exported_and_the_folder_is_entered(self) -> None:
        script = initramfs.script_of(["sh", "-c", 'echo "$PWD $A"'], Path("/usr"), {"A": "b 'c'"})
        done = subprocess.run(["sh", "-c", script], capture_output=True, text=True)
        self.assertEqual(done.stdout, "/usr b 'c'\n")


class MachineTest(unittest.TestCase):
    def test_only_the_whole_report_is_an_exit_status(self) -> None:
        self.assertEqual(machine.status_of(b"exit 7\n"), 7)
        for text in (b"", b"exit 7", b"exit \n", b"x\nexit 7\n"):
            self.assertIsNone(machine.status_of(text), text)

    def test_the_hosts_root_is_shared_read_only_and_a_folder_if_it_shall_be_written(self) -> None:
        made = machine.Machine(kernel.Kernel(Path("image"), ()), 2, 512, Path("/a,b"))
        line = machine.command_line(made, Path("archive"), Path("console"), (5, 6, 7))
        shares = [word for before, word in zip(line, line[1:]) if before == "-virtfs"]
        self.assertIn("path=/,", shares[0])
        self.assertTrue(shares[0].endswith("readonly=on"))
        self.assertIn("path=/a,,b,", shares[1])
        self.assertTrue(shares[1].endswith("readonly=off"))


class CommandTest(unittest.TestCase):
    def test_what_follows_the_options_is_the_command(self) -> None:
        for arguments in (["ls", "-l", "--kernel"], ["--", "ls", "-l", "--kernel"]):
            self.assertEqual(cli.parse(arguments).command, ["ls", "-l", "--kernel"])
        self.assertEqual(cli.parse(["--kernel", "6.1", "ls"]).kernel, "6.1")


if __name__ == "__main__":
    unittest.main()
