"""Score what any model wrote, as JSON lines: `scratchpad prompt --json` writes them, `completion` is the model's text.

output: the answer is right; trace: the whole work is, line by line, states compared as values. An example is one
question; a problem is right where all its examples are (programs run with several inputs: --set runs=3). state: the
share of steps whose state is right, place by place, over all examples. Each with its 95 % interval (Wilson).

strict: the text is read in the format's own way, once what stands around it is left out: white space, and whatever
follows the stop, which begins a line. Within it line ends (carriage returns, empty lines) and blanks at the end of a
line count. relaxed: white space counts nowhere, the stop may end a line, too, the line that the prompt ends with
([BEGIN], Target:) may be repeated, and the answer is the last number of the last line; of heights the last yes or no;
of the trace of a program `output` in the last state or else `v0`, and nothing where neither stands; of real programs a
value in any way of writing it.
"""

from __future__ import annotations

import dataclasses
import json
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from typing import Any

from scratchpad.cli._output import message, new_file, print_json
from scratchpad.cli._table import print_table
from scratchpad.errors import ScratchpadError
from scratchpad.evaluation.text_scoring import Verdict, score_text, shares_by_metric
from scratchpad.number_format import percent, percent_range
from scratchpad.tasks import task_named
from scratchpad.tasks.base import Symbols, Task
from scratchpad.tasks.formats import format_named
from scratchpad.tasks.jsonl import read_lines, symbols_of
from scratchpad.tasks.user_file import load_task_file

EXAMPLE = """scratchpad score answers.jsonl
  scratchpad score answers.jsonl --prompts prompts.jsonl --json      # answers: {"id": ..., "completion": ...}"""

_NEEDED = ("task", "format", "settings", "question")


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE.jsonl", help="answers (-: standard input)")
    parser.add_argument("--prompts", metavar="FILE.jsonl", help="what was asked, where the answers hold only `id`s")
    parser.add_argument("--field", default="completion", metavar="NAME", help="of the text (default: %(default)s)")
    parser.add_argument("--task-file", metavar="MY_TASK.py", help="of prompts on a task of your own; the file is run")
    parser.add_argument("--out", metavar="FILE.jsonl", help="write the verdicts on each answer, too")
    parser.add_argument("--force", action="store_true", help="replace that file if it is there")
    parser.add_argument("--json", action="store_true", help="one JSON object a share")


def run(args: Namespace) -> None:
    verdicts: list[dict[str, Any]] = []
    groups: dict[tuple[str, str, int | None], list[tuple[Symbols, dict[str, Verdict]]]] = {}
    for task, question, line in _answers(args):
        verdict = score_text(task, format_named(line["format"]), question, line[args.field])
        group = groups.setdefault((task.name, line["format"], line.get("size")), [])
        group.append((task.texts.problem(question), verdict))
        judged = {scoring: dataclasses.asdict(found) for scoring, found in verdict.items()}
        verdicts.append({"id": line.get("id"), args.field: line[args.field], **judged})
    if args.out:
        with new_file(args.out, args.force) as file:
            file.writelines(json.dumps(verdict).encode() + b"\n" for verdict in verdicts)
    rows = [(*key, *found) for key, judged in groups.items() for found in shares_by_metric(judged)]
    (_print_lines if args.json else _print)(rows)


def _answers(args: Namespace) -> Iterator[tuple[Task, Symbols, dict[str, Any]]]:
    """Every line that holds an answer, checked, with its task and question."""
    tasks: dict[str, Task] = {}
    lines = read_lines(args.file)
    for place, line in _joined(args, list(lines)) if args.prompts else lines:
        _check(args, place, line)
        key = json.dumps([line["task"], line["settings"]], sort_keys=True)
        if key not in tasks:
            own = load_task_file(args.task_file, line["settings"]) if args.task_file else None
            tasks[key] = own or task_named(line["task"], line["settings"])
        question = symbols_of(line["question"], f"{place}: question")
        tasks[key].check(question)
        yield tasks[key], question, line


def _joined(args: Namespace, answers: list[tuple[str, dict[str, Any]]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every prompt with its answer: an empty one where there is none, which is told."""
    found: dict[str, str] = {}
    for place, line in answers:
        if not isinstance(line.get("id"), str) or line["id"] in found:
            raise ScratchpadError(f"{place}: each answer has the `id` of its prompt, and no two the same one")
        if not isinstance(line.get(args.field), str):
            raise ScratchpadError(f"{place}: the answer is a text, {args.field!r}")
        found[line["id"]] = line[args.field]
    missing, asked = 0, set[str]()
    for place, line in read_lines(args.prompts):
        name = line.get("id")
        if not isinstance(name, str) or name in asked:
            raise ScratchpadError(f"{place}: each prompt has an `id`, and no two the same one, not {json.dumps(name)}")
        asked.add(name)
        missing += name not in found
        yield place, {**line, args.field: found.pop(name, "")}
    if found:
        raise ScratchpadError(f"{args.prompts} has no prompt {', '.join(map(repr, list(found)[:5]))}")
    if missing:
        message(f"{missing} prompts have no answer: counted as wrong")


def _check(args: Namespace, place: str, line: dict[str, Any]) -> None:
    missing = [name for name in (*_NEEDED, args.field) if name not in line]
    if missing:
        raise ScratchpadError(
            f"{place}: no {', '.join(missing)}: a line is one of `scratchpad prompt --json` with the model's text as "
            f"{args.field!r}; answers with `id`s alone go with --prompts"
        )
    texts, size = (line["task"], line["format"], line[args.field]), line.get("size")
    whole = size is None or type(size) is int
    if not isinstance(line["settings"], dict) or not all(isinstance(text, str) for text in texts) or not whole:
        raise ScratchpadError(
            f"{place}: `settings` is an object, `task`, `format` and {args.field!r} are texts, `size` is a whole "
            "number or null"
        )


def _print_lines(rows: list[tuple[Any, ...]]) -> None:
    for name, format_name, size, scoring, metric, unit, share in rows:
        said = {"task": name, "format": format_name, "size": size, "scoring": scoring, "metric": metric, "unit": unit}
        print_json(said | share.to_json())


def _print(rows: list[tuple[Any, ...]]) -> None:
    columns = ("task", "format", "size", "scoring", "right", "of", "n", "share", "95 % interval")
    cells = [
        (
            name, format_name, "-" if size is None else size, scoring, metric, f"{unit}s", share.n,
            percent(share.accuracy), percent_range(*share.interval),
        )
        for name, format_name, size, scoring, metric, unit, share in rows
    ]  # fmt: skip
    print_table(columns, cells)
