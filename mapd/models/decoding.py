"""Rows that are decoded together, a token a step: who is done leaves, and who waits takes the place at any step.

    batch = DecodingBatch(model, ends={2}, slots=32)
    batch.join([row, …])       reads their prompts, and chooses each one's first token
    batch.step()               -> [DecodingRow(answer=[504, 2482, 28], ended=True)]: those that are done

Prompts are padded on the left, so that all rows write in the same column. Keys and values lie in room that is reserved:
a step writes its token there, where a cache that grows by concatenation would copy all that it holds.
"""

import random
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import Cache, DynamicCache
from transformers.cache_utils import DynamicLayer

from mapd.models.base import Request, Sampling
from mapd.models.loader import DEVICE

# Columns that are reserved at a time.
ROOM = 64


@dataclass(slots=True, eq=False)
class DecodingRow:
    """One request on its way: its prompt's tokens, the answer's so far, its own numbers to draw with."""

    request: Request
    prompt: list[int]
    draw: random.Random
    # The tag of a thought that the chat template has opened.
    opening: str = ""
    answer: list[int] = field(default_factory=list)
    ended: bool = False  # by its own end token
    started: float = 0.0
    seconds: float = 0.0

    @property
    def is_done(self) -> bool:
        """Return whether nothing more is written."""
        return self.ended or len(self.answer) >= self.request.sampling.max_tokens

    def take(self, token: int, ends: Collection[int]) -> None:
        """Note the next token."""
        self.ended = token in ends
        self.answer += [] if self.ended else [token]
        self.seconds = time.perf_counter() - self.started


class _SlotLayer(DynamicLayer):  # type: ignore[no-untyped-call]
    """One layer's keys and values, [rows, heads, columns, size]; what is in use comes first.

    A model may have layers that cache nothing.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._rows, self._columns = 0, 0
        self._rooms: list[torch.Tensor] = []

    @property
    def is_used(self) -> bool:
        """Return whether it holds anything."""
        return bool(self._rooms)

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *_: Any, **__: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write a step's tokens, [rows, heads, 1, size], behind the others; return what is in use."""
        start, self._columns = self._columns, self._columns + key_states.shape[-2]
        self._reserve((key_states, value_states), self._rows)
        for room, states in zip(self._rooms, (key_states, value_states), strict=True):
            room[: self._rows, :, start : self._columns] = states
        return self._show()

    def join(self, joining: tuple[torch.Tensor, torch.Tensor], columns: int) -> None:
        """Take in keys and values of rows whose prompts are read. `columns`: how many all rows have from now on."""
        ahead, old_columns = columns - self._columns, self._columns
        self._columns = columns
        end = self._rows + len(joining[0])
        self._reserve(joining, end)
        for room, states in zip(self._rooms, joining, strict=True):
            if ahead and self._rows:
                room[: self._rows, :, ahead:columns] = room[: self._rows, :, :old_columns].clone()
            # Padding is masked, but 0 times what a former row left there may be no number.
            room[self._rows : end, :, : columns - states.shape[-2]] = 0
            room[self._rows : end, :, columns - states.shape[-2] : columns] = states
        self._rows = end
        self._show()

    def leave(self, place: int) -> None:
        """Give the row's slot to the last one."""
        self._rows -= 1
        for room in self._rooms:
            room[place, :, : self._columns] = room[self._rows, :, : self._columns]
        self._show()

    def trim(self, number: int) -> None:
        """Drop the first columns, which are padding in each row."""
        for room in self._rooms:
            room[: self._rows, :, : self._columns - number] = room[: self._rows, :, number : self._columns].clone()
        self._columns -= number
        self._show()

    def _reserve(self, states: Sequence[torch.Tensor], rows: int) -> None:
        """Make room for so many rows and the columns of now; what rows had that are done is given back."""
        if self._rooms and rows <= len(self._rooms[0]) and self._columns <= self._rooms[0].shape[-2]:
            return
        sizes = [(rows, x.shape[1], self._columns + ROOM, x.shape[-1]) for x in states]
        rooms = [x.new_zeros(size) for x, size in zip(states, sizes, strict=True)]
        for room, old in zip(rooms, self._rooms, strict=False):
            columns = min(room.shape[-2], old.shape[-2])
            room[: self._rows, :, :columns] = old[: self._rows, :, :columns]
        self._rooms = rooms

    def _show(self) -> tuple[torch.Tensor, torch.Tensor]:
        keys, values = (room[: self._rows, :, : self._columns] for room in self._rooms)
        self.keys, self.values, self.is_initialized = keys, values, True
        return keys, values


