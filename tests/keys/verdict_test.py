"""Which results of the machine count."""

from __future__ import annotations

import unittest

from verdict import Result, complaints, is_explained, of_googletest, of_script

REPORT = """<?xml version="1.0" encoding="UTF-8"?>
<testsuites tests="4" failures="0" disabled="1" errors="0" time="0.1" name="AllTests">
  <testsuite name="ATest" tests="4" failures="0" disabled="1" skipped="1" errors="0" time="0.1">
    <testcase name="Runs" status="run" result="completed" time="0.1" classname="ATest" />
    <testcase name="Fails" status="run" result="completed" time="0.1" classname="ATest">
      <failure message="a.cc:1&#x0A;no" type=""><![CDATA[a.cc:1]]></failure>
    </testcase>
    <testcase name="Waits" status="run" result="skipped" time="0" classname="ATest">
      <skipped message="a_test.cc:16&#x0A;no protection keys on this machine&#x0A;" />
    </testcase>
    <testcase name="DISABLED_Sleeps" status="notrun" result="suppressed" time="0" classname="ATest" />
  </testsuite>
</testsuites>
"""


class ReadingTest(unittest.TestCase):
    def test_skipped_and_disabled_cases_did_not_run(self) -> None:
        self.assertEqual(of_googletest(0, REPORT),
                         Result(0, 2, ("no protection keys on this machine",)))

    def test_a_script_tells_how_many_ran(self) -> None:
        text = "..s\n---\nRan 3 tests in 5.9s\n\nOK (skipped=1)\nskipped: a.B.c: java is not installed\n"
        self.assertEqual(of_script(0, text), Result(0, 2, ("java is not installed",)))

    def test_a_script_that_died_ran_nothing(self) -> None:
        self.assertEqual(of_script(1, "Traceback: Ran 3 tests in a row\n"), Result(1, 0, ()))


class VerdictTest(unittest.TestCase):
    def test_a_skip_for_lack_of_keys_is_never_explained(self) -> None:
        self.assertFalse(is_explained("no protection keys on this machine", "6.1"))

    def test_a_kernel_that_is_too_old_explains_a_skip_and_a_new_one_does_not(self) -> None:
        reason = "this kernel has no mseal (Linux 6.10)"
        self.assertTrue(is_explained(reason, "6.1"))
        self.assertFalse(is_explained(reason, "6.12"))

    def test_versions_are_no_decimal_fractions(self) -> None:
        self.assertFalse(is_explained("cannot populate on demand (Linux 5.14)", "6.1"))
        self.assertTrue(is_explained("no guard markers (Linux 6.13)", "6.2"))

    def test_a_program_that_passed_and_ran_its_tests_is_good(self) -> None:
        self.assertEqual(complaints(Result(0, 3, ()), "6.1"), [])

    def test_a_failure_an_empty_run_and_a_skip_are_each_complained_of(self) -> None:
        for result in (Result(1, 3, ()), Result(0, 0, ()), Result(0, 3, ("no keys",))):
            with self.subTest(result=result):
                self.assertEqual(len(complaints(result, "6.1")), 1)


if __name__ == "__main__":
    unittest.main()
