"""Judge runs on fresh test questions of given sizes.

forced: exact match of the whole scratchpad, by one forward pass. free: the model writes, its answers are judged, and
every state by the task's own induction, states of traces compared as values. Questions whose documents need more
positions than the model has are not asked, and count as wrong; how many is told (`over_context`). Where several
questions run one program, a last line says how many programs are right with all of them, and how many with whole
traces. Scores and samples are kept in the run's folder, but for those of questions or formats other than the run's own
(--set).

--vote: the runs write one chain together. Each writes the next state from the same question and state before it, the
majority's is taken, and all go on from that one. Of several states with most votes it is the one whose voters are
surest (the mean log probability of its tokens, summed over them). Tokens are the chain's; nothing is kept.
"""

from __future__ import annotations

import statistics
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

from scratchpad.cli._options import (
    add_run_loading,
    add_sampling,
    add_set,
    sampling_from_arguments,
    sizes_list,
    whole_number,
)
from scratchpad.cli._output import print_json
from scratchpad.cli._table import print_table
from scratchpad.config.parse import split_assignments
from scratchpad.errors import ScratchpadError
from scratchpad.number_format import duration, memory, percent, percent_range

if TYPE_CHECKING:
    from scratchpad.evaluation.evaluated_model import EvaluatedModel
    from scratchpad.evaluation.intervals import Share
    from scratchpad.evaluation.metrics import Result, Score
    from scratchpad.generation.sampling import Sampling
    from scratchpad.run import Run

