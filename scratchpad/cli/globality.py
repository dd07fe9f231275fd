"""How global a task is: how many tokens a model must look at together before it knows more about the next one.

The globality degree of a token is the smallest number of the tokens it may see that, with the histogram of all of them,
tell more about it; that of a task is the largest over the tokens that are scored (Abbe et al. 2024). What a token may
see is what the format lets it see: in the inductive one the question, the state before and its own state.

Where a task draws few problems all of them are listed, and the degree is exact; else it is estimated from samples, with
a test against chance. docs/globality.md says how, and what is counted as more.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence

from scratchpad.cli._options import add_format_and_seed, add_task, task_from_arguments, whole_number
from scratchpad.cli._output import Progress, message, print_json
from scratchpad.cli._table import print_table
from scratchpad.config.parse import split_assignments, with_settings
from scratchpad.errors import ScratchpadError
from scratchpad.globality.cases import Cases
from scratchpad.globality.degree import LEAST_SAMPLES, Degree, degrees, documents_of, overall
from scratchpad.globality.search import Effort
from scratchpad.number_format import percent
from scratchpad.tasks.base import Task
from scratchpad.tasks.formats import format_named
from scratchpad.tasks.user_data import load_corpus

EXAMPLE = """scratchpad globality half-parity --format direct --set window=7 bits=3
  scratchpad globality half-parity --format scratchpad --set window=7 bits=3
  scratchpad globality cycles --format inductive --set n=3
  scratchpad globality half-parity --format scratchpad --set window=40 bits=20 --samples 5000
  scratchpad globality --data examples/my_data.jsonl --format causal --json"""

_MOST_ROWS = 60


def arguments(parser: ArgumentParser) -> None:
    add_task(parser)
    parser.add_argument(
        "--data", metavar="FILE.jsonl",
        help=f"data of your own instead: every problem of the file, {LEAST_SAMPLES} at least",
    )  # fmt: skip
    add_format_and_seed(parser)
    parser.add_argument(
        "--samples", type=whole_number(LEAST_SAMPLES), default=2000, metavar="N",
        help="documents, where they are too many to list (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--most-outcomes", type=whole_number(0), default=100_000, metavar="N",
        help="list all problems where the draws have at most so many outcomes; 0: never (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--largest", type=whole_number(1), metavar="K",
        help=f"look at sets of up to K tokens (default: {Effort.largest}, and where all is listed any number)",
    )  # fmt: skip
    parser.add_argument(
        "--work", type=whole_number(1), default=Effort.work, metavar="N",
        help="look at sets of K tokens while their number times that of documents is at most N (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--threshold", type=float, metavar="SHARE",
        help="what counts as more: that share of what the histogram leaves unknown (default: 2 / tokens seen)",
    )  # fmt: skip
    parser.add_argument(
        "--names", metavar="A,B,...", default="",
        help="symbols that could be exchanged for one another, folded together (default: those of the task)",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="one JSON object a scored token, then one for all")


def run(args: Namespace) -> None:
    if args.threshold is not None and not 0 < args.threshold <= 1:
        raise ScratchpadError(f"--threshold {args.threshold}: a share above 0 and up to 1 is needed")
    task, chosen = _task(args), format_named(args.format)
    names, watch = _names(args.names, task), _Watch()
    cases = documents_of(task, chosen, names, args.samples, args.most_outcomes, args.seed, watch)
    largest = args.largest or (10**6 if cases.exact else Effort.largest)
    effort = Effort(largest, args.work, args.threshold, seed=args.seed)
    found = []
    for degree in degrees(cases, names, effort, watch):
        found.append(degree)
        if args.json:
            print_json(degree.to_json())
    watch.end()
    (_print_json if args.json else _print)(task, args.format, cases, found)


class _Watch:
    """Progress of one kind of work after the other."""

    def __init__(self) -> None:
        self._progress = Progress("", 0)

    def __call__(self, what: str, done: int, total: int) -> None:
        self._progress.what, self._progress.total, self._progress.done = what, total, done - 1
        self._progress.advance()

    def end(self) -> None:
        self._progress.clear()


def _task(args: Namespace) -> Task:
    if not args.data:
        return task_from_arguments(args)
    if args.task or args.task_file:
        raise ScratchpadError("--data goes without a task and without --task-file: name one of the three")
    return with_settings(load_corpus(args.data), split_assignments(args.set), "data")


def _names(given: str, task: Task) -> tuple[str, ...]:
    names = tuple(given.split(",")) if given else task.interchangeable()
    strange = [name for name in names if name not in task.symbols()]
    if strange:
        raise ScratchpadError(f"--names {given}: not in the alphabet of {task.name}: {', '.join(strange)}")
    return names


def _summary(task: Task, format: str, cases: Cases, found: Sequence[Degree]) -> dict[str, object]:
    degree, at_least = overall(found)
    return {
        "task": task.name, "format": format, "settings": task.settings(), "degree": degree, "at_least": at_least,
        "exact": cases.exact, "documents": len(cases.documents), "tokens": len(found),
    }  # fmt: skip


def _print_json(task: Task, format: str, cases: Cases, found: Sequence[Degree]) -> None:
    print_json(_summary(task, format, cases, found))


def _print(task: Task, format: str, cases: Cases, found: Sequence[Degree]) -> None:
    columns = ("state", "token", "degree", "seen together", "tell", "threshold", "histogram", "p", "documents")
    print_table(columns, [_row(one) for one in _shown(found)])
    if len(found) > _MOST_ROWS:
        print(f"... shown are the {_MOST_ROWS} of {len(found)} tokens with the largest degrees; --json has all")
    for why in dict.fromkeys(f"{_tokens_at(one)}: {one.found.why}" for one in found if one.found.why):
        message(why)
    degree, at_least = overall(found)
    listed = f"all {len(cases.documents):,} problems" if cases.exact else f"{len(cases.documents):,} sampled documents"
    print(f"\nglobality degree of {task.name}, {format}: {'at least ' if at_least else ''}{degree}  ({listed})")


def _shown(found: Sequence[Degree]) -> list[Degree]:
    """All tokens, or those of the largest degrees, in their order."""
    kept = sorted(found, key=lambda one: one.found.degree, reverse=True)[:_MOST_ROWS]
    return sorted(kept, key=lambda one: (one.state, one.place))


def _row(one: Degree) -> tuple[str, ...]:
    found = one.found
    told = percent(found.told) if found.places else ""
    p = "" if found.p is None else f"{found.p:.3f}"
    histogram = percent(found.by_histogram) if found.histogram else "left out"
    return (
        _tokens_at(one), one.example, f"{'>= ' if found.at_least else ''}{found.degree}", _together(one), told,
        percent(found.threshold), histogram, p, f"{one.documents:,}",
    )  # fmt: skip


def _tokens_at(one: Degree) -> str:
    return f"{one.state + 1}:{one.place + 1}"


def _together(one: Degree) -> str:
    """`question 3, state 1`: the places of a set, counted from 1 on."""
    return ", ".join(f"{part} {place + 1}" for part, place in one.tokens)
