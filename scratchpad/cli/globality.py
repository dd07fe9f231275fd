"""Measure how global a task is: how many tokens must a model combine to predict the next token?

The globality degree of a token is the size of the smallest informative set of visible tokens. A set is informative if
it gives information about the token beyond the histogram of all visible tokens. The degree of a task is the maximum
over the tokens that the loss includes (Abbe et al. 2024). In the inductive format, the visible tokens are the question,
the previous state, and the earlier tokens of the same state.

If a task has few problems, all problems are enumerated and the degree is exact. Otherwise, the degree is estimated
from samples with a permutation test. docs/globality.md describes the method and the threshold.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence

from scratchpad.cli._options import add_format_and_seed, add_task, task_from_arguments, whole_number
from scratchpad.cli._output import ProgressCounter, message, print_json, print_table
from scratchpad.errors import ScratchpadError
from scratchpad.globality.cases import WeightedDocuments
from scratchpad.globality.degree import LEAST_SAMPLES, Degree, degrees, documents_of, overall
from scratchpad.globality.search import SearchLimits
from scratchpad.number_format import percent
from scratchpad.tasks.base import Task
from scratchpad.tasks.formats import format_named

EXAMPLE = """scratchpad globality half-parity --format direct --set window=7 bits=3
  scratchpad globality half-parity --format scratchpad --set window=7 bits=3
  scratchpad globality cycles --format inductive --set n=3
  scratchpad globality half-parity --format scratchpad --set window=40 bits=20 --samples 5000
  scratchpad globality examples/my_data.jsonl --format causal --json"""

_MOST_ROWS = 60


def arguments(parser: ArgumentParser) -> None:
    add_task(parser)
    add_format_and_seed(parser)
    parser.add_argument(
        "--samples", type=whole_number(LEAST_SAMPLES), default=2000, metavar="N",
        help="number of documents to sample if there are too many to enumerate (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--most-outcomes", type=whole_number(0), default=100_000, metavar="N",
        help="enumerate all problems if a random draw has at most N outcomes; 0 means never (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--largest", type=whole_number(1), metavar="K",
        help=f"largest set to search (default: {SearchLimits.largest} tokens; no limit if all problems are enumerated)",
    )  # fmt: skip
    parser.add_argument(
        "--work", type=whole_number(1), default=SearchLimits.work, metavar="N",
        help="skip sets of a size if (number of sets) x (number of documents) exceeds N (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--threshold", type=float, metavar="SHARE",
        help="a set is informative if it removes at least this share of the uncertainty that remains when the "
        "histogram is known (default: 2 / number of visible tokens)",
    )  # fmt: skip
    parser.add_argument(
        "--names", metavar="A,B,...", default="",
        help="interchangeable symbols, such as vertex names, that count as one symbol (default: as the task defines)",
    )  # fmt: skip
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object per scored token, then one for the task"
    )


def run(args: Namespace) -> None:
    if args.threshold is not None and not 0 < args.threshold <= 1:
        raise ScratchpadError(f"--threshold {args.threshold}: the threshold must be above 0 and at most 1")
    task, chosen = task_from_arguments(args), format_named(args.format)
    names, progress = _names(args.names, task), ProgressCounter()
    cases = documents_of(task, chosen, names, args.samples, args.most_outcomes, args.seed, progress.update)
    largest = args.largest or (10**6 if cases.exact else SearchLimits.largest)
    limits = SearchLimits(largest, args.work, args.threshold, seed=args.seed)
    found = []
    for degree in degrees(cases, names, limits, progress.update):
        found.append(degree)
        if args.json:
            print_json(degree.to_json())
    progress.clear()
    summary = _summary(task, args.format, cases, found)
    print_json(summary) if args.json else _print(cases, found, summary)


def _names(given: str, task: Task) -> tuple[str, ...]:
    names = tuple(given.split(",")) if given else task.interchangeable()
    unknown = [name for name in names if name not in task.symbols()]
    if unknown:
        raise ScratchpadError(f"--names {given}: {task.name} has no symbol {', '.join(unknown)}")
    return names


def _summary(task: Task, format: str, cases: WeightedDocuments, found: Sequence[Degree]) -> dict[str, object]:
    degree, at_least = overall(found)
    return {
        "task": task.name, "format": format, "settings": task.settings(), "degree": degree, "at_least": at_least,
        "exact": cases.exact, "documents": len(cases.documents), "tokens": len(found),
    }  # fmt: skip


def _print(cases: WeightedDocuments, found: Sequence[Degree], summary: dict[str, object]) -> None:
    """Print a table of the tokens with the largest degrees, in document order, and then the summary."""
    largest = sorted(found, key=lambda one: one.result.degree, reverse=True)[:_MOST_ROWS]
    columns = ("state", "token", "degree", "token set", "explained", "threshold", "histogram", "p", "documents")
    print_table(columns, [_cells(one) for one in sorted(largest, key=lambda one: (one.state, one.place))])
    if len(found) > _MOST_ROWS:
        print(f"The table has the {_MOST_ROWS} tokens with the largest degrees; --json prints all {len(found)} tokens")
    for why in dict.fromkeys(f"{_token_number(one)}: {one.result.why}" for one in found if one.result.why):
        message(why)
    degree = f"{'at least ' if summary['at_least'] else ''}{summary['degree']}"
    count = f"{len(cases.documents):,}"
    basis = f"all {count} problems" if cases.exact else f"{count} sampled documents"
    print(f"\nglobality degree of {summary['task']}, {summary['format']}: {degree}  ({basis})")


def _cells(one: Degree) -> tuple[str, ...]:
    found = one.result
    token_set = ", ".join(f"{part} {place + 1}" for part, place in one.tokens)
    return (
        _token_number(one), one.example, f"{'>= ' if found.at_least else ''}{found.degree}", token_set,
        percent(found.information) if found.places else "", percent(found.threshold),
        percent(found.by_histogram) if found.histogram else "left out",
        "" if found.p is None else f"{found.p:.3f}", f"{one.documents:,}",
    )  # fmt: skip


def _token_number(one: Degree) -> str:
    """Return the text `state:token`. Both numbers are counted from 1."""
    return f"{one.state + 1}:{one.place + 1}"
