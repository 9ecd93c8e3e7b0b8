"""The heap keeps the rules of POSIX, C, C++, glibc and jemalloc."""

from harness import PreloadTest, conf, main


class RulesTest(PreloadTest):
    def holds(self, program: str, last_line: str, *settings: str) -> None:
        done = self.run_program([self.our(program)], PAGEWARD_CONF=conf(*settings))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(done.stdout.splitlines()[-1], last_line)
        self.assertEqual(done.stderr, "")

    # Spec: U3
    def test_malloc_and_its_family(self) -> None:
        for profile in ("standard", "strict", "off"):
            with self.subTest(profile=profile):
                self.holds("api_rules", "all rules hold", f"profile:{profile}")

    # Spec: U3
    def test_operator_new_and_delete(self) -> None:
        self.holds("cxx_rules", "all rules hold")

    # Spec: U3
    def test_jemallocs_own_interface(self) -> None:
        self.holds("jemalloc_rules", "all rules hold")

    # Spec: U2
    def test_memory_is_served_before_main_and_after_it(self) -> None:
        for profile in ("standard", "strict"):
            with self.subTest(profile=profile):
                self.holds("early_and_late", "late", f"profile:{profile}")

    # Spec: U5, U6
    def test_processes_and_threads_end_well(self) -> None:
        for profile in ("standard", "strict"):
            with self.subTest(profile=profile):
                self.holds("forking", "processes and threads end well", f"profile:{profile}")


class EscapeTest(PreloadTest):
    # Spec: U4
    def test_nothing_comes_from_elsewhere(self) -> None:
        for extra in ({}, {"MALLOC_CONF": "oversize_threshold:1048576,narenas:3"},
                      {"MALLOC_CONF": "percpu_arena:percpu,retain:true,dss:primary"}):
            with self.subTest(extra=extra):
                done = self.run_program([self.our("no_escape")], **extra)
                self.assertRegex(done.stdout, r"^pieces \d{4} escaped 0 threads 6\n$")


class LimitTest(PreloadTest):
    def survives(self, prefix: list[str], *arguments: str) -> None:
        done = self.run_program([*prefix, self.our("limits"), *arguments])
        self.assertEqual((done.returncode, done.stdout), (0, "survived\n"), done.stderr)

    # Spec: U39
    def test_running_out_of_address_space_is_an_answer(self) -> None:
        prlimit = self.need("prlimit")
        for gibibytes in (1, 3):
            with self.subTest(gibibytes=gibibytes):
                limit = f"--as={gibibytes << 30}"
                self.survives([prlimit, limit], "1048576")
                self.survives([prlimit, limit], "100")

    def test_a_small_zone_is_used_to_its_end(self) -> None:
        done = self.run_program([self.our("limits"), "1048576"], PAGEWARD_CONF=conf("zone:256M"))
        self.assertEqual((done.returncode, done.stdout), (0, "survived\n"), done.stderr)
        done = self.run_program([self.our("limits"), "20000"], PAGEWARD_CONF=conf("zone:256M"))
        self.assertEqual((done.returncode, done.stdout), (0, "survived\n"), done.stderr)


if __name__ == "__main__":
    main()
