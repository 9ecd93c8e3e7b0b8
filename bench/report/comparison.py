"""Programs under several heaps, side by side.

All runs of a case are interleaved: each round runs every variant once, in an order of its own.
Ratios are taken within a round. A variant that crashes or computes something else fails its case.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Callable, Mapping

from report.jobs import LAUNCHER, Job, Sample, Site
from report.launcher import DISTURBING_SHARE
from report.schedule import order_of_round
from report.stats import median, median_error, paired_ratios, spread
from report.variants import Variant, check_heap, check_libraries, choose, plain_environment
from report.vocabulary import NO_PRELOAD, Failure, Outcome, Progress, Row, RunFailed, Selection
from report.vocabulary import UsageError


@dataclass(frozen=True)
class Setting:
    """One way to set up the heaps that read MALLOC_CONF; all others run once, and count for each."""

    name: str = ""
    malloc_conf: str = ""


@dataclass(frozen=True)
class Case:
    """One job, to be run under all variants.

    `time` says which time decides: "cpu" is user and system time of all threads; "wall" is for
    programs whose threads are always ready to run but wait for each other inside the heap, which
    CPU time does not show.
    """

    name: str
    job: Job
    time: str = "cpu"
    settings: tuple[Setting, ...] = (Setting(),)
    # Metrics that the tables show beside those that count.
    shows: tuple[str, ...] = ()

    def name_with(self, setting: Setting) -> str:
        return f"{self.name}/{setting.name}" if setting.name else self.name

    def selected_settings(self, selection: Selection) -> list[Setting]:
        settings = self.settings[:1] if selection.is_quick else self.settings
        return [one for one in settings if selection.has_case(self.name_with(one))]


@dataclass(frozen=True)
class Run:
    """What is run in each round: a variant, with a setting if that means something to it."""

    variant: Variant
    setting: Setting


def run_of(variant: Variant, setting: Setting) -> Run:
    return Run(variant, setting if variant.reads_malloc_conf else Setting())


def metrics_of(sample: Sample) -> dict[str, tuple[float, str]]:
    """Returns all that a sample says, by metric: value and unit."""
    usage = sample.usage
    return {
        "cpu": (usage.cpu_s, "s"),
        "wall": (usage.own_wall_s, "s"),
        "rss": (usage.rss_mib, "MiB"),
        "faults": (float(usage.faults), "faults"),
        **sample.extra,
    }


def time_of(case: Case, sample: Sample) -> float:
    """Returns the time that decides for the case."""
    return metrics_of(sample)[case.time][0]


def rows_of(
    case: Case, name: str, variant: str, samples: list[Sample], reference: list[Sample]
) -> list[Row]:
    """Returns the rows of one variant; ratios are left out where there is no reference.

    The reference may have had further rounds, which then count for others.
    """
    rows = []
    roles = {case.time: "time", "rss": "rss", **dict.fromkeys(case.shows, "shown")}
    for metric, (_, unit) in metrics_of(samples[0]).items():
        values = [metrics_of(sample)[metric][0] for sample in samples]
        row = Row(name, variant, metric, median(values), unit, rounds=len(values))
        row = replace(row, spread=spread(values), role=roles.get(metric, "info"))
        base = [metrics_of(sample)[metric][0] for sample in reference[: len(samples)]]
        if len(base) == len(values) and min(base) > 0:
            ratios = paired_ratios(values, base)
            row = replace(row, ratio=median(ratios), ratio_spread=spread(ratios))
        rows.append(row)
    return rows


class Patience:
    """How often a run is repeated because something else used the machine meanwhile.

    What is looked at is the other work, never the result, so repeating favours nobody.
    """

    REPETITIONS = 3
    # Of the time that went into runs.
    TIME_SHARE = 0.3

    def __init__(self) -> None:
        self._measured_s = 0.0
        self._repeated_s = 0.0

    def least_disturbed(self, measure: Callable[[], Sample]) -> Sample:
        """Measures, again if disturbed and there is time, and returns the best of that."""
        best = measure()
        self._measured_s += best.usage.wall_s
        for _ in range(self.REPETITIONS):
            is_quiet = best.usage.foreign_share <= DISTURBING_SHARE
            if is_quiet or self._repeated_s > self._measured_s * self.TIME_SHARE:
                break
            again = measure()
            self._repeated_s += again.usage.wall_s
            best = min(best, again, key=lambda sample: sample.usage.foreign_share)
        return best


class CaseRunner:
    """Runs all rounds of one case."""

    # How sure a ratio must be, as the standard error of its median, and how long the runs of a case
    # may take to make it so.
    ERROR = 0.015
    REFINING_S = 60

    def __init__(
        self, case: Case, site: Site, runs: list[Run], patience: Patience, progress: Progress
    ) -> None:
        self._case = case
        self._site = site
        self._patience = patience
        self._progress = progress
        # A run that stands for several settings is there once.
        self.samples: dict[Run, list[Sample]] = {run: [] for run in runs}
        self.failures: list[Failure] = []
        self._expected = ""

    def measure(self, rounds: int, warm_up: int) -> None:
        """Measures `rounds` rounds after `warm_up` that do not count."""
        self._progress(f"{self._case.name}: what is right")
        try:
            self._expected = self._case.job.run(self._site, plain_environment()).output
        except RunFailed as failure:
            self.failures.append(Failure(self._case.name, NO_PRELOAD, str(failure)))
            self.samples.clear()
            return
        for number in range(-warm_up, rounds):
            for run in order_of_round(list(self.samples), self._case.name, number):
                self._progress(
                    f"{self._case.name}: round {number + 1} of {rounds}, {run.variant.name}"
                )
                self._measure_one(run, counts=number >= 0)

    def refine(self, pairs: Mapping[Run, Run], rounds: int) -> None:
        """Measures as many rounds again, and then more of those runs whose ratio is still unsure.

        Short programs differ by a tenth from run to run. How far decides about further rounds, the
        ratio itself does not; how far is not known after only a few. Once a run is sure it takes no
        further part, so that the rounds of each are the first ones of its reference.

        Requires: measure() has measured `rounds` rounds.
        """
        unsure = dict(pairs)
        number = rounds
        begin_s = self._measured_s()
        while unsure and self._measured_s() - begin_s < self.REFINING_S:
            taking_part = list(dict.fromkeys([*unsure.values(), *unsure]))
            for run in order_of_round(taking_part, self._case.name, number):
                self._progress(f"{self._case.name}: round {number + 1}, {run.variant.name}")
                if run in self.samples:
                    self._measure_one(run, counts=True)
            number += 1
            if number >= 2 * rounds:
                unsure = {run: base for run, base in unsure.items() if self._is_unsure(run, base)}

    def _measured_s(self) -> float:
        return sum(sample.usage.wall_s for samples in self.samples.values() for sample in samples)

    def _is_unsure(self, run: Run, reference: Run) -> bool:
        samples = self.samples.get(run, [])
        base = self.samples.get(reference, [])[: len(samples)]
        if not samples or len(base) != len(samples):
            return False
        times = [time_of(self._case, sample) for sample in samples]
        base_times = [time_of(self._case, sample) for sample in base]
        return median_error(paired_ratios(times, base_times)) > self.ERROR

    def _measure_one(self, run: Run, counts: bool) -> None:
        environment = run.variant.environment_for(self._site.build)
        if run.setting.malloc_conf:
            environment["MALLOC_CONF"] = run.setting.malloc_conf

        def measure() -> Sample:
            sample = self._case.job.run(self._site, environment)
            if sample.output != self._expected:
                raise RunFailed(f"wrong result: {sample.output!r} and not {self._expected!r}")
            return sample

        try:
            sample = self._patience.least_disturbed(measure) if counts else measure()
        except RunFailed as failure:
            name = self._case.name_with(run.setting)
            self.failures.append(Failure(name, run.variant.name, str(failure)))
            del self.samples[run]
            return
        if counts:
            self.samples[run].append(sample)


@dataclass(frozen=True)
class Comparison:
    """A part of a suite: cases times variants, with ratios to one of them.

    The ratios of `refined` variants are measured until they are sure; those of the others, which
    no bound is about, are as good as the rounds that were asked for make them.
    """

    cases: tuple[Case, ...]
    variants: tuple[Variant, ...]
    reference: Variant
    refined: tuple[Variant, ...] = ()

    def variant_names(self) -> list[str]:
        return [variant.name for variant in self.variants]

    def case_names(self, selection: Selection) -> list[str]:
        return [
            case.name_with(setting)
            for case in self.cases
            for setting in (case.settings[:1] if selection.is_quick else case.settings)
        ]

    def prepare(self, selection: Selection) -> None:
        site = Site(selection.build, selection.is_quick)
        chosen = choose(self.variants, self.reference, selection)
        cases = [case for case in self.cases if case.selected_settings(selection)]
        if not cases:
            return
        check_libraries(chosen, selection.build)
        if not site.launcher.exists():
            raise UsageError(f"{selection.build / LAUNCHER} is not built")
        for case in cases:
            case.job.check(site)

    def run(self, selection: Selection, progress: Progress) -> Outcome:
        outcome = Outcome()
        variants = []
        patience = Patience()
        for variant in choose(self.variants, self.reference, selection):
            try:
                check_heap(variant, selection.build)
                variants.append(variant)
            except RunFailed as failure:
                outcome.failures.append(Failure("every case", variant.name, str(failure)))
        for case in self.cases:
            settings = case.selected_settings(selection)
            if settings and variants:
                outcome.add(self._run_case(case, settings, variants, selection, patience, progress))
        return outcome

    def _run_case(
        self,
        case: Case,
        settings: list[Setting],
        variants: list[Variant],
        selection: Selection,
        patience: Patience,
        progress: Progress,
    ) -> Outcome:
        site = Site(selection.build, selection.is_quick)
        runs = [run_of(variant, setting) for setting in settings for variant in variants]
        runner = CaseRunner(case, site, runs, patience, progress)
        runner.measure(selection.rounds, warm_up=0 if selection.is_quick else 1)
        if not selection.is_quick:
            pairs = {
                run_of(variant, setting): run_of(self.reference, setting)
                for setting in settings
                for variant in variants
                if variant in self.refined
            }
            runner.refine(pairs, selection.rounds)
        outcome = Outcome(failures=runner.failures)
        for setting in settings:
            reference = runner.samples.get(run_of(self.reference, setting), [])
            for variant in variants:
                samples = runner.samples.get(run_of(variant, setting), [])
                if samples:
                    name = case.name_with(setting)
                    outcome.rows += rows_of(case, name, variant.name, samples, reference)
        every = [sample for samples in runner.samples.values() for sample in samples]
        outcome.foreign_shares += [sample.usage.foreign_share for sample in every]
        return outcome
