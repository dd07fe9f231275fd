"""The attention rule and rows against the design's sentences, token by token; vocabulary and row picture."""

from __future__ import annotations

import io
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
from matplotlib.image import imread

from scratchpad.errors import ScratchpadError
from scratchpad.layout.rows import Budget, Row, rows
from scratchpad.layout.vocabulary import Vocabulary
from scratchpad.reporting.row_picture import MOST_ROWS, MOST_TOKENS, draw_rows
from scratchpad.tasks.document import MARKS, Document


@dataclass(frozen=True)
class Token:
    """Where a token of a row comes from: part 0 is the prompt, part i is s[i]; copy: fed as context."""

    part: int
    place: int
    copy: bool = False


def numbered(prompt: int, states: Sequence[int], preamble: int = 0) -> Document[int]:
    """A document whose symbols are all different, so that a row shows the origin of each token."""
    symbols = iter(range(prompt + sum(states)))

    def text(length: int) -> tuple[int, ...]:
        return tuple(next(symbols) for _ in range(length))

    return Document(text(prompt), tuple(map(text, states)), preamble)


def origins(document: Document[int], made: Sequence[Row[int]]) -> list[list[Token]]:
    """Where the tokens of all rows come from.

    A row is the prompt, then blocks: block i is s[i-1] as context and s[i], block 1 is s[1] (none without a prompt).
    All blocks come once and in order: asserted here.
    """
    parts = (document.prompt, *document.states)
    number, found = (1 if document.prompt else 2), []
    for row in made:
        tokens = [Token(0, place) for place in range(len(document.prompt))]
        while len(tokens) < len(row):
            context = range(len(parts[number - 1]) if number > 1 else 0)
            tokens += [Token(number - 1, place, copy=True) for place in context]
            tokens += [Token(number, place) for place in range(len(parts[number]))]
            number += 1
        assert row.tokens == [parts[token.part][token.place] for token in tokens]
        found.append(tokens)
    assert number == len(parts)
    return found


def seen_by(token: Token) -> set[tuple[int, bool]]:
    """The parts that a token sees besides its own, as (part, copy): the design's second sentence."""
    if token.part == 0:
        return set()
    if token.copy:
        return {(0, False)}
    return {(0, False), (token.part - 1, True)}


def visible_by_the_sentences(tokens: Sequence[Token]) -> list[set[int]]:
    return [
        {
            place
            for place, key in enumerate(tokens)
            if (key.part, key.copy) in seen_by(token)
            or ((key.part, key.copy) == (token.part, token.copy) and key.place <= token.place)
        }
        for token in tokens
    ]


def position_by_the_sentences(document: Document[int], token: Token) -> int:
    before = len(document.prompt) if token.part else 0
    if token.part > 1 and not token.copy:
        before += len(document.states[token.part - 2])
    return before + token.place


def spread(ranges: Sequence[Sequence[int]]) -> set[int]:
    """The places of ranges, which must be ascending, not empty, and merged where they touch."""
    assert all(low < high for low, high in ranges)
    assert all(before[1] < after[0] for before, after in pairwise(ranges))
    return {place for low, high in ranges for place in range(low, high)}


def random_documents() -> list[Document[int]]:
    rng = random.Random(7)
    lengths = (1, 2, 3, 5, 7)
    found = [numbered(11, [5]), numbered(0, [3, 2]), numbered(1, [1]), numbered(13, [3, 5, 2], preamble=7)]
    for states in (2, 3, 7, 13):
        for prompt in (0, 1, 5, 17):
            preamble = rng.randrange(prompt) if prompt > 1 else 0
            found.append(numbered(prompt, [rng.choice(lengths) for _ in range(states)], preamble))
    return found


DOCUMENTS = random_documents()
NAMES = [f"{len(d.prompt)}+{'+'.join(map(str, map(len, d.states)))}" for d in DOCUMENTS]


def smallest_budget(document: Document[int]) -> int:
    lengths = [0, *map(len, document.states)]
    pairs = list(pairwise(lengths)) if document.prompt else list(pairwise(lengths))[1:]
    return len(document.prompt) + max(context + state for context, state in pairs)


def budgets(document: Document[int]) -> list[Budget]:
    (row,) = rows(document, "packed")
    return ["split", "packed", *range(smallest_budget(document), len(row) + 2)]


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_rows_follow_the_sentences_at_every_budget(document: Document[int]) -> None:
    for budget in budgets(document):
        made = rows(document, budget)
        for row, tokens in zip(made, origins(document, made), strict=True):
            assert [spread(ranges) for ranges in row.visible()] == visible_by_the_sentences(tokens)
            assert row.positions == [position_by_the_sentences(document, token) for token in tokens]


