"""The text of a program: read from a file, with a call after it."""

from __future__ import annotations

import ast
import io
import tokenize
from pathlib import Path

from scratchpad.errors import ScratchpadError


def read_program(path: str | Path) -> str:
    """A Python file's text, in the encoding that it declares. ScratchpadError where it cannot be read."""
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
    """What is run: as `with_call`. ScratchpadError for a call that is not one expression on one line."""
    if call is not None and not _is_expression(call.strip()):
        raise ScratchpadError(f"call {call!r}: one expression on one line is needed, like f(6)")
    return with_call(source, call)


def with_call(source: str, call: str | None) -> str:
    """The source with line ends \\n, and after an empty line `output = CALL`, be that Python or not."""
    text = source.replace("\r\n", "\n").replace("\r", "\n")
    return text if call is None else f"{text.rstrip()}\n\noutput = {call.strip()}"


def _is_expression(text: str) -> bool:
    try:
        ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return "\n" not in text and "\r" not in text
