"""What the user can say, and what happens when it can't be had."""

import os

from harness import BASE_CONF, PRELOAD, PreloadTest, conf, main

HAS_KEYS = "ospke" in open("/proc/cpuinfo", encoding="ascii").read().split()
USES_KEYS = HAS_KEYS and "pku:off" not in BASE_CONF


class ConfigurationTest(PreloadTest):
    def hello(self, **extra: str):
        return self.run_program(["/bin/echo", "hello"], **extra)

    # Spec: U8
    def test_a_mistake_is_one_line_and_the_program_runs(self) -> None:
        for text, line in (
                ("proflie:strict", "pageward: PAGEWARD_CONF: unknown option 'proflie'; did you "
                                   "mean 'profile'? Options are: profile require "),
                ("profile:stirct", "pageward: PAGEWARD_CONF: bad value 'stirct' for option "
                                   "'profile': it takes standard, strict, compat or off"),
                ("zone:99999999999999999999T", "pageward: PAGEWARD_CONF: bad value "),
                ("nonsense", "pageward: PAGEWARD_CONF: 'nonsense' is not of the form key:value")):
            with self.subTest(text=text):
                done = self.hello(PAGEWARD_CONF=text)
                self.assertEqual((done.returncode, done.stdout), (0, "hello\n"))
                self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
                self.assertTrue(done.stderr.startswith(line), done.stderr)

    # Spec: U8
    def test_a_mistaken_requirement_does_not_pass_for_none(self) -> None:
        for text in ("require:domain=pkuu", "require:domain=pku,proflie:x", "requir:domain=pku"):
            with self.subTest(text=text):
                done = self.hello(PAGEWARD_CONF=text)
                if text.startswith("require"):
                    self.assertEqual((done.returncode, done.stdout), (78, ""))
                self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)

    # Spec: U8
    def test_an_unmet_requirement_refuses_to_start(self) -> None:
        done = self.hello(PAGEWARD_CONF=conf("require:metadata=secretmem"))
        self.assertEqual((done.returncode, done.stdout), (78, ""))
        self.assertRegex(done.stderr, r"^pageward: requirement metadata=secretmem is not met: here "
                         r"it is [a-z]+\n$")

    def test_a_met_requirement_changes_nothing(self) -> None:
        tier = "pku" if USES_KEYS else "mprotect"
        done = self.hello(PAGEWARD_CONF=conf(f"require:freed={tier}"))
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "hello\n", ""))

    # Spec: U9
    def test_without_keys_a_requirement_of_keys_refuses(self) -> None:
        done = self.hello(PAGEWARD_CONF=conf("pku:off", "require:freed=pku"))
        self.assertEqual(done.returncode, 78)
        self.assertIn("freed=pku is not met: here it is mprotect", done.stderr)


class JemallocOptionsTest(PreloadTest):
    def hello(self, malloc_conf: str):
        return self.run_program(["/bin/echo", "hello"], MALLOC_CONF=malloc_conf)

    # Spec: U7
    def test_options_against_our_assumptions_are_named_in_one_line(self) -> None:
        done = self.hello("retain:true,oversize_threshold:8388608,hpa:true,dirty_decay_ms:100")
        self.assertEqual((done.returncode, done.stdout), (0, "hello\n"))
        self.assertEqual(done.stderr, "pageward: jemalloc options without effect here: "
                         "oversize_threshold:8388608, retain:true, hpa:true\n")

    # Spec: U7
    def test_options_that_agree_are_silent(self) -> None:
        done = self.hello("retain:false,dirty_decay_ms:0,muzzy_decay_ms:0,narenas:2,tcache:false,"
                          "junk:true,zero:true,abort_conf:true")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "hello\n", ""))

    def test_the_decay_time_is_followed(self) -> None:
        program = [self.our("misuse"), "read_freed_at_once", "1048576"]
        done = self.run_program(program, MALLOC_CONF="dirty_decay_ms:10000")
        self.assertEqual(done.stdout, "read 83\nsurvived\n")
        self.assert_dies(program, "use of freed memory", MALLOC_CONF="dirty_decay_ms:0")


class FilterTest(PreloadTest):
    def under_filter(self, calls: str, *settings: str):
        return self.run_program(
            [self.our("filtered"), calls, self.our("misuse"), "read_freed", str(9 << 20)],
            preload=False, FILTERED_PRELOAD=PRELOAD, PAGEWARD_CONF=conf(*settings))

    # Spec: U9
    def test_a_filter_that_kills_costs_a_tier_and_not_the_program(self) -> None:
        for calls in ("pkey_alloc", "mseal", "memfd_secret", "pkey_alloc,mseal,memfd_secret"):
            with self.subTest(calls=calls):
                done = self.under_filter(calls)
                # SIGSEGV by the freed memory, not SIGSYS by the filter.
                self.assertEqual(done.returncode, -11, done.stderr)
                self.assertRegex(done.stderr, "^pageward: use of freed memory: read of ")

    # Spec: U9
    def test_the_report_says_which_tier_it_is(self) -> None:
        def report(calls: str, *settings: str) -> str:
            return self.run_program(
                [self.our("filtered"), calls, "/bin/echo", "hello"], preload=False,
                FILTERED_PRELOAD=PRELOAD, PAGEWARD_CONF=conf("report:exit", *settings)).stderr

        self.assertIn("freed: mprotect", report("pkey_alloc"))
        self.assertNotIn("unmapped: secretmem", report("memfd_secret"))
        if USES_KEYS:
            self.assertIn("freed: pku", report("memfd_secret"))

    # Spec: U9
    def test_a_requirement_that_the_filter_makes_impossible_refuses(self) -> None:
        for calls, requirement in (("pkey_alloc", "freed=pku"),
                                   ("memfd_secret", "unmapped=secretmem")):
            with self.subTest(calls=calls):
                done = self.under_filter(calls, f"require:{requirement}")
                self.assertEqual(done.returncode, 78, done.stderr)

    # A31: a filter that answers for the kernel.
    # Spec: U9, A31
    def test_a_filter_that_lies_about_keys_is_found_out(self) -> None:
        for calls in ("fake-pkey_alloc", "fake-pkey_mprotect"):
            with self.subTest(calls=calls):
                done = self.under_filter(calls, "require:freed=pku")
                self.assertEqual(done.returncode, 78, done.stderr)
                done = self.under_filter(calls)
                self.assertEqual(done.returncode, -11, done.stdout + done.stderr)


class ReportTest(PreloadTest):
    def test_the_report_says_what_the_heap_did(self) -> None:
        done = self.run_program([self.our("forking")], PAGEWARD_CONF=conf("report:exit"))
        report = done.stderr
        self.assertRegex(report, r"(?m)^pageward: report of forking \(process \d+\), profile standard$")
        for part in ("program holds", "runs", "free frames, mapped", "conversions", "out of reach",
                     "system calls", "mappings of zone", "resident now", "protected by"):
            self.assertIn(f"\n  {part}", report)
        # One report: children that end without exec are no programs of their own.
        self.assertEqual(report.count("pageward: report of forking"), 1)

    def test_a_program_that_closes_its_standard_error_is_reported_all_the_same(self) -> None:
        done = self.run_program(["/bin/sort", os.devnull], PAGEWARD_CONF=conf("report:exit"))
        self.assertIn("pageward: report of sort", done.stderr)

    def test_nothing_is_printed_unasked(self) -> None:
        done = self.run_program([self.our("misuse"), "nothing"])
        self.assertEqual(done.stderr, "")


if __name__ == "__main__":
    main()
