"""Cached decoding: keys and values of the prompt once, and of no more than three states at a time.

A state's keys were made while it saw the state before it, so they cannot serve as context for the next one. Either the
state is encoded anew when it is complete (`reencode`), or every token is fed twice as it is written, once as part of
its state and once as context of the next (`twice`). The first state has no context: it is its own context, fed once.

The cache of a row is a line of slots: the prompt, then one region or two, each holding a block. Every slot has a
segment and the rule decides what a query sees; slots that hold something older lie behind every query of their region.
Shapes: R rows, N fed tokens, S slots, H heads, D numbers a head, M the most tokens fed to one row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from scratchpad.errors import unknown_name
from scratchpad.generation.engine import Opening, Part
from scratchpad.layout.attention_rule import PADDING, PROMPT, block_positions, sees
from scratchpad.models.attention.dense import attend_with_mask
from scratchpad.models.attention.padded_rows import split_heads
from scratchpad.models.positions import Reach
from scratchpad.models.protocol import LanguageModel

MODES = ("reencode", "twice")
_FIRST_CAPACITY = 16


@dataclass
class _Line:
    """A row's book: how long its prompt is, the block being written and the one that gathers the next context."""

    prompt: int = 0
    current: int | None = None
    """The region of the block being written; None while the first state is written."""
    lengths: list[int] = field(default_factory=lambda: [0, 0])
    state: list[int] = field(default_factory=list)


@dataclass
class _Feed:
    """Tokens to feed: for each its row, its slot and its position; for each row which of them gives the logits."""

    tokens: list[int] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    places: list[tuple[int, int]] = field(default_factory=list)
    """(segment, place in it); slots follow once the capacity is known."""
    read: list[int] = field(default_factory=list)


