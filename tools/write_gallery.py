"""Write docs/gallery.md from the tasks' own examples: `python -m tools.write_gallery > docs/gallery.md`."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any

from scratchpad.cli.layout import row_as_text
from scratchpad.layout.rows import rows
from scratchpad.tasks import TASKS, task_named
from scratchpad.tasks.document import as_text
from scratchpad.tasks.formats import format_named, format_names

_HEAD = """# Gallery

Every task in every format, for the task's worked examples, those of the paper first. Each text is shown twice: as the
tool prints it, and with the papers' marks. This page is generated (`make gallery`); a test keeps it up to date.
"""


def page() -> str:
    """Return the whole page as Markdown."""
    return "\n".join([_HEAD, *(line for name in TASKS for line in _task(name))])


def _task(name: str) -> Iterator[str]:
    task_type = TASKS[name]
    yield f"## {name}\n"
    stop = "" if task_type.summary.endswith("?") else "."
    yield f"{task_type.summary[0].upper()}{task_type.summary[1:]}{stop} Source: {task_type.source}.\n"
    for question, settings in task_type.examples:
        yield from _example(name, question, settings)
    yield from _row(name, *min(task_type.examples, key=lambda example: len(example[0])))


def _example(name: str, question: str, settings: dict[str, Any]) -> Iterator[str]:
    task = task_named(name, settings)
    yield f"### `{question}`\n"
    assigned = [f"{setting}={value}" for setting, value in settings.items()]
    command = shlex.join(
        ["scratchpad", "show", name, "--question", question, *(["--set", *assigned] if assigned else [])]
    )
    yield f"`{command} --format ...`\n"
    for written in map(format_named, format_names(task)):
        text = written.write(task, task.parse(question)).symbols()
        yield f"`{written.name}`: {written.summary}\n"
        yield f"```\n{as_text(text)}\n{as_text(text, paper=True)}\n```\n"


def _row(name: str, question: str, settings: dict[str, Any]) -> Iterator[str]:
    task = task_named(name, settings)
    (row,) = rows(format_named("inductive").write(task, task.parse(question)), "packed")
    yield f"### `{question}` as a packed training row\n"
    yield "`sees` lists the indices of the tokens that a token sees, including its own.\n"
    yield f"```\n{row_as_text(row)}\n```\n"


if __name__ == "__main__":
    print(page(), end="")
