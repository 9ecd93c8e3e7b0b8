"""Programs of libsodium's keep what its documentation promises, under the library as without it."""

import os
import re

from harness import PreloadTest, conf, main

SIZES = ("1", "32", "5000", "100000")
# Every other way in which the guarded heap can be told to work.
SETTINGS = ("guard:off", "pku:off", "profile:strict", "sodium:off", "profile:off")


class GuaranteeTest(PreloadTest):
    def holds(self, preload: bool = True, **extra: str) -> None:
        program = self.our("sodium_rules")
        self.need_program(program)
        done = self.run_program([program], preload=preload, timeout=250, **extra)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "all rules hold\n", ""))

    # Spec: U33
    def test_every_documented_guarantee_holds_with_and_without(self) -> None:
        self.holds(preload=False)
        self.holds()

    # Spec: U33
    def test_every_documented_guarantee_holds_in_every_setting(self) -> None:
        for settings in SETTINGS:
            with self.subTest(settings=settings):
                self.holds(PAGEWARD_CONF=conf(settings))

    # Spec: U33, U39
    def test_every_guarantee_but_locking_holds_where_little_can_be_locked(self) -> None:
        program = self.our("sodium_rules")
        self.need_program(program)
        limited = [self.need("prlimit")]
        if os.geteuid() == 0:
            # Without the capability: whoever may lock anything is not limited.
            limited = [self.need("setpriv"), "--bounding-set", "-ipc_lock", *limited]
        for kibibytes in (0, 64, 256):
            with self.subTest(kibibytes=kibibytes):
                done = self.run_program([*limited, f"--memlock={kibibytes << 10}", program])
                self.assertEqual((done.returncode, done.stdout), (0, "all rules hold\n"))


class DensityTest(PreloadTest):
    def mappings(self, count: int, state: str, preload: bool = True, **extra: str) -> int:
        program = self.our("sodium_density")
        self.need_program(program)
        done = self.run_program([program, str(count), state], preload=preload, **extra)
        found = re.fullmatch(r"objects (\d+) mappings (\d+)\n", done.stdout)
        self.assertTrue(found, done.stdout + done.stderr)
        self.assertEqual(int(found[1]), count)
        return int(found[2])

    # Spec: U33
    def test_objects_need_at_most_half_of_the_mappings(self) -> None:
        count = 2000
        for state in ("open", "closed", "mixed"):
            theirs = self.mappings(count, state, preload=False)
            for settings in ("", "guard:off"):
                with self.subTest(state=state, settings=settings):
                    ours = self.mappings(count, state, PAGEWARD_CONF=conf(settings))
                    # Some are those of the addresses and tables as a whole.
                    self.assertLessEqual(2 * (ours - 8), theirs)

    # Spec: U33
    def test_there_can_be_more_objects_than_libsodium_has_mappings_for(self) -> None:
        self.mappings(20000, "open")

    def test_switched_off_libsodium_serves(self) -> None:
        theirs = self.mappings(500, "open", preload=False)
        for settings in ("sodium:off", "profile:off"):
            ours = self.mappings(500, "open", PAGEWARD_CONF=conf(settings))
            self.assertLess(abs(ours - theirs), 20)


class MisuseTest(PreloadTest):
    def dies(self, name: str, pattern: str, sizes=SIZES) -> None:
        program = self.our("sodium_misuse")
        self.need_program(program)
        for size in sizes:
            for settings in ("", "guard:off"):
                with self.subTest(size=size, settings=settings):
                    self.assert_dies([program, name, size], pattern, PAGEWARD_CONF=conf(settings))

    # Spec: U33
    def test_an_overflow_faults_at_once(self) -> None:
        program = self.our("sodium_misuse")
        self.need_program(program)
        for size in SIZES:
            done = self.run_program([program, "overflow", size])
            self.assertEqual((done.returncode, done.stdout), (-11, ""))

    # Spec: U33
    def test_an_underflow_is_found_when_the_object_is_freed(self) -> None:
        self.dies("underflow", r"^pageward: buffer underflow: sodium_free of 0x[0-9a-f]+: ")
        self.dies("underflow_closed", r"^pageward: buffer underflow: sodium_free of 0x")

    def test_freed_objects_are_no_objects(self) -> None:
        self.dies("free_twice", r"^pageward: double free: sodium_free of ", ("1", "32", "5000"))
        self.dies("free_twice", r"^pageward: foreign pointer: sodium_free of ", ("100000",))
        self.dies("free_twice_interleaved", r"^pageward: double free: ", ("1", "32", "5000"))
        self.dies("open_freed", r"^pageward: double free: sodium_mprotect of ", ("1", "32"))

    def test_wrong_pointers_are_named(self) -> None:
        self.dies("free_interior", r"^pageward: interior pointer: sodium_free of .* 1 bytes into",
                  ("32", "5000", "100000"))
        self.dies("close_interior", r"^pageward: interior pointer: sodium_mprotect of ", ("32",))
        self.dies("free_malloced", r"^pageward: foreign pointer: sodium_free of ")
        self.dies("free_static", r"^pageward: foreign pointer: sodium_free of ", ("32",))
        self.dies("open_stack", r"^pageward: foreign pointer: sodium_mprotect of ", ("32",))
        self.dies("free_by_malloc", r"^pageward: foreign pointer: free of ", ("32", "5000"))

    def test_right_use_survives(self) -> None:
        program = self.our("sodium_misuse")
        self.need_program(program)
        for size in ("0", *SIZES):
            done = self.run_program([program, "nothing", size])
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "survived\n", ""))


if __name__ == "__main__":
    main()
