"""Cached decoding. The cache has the keys and values of the prompt, computed once, and of at most three states.

The keys of a state were computed while the state saw the previous state. As the context of the next state, a state must
be encoded without the previous state. Mode `reencode` feeds a complete state again as context. Mode `twice` feeds every
token twice when the token is written: in its state and in the context of the next state. The first state has no
previous state, so the keys of the first state also serve as context, and this state is fed once.

A row's cache is a list of slots: the prompt, then one or two regions. A region holds one block: a context and the next
state. With `twice`, one region holds the block being written. The other region collects the tokens of the current state
as the context of the next block. At the end of the state the regions change roles. Slots are not cleared. Remains of an
older block are in slots after every query of the region, so the attention rule hides them.

Shapes: R rows, N fed tokens, S slots, H query heads, KV heads of keys and of values, D numbers per head, at most M
tokens fed to one row.
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
class _CachedRow:
    """The number of a row's tokens in the cache, and the tokens of the state that the row is writing.

    prompt: the number of prompt tokens. lengths: the number of tokens in each region. current: the region of the block
    being written, or None during the first state.
    """

    prompt: int = 0
    current: int | None = None
    lengths: list[int] = field(default_factory=lambda: [0, 0])
    state: list[int] = field(default_factory=list)


@dataclass
class _Feed:
    """Tokens to feed in one forward pass, with the position, row and place of each token.

    places: (segment, index in the segment). A token's slot follows from its place and the size of the cache. last: for
    each row, the index in `tokens` of the token whose logits are returned.
    """

    tokens: list[int] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    places: list[tuple[int, int]] = field(default_factory=list)
    last: list[int] = field(default_factory=list)


class CachedDecoder:
    """A `Decoder` that caches a model's keys and values. mode: `reencode` or `twice`; both give the same logits."""

    def __init__(self, model: LanguageModel, mode: str = "twice") -> None:
        if mode not in MODES:
            raise unknown_name("cache", mode, MODES)
        self.model, self.twice = model, mode == "twice"
        self.context = model.context
        self._rows: list[_CachedRow] = []
        self._prompt_slots = self._capacity = self._regions = 0
        self._cache = torch.empty(0)  # (layers, 2, R, KV, S, D): keys and values

    def begin(self, openings: Sequence[Opening]) -> Tensor:
        self._rows = [_CachedRow() for _ in openings]
        self._prompt_slots, self._capacity, self._regions = 0, 0, 1
        layers, kv_heads, head_width = self.model.cache_shape
        shape = (layers, 2, len(openings), kv_heads, 0, head_width)
        self._cache = torch.empty(shape, dtype=self.model.dtype, device=self.model.device)
        feed = _Feed()
        for index, (row, opening) in enumerate(zip(self._rows, openings, strict=True)):
            self._feed_prompt(feed, index, opening.prompt)
            if opening.given:
                self._feed_block(feed, index, 0, opening.given)
                row.current = 0
            feed.last.append(len(feed.tokens) - 1)
        return self._run(feed)

    def advance(self, tokens: Sequence[int], parts: Sequence[Part]) -> Tensor:
        feed = _Feed()
        for index, (token, part) in enumerate(zip(tokens, parts, strict=True)):
            if part is Part.PROMPT:
                self._feed_prompt(feed, index, (token,))
                feed.last.append(len(feed.tokens) - 1)
            elif part is Part.STATE:
                feed.last.append(self._feed_state(feed, index, token))
            else:
                self._end_state(feed, index, token)
                feed.last.append(len(feed.tokens) - 1)
        return self._run(feed)

    def keep(self, rows: Sequence[int]) -> None:
        self._rows = [self._rows[index] for index in rows]
        self._cache = self._cache.index_select(2, torch.tensor(rows, dtype=torch.int64, device=self._cache.device))

    def held_bytes(self) -> list[int]:
        each = self.model.position_bytes
        return [each * (row.prompt + sum(row.lengths)) for row in self._rows]

    def cache_bytes(self) -> int:
        """Return the memory in bytes of the whole cache, including free slots."""
        return self._cache.numel() * self._cache.element_size()

    def _feed_state(self, feed: _Feed, index: int, token: int) -> int:
        row = self._rows[index]
        row.state.append(token)
        self._feed_block(feed, index, row.current or 0, (token,))
        last = len(feed.tokens) - 1
        if self.twice and row.current is not None:
            self._feed_block(feed, index, 1 - row.current, (token,))  # the next state's context has the token too
        return last

    def _end_state(self, feed: _Feed, index: int, token: int) -> None:
        """Feed a state's last token as context. The block with this context becomes the current block."""
        row = self._rows[index]
        if row.current is None:
            row.current = 0
            self._feed_block(feed, index, 0, (token,))
        elif self.twice:
            row.lengths[row.current] = 0
            row.current = 1 - row.current
            self._feed_block(feed, index, row.current, (token,))
        else:
            row.lengths[0] = 0
            self._feed_block(feed, index, 0, (*row.state, token))
        row.state = []

    def _feed_prompt(self, feed: _Feed, index: int, tokens: Sequence[int]) -> None:
        row = self._rows[index]
        self._feed(feed, index, PROMPT, row.prompt, tokens, range(row.prompt, row.prompt + len(tokens)))
        row.prompt += len(tokens)

    def _feed_block(self, feed: _Feed, index: int, region: int, tokens: Sequence[int]) -> None:
        row = self._rows[index]
        start, end = row.lengths[region], row.lengths[region] + len(tokens)
        positions = block_positions(row.prompt, end)[start:]
        self._feed(feed, index, PROMPT + 1 + region, start, tokens, positions)
        row.lengths[region] = end

    @staticmethod
    def _feed(feed: _Feed, index: int, segment: int, start: int, tokens: Sequence[int], positions: range) -> None:
        feed.tokens += tokens
        feed.positions += positions
        feed.rows += [index] * len(tokens)
        feed.places += [(segment, start + i) for i in range(len(tokens))]

    @torch.inference_mode()
    def _run(self, feed: _Feed) -> Tensor:
        """Feed the tokens to the model and store their keys and values. Return the logits (R, V) at `feed.last`."""
        self._make_room(feed)
        device = self.model.device
        tokens, positions, rows, last = (
            torch.tensor(part, device=device) for part in (feed.tokens, feed.positions, feed.rows, feed.last)
        )
        segments = torch.tensor([segment for segment, _ in feed.places], device=device)
        slots = torch.tensor([self._slot(segment, place) for segment, place in feed.places], device=device)
        attend = _CachedAttention(self._cache, rows, slots, segments, self._slot_segments())
        if reach := self.model.reach:
            attend.limit(reach, positions, self._slot_positions())
        return self.model.logits(self.model.hidden(tokens, positions, attend, last))

    def _slot(self, segment: int, place: int) -> int:
        return place if segment == PROMPT else self._prompt_slots + (segment - 1) * self._capacity + place

    def _slot_segments(self) -> Tensor:
        """Return the segment of each slot (R, S). Unused slots of a short prompt have the segment PADDING."""
        prompts = torch.tensor([row.prompt for row in self._rows])
        places = torch.arange(self._prompt_slots)
        of_prompt = torch.where(places < prompts[:, None], PROMPT, PADDING)
        regions = torch.arange(1, self._regions + 1).repeat_interleave(self._capacity)
        segments = torch.cat([of_prompt, regions.expand(len(self._rows), -1)], 1)
        return segments.to(self._cache.device)

    def _slot_positions(self) -> Tensor:
        """Return the position of the token in each slot (R, S), by the attention rule."""
        prompts = torch.tensor([row.prompt for row in self._rows])
        of_prompt = torch.arange(self._prompt_slots).expand(len(self._rows), -1)
        of_regions = prompts[:, None] + torch.arange(self._capacity).repeat(self._regions)
        return torch.cat([of_prompt, of_regions], 1).to(self._cache.device)

    def _make_room(self, feed: _Feed) -> None:
        """Enlarge the cache for this feed: prompt slots, number of regions, size of regions (by doubling)."""
        prompts = max(self._prompt_slots, *(row.prompt for row in self._rows))
        needed = max(max(row.lengths) for row in self._rows)
        capacity = self._capacity
        while capacity < needed:
            capacity = max(_FIRST_CAPACITY, 2 * capacity)
        regions = max(self._regions, *(segment for segment, _ in feed.places))
        if (prompts, capacity, regions) == (self._prompt_slots, self._capacity, self._regions):
            return
        old = self._cache
        self._cache = old.new_zeros(*old.shape[:4], prompts + regions * capacity, old.shape[5])
        self._cache[..., : self._prompt_slots, :] = old[..., : self._prompt_slots, :]
        for region in range(self._regions):
            start, to = self._prompt_slots + region * self._capacity, prompts + region * capacity
            self._cache[..., to : to + self._capacity, :] = old[..., start : start + self._capacity, :]
        self._prompt_slots, self._capacity, self._regions = prompts, capacity, regions


