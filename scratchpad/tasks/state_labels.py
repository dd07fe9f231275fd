"""Labels of states for reports: the kind of each transition, and the part of a state that each symbol belongs to."""

from __future__ import annotations

from scratchpad.tasks.induction import Symbols


class StateLabels:
    """Labels by which a diagnosis groups transitions and symbols. A task with better labels has its own subclass."""

    def traits(self, question: Symbols, state: Symbols) -> dict[str, str]:
        """Return traits of a true state by name (its slot, its kind). Reports group accuracy by them."""
        return {}

    def parts(self, state: Symbols) -> Symbols:
        """Return for each symbol of a state the part it belongs to (slot, digit, ...). Reports group errors by them."""
        return tuple(f"symbol {place + 1}" for place in range(len(state)))
