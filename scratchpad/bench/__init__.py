"""Benchmarks: our speed beside the public implementation's way, measured alternately in one run."""
