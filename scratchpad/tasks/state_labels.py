"""Labels of states for reports: the kind of each transition, and the part of a state that each symbol belongs to."""

from __future__ import annotations

from scratchpad.tasks.induction import Symbols


class StateLabels:
    """Labels by which a diagnosis groups transitions and symbols. A task with better labels has its own subclass."""

    def traits(self, question: Symbols, state: Symbols) -> dict[str, str]:
        """Return the traits of a true state by name, such as slot and kind. Reports group accuracy by trait."""
        return {}

    def parts(self, state: Symbols) -> Symbols:
        """Return the part of a state to which each symbol belongs (slot, digit, ...). Reports group errors by part."""
        return tuple(f"symbol {place + 1}" for place in range(len(state)))
