"""Real Python programs: run in a process of their own, under limits, and written as traces."""
