"""Wrong pointers given to the heap end in one line that says what they are."""

from harness import PreloadTest, conf, main

# Every slab class boundary is tested in heap_test.cc; here one of each kind.
SIZES = ("1", "100", "8192", "20000", "1048576")


class MisuseTest(PreloadTest):
    def dies(self, name: str, pattern: str, sizes=SIZES, **extra: str) -> None:
        for size in sizes:
            for profile in ("standard", "strict"):
                with self.subTest(size=size, profile=profile):
                    self.assert_dies([self.our("misuse"), name, size], pattern,
                                     PAGEWARD_CONF=conf(f"profile:{profile}"), **extra)

    # Spec: U20
    def test_freeing_twice(self) -> None:
        self.dies("free_twice", r"^pageward: double free: free of 0x[0-9a-f]+: ")

    def test_freeing_twice_with_others_in_between(self) -> None:
        self.dies("free_twice_interleaved", r"^pageward: double free: ")

    def test_freeing_twice_much_later(self) -> None:
        self.dies("free_twice_later", r"^pageward: (double free|interior pointer): ")

    def test_freeing_twice_from_another_thread(self) -> None:
        self.dies("free_twice_other_thread", r"^pageward: double free: ")
        self.dies("free_after_thread_ended", r"^pageward: double free: ")

    # Spec: U20
    def test_interior_and_misaligned_pointers(self) -> None:
        self.dies("free_interior", r"^pageward: interior pointer: free of .* it points 16 bytes "
                  r"into the \d+-byte object at 0x", sizes=("100", "8192", "20000", "1048576"))
        self.dies("free_misaligned", r"^pageward: interior pointer: .* it points 1 bytes into")

    def test_a_pointer_behind_an_object(self) -> None:
        self.dies("free_past_the_end", r"^pageward: (double free|interior pointer): ",
                  sizes=("100", "1048576"))

    # Spec: U20
    def test_foreign_pointers_are_named(self) -> None:
        one = ("100",)
        self.dies("free_stack", r"^pageward: foreign pointer: .* into the stack", one)
        self.dies("free_static", r"^pageward: foreign pointer: .* static data or code of /", one)
        self.dies("free_mapped", r"^pageward: foreign pointer: .* an anonymous mapping that is not "
                  r"the heap's", one)
        self.dies("free_never_mapped", r"^pageward: foreign pointer: free of 0x123456780: nothing "
                  r"is mapped there", one)

    def test_realloc_and_usable_size_look_as_closely(self) -> None:
        self.dies("realloc_freed", r"^pageward: double free: realloc of ")
        self.dies("realloc_interior", r"^pageward: interior pointer: realloc of ",
                  sizes=("100", "1048576"))
        self.dies("realloc_stack", r"^pageward: foreign pointer: realloc of ", ("100",))
        self.dies("usable_size_freed", r"^pageward: double free: malloc_usable_size of ")

    def test_the_report_names_the_code_that_called(self) -> None:
        # An address of the program, whose text lies far below that of libraries (PIE, x86-64).
        self.dies("free_twice", r"\(called from 0x5[0-9a-f]{11}\)$", ("100",))

    def test_right_use_survives(self) -> None:
        done = self.run_program([self.our("misuse"), "nothing"])
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "survived\n", ""))


class FreedMemoryTest(PreloadTest):
    # Spec: U17
    def test_purged_memory_faults_on_read_and_write(self) -> None:
        for means in ("best", "protection"):
            for name, kind in (("read_freed", "read"), ("write_freed", "write")):
                # The smaller one waits for others before it goes, unless it is asked for.
                for size in ("20000", "1048576"):
                    with self.subTest(means=means, name=name, size=size):
                        self.assert_dies([self.our("misuse"), name, size],
                                         rf"^pageward: use of freed memory: {kind} of 0x",
                                         PAGEWARD_CONF=conf(f"freed:{means}"))

    # Spec: U17
    def test_whole_pageblocks_fault_by_every_means(self) -> None:
        for means in ("best", "protection", "pageblock"):
            with self.subTest(means=means):
                self.assert_dies([self.our("misuse"), "read_freed", str(9 << 20)],
                                 r"^pageward: use of freed memory: read of 0x",
                                 PAGEWARD_CONF=conf(f"freed:{means}"))

    # Spec: U18
    def test_strict_extents_fault_at_once(self) -> None:
        sizes = ("4096", "4097", "8192", "9000", "12288", "12289", "100000", "1048576", str(9 << 20))
        for size in sizes:
            with self.subTest(size=size):
                self.assert_dies([self.our("misuse"), "read_freed_at_once", size],
                                 r"^pageward: use of freed memory: read of 0x",
                                 PAGEWARD_CONF=conf("profile:strict"))

    def test_what_is_not_covered_is_what_the_documents_say(self) -> None:
        # A small object inside a slab that others live in: no profile takes it away.
        for profile in ("standard", "strict"):
            done = self.run_program([self.our("misuse"), "read_freed_at_once", "100"],
                                    PAGEWARD_CONF=conf(f"profile:{profile}"))
            self.assertEqual(done.returncode, 0, done.stderr)

    def test_switched_off_nothing_is_put_out_of_reach(self) -> None:
        done = self.run_program([self.our("misuse"), "read_freed", "1048576"],
                                PAGEWARD_CONF=conf("profile:off"))
        self.assertEqual((done.returncode, done.stdout), (0, "read 0\nsurvived\n"))


if __name__ == "__main__":
    main()