@pytest.mark.parametrize("question_loss", [False, True])
@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_each_token_is_scored_once_at_every_budget(document: Document[int], question_loss: bool) -> None:
    """Never token 0 of a row, nor a given s[1]; of the prompt the preamble, or all of it with question_loss."""
    scored_prompt = (
        document.prompt[1:] if question_loss else document.prompt[len(document.prompt) - document.preamble :]
    )
    written = document.states if document.prompt else document.states[1:]
    expected = Counter([*scored_prompt, *(symbol for state in written for symbol in state)])
    for budget in budgets(document):
        made = rows(document, budget, question_loss)
        assert not any(row.scored[0] for row in made)
        assert not any(any(row.scored[: len(document.prompt)]) for row in made[1:])
        scored = [
            (symbol, token.copy)
            for row, tokens in zip(made, origins(document, made), strict=True)
            for symbol, token, is_scored in zip(row.tokens, tokens, row.scored, strict=True)
            if is_scored
        ]
        assert Counter(symbol for symbol, _ in scored) == expected
        assert not any(copy for _, copy in scored)


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_rows_are_as_full_as_their_budget_allows(document: Document[int]) -> None:
    transitions = len(document.states) - (not document.prompt)
    assert len(rows(document, "split")) == transitions
    assert len(rows(document, "packed")) == 1
    for budget in range(smallest_budget(document), len(rows(document, "packed")[0]) + 2):
        made = rows(document, budget)
        assert max(map(len, made)) <= budget
        for row, following in pairwise(zip(made, origins(document, made), strict=True)):
            first = min(token.part for token in following[1] if token.part and not token.copy)
            block = len(document.states[first - 2]) + len(document.states[first - 1])
            assert len(row[0]) + block > budget


def test_a_row_written_out_by_hand() -> None:
    """Prompt `Q :`, states `a #`, `b c #`, `d .`: packed, the contexts `a #` and `b c #` are fed a second time."""
    document = Document(("Q", ":"), (("a", "#"), ("b", "c", "#"), ("d", ".")))
    (row,) = rows(document)
    assert "".join(row.tokens) == "Q:a#a#bc#bc#d."
    assert row.positions == [0, 1, 2, 3, 2, 3, 4, 5, 6, 2, 3, 4, 5, 6]
    assert "".join("01"[scored] for scored in row.scored) == "00110011100011"
    assert row.visible()[3] == [[0, 4]]
    assert row.visible()[4] == [[0, 2], [4, 5]]
    assert row.visible()[8] == [[0, 2], [4, 9]]
    assert row.visible()[13] == [[0, 2], [9, 14]]
    split = rows(document, "split")
    assert ["".join(one.tokens) for one in split] == ["Q:a#", "Q:a#bc#", "Q:bc#d."]
    assert ["".join(one.tokens) for one in rows(document, 9)] == ["Q:a#a#bc#", "Q:bc#d."]


def test_the_first_state_of_an_empty_prompt_is_given_and_seen() -> None:
    document = Document((), (("a", "#"), ("b", "#"), ("c", ".")))
    (row,) = rows(document, question_loss=True)
    assert "".join(row.tokens) == "a#b#b#c."
    assert row.positions == [0, 1, 2, 3, 0, 1, 2, 3]
    assert "".join("01"[scored] for scored in row.scored) == "00110011"
    assert row.visible()[3] == [[0, 4]]
    assert row.visible()[7] == [[4, 8]]


def test_a_budget_below_one_transition_says_what_is_needed() -> None:
    document = numbered(5, [2, 7, 3])
    assert max(map(len, rows(document, 15))) == 15
    with pytest.raises(ScratchpadError, match=r"14 tokens is too small\. The prompt and one transition need 15"):
        rows(document, 14)


@pytest.mark.parametrize(
    ("prompt", "states", "preamble", "says"),
    [
        ((1,), (), 0, "at least one state"),
        ((1,), ((2,), ()), 0, "no state may be empty"),
        ((), ((1,),), 0, "two states"),
        ((1, 2), ((3,),), 2, "preamble of 2"),
        ((1, 2), ((3,),), -1, "preamble of -1"),
        ((), ((1,), (2,)), 1, "preamble of 1"),
    ],
)
def test_documents_that_are_none(
    prompt: tuple[int, ...], states: tuple[tuple[int, ...], ...], preamble: int, says: str
) -> None:
    with pytest.raises(ScratchpadError, match=says):
        Document(prompt, states, preamble)