class ReusedPrompts(CachedDecoder):
    """A decoder for batches that have the same prompts but continue from different states.

    The decoder keeps the keys and values of the last prompts. It reads all prompts of a batch again if one prompt is
    new, or if a row has no state to continue from.
    """

    def __init__(self, model: LanguageModel) -> None:
        super().__init__(model, "reencode")
        self._row_of_prompt: dict[tuple[int, ...], int] = {}
        self._prompts = torch.empty(0)  # (layers, 2, R, KV, S, D)

    def begin(self, openings: Sequence[Opening]) -> Tensor:
        if not all(opening.given and opening.prompt in self._row_of_prompt for opening in openings):
            logits = super().begin(openings)
            self._row_of_prompt = {opening.prompt: index for index, opening in enumerate(openings)}
            self._prompts = self._cache[..., : self._prompt_slots, :]
            return logits
        rows = torch.tensor([self._row_of_prompt[opening.prompt] for opening in openings], device=self._prompts.device)
        self._rows = [_CachedRow(len(opening.prompt), 0) for opening in openings]
        self._cache = self._prompts.index_select(2, rows)
        self._prompt_slots, self._capacity, self._regions = self._prompts.shape[4], 0, 1
        feed = _Feed()
        for index, opening in enumerate(openings):
            self._feed_block(feed, index, 0, opening.given)
            feed.last.append(len(feed.tokens) - 1)
        return self._run(feed)


