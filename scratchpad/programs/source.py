"""Read a program's text from a file, and append a call to a program."""

from __future__ import annotations

import ast
import io
import tokenize
from pathlib import Path

from scratchpad.errors import ScratchpadError


def read_program(path: str | Path) -> str:
    """Return the text of a Python file in its declared encoding. Raises ScratchpadError if reading fails."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise ScratchpadError(f"cannot read {path}: {error.strerror}. Give the path of a Python file") from None
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        return content.decode(encoding)
    except (SyntaxError, UnicodeDecodeError) as error:
        raise ScratchpadError(f"{path} is not text in its declared encoding: {error}") from None


def program_text(source: str, call: str | None = None) -> str:
    """Check `call`, and return `with_call(source, call)`. Raises ScratchpadError if `call` is not an expression."""
    if call is not None and not _is_expression(call.strip()):
        raise ScratchpadError(f"call {call!r} must be one expression on one line, such as f(6)")
    return with_call(source, call)


def with_call(source: str, call: str | None) -> str:
    r"""Return the source with `\n` as line ends. If `call` is given, append an empty line and `output = CALL`."""
    text = source.replace("\r\n", "\n").replace("\r", "\n")
    return text if call is None else f"{text.rstrip()}\n\noutput = {call.strip()}"


def _is_expression(text: str) -> bool:
    try:
        ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return "\n" not in text and "\r" not in text
