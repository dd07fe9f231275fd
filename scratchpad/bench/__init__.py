"""Benchmarks: our speed beside that of the public implementation, measured alternately in one run."""
