"""Labels with which reports group states by kind and group the symbols of a state by part."""

from __future__ import annotations

from scratchpad.tasks.induction import Symbols


class StateLabels:
    """The default labels of states. A task may have a subclass with more informative labels."""

    def traits(self, question: Symbols, state: Symbols) -> dict[str, str]:
        """Return named properties of a correct state, such as its slot. Reports show accuracies by property."""
        return {}

    def parts(self, state: Symbols) -> Symbols:
        """Return, for each symbol of a state, the name of its part, such as `digit`. Reports count errors by part."""
        return tuple(f"symbol {place + 1}" for place in range(len(state)))