class _CachedAttention:
    """Attention of N fed tokens to the slots of their rows. A call also caches the tokens' keys and values.

    Rows can have different numbers of fed tokens, so queries are gathered into (R, M). Short rows repeat a query.
    """

    def __init__(self, cache: Tensor, rows: Tensor, slots: Tensor, segments: Tensor, slot_segments: Tensor) -> None:
        self._cache, self._rows, self._slots = cache, rows, slots
        counts = torch.bincount(rows, minlength=cache.shape[2])  # (R,)
        begins = torch.cumsum(counts, 0) - counts
        place = torch.arange(int(counts.max()), device=rows.device)
        self._query = begins[:, None] + torch.where(place < counts[:, None], place, 0)  # (R, M)
        self._place = torch.arange(len(rows), device=rows.device) - begins[rows]  # (N,)
        query_segment, query_slot = segments[self._query][..., None], slots[self._query][..., None]
        key_slot = torch.arange(cache.shape[4], device=rows.device)
        self._mask = sees(query_segment, slot_segments[:, None, :], query_slot, key_slot)[:, None]  # (R, 1, M, S)

    def limit(self, reach: Reach, positions: Tensor, slot_positions: Tensor) -> None:
        """Apply the span and biases of `reach`. Fed tokens have `positions` (N,), slots `slot_positions` (R, S)."""
        distance = positions[self._query][..., None] - slot_positions[:, None, :]
        self._mask = reach.mask(self._mask, distance[:, None], self._cache.dtype)

    def __call__(self, layer: int, qkv: Tensor, kv_heads: int, dropout: float) -> Tensor:
        keys, values = self._cache[layer]  # (R, KV, S, D) each
        q, k, v = split_heads(qkv, kv_heads)  # (N, H, D), (N, KV, D) twice
        keys[self._rows, :, self._slots] = k
        values[self._rows, :, self._slots] = v
        out = attend_with_mask(q[self._query].transpose(1, 2), keys, values, self._mask)  # (R, H, M, D)
        return out.transpose(1, 2)[self._rows, self._place]  # (N, H, D)
