"""The text of a program: read it from a file, append a call."""

from __future__ import annotations

import ast
import io
import tokenize
from pathlib import Path

from scratchpad.errors import ScratchpadError


def read_program(path: str | Path) -> str:
    """Return a Python file's text, in the encoding that it declares. Raises ScratchpadError if that fails."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise ScratchpadError(f"{path}: {error.strerror}: name a Python file") from None
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        return content.decode(encoding)
    except (SyntaxError, UnicodeDecodeError) as error:
        raise ScratchpadError(f"{path}: not text in the encoding that it declares: {error}") from None


def program_text(source: str, call: str | None = None) -> str:
    """Return `with_call(source, call)`. Raises ScratchpadError if the call is not one expression on one line."""
    if call is not None and not _is_expression(call.strip()):
        raise ScratchpadError(f"call {call!r}: one expression on one line is needed, like f(6)")
    return with_call(source, call)


def with_call(source: str, call: str | None) -> str:
    r"""Return the source with `\n` as line ends, followed by an empty line and `output = CALL`. Checks no syntax."""
    text = source.replace("\r\n", "\n").replace("\r", "\n")
    return text if call is None else f"{text.rstrip()}\n\noutput = {call.strip()}"


def _is_expression(text: str) -> bool:
    try:
        ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return "\n" not in text and "\r" not in text
