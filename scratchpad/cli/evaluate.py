"""Evaluate runs on new test questions of the given sizes.

--method forced checks the whole scratchpad token by token in one forward pass, given the correct earlier tokens.
--method free lets the model generate. The answer is compared with the correct answer, and each state with the state
that the task computes from the previous state. States of program traces are compared as values.

If a question needs more positions than the model has, the question counts as wrong. `over_context` is the number of
such questions. If several questions run the same program, the last lines of the output count programs. A program is
correct if all of its questions are correct. The run folder keeps scores and samples, but not with --vote or --set.

With --vote, the runs generate one chain together. Each run proposes the next state from the question and the previous
state, and the most frequent proposal becomes the next state. To break a tie, the mean log probabilities per token are
summed over each proposal's voters, and the proposal with the highest sum wins. Only tokens of the common chain count.
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
from scratchpad.cli._output import ProgressCounter, message, print_json, print_table
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
    add = parser.add_argument
    add("runs", metavar="RUN", nargs="+", help="one or more run folders; several folders also give medians")
    add("--sizes", type=sizes_list, default=(), metavar="10,20,30", help="question sizes (default: the run's sizes)")
    add("-n", type=whole_number(1), default=1000, help="number of questions per size (default: %(default)s)")
    add("--method", metavar="forced|free", help="evaluation method (default: forced; with --vote: free)")
    add("--vote", action="store_true", help="let the runs vote on every state of a common chain")
    add("--seed", type=int, default=0, metavar="N", help="seed of the test questions (default: %(default)s)")
    add("--batch", type=whole_number(1), default=64, metavar="N", help="questions per batch (default: 64)")
    add_sampling(parser)
    add_set(parser, "task settings that differ from training, such as task.format=inductive task.name=cycles window=40")
    add_run_loading(parser)
    add("--json", action="store_true", help="print one JSON object per size, and per share of correct programs")


def run(args: Namespace) -> None:
    args.method = args.method or ("free" if args.vote else "forced")
    sampling, runs = sampling_from_arguments(args), _load_runs(args)
    outcomes = [(run, *_evaluate(args, run, sampling)) for run in runs]
    for one in (one for run in runs for one in (run, *run.voters)):
        unsaved = "; the results are not saved, so `report` and `diagnose` do not show them" if args.set else ""
        message(f"{one.folder}: {args.checkpoint} checkpoint, {one.checkpoint_text}{unsaved}")
    if args.json:
        return
    scores = [(_name(run), result.score) for run, results, _ in outcomes for result in results]
    what = "exact" if args.method == "forced" else "correct"
    columns = "run", "size", "n", what, "95 % interval", "transitions", "tokens", "time", "memory", "seen in training"
    first = 0 if len(args.runs) > 1 else 1  # leave out the column `run` if there is only one run
    print_table(columns[first:], [_cells(name, score)[first:] for name, score in scores])
    for run, results, program_shares in outcomes:
        over, n = (sum(getattr(result.score, name) for result in results) for name in ("over_context", "n"))
        if over:
            print(
                f"{_name(run)}: {over} of {n} questions need more than the model's {run.evaluated.context} positions "
                "and count as wrong"
            )
        for metric, share in program_shares.items():
            interval = f"{percent(share.accuracy)} ({percent_range(*share.interval)})"
            what = "correct answers to all questions" if metric == "output" else "correct traces for all questions"
            print(f"{_name(run)}: {share.correct} of {share.n} programs have {what}: {interval}")
    if len(runs) > 1:
        print_table(("size", "runs", "median accuracy", "lowest", "highest"), _medians([score for _, score in scores]))


def _load_runs(args: Namespace) -> list[Run]:
    """Return the runs to evaluate. With --vote, return one run that represents all voters."""
    from scratchpad.config.resolve import TaskLoader
    from scratchpad.run import Run

    if args.vote and len(args.runs) < 2:
        raise ScratchpadError(f"--vote needs at least 2 runs, but only {args.runs[0]} is given; add more run folders")
    tasks = TaskLoader()
    runs = [Run.load(folder, args.checkpoint, args.device, args.task_file, tasks) for folder in args.runs]
    return [runs[0].voting(runs[1:])] if args.vote else runs


def _evaluate(args: Namespace, run: Run, sampling: Sampling) -> tuple[list[Result], dict[str, Share]]:
    """Return the result for each size and the shares of correct programs. With --json, also print these values."""
    results: list[Result] = []
    evaluated, which_run = _with_settings(run, args.set), {"run": str(run.folder)} if len(args.runs) > 1 else {}
    if run.voters:
        which_run = {"runs": [str(one.folder) for one in (run, *run.voters)]}
    progress = ProgressCounter()
    for result in run.evaluate_by_size(
        args.sizes, args.n, args.method, args.seed, sampling, args.batch, evaluated, progress.update
    ):
        results.append(result)
        if args.json:
            progress.clear()
            print_json(which_run | result.score.to_json())
    progress.clear()
    program_shares = _program_shares(evaluated or run.evaluated, results)
    for metric, share in program_shares.items() if args.json else ():
        score = {name: getattr(results[0].score, name) for name in ("task", "format", "method", "seed", "sampling")}
        print_json({**which_run, **score, "size": None, "metric": metric, "unit": "problem", **share.to_json()})
    return results, program_shares


def _program_shares(evaluated: EvaluatedModel, results: list[Result]) -> dict[str, Share]:
    """Return for each metric the share of programs whose questions are all correct, over all sizes.

    The metric `output` checks answers. For formats with work, the metric `trace` checks all written text. In this case,
    the method `forced` gives only `trace`. The result is empty if no two questions run the same program.
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


def _name(run: Run) -> str:
    return f"{len(run.voters) + 1} voting" if run.voters else str(run.folder)


def _with_settings(run: Run, settings: list[str]) -> EvaluatedModel | None:
    """Return the model of `run` with its task changed by `settings` (--set), or `None` if nothing is changed."""
    values = split_assignments(settings)
    others = [name for name in values if name.partition(".")[0] in ("model", "train", "evaluate")]
    if others:
        raise ScratchpadError(f"--set {others[0]}: only task settings can be changed after training")
    return run.with_task(run.config.with_settings(values).task) if values else None


def _cells(name: str, score: Score) -> tuple[Any, ...]:
    return (
        name, score.size, score.n, percent(score.accuracy), percent_range(score.low, score.high),
        percent(score.transition_accuracy, 2), f"{score.tokens:,.1f}", duration(score.seconds),
        memory(score.memory_bytes), f"{score.seen_in_training}",
    )  # fmt: skip


def _medians(scores: list[Score]) -> list[tuple[Any, ...]]:
    rows = []
    for size in sorted({score.size for score in scores}):
        accuracies = [score.accuracy for score in scores if score.size == size]
        statistics_of_runs = (statistics.median(accuracies), min(accuracies), max(accuracies))
        rows.append((size, len(accuracies), *map(percent, statistics_of_runs)))
    return rows