class DecodingBatch:
    """At most `slots` rows. `ends`: the tokens that end an answer."""

    def __init__(self, model: Any, ends: Collection[int], slots: int) -> None:
        """Begin without a row."""
        self.rows: list[DecodingRow] = []
        self._model, self._ends, self._slots = model, ends, slots
        self._layers: list[_SlotLayer] = []
        self._cache = Cache(layers=[])
        # [rows, columns]: 0 where a row is padded.
        self._mask = torch.zeros((0, 0), dtype=torch.long, device=DEVICE)

    @property
    def _used_layers(self) -> list[_SlotLayer]:
        return [layer for layer in self._layers if layer.is_used]

    @property
    def free(self) -> int:
        """Return how many rows have room."""
        return self._slots - len(self.rows)

    @contextmanager
    def _emptied_on_fault(self) -> Iterator[None]:
        # Half of the layers may have taken a token by then: no row can go on.
        try:
            yield
        except (RuntimeError, MemoryError):
            self.rows, self._layers, self._mask = [], [], self._mask[:0, :0]
            self._cache = Cache(layers=[])
            raise

    @torch.inference_mode()
    def join(self, rows: Sequence[DecodingRow]) -> list[DecodingRow]:
        """Read the rows' prompts, and choose each one's first token. Return those that are done by that.

        Raises: RuntimeError, MemoryError: the rows that were there go on, where they still are in `rows`.
        """
        started, cache = time.perf_counter(), DynamicCache()
        for row in rows:
            row.started = started
        shared = self._read_shared(rows, cache)
        suffixes = [row.prompt[shared:] for row in rows]
        pads = [max(map(len, suffixes)) - len(suffix) for suffix in suffixes]
        tokens = torch.tensor([[0] * pad + suffix for pad, suffix in zip(pads, suffixes, strict=True)], device=DEVICE)
        mask_rows = [[1] * shared + [0] * pad + [1] * len(suffix) for pad, suffix in zip(pads, suffixes, strict=True)]
        mask = torch.tensor(mask_rows, device=DEVICE)
        positions = (mask.cumsum(-1) - 1)[:, shared:].clamp(min=0)
        self._choose(rows, tokens, mask, positions, cache)
        with self._emptied_on_fault():
            self._add(rows, mask, cache)
        return self._drop_done()

    @torch.inference_mode()
    def step(self) -> list[DecodingRow]:
        """Choose each row's next token. Return those that are done by that.

        Raises: RuntimeError, MemoryError: no row is left then.
        """
        tokens = torch.tensor([[row.answer[-1]] for row in self.rows], device=DEVICE)
        positions = self._mask.sum(-1, keepdim=True)
        with self._emptied_on_fault():
            self._mask = torch.cat([self._mask, torch.ones_like(tokens)], dim=-1)
            self._choose(self.rows, tokens, self._mask, positions, self._cache)
        return self._drop_done()

    def _choose(
        self,
        rows: Sequence[DecodingRow],
        tokens: torch.Tensor,
        mask: torch.Tensor,
        positions: torch.Tensor,
        cache: Cache,
    ) -> None:
        """Choose the rows' next tokens. tokens and positions [rows, new columns]; mask [rows, all columns]."""
        out = self._model(input_ids=tokens, attention_mask=mask, position_ids=positions, cache=cache, logits_to_keep=1)
        for row, token in zip(rows, choose_tokens(out.logits[:, -1].float(), rows).tolist(), strict=True):
            row.take(token, self._ends)

    def _add(self, rows: Sequence[DecodingRow], mask: torch.Tensor, cache: Cache) -> None:
        """Give the rows, whose prompts are read, their slots."""
        self._trim()
        columns = max(mask.shape[1], self._mask.shape[1])
        if not self._layers:
            self._layers = [_SlotLayer() for _ in cache.layers]
            self._cache = Cache(layers=[*self._layers])
        for layer, joining in zip(self._layers, cache.layers, strict=True):
            assert isinstance(joining, DynamicLayer), "a plain cache has no others"
            if joining.keys is not None and joining.values is not None:
                layer.join((joining.keys, joining.values), columns)
        masks = [torch.nn.functional.pad(x, (columns - x.shape[1], 0)) for x in (self._mask, mask)]
        self._mask = torch.cat(masks)
        self.rows += rows

    def _trim(self) -> None:
        """Drop the columns that only rows had which are done."""
        number = int(self._mask.any(0).nonzero()[0]) if self.rows else self._mask.shape[1]
        if number:
            self._mask = self._mask[:, number:]
            for layer in self._used_layers:
                layer.trim(number)

    def _drop_done(self) -> list[DecodingRow]:
        finished_rows = [row for row in self.rows if row.is_done]
        for place in reversed(range(len(self.rows))):
            if self.rows[place].is_done:
                for layer in self._used_layers:
                    layer.leave(place)
                self._mask[place] = self._mask[-1]
                self._mask = self._mask[:-1]
                self.rows[place] = self.rows[-1]
                del self.rows[-1]
        return finished_rows

    def _read_shared(self, rows: Sequence[DecodingRow], cache: DynamicCache) -> int:
        """Read the beginning that all prompts share (the system message) once, for all rows; its number of tokens."""
        # A sliding window counts columns: padding behind the beginning would shorten it.
        prompts = [row.prompt for row in rows]
        # Each row keeps a token of its own at least: the first answer token is predicted from it.
        most = min(map(len, prompts)) - 1
        shared = next((place for place in range(most) if len({prompt[place] for prompt in prompts}) > 1), most)
        if len(rows) == 1 or shared < 1 or getattr(self._model.config, "sliding_window", None):
            return 0
        self._model(input_ids=torch.tensor([rows[0].prompt[:shared]], device=DEVICE), cache=cache, logits_to_keep=1)
        cache.batch_repeat_interleave(len(rows))
        return shared


