"""Benchmarks of editors: sets of requests, editors under test, their runs and tables.

A set is a published benchmark (`BenchSet` of `BenchItem`); an editor answers each item with an image or a
recorded failure; judges and metrics score the answers; the benchmark's protocol aggregates the scores.
"""
