"""Write few-shot prompts for language models as text, as chat messages, or as JSON Lines.

All questions have the same worked examples: the first distinct problems of the training split. The problem of the
question is never an example. For tasks with data (mbpp, cruxeval, --source), seed 0 takes the first problems of the
data, like the paper. Other seeds shuffle the problems first.

Each line of --json is an object with all that `scratchpad score` needs, except the model's text. Add this text as
`completion`. The `id` of a line names the task, the format, the draw, and a digest of settings that are not defaults.
"""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import nullcontext
from hashlib import blake2b
from typing import Any

from scratchpad.cli._options import add_draws, add_task, task_from_arguments, whole_number
from scratchpad.cli._output import SkippedTally, message, print_json
from scratchpad.errors import ScratchpadError, SkippedProblem
from scratchpad.evaluation.few_shot import Prompt, few_shot_prompt
from scratchpad.tasks.base import Symbols, Task, draws
from scratchpad.tasks.formats import format_named

EXAMPLE = """scratchpad prompt long-addition --format scratchpad --shots 2
  scratchpad prompt programs --format scratchpad --shots 3 -n 200 --json > prompts.jsonl
  scratchpad prompt mbpp --format scratchpad --shots 3 -n 1500 --set path=mbpp.jsonl most_characters=1066 --json"""

_SEPARATOR = 72 * "-"  # between the prompts of several questions


def arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add_task(parser)
    add_draws(parser, split="test", format="scratchpad")
    add("--shots", type=whole_number(0), default=4, metavar="N", help="worked examples (default: %(default)s)")
    add("-n", type=whole_number(1), default=1, metavar="N", help="number of questions (default: %(default)s)")
    add("--size", type=whole_number(1), metavar="N", help="size of the questions (not of the worked examples)")
    add("--question", metavar="TEXT", help="ask this question; only the worked examples are drawn")
    limit = "leave out a prompt if it has more than N characters together with the correct completion"
    add("--context", type=whole_number(1), metavar="N", help=limit)
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--chat", action="store_true", help="print chat messages, each below the name of its role")
    kind.add_argument("--json", action="store_true", help="print one JSON object per question")


def run(args: Namespace) -> None:
    task, chosen = task_from_arguments(args), format_named(args.format)
    tally, printed, prefix = SkippedTally(), 0, _id_prefix(args, task)
    for name, draw, question in _questions(args, task):
        with tally.counting() if args.question is None else nullcontext():
            prompt = few_shot_prompt(task, chosen, question, args.shots, args.seed)
            needed = len(prompt.text) + len(prompt.target)
            if args.context is not None and needed > args.context:
                reason = f"over {args.context:,} characters"
                raise SkippedProblem(f"the prompt and its target have {needed:,} characters: {reason}", reason)
            _print(args, task, f"{prefix}/{name}", draw, question, prompt, printed)
            printed += 1
    if tally.reasons:
        message(f"{printed:,} prompts{tally}")


def _id_prefix(args: Namespace, task: Task) -> str:
    """Return the start of the prompt ids: task, digest of non-default settings, format, and number of examples."""
    settings = task.settings()
    default = task_from_arguments(Namespace(**{**vars(args), "set": [], "source": None})).settings()
    digest = blake2b(json.dumps(settings, sort_keys=True).encode(), digest_size=4).hexdigest()
    name = task.name if settings == default else f"{task.name}/settings-{digest}"
    return f"{name}/{args.format}/{args.shots}-shot"


def _print(
    args: Namespace, task: Task, name: str, draw: dict[str, Any], question: Symbols, prompt: Prompt, place: int
) -> None:
    if args.json:
        print_json({
            "id": name, "task": task.name, "format": args.format, "settings": task.settings(),
            "shots": args.shots, "size": args.size, **draw, "question": question, "prompt": prompt.text,
            "messages": prompt.messages, "stop": prompt.stop, "target": prompt.target,
        })  # fmt: skip
    elif args.chat:
        print("\n\n".join(f"[{one['role']}]\n{one['content']}" for one in prompt.messages), end="\n\n")
    else:
        print(f"\n{_SEPARATOR}\n" if place else "", prompt.text, sep="", end="")


def _questions(args: Namespace, task: Task) -> Iterator[tuple[str, dict[str, Any], Symbols]]:
    """Yield (end of the prompt id, draw, question) for each question. The draw has a seed, a split and an index."""
    if args.question is not None:
        question = task.read_question(args.question)
        yield "question", {"seed": args.seed, "split": None, "index": None}, question
        return
    sized = task if args.size is None else task.at_size(args.size)
    held = sized.count(args.split)
    if held is not None and args.n > held:
        raise ScratchpadError(f"-n {args.n}: the {args.split} split of {task.name} has only {held} questions")
    size = "" if args.size is None else f"size-{args.size}/"
    for index, question in draws(sized, args.seed, args.split, 0, args.n):
        drawn = {"seed": args.seed, "split": args.split, "index": index}
        yield f"{size}{args.split}/seed-{args.seed}/{index}", drawn, question
