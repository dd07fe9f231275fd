"""Prompts with worked examples, for language models (Nye et al. 2021, sections 4 and 5)."""

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
_LOOKED_AT = 1000  # draws, beyond those taken, before there are too few different problems


@dataclass(frozen=True)
class Prompt:
    """A question behind worked examples, (question, work) each. target: the work that answers the question.

    stop: what a model writes that goes on by itself after its answer.
    """

    examples: tuple[tuple[str, str], ...]
    asked: str
    target: str
    stop: str

    @property
    def text(self) -> str:
        """The whole prompt, up to where the model begins."""
        return "".join(f"{question}{work}{_BETWEEN}" for question, work in self.examples) + self.asked

    @property
    def messages(self) -> list[dict[str, str]]:
        """The prompt as a conversation: each question is the user's, each work the assistant's."""
        parts = [part for pair in self.examples for part in pair]
        roles = ("user", "assistant") * len(self.examples)
        said = [*zip(roles, parts, strict=True), ("user", self.asked)]
        return [{"role": role, "content": part.strip()} for role, part in said]


def few_shot_prompt(task: Task, format: Format, question: Symbols, shots: int, seed: int = 0) -> Prompt:
    """The prompt of a question: behind the first `shots` different problems of the split that the task shows. Where
    the data are given these are the first with seed 0 (the paper's), and come in another order with each other seed.

    The question's own problem is never among them. ScratchpadError where there are not so many, or for more than 1,000.
    """
    if not 0 <= shots <= _MOST_SHOTS:
        raise ScratchpadError(f"{shots:,} shots: from 0 to {_MOST_SHOTS:,} worked examples are allowed")
    template = task.texts.prompt_template(format)
    shown = []
    for other in _examples(task, format, question, shots, seed):
        asked, work = question_and_work(task, other)
        shown.append((template.question(asked), work + template.after))
    asked, target = question_and_work(task, format.write(task, question))
    return Prompt(tuple(shown), template.question(asked), target, template.stop)


def _examples(task: Task, format: Format, question: Symbols, shots: int, seed: int) -> list[Document[str]]:
    found: dict[Symbols, Document[str]] = {}
    own, held = task.texts.problem(question), task.count(task.example_split)
    looked_at = shots + _LOOKED_AT if held is None else min(shots + _LOOKED_AT, held)
    order: Sequence[int] = range(looked_at)
    if seed and held is not None and not task.seeded:
        order = permutation(stream_name("worked examples", seed), 0, held).tolist()
    for index in order[:looked_at]:
        if len(found) == shots:
            break
        other = task.draw(seed, task.example_split, index)
        problem = task.texts.problem(other)
        if problem != own and problem not in found:
            with suppress(SkippedProblem):
                found[problem] = format.write(task, other)
    if len(found) < shots:
        raise ScratchpadError(
            f"{shots} shots: {looked_at} questions of {task.name} hold only {len(found)} different problems "
            "beside the one asked for; ask for less, or for longer questions"
        )
    return list(found.values())


def question_and_work(task: Task, document: Document[str]) -> tuple[str, str]:
    """A document as a language model reads it: the text of the question, and the states, each on lines of its own.

    Marks stand only inside a state. A first state that is given is the question.
    """
    prompt = document.prompt[:-1] if document.prompt[-1:] == (START,) else document.prompt
    states = [task.texts.prompt_text(bare(state)) for state in document.states]
    return (task.texts.prompt_text(prompt), "\n".join(states)) if prompt else (states[0], "\n".join(states[1:]))
