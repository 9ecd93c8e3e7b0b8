"""The command `scripts/bench`."""

from __future__ import annotations

import argparse
import difflib
import signal
import sys
import time
from pathlib import Path
from typing import Any

from report import machine, results, table
from report.build import build_preset
from report.jobs import PROJECT
from report.suite import Suite
from report.suites import SUITES
from report.summary import Summary
from report.vocabulary import Outcome, Selection, UsageError

DEFAULT_ROUNDS = 5
QUICK_ROUNDS = 3
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130

EPILOG = """\
examples:
  scripts/bench malloc
  scripts/bench malloc --quick --without scudo
  scripts/bench malloc --variants jemalloc,pageward --cases 'churn*' --rounds 9
  scripts/bench malloc --cases '*/decay=0'
  scripts/bench malloc --list

The result is build/bench/SUITE.json. Exit status: 0 if every case gave a figure, 1 if one failed,
2 if nothing was measured (bad usage, a library that is missing), 130 if interrupted.
docs/BENCHMARKS.md says how it is measured."""


def names(text: str) -> tuple[str, ...]:
    return tuple(name for name in text.split(",") if name)


def parse(arguments: list[str]) -> argparse.Namespace:
    suites = "\n".join(f"  {suite.name:<8} {suite.question}" for suite in SUITES.values())
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description=f"Measures side by side, prints a table and writes it as JSON.\n\n"
        f"suites:\n{suites}",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("suite", metavar="SUITE", help="what to measure: " + ", ".join(SUITES))
    parser.add_argument("--variants", type=names, help="only these, as a,b (and the reference)")
    parser.add_argument("--without", type=names, default=(), help="all variants but these")
    parser.add_argument("--cases", metavar="GLOB", help="only cases whose name fits")
    parser.add_argument(
        "--rounds",
        type=int,
        metavar="N",
        help=f"rounds that count (default {DEFAULT_ROUNDS}; {QUICK_ROUNDS} with --quick)",
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="less work, default settings only, no warm-up: to see whether it works",
    )
    parser.add_argument(
        "--long",
        action="store_true",
        help="the whole work of cases that do a sample by default (vma_churn: 100 million)",
    )
    parser.add_argument("--list", action="store_true", help="show cases and variants, run nothing")
    parser.add_argument("--preset", default="release", help="what to build (default: release)")
    parser.add_argument(
        "--build-dir", type=Path, metavar="DIR", help="measure what is in DIR and build nothing"
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="instead of SUITE.json")
    options = parser.parse_args(arguments)
    if options.rounds is not None and options.rounds < 1:
        parser.error("--rounds must be at least 1")
    if options.quick and options.long:
        parser.error("--quick and --long exclude each other")
    return options


def check_known(kind: str, asked: tuple[str, ...], known: list[str]) -> None:
    """Raises UsageError for a name that does not exist, with the nearest that does."""
    for name in asked:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0)
            hint = f" (did you mean {near[0]}?)" if near else ""
            raise UsageError(f"there is no {kind} '{name}'{hint}; known: {', '.join(known)}")


def select(suite: Suite, options: argparse.Namespace, build: Path) -> Selection:
    """Returns the selection; raises UsageError if it names something unknown or nothing at all."""
    check_known("variant", (options.variants or ()) + options.without, suite.variant_names())
    selection = Selection(
        build=build,
        rounds=options.rounds or (QUICK_ROUNDS if options.quick else DEFAULT_ROUNDS),
        is_quick=options.quick,
        is_long=options.long,
        variants=options.variants,
        without=options.without,
        cases=options.cases,
    )
    known = suite.case_names(selection)
    if not any(selection.has_case(name) for name in known):
        raise UsageError(f"no case fits '{options.cases}'; known: {', '.join(known)}")
    return selection


class ProgressLine:
    """Tells on stderr what is being measured: one line that changes, or on a pipe a line a minute."""

    PIPE_INTERVAL_S = 60

    def __init__(self) -> None:
        self._begin = time.monotonic()
        self._said = self._begin
        self._is_terminal = sys.stderr.isatty()

    def __call__(self, text: str) -> None:
        now = time.monotonic()
        minutes, seconds = divmod(int(now - self._begin), 60)
        line = f"[{minutes:2}:{seconds:02}] {text}"
        if self._is_terminal:
            print(f"\r\033[K{line[:110]}", end="", file=sys.stderr, flush=True)
        elif now - self._said >= self.PIPE_INTERVAL_S:
            self._said = now
            print(line, file=sys.stderr, flush=True)

    def end(self) -> None:
        if self._is_terminal:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def show_list(suite: Suite, selection: Selection) -> None:
    print("variants:", *suite.variant_names())
    print("cases:")
    for name in suite.case_names(selection):
        if selection.has_case(name):
            print(f"  {name}")
    try:
        for part in suite.parts:
            part.prepare(selection)
    except UsageError as missing:
        print(missing)


def document_of(
    suite: Suite,
    selection: Selection,
    outcome: Outcome,
    summary: Summary,
    surroundings: dict[str, Any],
) -> dict[str, Any]:
    return {
        "suite": suite.name,
        "rows": [results.row_as_json(row) for row in outcome.rows],
        "summary": summary,
        "failures": [str(failure) for failure in outcome.failures],
        "selection": {
            "rounds": selection.rounds,
            "quick": selection.is_quick,
            "long": selection.is_long,
            "variants": selection.variants,
            "without": selection.without,
            "cases": selection.cases,
        },
        "machine": surroundings,
    }


def measure(suite: Suite, selection: Selection, output: Path) -> int:
    """Runs the suite, prints its tables and writes its JSON; returns the exit status."""
    surroundings = machine.describe(PROJECT)
    begin = time.monotonic()
    progress = ProgressLine()
    outcome = Outcome()
    try:
        for part in suite.parts:
            outcome.add(part.run(selection, progress))
    finally:
        progress.end()
    summary = suite.summarize(outcome)
    outcome.failures += suite.missing_figures(summary, selection)
    surroundings["duration_s"] = round(time.monotonic() - begin)
    notes = machine.remarks(surroundings, outcome.foreign_shares)
    if selection.is_quick or selection.rounds < DEFAULT_ROUNDS:
        notes.append("a quick look: figures to publish need a whole run")
    notes.append(f"took {surroundings['duration_s']} s")
    print(table.render(suite, outcome, summary, notes))
    results.write(output, document_of(suite, selection, outcome, summary, surroundings))
    return EXIT_FAILED if outcome.failures else 0


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def run(options: argparse.Namespace) -> int:
    check_known("suite", (options.suite,), list(SUITES))
    suite = SUITES[options.suite]
    build = (options.build_dir or PROJECT / "build" / options.preset).resolve()
    selection = select(suite, options, build)
    if options.list:
        show_list(suite, selection)
        return 0
    output = options.output or PROJECT / "build" / "bench" / f"{suite.name}.json"
    results.remove(output)
    if not options.build_dir:
        print(f"building the preset {options.preset}", file=sys.stderr)
        build_preset(PROJECT, options.preset)
    for part in suite.parts:
        part.prepare(selection)
    return measure(suite, selection, output)


def main(arguments: list[str]) -> int:
    signal.signal(signal.SIGTERM, interrupt)
    options = parse(arguments)
    try:
        return run(options)
    except UsageError as error:
        print(f"scripts/bench: {error}", file=sys.stderr)
        return EXIT_USAGE
    except KeyboardInterrupt:
        print("scripts/bench: interrupted; there is no result", file=sys.stderr)
        return EXIT_INTERRUPTED
