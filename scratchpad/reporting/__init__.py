"""One self-contained HTML page about one run or several, and the plots on it."""
