"""Benchmarks: our speed beside the public implementation's way, measured in turn in one run."""
