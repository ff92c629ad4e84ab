"""Micro-benchmarks of the hot paths: `pytest bench/micro --benchmark-only --benchmark-autosave`.

Compare two saved runs with `pytest-benchmark compare`. They are no part of the test suite: a shared machine's timings
prove nothing.
"""
