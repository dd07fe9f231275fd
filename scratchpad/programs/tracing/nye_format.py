"""Write traces in the format of Nye et al. (2021, section 5): `state: {...}` and `line: ...` alternate."""

from __future__ import annotations

import json

from scratchpad.programs.tracing.trace import Trace


def trace_text(trace: Trace) -> str:
    """Return a trace as text. The text ends with the last state or the error, unless a limit ended the run."""
    parts = [f"state: {json.dumps(step.state)}\nline: {step.source}" for step in trace.steps]
    if trace.status == "done":
        parts.append(f"state: {json.dumps(trace.state)}")
    elif trace.error is not None:
        parts.append(f"error: {trace.error}")
    return "\n".join(parts)


def prompt_parts(wanted: str = "execution trace") -> tuple[str, str, str]:
    """Return the paper's texts before the program, between the program and the answer, and after the answer."""
    return "Consider the following Python function:\n\n", f"\n\nWhat is the {wanted}?\n\n[BEGIN]\n\n", "\n\n[DONE]"


def whole_text(trace: Trace) -> str:
    """Return the program, the question and the trace in one text, as in the paper's prompts."""
    before, between, after = prompt_parts()
    return f"{before}{trace.program}{between}{trace_text(trace)}{after}"
