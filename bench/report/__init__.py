"""The benchmark harness behind scripts/bench. docs/BENCHMARKS.md says how it measures and why."""
