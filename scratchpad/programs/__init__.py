"""Run Python programs in sandboxed processes with resource limits, and record traces of the runs.

Other packages import only the names in `__all__`. The first use of a name loads the module that defines the name, so
the processes that run programs load only the modules that they need.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scratchpad.programs.sandbox.limits import MIB, ResourceLimits
    from scratchpad.programs.sandbox.runner import Isolation, Runner
    from scratchpad.programs.source import program_text, read_program, with_call
    from scratchpad.programs.tracing.nye_format import prompt_parts, trace_text, whole_text
    from scratchpad.programs.tracing.trace import LIMIT_STATUSES, STATUSES, Trace, TraceStep, count_statuses, same_json
    from scratchpad.programs.tracing.value_json import JsonWriter

_MODULES = {
    "sandbox.limits": ("MIB", "ResourceLimits"),
    "sandbox.runner": ("Isolation", "Runner"),
    "source": ("program_text", "read_program", "with_call"),
    "tracing.nye_format": ("prompt_parts", "trace_text", "whole_text"),
    "tracing.trace": ("LIMIT_STATUSES", "STATUSES", "Trace", "TraceStep", "count_statuses", "same_json"),
    "tracing.value_json": ("JsonWriter",),
}

__all__ = [  # noqa: RUF022 - first names for running programs, then names for traces
    "Runner", "ResourceLimits", "MIB", "Isolation", "read_program", "program_text", "with_call",
    "Trace", "TraceStep", "STATUSES", "LIMIT_STATUSES", "count_statuses", "trace_text", "whole_text", "same_json",
    "prompt_parts", "JsonWriter",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    for module, names in _MODULES.items():
        if name in names:
            return getattr(importlib.import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
