"""Numbers as text, for commands, reports and tables."""

from __future__ import annotations

import re

NOTHING = "\N{EN DASH}"
"""The sign for a missing value. It is also the dash of a range."""
_UNITS = re.compile(r"(?<=\d) (?=(?:%|h|min|s|ms|µs|[KMG]iB)(?!\w))")


def percent(share: float, digits: int = 1) -> str:
    """Return a share (0 to 1) in percent: `98.5 %`. Only exactly 1 gives `100 %`, and only exactly 0 gives `0 %`."""
    share = round(share, 9)  # rounding errors may make a share of 1 slightly smaller
    if share in (0, 1):
        return f"{100 * share:.0f} %"
    least = 10.0**-digits
    return f"{min(100 - least, max(least, 100 * share)):.{digits}f} %"


def percent_range(low: float, high: float) -> str:
    """Return a range of shares (0 to 1) in percent, without the percent sign: `97.2–99.1`."""
    return f"{100 * low:.1f}{NOTHING}{100 * high:.1f}"


def duration(seconds: float) -> str:
    """Return a number of seconds as text, such as `2.5 h`, `12 min`, `12.3 s`, `4.56 ms` or `7 µs`."""
    for unit, size in (("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.{0 if seconds >= 10 * size else 1}f} {unit}"
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-6:.0f} µs"


def memory(size_bytes: float) -> str:
    """Return a number of bytes as text, such as `1.5 GiB`, `2.0 MiB` or `16.0 KiB`."""
    for unit, size in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if size_bytes >= size:
            return f"{size_bytes / size:.1f} {unit}"
    return "< 1 KiB"


def unbroken(text: str) -> str:
    """Return the text with no-break spaces between numbers and units, so that a line never breaks there."""
    return _UNITS.sub("\N{NO-BREAK SPACE}", text)
