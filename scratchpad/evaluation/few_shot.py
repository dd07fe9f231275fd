"""Few-shot prompts for language models: worked examples, then a question (Nye et al. 2021, sections 4 and 5)."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from scratchpad.errors import ScratchpadError, SkippedProblem
from scratchpad.random_stream import permutation, stream_name
from scratchpad.tasks.base import Symbols, Task
from scratchpad.tasks.document import START, Document, bare
from scratchpad.tasks.formats import Format

_BETWEEN = "\n\n"
_MOST_SHOTS = 1000
_EXTRA_DRAWS = 1000  # draws in addition to `shots`, because problems can repeat


@dataclass(frozen=True)
class Prompt:
    """Worked examples and the question that follows the examples.

    `examples`: pairs (question, work). `target`: the true work for `question`. `stop`: the text that ends generation.
    """

    examples: tuple[tuple[str, str], ...]
    question: str
    target: str
    stop: str

    @property
    def text(self) -> str:
        """The whole prompt as one text."""
        return "".join(f"{question}{work}{_BETWEEN}" for question, work in self.examples) + self.question

    @property
    def messages(self) -> list[dict[str, str]]:
        """The prompt as chat messages: the user asks the questions, and the assistant writes the work."""
        parts = [part for pair in self.examples for part in pair]
        roles = ("user", "assistant") * len(self.examples)
        said = [*zip(roles, parts, strict=True), ("user", self.question)]
        return [{"role": role, "content": part.strip()} for role, part in said]


def few_shot_prompt(task: Task, format: Format, question: Symbols, shots: int, seed: int = 0) -> Prompt:
    """Return a prompt with `shots` worked examples, then the question.

    The examples are different problems from the task's example split, but never the question's own problem. If the
    task reads a data file, seed 0 takes the first problems, as in the paper. Other seeds shuffle the problems. Raises
    ScratchpadError if `shots` exceeds 1,000 or the number of problems.
    """
    if not 0 <= shots <= _MOST_SHOTS:
        raise ScratchpadError(f"{shots:,} worked examples are not possible. Choose from 0 to {_MOST_SHOTS:,}.")
    template = task.texts.prompt_template(format)
    examples = []
    for other in _examples(task, format, question, shots, seed):
        text, work = question_and_work(task, other)
        examples.append((template.question(text), work + template.after))
    text, target = question_and_work(task, format.write(task, question))
    return Prompt(tuple(examples), template.question(text), target, template.stop)


def _examples(task: Task, format: Format, question: Symbols, shots: int, seed: int) -> list[Document[str]]:
    found: dict[Symbols, Document[str]] = {}
    own, held = task.texts.problem(question), task.count(task.example_split)
    draws = shots + _EXTRA_DRAWS if held is None else min(shots + _EXTRA_DRAWS, held)
    order: Sequence[int] = range(draws)
    if seed and held is not None and not task.seeded:
        order = permutation(stream_name("worked examples", seed), 0, held).tolist()
    for index in order[:draws]:
        if len(found) == shots:
            break
        other = task.draw(seed, task.example_split, index)
        problem = task.texts.problem(other)
        if problem != own and problem not in found:
            with suppress(SkippedProblem):
                found[problem] = format.write(task, other)
    if len(found) < shots:
        raise ScratchpadError(
            f"{shots} worked examples are not possible: {draws} questions drawn from {task.name} come from only "
            f"{len(found)} problems other than the question's own problem. Choose fewer examples or other settings."
        )
    return list(found.values())


def question_and_work(task: Task, document: Document[str]) -> tuple[str, str]:
    """Return the question and the work of a document as two texts. Each state is one line of the work.

    <start> and the mark at the end of each state are left out. If there is no prompt, the first state is the question.
    """
    prompt = document.prompt[:-1] if document.prompt[-1:] == (START,) else document.prompt
    states = [task.texts.prompt_text(bare(state)) for state in document.states]
    return (task.texts.prompt_text(prompt), "\n".join(states)) if prompt else (states[0], "\n".join(states[1:]))
