"""Progress of long work on stderr: a live bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

_LINES = 10  # lines of a run where there is no terminal, beside its evaluations


class TrainingProgress:
    """Told every line of metrics.jsonl, it shows step, loss, speed and the last accuracies."""

    def __init__(self, what: str, steps: int) -> None:
        self.what, self.steps = what, steps
        self._console = Console(stderr=True, highlight=False)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[news]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task(what, total=steps, news="")
        self._next_line = 0

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def __call__(self, line: dict[str, Any]) -> None:
        if "evaluation" in line:
            self._print(f"{self.what} step {line['step']}: right {accuracies(line['evaluation'])}")
            return
        news = f"loss {line['loss']:.4f}  {line['tokens_per_second']:,.0f} tokens/s"
        self._bar.update(self._task, completed=line["step"], news=news)
        if not self._console.is_terminal and line["step"] >= self._next_line:
            self._next_line = line["step"] + self.steps // _LINES
            self._print(f"{self.what} step {line['step']} of {self.steps}: {news}")

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False, soft_wrap=True)


def accuracies(scores: list[dict[str, Any]]) -> str:
    """`100.0 % at 4, 12.5 % at 8`."""
    return ", ".join(f"{100 * score['accuracy']:.1f} % at {score['size']}" for score in scores)
