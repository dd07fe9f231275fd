"""The tasks and settings that every contract is tested on."""

from __future__ import annotations

from typing import Any

CASES: list[tuple[str, dict[str, Any]]] = [
    ("parity", {"bits": "1-7", "window": 11}),
    ("parity", {"bits": 13, "window": 103}),
    ("parity", {"bits": "2-5", "window": 7, "modulus": 7}),
    ("cycles", {"n": "2-5"}),
    ("cycles", {"n": "2-5", "vertices": 13}),
    ("cycles", {"sizes": "3,5,7"}),
    ("cycles", {"sizes": 13, "distance": 5}),
    ("cycles", {"sizes": 12, "jump": 3, "names": 23}),
    ("long-addition", {"digits": "1-7", "window": 11}),
    ("long-addition", {"digits": "2-5", "law": "numbers", "window": 5}),
    ("long-addition", {"digits": 3, "law": "same", "window": 3}),
    ("polynomials", {}),
    ("polynomials", {"degree": "1-5", "coefficients": 7, "points": 3}),
    ("programs", {}),
    ("programs", {"lines": "7-23", "constants": "1-9", "repeats": "2-9", "modulus": 1000, "steps": 101, "runs": 3}),
    ("cycles", {"sizes": "5,7,2,3", "distance": 3}),
    ("half-parity", {"window": 13}),
    ("half-parity", {"bits": 11, "window": 101, "jump": 3}),
    ("three-cycles", {"n": "2-5"}),
    ("three-cycles", {"n": 7, "names": 23, "jump": 3}),
    ("random-graphs", {"vertices": 11, "edges": 13}),
    ("random-graphs", {"vertices": 7, "probability": 0.2, "distance": "2-3", "unconnected": 0.3, "names": 11}),
    ("heights", {"n": "1-3"}),
    ("addition-random-space", {"window": 11}),
    ("addition-random-space", {"window": 53, "digits": "3-53", "equal": False}),
    ("addition-shift", {"window": 7, "digits": "1-5:size"}),
    ("addition-shift", {"window": 5, "digits": "1:3,5:2", "equal": False}),
]
CASE_NAMES = [f"{name} {settings}" for name, settings in CASES]
DRAWS = 23
LAID_OUT = ("long-addition", "programs")
"""Tasks whose inductive text shows the question differently."""