def test_the_dense_mask_and_targets_are_those_of_the_rows() -> None:
    """The tensors agree with the rows, and only padding sees padding."""
    from scratchpad.layout.batch import NO_TARGET, collate

    made = [row for document in DOCUMENTS[:7] for row in rows(document, "packed", question_loss=True)]
    batch = collate(made)
    mask = batch.mask()
    longest = max(map(len, made))
    assert mask.shape == (len(made), 1, longest, longest)
    for number, row in enumerate(made):
        length = len(row)
        seen = [set(np.flatnonzero(line).tolist()) for line in mask[number, 0, :length].numpy()]
        assert seen == [spread(ranges) for ranges in row.visible()]
        following = [t if s else NO_TARGET for t, s in zip(row.tokens, row.scored, strict=True)][1:]
        assert batch.targets[number].tolist() == following + [NO_TARGET] * (longest - length + 1)
        assert batch.positions[number, :length].tolist() == row.positions
        assert batch.tokens[number, :length].tolist() == row.tokens
        assert batch.real()[number].tolist() == [True] * length + [False] * (longest - length)


@pytest.mark.parametrize("most_tokens", [1, 29, 101, 10_007])
def test_micro_batches_keep_all_rows_and_the_limit(most_tokens: int) -> None:
    from scratchpad.layout.batch import micro_batches

    made = [row for document in DOCUMENTS for row in rows(document, "split")]
    parts = micro_batches(made, most_tokens)
    kept = [id(row) for part in parts for row in part]
    assert sorted(kept) == sorted(map(id, made))
    assert all(len(part) == 1 or sum(map(len, part)) <= most_tokens for part in parts)
    assert all(sum(map(len, part)) + len(following[0]) > most_tokens for part, following in pairwise(parts)), (
        "a part ends only where the next row would not fit"
    )


def test_a_vocabulary_keeps_the_order_it_is_given() -> None:
    vocabulary = Vocabulary(["z", "a", "ten"])
    assert vocabulary.symbols == (*MARKS, "z", "a", "ten")
    assert vocabulary.encode(["ten", "<sep>", "z"]) == (7, 2, 5)
    assert vocabulary.decode([7, 2, 5]) == ("ten", "<sep>", "z")
    assert len(vocabulary) == 8


@pytest.mark.parametrize(("symbols", "says"), [(["a", "b", "a"], "a"), (["a", "<end>"], "<end>")])
def test_alphabets_that_are_none(symbols: list[str], says: str) -> None:
    with pytest.raises(ScratchpadError, match=f"^remove marks and repeated symbols from the alphabet: {says}$"):
        Vocabulary(symbols)


def test_an_unknown_symbol_is_named() -> None:
    with pytest.raises(ScratchpadError, match="symbol 'q' is not in the vocabulary of 7 symbols"):
        Vocabulary("ab").encode(["a", "q"])


def pixels(made: Sequence[Row[str]]) -> np.ndarray:
    """The picture as (height, width, 3) bytes."""
    file = io.BytesIO()
    draw_rows(made, file)
    file.seek(0)
    return (imread(file, format="png")[..., :3] * 255).round().astype(np.uint8)


def share(picture: np.ndarray, colour: str) -> float:
    wanted = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return float((picture == wanted).all(-1).mean())


PROMPT, CONTEXT, STATE = "#4477aa", "#ee9944", "#44aa77"


def test_a_picture_shows_who_sees_whom() -> None:
    """Large areas of each colour for a chain; no context where there is one state."""
    chain = Document(("Q", "1", "$x^$", "\n", "_", "a long token"), (tuple("ab#"), tuple("cd#"), tuple("ef.")))
    picture = pixels(rows(chain))
    assert min(share(picture, colour) for colour in (PROMPT, CONTEXT, STATE)) > 0.005
    direct = Document(tuple("Q12$^_"), (tuple("ab."),))
    picture = pixels(rows(direct))
    assert share(picture, STATE) > 0.003
    legend_only = 0.002
    assert share(picture, CONTEXT) < legend_only


def test_pictures_of_long_rows_and_of_several() -> None:
    """A row of 190 tokens keeps its colours in a picture of bounded size; only the first of many rows are drawn."""
    long = Document(("Q",) * 61, (("state number",) * 5,) * 13)
    packed = pixels(rows(long))
    assert min(share(packed, colour) for colour in (PROMPT, CONTEXT, STATE)) > 0.003
    assert max(packed.shape) < 2100
    short = rows(Document(("Q",) * 3, (("a",),) * 7), "split")
    heights = [pixels(short[:count]).shape[0] for count in (1, 2, MOST_ROWS, MOST_ROWS + 1)]
    assert heights[0] < heights[1] < heights[2] == heights[3]


def test_a_row_too_long_to_draw_is_refused() -> None:
    document = Document(("Q",) * MOST_TOKENS, (("a",),))
    with pytest.raises(ScratchpadError, match=f"{MOST_TOKENS + 1} tokens is not readable. At most {MOST_TOKENS}"):
        draw_rows(rows(document), io.BytesIO())