EXAMPLE = """scratchpad evaluate runs/parity-small --sizes 8,12,16 -n 1000
  scratchpad evaluate runs/mine/seed-* --method free --json
  scratchpad evaluate runs/mine/seed-* --vote --sizes 16
  scratchpad evaluate runs/causal --method free --set task.format=inductive window=40"""


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("runs", metavar="RUN", nargs="+", help="run folders; of several, medians are printed too")
    parser.add_argument("--sizes", type=sizes_list, default=(), metavar="10,20,30", help="default: the run's own")
    parser.add_argument("-n", type=whole_number(1), default=1000, help="questions a size (default: %(default)s)")
    parser.add_argument("--method", metavar="forced|free", help="default: forced, with --vote free")
    parser.add_argument("--vote", action="store_true", help="the runs vote on every state, and are judged as one")
    parser.add_argument("--seed", type=int, default=0, help="of the test questions (default: %(default)s)")
    parser.add_argument(
        "--batch", type=whole_number(1), default=64, help="with free: rows at a time (default: %(default)s)"
    )
    add_sampling(parser)
    add_set(parser, "ask otherwise than in training: task.format=inductive, task.name=cycles, window=40")
    add_run_loading(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object a size, and one of programs")


def run(args: Namespace) -> None:
    args.method = args.method or ("free" if args.vote else "forced")
    sampling, runs = sampling_from_arguments(args), _loaded(args)
    judged = [(one, *_judged(args, one, sampling)) for one in runs]
    if args.json:
        return
    scores = [(_name(one), result.score) for one, results, _ in judged for result in results]
    print_table(_columns(args.method), [_cells(name, score) for name, score in scores])
    for one, results, found in judged:
        _print_over_context(one, results)
        for metric, share in found.items():
            spread = f"{percent(share.accuracy)} ({percent_range(*share.interval)})"
            what = "right with all their questions" if metric == "output" else "with the whole traces of all their runs"
            print(f"{_name(one)}: {share.correct} of {share.n} programs {what}: {spread}")
    if len(runs) > 1:
        print_table(("size", "runs", "median accuracy", "lowest", "highest"), _medians([score for _, score in scores]))


def _loaded(args: Namespace) -> list[Run]:
    """The runs to judge; those that vote are one."""
    from scratchpad.run import Run

    if args.vote and len(args.runs) < 2:
        raise ScratchpadError(f"--vote: at least 2 runs vote, here is only {args.runs[0]}; name others beside it")
    runs = [Run.load(folder, args.checkpoint, args.device, args.task_file) for folder in args.runs]
    return [runs[0].voting(runs[1:])] if args.vote else runs


def _judged(args: Namespace, run: Run, sampling: Sampling) -> tuple[list[Result], dict[str, Share]]:
    """What is found at every size, and over programs. With --json it is printed as it comes."""
    results: list[Result] = []
    evaluated, place = _asked(run, args.set), _place(run, len(args.runs))
    for result in run.evaluate_by_size(args.sizes, args.n, args.method, args.seed, sampling, args.batch, evaluated):
        results.append(result)
        if args.json:
            print_json(place | result.score.to_json())
    found = _programs_right(evaluated or run.evaluated, results)
    for metric, share in found.items():
        if args.json:
            print_json(place | _program_line(results[0].score, metric, share))
    return results, found


def _programs_right(evaluated: EvaluatedModel, results: list[Result]) -> dict[str, Share]:
    """Over all sizes, by the metric: a program is right where all its questions are. Empty where no two share one.

    output: their answers; trace: all that is written, where that is more. By one forward pass there is no other.
    """
    from scratchpad.evaluation.text_scoring import share_of_problems

    samples = {sample.question: sample for result in results for sample in result.samples}
    problems = [(evaluated.task.texts.problem(question), sample) for question, sample in samples.items()]
    shares = {"output": share_of_problems((problem, sample.correct) for problem, sample in problems)}
    if evaluated.format.has_work:
        shares["trace"] = share_of_problems((problem, sample.exact) for problem, sample in problems)
        if results[0].score.method == "forced":
            del shares["output"]
    return shares if all(share.n < len(samples) for share in shares.values()) else {}


def _program_line(score: Score, metric: str, share: Share) -> dict[str, Any]:
    named = {name: getattr(score, name) for name in ("task", "format", "method", "seed", "sampling")}
    return {**named, "size": None, "metric": metric, "unit": "problem", **share.to_json()}


def _print_over_context(run: Run, results: list[Result]) -> None:
    """How many questions were not asked, where there are any."""
    over, n = (sum(getattr(result.score, name) for result in results) for name in ("over_context", "n"))
    if over:
        room = run.evaluated.context
        print(f"{_name(run)}: {over} of {n} questions over the context of {room} positions: not asked, and wrong")


def _name(run: Run) -> str:
    return f"{len(run.voters) + 1} voting" if run.voters else str(run.folder)


def _place(run: Run, given: int) -> dict[str, Any]:
    """What a line of JSON begins with where several runs were given."""
    if run.voters:
        return {"runs": [str(one.folder) for one in (run, *run.voters)]}
    return {"run": str(run.folder)} if given > 1 else {}


def _asked(run: Run, settings: list[str]) -> EvaluatedModel | None:
    """The model asked as the settings say; None where they say nothing."""
    values = split_assignments(settings)
    others = [name for name in values if name.partition(".")[0] in ("model", "train", "evaluate")]
    if others:
        raise ScratchpadError(f"--set {others[0]}: how a trained model is asked are settings of the task alone")
    return run.with_task(run.config.with_settings(values).task) if values else None


def _columns(method: str) -> tuple[str, ...]:
    what = "exact" if method == "forced" else "right"
    return ("run", "size", "n", what, "95 % interval", "transitions", "tokens", "time", "memory", "seen in training")


def _cells(folder: str, score: Score) -> tuple[Any, ...]:
    return (
        folder,
        score.size,
        score.n,
        percent(score.accuracy),
        percent_range(score.low, score.high),
        percent(score.transition_accuracy, 2),
        f"{score.tokens:,.1f}",
        duration(score.seconds),
        memory(score.memory_bytes),
        f"{score.seen_in_training}",
    )


def _medians(scores: list[Score]) -> list[tuple[Any, ...]]:
    rows = []
    for size in sorted({score.size for score in scores}):
        found = [score.accuracy for score in scores if score.size == size]
        shares = (statistics.median(found), min(found), max(found))
        rows.append((size, len(found), *map(percent, shares)))
    return rows