class CachedDecoder:
    """A `Decoder` over a language model. mode: `reencode` or `twice`; both give the same logits."""

    def __init__(self, model: LanguageModel, mode: str = "twice") -> None:
        if mode not in MODES:
            raise unknown_name("cache", mode, MODES)
        self.model, self.twice = model, mode == "twice"
        self.context = model.context
        self._lines: list[_Line] = []
        self._prompt_slots = self._capacity = self._regions = 0
        self._cache = torch.empty(0)

    def begin(self, openings: Sequence[Opening]) -> Tensor:
        self._lines = [_Line() for _ in openings]
        self._prompt_slots, self._capacity, self._regions = 0, 0, 1
        layers, kv_heads, head_width = self.model.cache_shape
        shape = (layers, 2, len(openings), kv_heads, 0, head_width)
        self._cache = torch.empty(shape, dtype=self.model.dtype, device=self.model.device)
        feed = _Feed()
        for row, (line, opening) in enumerate(zip(self._lines, openings, strict=True)):
            self._add_prompt(feed, row, opening.prompt)
            if opening.given:
                self._add_block(feed, row, 0, opening.given)
                line.current = 0
            feed.read.append(len(feed.tokens) - 1)
        return self._run(feed)

    def advance(self, tokens: Sequence[int], parts: Sequence[Part]) -> Tensor:
        feed = _Feed()
        for row, (token, part) in enumerate(zip(tokens, parts, strict=True)):
            read = {Part.PROMPT: self._more_prompt, Part.STATE: self._more_state, Part.TERMINATOR: self._end_state}
            feed.read.append(read[part](feed, row, token))
        return self._run(feed)

    def keep(self, rows: Sequence[int]) -> None:
        self._lines = [self._lines[row] for row in rows]
        self._cache = self._cache.index_select(2, torch.tensor(rows, dtype=torch.int64, device=self._cache.device))

    def held_bytes(self) -> list[int]:
        each = self.model.position_bytes
        return [each * (line.prompt + sum(line.lengths)) for line in self._lines]

    def cache_bytes(self) -> int:
        """Memory that keys and values of all rows take, with the room that is kept free."""
        return self._cache.numel() * self._cache.element_size()

    # What each token adds to the feed; each returns the index of the token whose logits count.

    def _more_prompt(self, feed: _Feed, row: int, token: int) -> int:
        self._add_prompt(feed, row, (token,))
        return len(feed.tokens) - 1

    def _more_state(self, feed: _Feed, row: int, token: int) -> int:
        line = self._lines[row]
        line.state.append(token)
        if line.current is None:  # the first state is its own context
            self._add_block(feed, row, 0, (token,))
            return len(feed.tokens) - 1
        self._add_block(feed, row, line.current, (token,))
        read = len(feed.tokens) - 1
        if self.twice:
            self._add_block(feed, row, 1 - line.current, (token,))
        return read

    def _end_state(self, feed: _Feed, row: int, token: int) -> int:
        """The finished state becomes the context: the block that held it as context goes on as the next one."""
        line = self._lines[row]
        if line.current is None:
            line.current = 0
            self._add_block(feed, row, 0, (token,))
        elif self.twice:
            line.lengths[line.current] = 0
            line.current = 1 - line.current
            self._add_block(feed, row, line.current, (token,))
        else:
            line.lengths[0] = 0
            self._add_block(feed, row, 0, (*line.state, token))
        line.state = []
        return len(feed.tokens) - 1

    def _add_prompt(self, feed: _Feed, row: int, tokens: Sequence[int]) -> None:
        line = self._lines[row]
        self._add(feed, row, PROMPT, line.prompt, tokens, range(line.prompt, line.prompt + len(tokens)))
        line.prompt += len(tokens)

    def _add_block(self, feed: _Feed, row: int, region: int, tokens: Sequence[int]) -> None:
        line = self._lines[row]
        start, end = line.lengths[region], line.lengths[region] + len(tokens)
        positions = block_positions(line.prompt, end)[start:]
        self._add(feed, row, PROMPT + 1 + region, start, tokens, positions)
        line.lengths[region] = end

    @staticmethod
    def _add(feed: _Feed, row: int, segment: int, start: int, tokens: Sequence[int], positions: range) -> None:
        feed.tokens += tokens
        feed.positions += positions
        feed.rows += [row] * len(tokens)
        feed.places += [(segment, start + i) for i in range(len(tokens))]

    # Running the model.

    @torch.inference_mode()
    def _run(self, feed: _Feed) -> Tensor:
        self._make_room(feed)
        device = self.model.device
        tokens, positions, rows, read = (
            torch.tensor(part, device=device) for part in (feed.tokens, feed.positions, feed.rows, feed.read)
        )
        segments = torch.tensor([segment for segment, _ in feed.places], device=device)
        slots = torch.tensor([self._slot(segment, place) for segment, place in feed.places], device=device)
        attend = _CachedAttention(self._cache, rows, slots, segments, self._slot_segments())
        if reach := self.model.reach:
            attend.limit(reach, positions, self._slot_positions())
        return self.model.logits(self.model.hidden(tokens, positions, attend, read))

    def _slot(self, segment: int, place: int) -> int:
        return place if segment == PROMPT else self._prompt_slots + (segment - 1) * self._capacity + place

    def _slot_segments(self) -> Tensor:
        """(R, S): the segment of each slot; slots behind a short row's prompt are padding."""
        prompts = torch.tensor([line.prompt for line in self._lines])
        places = torch.arange(self._prompt_slots)
        of_prompt = torch.where(places < prompts[:, None], PROMPT, PADDING)
        regions = torch.arange(1, self._regions + 1).repeat_interleave(self._capacity)
        segments = torch.cat([of_prompt, regions.expand(len(self._lines), -1)], 1)
        return segments.to(self._cache.device)

    def _slot_positions(self) -> Tensor:
        """(R, S): the position of what each slot holds, by the rule."""
        prompts = torch.tensor([line.prompt for line in self._lines])
        of_prompt = torch.arange(self._prompt_slots).expand(len(self._lines), -1)
        of_regions = prompts[:, None] + torch.arange(self._capacity).repeat(self._regions)
        return torch.cat([of_prompt, of_regions], 1).to(self._cache.device)

    def _make_room(self, feed: _Feed) -> None:
        """Grow the prompt's slots, the regions' capacity and their number as far as this feed needs it."""
        prompts = max(self._prompt_slots, *(line.prompt for line in self._lines))
        needed = max(max(line.lengths) for line in self._lines)
        capacity = self._capacity
        while capacity < needed:
            capacity = max(_FIRST_CAPACITY, 2 * capacity)
        regions = max(self._regions, *(segment for segment, _ in feed.places))
        if (prompts, capacity, regions) == (self._prompt_slots, self._capacity, self._regions):
            return
        old = self._cache
        shape = (*old.shape[:4], prompts + regions * capacity, old.shape[5])
        self._cache = old.new_zeros(shape)
        self._cache[..., : self._prompt_slots, :] = old[..., : self._prompt_slots, :]
        for region in range(self._regions):
            start, to = self._prompt_slots + region * self._capacity, prompts + region * capacity
            self._cache[..., to : to + self._capacity, :] = old[..., start : start + self._capacity, :]
        self._prompt_slots, self._capacity, self._regions = prompts, capacity, regions


