"""Progress of long work on stderr: a live bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from scratchpad.number_format import percent

_BARS = 8  # of more runs than these, only those in training have one
_LINES = 10  # lines of a run where there is no terminal, beside its evaluations


class TrainingProgress:
    """Told the lines of the metrics.jsonl of runs, it shows step, loss, speed and the last accuracies of each."""

    def __init__(self, steps: Mapping[str, int]) -> None:
        """steps: of each run, by the name it is shown under."""
        self._steps = steps
        self._console = Console(stderr=True, highlight=False)
        self._bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[news]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._tasks = {
            name: self._bars.add_task(name, total=total, news="", visible=len(steps) <= _BARS)
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
        """Show a line of metrics.jsonl of the run `name`."""
        if "evaluation" in line:
            self._print(f"{name} step {line['step']}: right {accuracies(line['evaluation'])}")
            return
        if "curriculum" in line:
            self._print(f"{name} step {line['step']}: {verdict(line['curriculum'])}")
            return
        news = f"loss {line['loss']:.4f}  {line['tokens_per_second']:,.0f} tokens/s"
        few = len(self._steps) <= _BARS
        self._bars.update(
            self._tasks[name], completed=line["step"], news=news, visible=few or line["step"] < self._steps[name]
        )
        if not self._console.is_terminal and line["step"] >= self._next_line[name]:
            self._next_line[name] = line["step"] + self._steps[name] // _LINES
            self._print(f"{name} step {line['step']} of {self._steps[name]}: {news}")

    def show_message(self, text: str) -> None:
        """A line above the bars."""
        self._print(text)

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False, soft_wrap=True)


def verdict(found: dict[str, Any]) -> str:
    """`stage 2 (n=3): 95.3 % right, passed after 4000 steps`."""
    passed = f", passed after {found['steps']} steps" if found["passed"] else ""
    return f"stage {found['stage']} ({found['settings']}): {percent(found['accuracy'])} right{passed}"


def accuracies(scores: list[dict[str, Any]]) -> str:
    """`100 % at 4, 12.5 % at 8`."""
    return ", ".join(f"{percent(score['accuracy'])} at {score['size']}" for score in scores)
