"""pageward_oracle as a command: what it refuses, and RAM that somebody else filled."""

from __future__ import annotations

import struct
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

PROGRAM = sys.argv.pop(1)
MIB = 1 << 20
PRESENT, WRITABLE, USER, LARGE = 1, 2, 4, 0x80
NO_ORACLE = 77


def run(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=100)


def make_ram(path: Path, levels: int, size: int = 16 * MIB) -> int:
    """Writes RAM that is mapped by 2 MiB pages at both ends of the address space, and by small
    pages in between. Returns where the top table is."""
    root = 1 * MIB
    tables = iter(range(root, 2 * MIB, 4096))
    with open(path, "wb") as file:
        file.truncate(size)

        def put(table: int, index: int, word: int) -> None:
            file.seek(table + index * 8)
            file.write(struct.pack("<Q", word))

        def table_at(table: int, index: int) -> int:
            below = next(tables)
            put(table, index, below | PRESENT | WRITABLE | USER)
            return below

        top = next(tables)
        for index in (0, 256, 511):
            table = table_at(top, index)
            for _ in range(levels - 3):
                table = table_at(table, index)
            for entry in range(size // (2 * MIB)):
                rights = PRESENT | (WRITABLE if entry % 2 else 0) | (USER if index == 0 else 0)
                put(table, entry, entry * 2 * MIB | LARGE | rights | entry << 59)
            small = table_at(table, 511)
            for entry in range(0, 512, 3):
                put(small, entry, (4 * MIB + entry * 4096) | PRESENT | WRITABLE | USER)
    return root


class CommandTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.ram = Path(folder.name) / "ram"

    def expect_refusal(self, words: str, *arguments: str) -> None:
        done = run(*arguments)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        self.assertIn(words, done.stderr)

    def test_nonsense_is_refused(self) -> None:
        self.expect_refusal("unknown option '--speed'", "--speed", "9")
        self.expect_refusal("--seed wants a value", "--seed")
        self.expect_refusal("from 1 to", "--accesses", "0")
        self.expect_refusal("from 1 to", "--accesses", "10x")
        self.expect_refusal("from 4 to 5", "--levels", "3")
        self.expect_refusal("coherent, replay or both", "--mode", "fast")
        self.expect_refusal("go together", "--ram", str(self.ram))

    def test_ram_that_does_not_fit_is_refused_in_one_line(self) -> None:
        arguments = ("--ram", str(self.ram), "--root", "0x1000")
        self.expect_refusal("No such file", *arguments)
        self.ram.write_bytes(b"")
        self.expect_refusal("0 bytes are not a number of frames", *arguments)
        self.ram.write_bytes(bytes(5000))
        self.expect_refusal("5000 bytes are not a number of frames", *arguments)
        self.ram.write_bytes(bytes(4096))
        self.expect_refusal("is not in the RAM", *arguments)
        with open(self.ram, "r+b") as file:
            file.truncate(300 << 30)
        self.expect_refusal("more than the oracle can emulate", *arguments)
        self.expect_refusal("not a file", "--ram", "/", "--root", "0")

    def test_tables_that_leave_no_room_are_refused(self) -> None:
        root = make_ram(self.ram, 4)
        arguments = ("--ram", str(self.ram), "--root")
        self.expect_refusal("not at a multiple", *arguments, str(root + 8))
        with open(self.ram, "r+b") as file:
            file.seek(root + 510 * 8)
            file.write(b"\1")
        self.expect_refusal("entry 510", *arguments, str(root))

    def test_ram_where_the_machine_shows_its_rom_is_refused(self) -> None:
        root = make_ram(self.ram, 4)
        with open(self.ram, "r+b") as file:
            file.seek(0xF0000)
            file.write(b"\1")
        self.expect_refusal("RAM at 0xf0000", "--ram", str(self.ram), "--root", str(root))

    def test_ram_beyond_its_physical_addresses_is_refused(self) -> None:
        root = make_ram(self.ram, 4)
        with open(self.ram, "r+b") as file:
            file.seek(4 << 30)
            file.write(bytes(4095) + b"\1")
        self.expect_refusal("beyond 32 bits", "--ram", str(self.ram), "--root", str(root),
                            "--phys-bits", "32")

    def test_ram_of_somebody_else_is_walked_the_same_by_both(self) -> None:
        for levels in (4, 5):
            with self.subTest(levels=levels):
                root = make_ram(self.ram, levels)
                before = self.ram.read_bytes()
                done = run("--ram", str(self.ram), "--root", hex(root), "--levels", str(levels),
                           "--accesses", "3000")
                if done.returncode == NO_ORACLE:
                    self.skipTest(done.stderr)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                self.assertIn("compared 3000 accesses, 0 mismatches", done.stdout)
                self.assertEqual(self.ram.read_bytes(), before, "the file was changed")


if __name__ == "__main__":
    unittest.main()
