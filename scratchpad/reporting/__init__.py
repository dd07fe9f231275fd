"""Reports about runs: one self-contained HTML page with tables and plots."""
