"""The progress of training on stderr: live bars on a terminal, otherwise a line of text from time to time."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from scratchpad.number_format import percent

_MAX_BARS = 8  # if there are more runs, a run has a bar only while it trains
_LINES_PER_RUN = 10  # the number of progress lines that a run prints if there is no terminal


class TrainingProgress:
    """A display of the step, loss, speed and accuracies of each run in training."""

    def __init__(self, steps: Mapping[str, int], longest: Mapping[str, int] | None = None) -> None:
        """steps: a mapping from the name of each run to its number of training steps.

        longest: a mapping from the name of a run to its largest training size. Larger sizes are marked.
        """
        self._steps, self._longest = steps, longest or {}
        self._console = Console(stderr=True, highlight=False)
        self._bars = Progress(
            TextColumn("{task.description}", markup=False), BarColumn(bar_width=24), MofNCompleteColumn(),
            TextColumn("{task.fields[status]}"), TimeElapsedColumn(), TextColumn("passed,"), TimeRemainingColumn(),
            TextColumn("left"),
            console=self._console, disable=not self._console.is_terminal,
        )  # fmt: skip
        self._tasks = {
            name: self._bars.add_task(name, total=total, status="", visible=len(steps) <= _MAX_BARS)
            for name, total in steps.items()
        }
        self._next_line = dict.fromkeys(steps, 0)

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def show_metrics(self, name: str, line: dict[str, Any]) -> None:
        """Show a line from the metrics.jsonl of the run `name`."""
        if "evaluation" in line:
            self.show_message(
                f"{name} step {line['step']}: accuracy {accuracies(line['evaluation'], self._longest.get(name))}"
            )
            return
        if "curriculum" in line:
            self.show_message(f"{name} step {line['step']}: {stage_result(line['curriculum'])}")
            return
        status = f"loss {line['loss']:.4f}  {line['tokens_per_second']:,.0f} tokens/s"
        few = len(self._steps) <= _MAX_BARS
        self._bars.update(
            self._tasks[name], completed=line["step"], status=status, visible=few or line["step"] < self._steps[name]
        )
        if not self._console.is_terminal and line["step"] >= self._next_line[name]:
            self._next_line[name] = line["step"] + self._steps[name] // _LINES_PER_RUN
            self.show_message(f"{name} step {line['step']} of {self._steps[name]}: {status}")

    def show_message(self, text: str) -> None:
        """Print a line of text above the bars."""
        self._console.print(text, markup=False, soft_wrap=True)


def stage_result(test: dict[str, Any]) -> str:
    """Describe the test of a curriculum stage: `stage 2 (n=3): 95.3 % correct, passed after 4000 steps`."""
    passed = f", passed after {test['steps']} steps" if test["passed"] else ""
    return f"stage {test['stage']} ({test['settings']}): {percent(test['accuracy'])} correct{passed}"


def accuracies(scores: list[dict[str, Any]], longest: int | None = None) -> str:
    """Describe the accuracy at each question size: `100 % at 4, 12.5 % at 8 (longer than trained)`.

    longest: the largest training size; None if it is unknown.
    """
    longer = [" (longer than trained)" if longest is not None and score["size"] > longest else "" for score in scores]
    return ", ".join(
        f"{percent(score['accuracy'])} at {score['size']}{text}" for score, text in zip(scores, longer, strict=True)
    )
