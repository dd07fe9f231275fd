"""Run a Python program in a sandbox with resource limits, and print its trace.

The trace goes to stdout. The status of the program and the isolation in force go to stderr. The exit status is 0 if
the program ends, even with an exception. It is 1 if the program reaches a limit. It is 2 if the program is not valid
Python, or if the inductive format does not support the program.
"""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace

from scratchpad.cli._options import whole_number
from scratchpad.cli._output import message, print_json
from scratchpad.errors import RunFailure, ScratchpadError
from scratchpad.programs import (
    LIMIT_STATUSES,
    MIB,
    STATUSES,
    ResourceLimits,
    Runner,
    Trace,
    program_text,
    read_program,
    trace_text,
    whole_text,
)

EXAMPLE = """scratchpad trace examples/programs/double.py --call "f(6)"
  scratchpad trace examples/programs/double.py --call "f(6)" --format inductive --json --max-seconds 2"""

_DEFAULTS = ResourceLimits()
_LIMITS = {  # option: (field of ResourceLimits, help)
    "memory": ("memory_bytes", "maximum memory in MiB"),
    "steps": ("steps", "maximum number of traced lines"),
    "output": ("output_bytes", "maximum number of printed bytes"),
    "trace": ("trace_bytes", "maximum size of the trace as JSON, in bytes"),
    "files": ("open_files", "maximum number of open files"),
    "folder": ("file_bytes", "maximum size of the working folder in bytes"),
    "threads": ("threads", "maximum number of threads"),
    "value": ("value_characters", "approximate maximum characters of a value; longer values are cut and marked"),
}
_UNITS = {"memory": MIB}
_SUMMARY_FIELDS = ("status", "error", "error_line", "output_text", "stdout", "stderr", "cuts", "seconds")


def arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("file", metavar="FILE.py", help="the program to run")
    add("--call", metavar="EXPR", help="run `output = EXPR` after the program")
    formats = (
        "nye: all variables before each line; changes: only new or changed variables; inductive: complete states, "
        "so that each state determines the next state (default: %(default)s)"
    )
    add("--format", choices=("nye", "changes", "inductive"), default="nye", help=formats)
    add("--prompt", action="store_true", help="print the trace with the question and marks of the paper's prompt")
    add("--json", action="store_true", help="print one JSON object per step, with line, source and state")
    isolations = (
        "namespaces: Linux namespaces and audit hooks; hooks: only audit hooks; auto: the strongest isolation that "
        "this machine allows (default: %(default)s)"
    )
    add("--isolation", choices=("auto", "namespaces", "hooks"), default="auto", help=isolations)
    for option, (field, text) in _LIMITS.items():
        default = getattr(_DEFAULTS, field) // _UNITS.get(option, 1)
        add(f"--max-{option}", type=whole_number(0), metavar="N", default=default, help=f"{text} (default: {default})")
    seconds = f"maximum running time in seconds (default: {_DEFAULTS.seconds:g})"
    add("--max-seconds", type=_seconds, metavar="S", default=_DEFAULTS.seconds, help=seconds)


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ArgumentTypeError(f"expected a number of seconds, not {text!r}") from None


def run(args: Namespace) -> None:
    if args.prompt and (args.json or args.format == "inductive"):
        raise ScratchpadError("--prompt cannot be combined with --json or --format inductive")
    source = read_program(args.file)
    program_text(source, args.call)  # raises an error for an invalid call before the sandbox starts
    limits = {field: getattr(args, f"max_{option}") * _UNITS.get(option, 1) for option, (field, _) in _LIMITS.items()}
    with Runner(ResourceLimits(seconds=args.max_seconds, **limits), args.isolation) as runner:
        run_program = runner.run_inductive if args.format == "inductive" else runner.run
        trace = run_program(source, args.call)
        trace = trace.changes() if args.format == "changes" else trace
        if trace.status == "syntax":
            raise ScratchpadError(f"{_place(args, source, trace.error_line)}: {trace.error}")
        if args.json:
            _print_steps(trace, runner)
        else:
            print(whole_text(trace) if args.prompt else trace_text(trace))
        message(_summary_text(trace, runner))
    if trace.status in ("refused", *LIMIT_STATUSES):
        error = ScratchpadError if trace.status == "refused" else RunFailure
        raise error(f"{args.file}: {STATUSES[trace.status]}{f': {trace.error}' if trace.error else ''}")


def _place(args: Namespace, source: str, line: int | None) -> str:
    """Return the place of a syntax error: a line of the file, or --call. line: the line number, `None` if unknown."""
    if line is None:
        return args.file
    if args.call is not None and line > source.count("\n") + 1:
        return f"--call {args.call!r}"
    return f"{args.file}, line {line}"


def _print_steps(trace: Trace, runner: Runner) -> None:
    for step in trace.steps:
        print_json({"line": step.line, "source": step.source, "state": step.state})
    summary = {name: getattr(trace, name) for name in _SUMMARY_FIELDS}
    isolation = {"isolation": runner.isolation, "in_force": runner.detail}
    print_json({"line": None, "source": None, "state": trace.state, **summary, **isolation})


def _summary_text(trace: Trace, runner: Runner) -> str:
    """Return two lines: how the program ended, and which isolation was in force."""
    error = f" ({trace.error})" if trace.error else ""
    cuts = f"; {trace.cuts} values cut" if trace.cuts else ""
    why = f" (this machine does not allow more: {runner.refusal})" if runner.refusal else ""
    return (
        f"{trace.status}: {STATUSES[trace.status]}{error}; {len(trace.steps):,} steps{cuts}\n"
        f"isolation in force: {runner.detail}{why}"
    )
