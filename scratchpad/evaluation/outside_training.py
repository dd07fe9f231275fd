"""How a question differs from all training questions: size, length, last symbol, or longest run of blank places."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from scratchpad.config.lengths import Lengths
from scratchpad.tasks.base import Symbols, Task, draws
from scratchpad.tasks.document import listed

_DRAWN = 200


def outside_training(tasks: Sequence[Task], question: Symbols, seed: int) -> list[str]:
    """Return how the question differs from every training question, one text per difference.

    The size of the question is compared with the tasks' settings. The question's length, longest run of blanks and last
    symbol (if all training questions have the same one) are compared with the first 200 training questions of each
    task, or with all training questions of a data file.

    tasks: the training task, or the tasks of all stages of the curriculum. seed: the seed of the training.
    """
    task, found = tasks[-1], list[str]()
    drawn = [one for task in tasks for _, one in draws(task, seed, "train", 0, _compared(task))]
    sizes, trained_sizes = _size(task, question), [one.size_distribution() for one in tasks]
    if (
        not any(one.contains(sizes.low) and one.contains(sizes.high) for one in trained_sizes)
        and sizes not in {_size(task, one) for one in drawn}  # the size read off a question may differ from the setting
    ):
        texts = dict.fromkeys(str(one.to_json()) for one in trained_sizes)
        found.append(f"{task.size_setting}={sizes.to_json()}, trained on {', '.join(texts)}")
    lengths = sorted(map(len, drawn))
    if not lengths[0] <= len(question) <= lengths[-1]:
        found.append(f"{len(question)} symbols, trained on {Lengths(lengths[0], lengths[-1]).to_json()}")
    last = {one[-1:] for one in drawn}
    if len(last) == 1 and question[-1:] not in last:
        found.append(f"the last symbol {listed(question[-1:])}, trained on {listed(last.pop())}")
    most = max(_longest_run(one, task.blank) for one in drawn)
    if (run := _longest_run(question, task.blank)) > most:
        found.append(f"{run} times {task.blank} in a row, trained on at most {most}")
    return found


def _size(task: Task, question: Symbols) -> Lengths:
    return task.fitted_to(question).size_distribution()


def _compared(task: Task) -> int:
    count = task.count("train") or _DRAWN
    return min(_DRAWN, count) if task.seeded else count


def _longest_run(symbols: Symbols, symbol: str) -> int:
    return max((len(list(run)) for one, run in groupby(symbols) if one == symbol), default=0)
