"""Suite `frames`: the page allocator by itself, and the mappings that a long churn leaves."""

from __future__ import annotations

from report.figure_program import FigureProgram
from report.google_benchmark import GoogleBenchmark
from report.suite import Suite
from report.summary import Summary
from report.variants import JEMALLOC, PAGEWARD
from report.vocabulary import Outcome

ORDER0_PAIR = "BM_PageAllocator_ThreadListPair/unmapped:0/order:0"
MMAP_PAIR = "BM_PageAllocator_MmapPair/frames:"

# A program that prints `key value unit` lines joins in as one more FigureProgram; a counter of a
# benchmark is the figure <benchmark>.<counter> without further ado.
FIGURES = {
    "order0_pair_ns": ORDER0_PAIR,
    "conversions_per_512_frames": "conversions_per_512_frames",
    "churn_max_vmas": "churn_max_vmas",
}


def summarize_frames(outcome: Outcome) -> Summary:
    return {name: outcome.figures.get(key) for name, key in FIGURES.items()}


FRAMES = Suite(
    name="frames",
    question="page allocator: thread-list hit, buddy, conversion, fallback, against mmap/munmap",
    parts=(
        GoogleBenchmark(
            "bench/frame/bench_frame_page_allocator",
            variants={MMAP_PAIR: "kernel", "BM_PageAllocator_": "pageward"},
            # To the system's own way to get and give as much, or the nearest that is measured.
            references={
                "*/frames:200000": f"{MMAP_PAIR}200000",
                "*/order:1[38]": f"{MMAP_PAIR}200000",
                "*/frames:[47]": f"{MMAP_PAIR}4",
                "*/order:[03]": f"{MMAP_PAIR}4",
                "*": f"{MMAP_PAIR}500",
            },
            due=(ORDER0_PAIR,),
        ),
        FigureProgram(
            "conversion",
            "bench/space/bench_space_conversion_figures",
            keys={"conversions_per_512_frames": "conversions_per_512_frames"},
            rounds=1,
        ),
        FigureProgram(
            "vma_churn",
            "bench/workload/workload_vma_churn",
            # All mappings of memory, thread stacks included: somewhat more than those of the zones.
            keys={"churn_max_vmas": "vmas_max_memory"},
            arguments=("operations=4000000",),
            quick_arguments=("operations=200000",),
            long_arguments=("operations=100000000",),
            variants=(PAGEWARD, JEMALLOC),
            environment={"MALLOC_CONF": "dirty_decay_ms:0,muzzy_decay_ms:0"},
            rounds=1,
        ),
    ),
    reference="kernel",
    summarize=summarize_frames,
    due=tuple(FIGURES),
    bounds={"order0_pair_ns": 15, "conversions_per_512_frames": 1, "churn_max_vmas": 512},
    has_columns=False,
)
