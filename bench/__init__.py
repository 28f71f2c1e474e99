"""Benchmarks; `make bench` runs the main ones."""