class ReusedPrompts(CachedDecoder):
    """A decoder that begins again and again behind the same prompts, each time at another given state.

    Keys and values of the prompts of the last batch that began without a state are kept, and not computed again.
    """

    def __init__(self, model: LanguageModel) -> None:
        super().__init__(model, "reencode")
        self._places: dict[tuple[int, ...], int] = {}
        self._read = torch.empty(0)

    def begin(self, openings: Sequence[Opening]) -> Tensor:
        if not all(opening.given and opening.prompt in self._places for opening in openings):
            logits = super().begin(openings)
            self._places = {opening.prompt: row for row, opening in enumerate(openings)}
            self._read = self._cache[..., : self._prompt_slots, :]
            return logits
        rows = torch.tensor([self._places[opening.prompt] for opening in openings], device=self._read.device)
        self._lines = [_Line(len(opening.prompt), 0) for opening in openings]
        self._cache = self._read.index_select(2, rows)
        self._prompt_slots, self._capacity, self._regions = self._read.shape[4], 0, 1
        feed = _Feed()
        for row, opening in enumerate(openings):
            self._add_block(feed, row, 0, opening.given)
            feed.read.append(len(feed.tokens) - 1)
        return self._run(feed)


class _CachedAttention:
    """Attention of fed tokens to the slots of their rows, by the rule; keys and values are stored on the way."""

    def __init__(self, cache: Tensor, rows: Tensor, slots: Tensor, segments: Tensor, slot_segments: Tensor) -> None:
        self._cache, self._rows, self._slots = cache, rows, slots
        counts = torch.bincount(rows, minlength=cache.shape[2])
        begins = torch.cumsum(counts, 0) - counts
        most = torch.arange(int(counts.max()), device=rows.device)
        # (R, M) token of each query; short rows repeat their first one
        self._query = begins[:, None] + torch.where(most < counts[:, None], most, 0)
        self._place = torch.arange(len(rows), device=rows.device) - begins[rows]
        query_segment, query_slot = segments[self._query][..., None], slots[self._query][..., None]
        key_slot = torch.arange(cache.shape[4], device=rows.device)
        self._mask = sees(query_segment, slot_segments[:, None, :], query_slot, key_slot)[:, None]

    def limit(self, reach: Reach, positions: Tensor, slot_positions: Tensor) -> None:
        """Look back as far and as the reach says. positions: of the fed tokens (N,) and of what slots hold (R, S)."""
        distance = positions[self._query][..., None] - slot_positions[:, None, :]
        self._mask = reach.mask(self._mask, distance[:, None], self._cache.dtype)

    def __call__(self, layer: int, qkv: Tensor, kv_heads: int, dropout: float) -> Tensor:
        keys, values = self._cache[layer]
        q, k, v = split_heads(qkv, kv_heads)
        keys[self._rows, :, self._slots] = k
        values[self._rows, :, self._slots] = v
        out = attend_with_mask(q[self._query].transpose(1, 2), keys, values, self._mask)
        return out.transpose(1, 2)[self._rows, self._place]