def choose_tokens(logits: torch.Tensor, rows: Sequence[DecodingRow]) -> torch.Tensor:
    """Return each row's next token from logits [rows, vocabulary]: the best, or a draw at the row's temperature."""
    next_tokens = logits.argmax(-1)
    for index, row in enumerate(rows):
        if row.request.sampling.temperature:
            next_tokens[index] = draw_token(logits[index], row.request.sampling, row.draw.random())
    return next_tokens


def draw_token(logits: torch.Tensor, sampling: Sampling, chance: float) -> int:
    """Return the token at `chance` (0 to 1) of the distribution, or of its likeliest part that `top_p` leaves."""
    likely = (logits.double() / (sampling.temperature or 1)).softmax(-1)
    tokens = torch.arange(len(likely), device=likely.device)
    if sampling.top_p is not None and sampling.top_p < 1:
        # Tokens rarer than this come to less than 1 - top_p in all: without them, sorting is quick.
        tokens = tokens[likely >= (1 - sampling.top_p) / len(likely)]
        likely, order = likely[tokens].sort(descending=True)
        tokens = tokens[order]
        is_likely = likely.cumsum(-1) - likely < sampling.top_p
        likely, tokens = likely[is_likely], tokens[is_likely]
    reached = likely.cumsum(-1)
    place = int(torch.searchsorted(reached, chance * float(reached[-1]), right=True))
    return int(tokens[min(place, len(tokens) - 1)])
