"""The paper's text of a trace: `state: {...}` and `line: ...` in turn (Nye et al. 2021, section 5)."""

from __future__ import annotations

import json

from scratchpad.programs.tracing.trace import Trace


def trace_text(trace: Trace) -> str:
    """Return a trace as text, without a final line end.

    The last line is the last state; the error instead if the run did not reach its end; neither if a limit ended it.
    """
    parts = [f"state: {json.dumps(step.state)}\nline: {step.source}" for step in trace.steps]
    if trace.status == "done":
        parts.append(f"state: {json.dumps(trace.state)}")
    elif trace.error is not None:
        parts.append(f"error: {trace.error}")
    return "\n".join(parts)


def whole_text(trace: Trace) -> str:
    """Return program, question and trace, as the paper's prompts have them."""
    question = f"Consider the following Python function:\n\n{trace.program}\n\nWhat is the execution trace?"
    return f"{question}\n\n[BEGIN]\n\n{trace_text(trace)}\n\n[DONE]"
