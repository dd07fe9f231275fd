"""Programs as inductions: a subset of Python run by a machine whose whole state is written down before each line."""
