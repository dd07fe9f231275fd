"""Score completions of any model: lines of `scratchpad prompt --json` with the model's text added as `completion`.

Metrics, each with a 95 % interval (Wilson):
  output  the answer is correct
  trace   every line of the work is correct (states are compared as values)
  state   the share of steps with the correct state, over all examples
An example is one question. A problem can have several examples, such as a program with several inputs (--set runs=3).
A problem is correct if all of its examples are correct.

Scorings:
  strict   The text is cut at the first line that starts with the stop sequence, and white space at both ends is
           removed. The rest must follow the format exactly, including empty lines and spaces at line ends.
  relaxed  White space does not matter. The stop sequence may also end a line, and the completion may repeat the last
           line of the prompt ([BEGIN], Target:). The answer is the last number of the last line. For the task
           heights, it is the last yes or no. For program traces, it is the value of `output` in the last state, or of
           `v0` if there is no `output`. For real programs, any Python text with the correct value is correct.
"""

from __future__ import annotations

import dataclasses
import json
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from typing import Any

from scratchpad.cli._output import message, new_file, print_json, print_table
from scratchpad.errors import ScratchpadError
from scratchpad.evaluation.text_scoring import Verdict, score_text, shares_by_metric
from scratchpad.number_format import percent, percent_range
from scratchpad.tasks import task_named
from scratchpad.tasks.base import Symbols, Task
from scratchpad.tasks.formats import format_named
from scratchpad.tasks.jsonl import read_lines, symbols_of
from scratchpad.tasks.user_file import load_task_file

EXAMPLE = """scratchpad score answers.jsonl
  scratchpad score answers.jsonl --prompts prompts.jsonl --json      # answers.jsonl: {"id": ..., "completion": ...}"""

_NumberedLine = tuple[str, dict[str, Any]]  # (`file:line`, the JSON object of the line)
_NEEDED = ("task", "format", "settings", "question")


def arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("file", metavar="FILE.jsonl", help="JSON Lines file with completions (- for standard input)")
    add("--prompts", metavar="FILE.jsonl", help="file with the prompts, if the completions have only an `id`")
    add("--field", default="completion", metavar="NAME", help="field with the model's text (default: %(default)s)")
    add("--task-file", metavar="MY_TASK.py", help="Python file with your own task, if the prompts use this task")
    add("--out", metavar="FILE.jsonl", help="also write the verdict on each completion to this file")
    add("--force", action="store_true", help="overwrite an existing file")
    add("--json", action="store_true", help="print one JSON object per accuracy")


def run(args: Namespace) -> None:
    verdicts: list[dict[str, Any]] = []
    groups: dict[tuple[str, str, int | None], list[tuple[Symbols, dict[str, Verdict]]]] = {}
    for task, question, line in _completions(args):
        verdict = score_text(task, format_named(line["format"]), question, line[args.field])
        group = groups.setdefault((task.name, line["format"], line.get("size")), [])
        group.append((task.texts.problem(question), verdict))
        fields = {scoring: dataclasses.asdict(found) for scoring, found in verdict.items()}
        verdicts.append({"id": line.get("id"), args.field: line[args.field], **fields})
    if args.out:
        with new_file(args.out, args.force) as file:
            file.writelines(json.dumps(verdict).encode() + b"\n" for verdict in verdicts)
    rows = [(*key, *share) for key, group in groups.items() for share in shares_by_metric(group)]
    if not args.json:
        _print_table(rows)
        return
    for name, format_name, size, scoring, metric, unit, share in rows:
        row = {"task": name, "format": format_name, "size": size, "scoring": scoring, "metric": metric, "unit": unit}
        print_json(row | share.to_json())


def _completions(args: Namespace) -> Iterator[tuple[Task, Symbols, dict[str, Any]]]:
    tasks: dict[str, Task] = {}
    lines = read_lines(args.file)
    for place, line in _with_completions(args, list(lines)) if args.prompts else lines:
        _check(args, place, line)
        key = json.dumps([line["task"], line["settings"]], sort_keys=True)
        if key not in tasks:
            own = load_task_file(args.task_file, line["settings"]) if args.task_file else None
            tasks[key] = own or task_named(line["task"], line["settings"])
        question = symbols_of(line["question"], f"{place}: question")
        tasks[key].check(question)
        yield tasks[key], question, line


def _with_completions(args: Namespace, completions: list[_NumberedLine]) -> Iterator[_NumberedLine]:
    """Yield every prompt with its completion. A missing completion is replaced by an empty text and reported."""
    found: dict[str, str] = {}
    for place, line in completions:
        if not isinstance(line.get("id"), str) or line["id"] in found:
            raise ScratchpadError(f"{place}: each completion needs the `id` of its prompt, and no `id` may occur twice")
        if not isinstance(line.get(args.field), str):
            raise ScratchpadError(f"{place}: {args.field!r} must be a text")
        found[line["id"]] = line[args.field]
    missing, prompt_ids = 0, set[str]()
    for place, line in read_lines(args.prompts):
        name = line.get("id")
        if not isinstance(name, str) or name in prompt_ids:
            raise ScratchpadError(
                f"{place}: each prompt needs an `id`, and no `id` may occur twice; given: {json.dumps(name)}"
            )
        prompt_ids.add(name)
        missing += name not in found
        yield place, {**line, args.field: found.pop(name, "")}
    if found:
        raise ScratchpadError(f"{args.prompts} has no prompt with the id {', '.join(map(repr, list(found)[:5]))}")
    if missing:
        message(f"{missing} prompts have no completion and count as wrong")


def _check(args: Namespace, place: str, line: dict[str, Any]) -> None:
    missing = [name for name in (*_NEEDED, args.field) if name not in line]
    if missing:
        raise ScratchpadError(
            f"{place}: missing {', '.join(missing)}; add the model's text as {args.field!r} to each line of "
            "`scratchpad prompt --json`, or, if the completions have only an `id`, give the prompts with --prompts"
        )
    texts, size = (line["task"], line["format"], line[args.field]), line.get("size")
    whole = size is None or type(size) is int
    if not isinstance(line["settings"], dict) or not all(isinstance(text, str) for text in texts) or not whole:
        raise ScratchpadError(
            f"{place}: `settings` must be an object; `task`, `format` and {args.field!r} must be texts; `size` must be "
            "a whole number or null"
        )


def _print_table(rows: list[tuple[Any, ...]]) -> None:
    columns = ("task", "format", "size", "scoring", "correct", "of", "n", "share", "95 % interval")
    cells = [
        (
            name, format_name, "-" if size is None else size, scoring, metric, f"{unit}s", share.n,
            percent(share.accuracy), percent_range(*share.interval),
        )
        for name, format_name, size, scoring, metric, unit, share in rows
    ]  # fmt: skip
    print_table(columns, cells)
