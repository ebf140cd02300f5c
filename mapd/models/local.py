"""A model in this process: transformers, on the CPU or on CUDA. Requests are decoded in batches of what waits.

    model = LocalModel("smollm2", *loader.load(loader.convert(home)))
    Request("q1", (Message("system", "You solve …"), Message("user", "12 + 30?")), Sampling(max_tokens=64))
        -> Completion("q1", "To find the sum … 12 + 30 = 42", Finish.OK, tokens_in=31, tokens_out=14, latency_s=1.3)

An answer depends on the request's own text and seed, not on the rest of its batch, but for floating point: two tokens
that tie may fall either way in another batch. Who needs the same answers bit for bit asks in the same groups (exam.py).
"""

import asyncio
import random
import time
from collections.abc import AsyncIterable, AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from peft import PeftModel
from transformers import DynamicCache

from mapd import thoughts
from mapd.models import dialogue
from mapd.models.base import Completion, Finish, Request, Sampling, TellPart, TellRate, split_partial, split_thought
from mapd.models.loader import DEVICE


@dataclass(slots=True, eq=False)
class _DecodingRow:
    """One request on its way: its prompt's tokens, the answer's so far, its own numbers to draw with."""

    request: Request
    prompt: list[int]
    draw: random.Random
    # The tag of a thought that the chat template has opened.
    opening: str = ""
    answer: list[int] = field(default_factory=list)
    ended: bool = False  # by its own end token
    seconds: float = 0.0

    @property
    def is_done(self) -> bool:
        return self.ended or len(self.answer) >= self.request.sampling.max_tokens


class LocalModel:
    """The protocol `Model` on a loaded model. A peft adapter is merged into the weights: decoding is faster so.

    An answer ends at the token that the chat template writes behind one, and at the tokenizer's and the model's own.
    `is_in_training`: its weights are changed still, so nothing of it is merged or packed.
    """

    def __init__(
        self, name: str, model: Any, tokenizer: Any, batch_size: int = 32, *, is_in_training: bool = False
    ) -> None:
        self.name = name
        self.batch_size = batch_size
        self._model = model if is_in_training else _merge_adapter(model)
        self._tokenizer = tokenizer
        self.thinks = thoughts.knows_thoughts(str(tokenizer.chat_template))
        ends = self._model.generation_config.eos_token_id
        ends = ends if isinstance(ends, list) else [ends]
        self._ends = {dialogue.end_of_turn(tokenizer), tokenizer.eos_token_id} | {e for e in ends if isinstance(e, int)}

    async def generate(self, requests: AsyncIterable[Request]) -> AsyncIterator[Completion]:
        """Complete every request, `batch_size` at a time: the one that waits longest, and those nearest in length."""
        arriving: asyncio.Queue[_DecodingRow | None] = asyncio.Queue()
        reader = asyncio.create_task(self._read(requests, arriving))
        waiting: list[_DecodingRow] = []
        may_come = True
        try:
            while may_come or waiting:
                while may_come and (not waiting or not arriving.empty()):
                    row = await arriving.get()
                    may_come = row is not None
                    waiting += [row] if row else []
                if waiting:
                    oldest = len(waiting[0].prompt)
                    # Prompts of like length go together, so that little is padding; the oldest is always among them.
                    batch = sorted(waiting, key=lambda row: abs(len(row.prompt) - oldest))[: self.batch_size]
                    batch_rows = set(batch)
                    waiting = [row for row in waiting if row not in batch_rows]
                    for completion in await asyncio.to_thread(self._complete, batch):
                        yield completion
            # A fault of the caller's own stream is raised to the caller.
            await reader
        finally:
            reader.cancel()

    async def _read(self, requests: AsyncIterable[Request], arriving: asyncio.Queue[_DecodingRow | None]) -> None:
        try:
            async for request in requests:
                arriving.put_nowait(self._make_row(request))
        finally:
            arriving.put_nowait(None)

    def _make_row(self, request: Request) -> _DecodingRow:
        marks = dialogue.mark(request.messages, self._tokenizer)
        text = dialogue.render(request.messages, self._tokenizer, marks)
        prompt = dialogue.encode(text, self._tokenizer, marks)
        seed = request.sampling.seed
        # Each row draws from numbers of its own: the rest of the batch can't change its answer.
        draw = random.Random() if seed is None else random.Random(f"{seed} {text}")
        return _DecodingRow(request, prompt, draw, thoughts.opening_tag(text))

    async def answer(self, request: Request, tell: TellPart) -> Completion:
        """Complete one request, a token at a time, in turns with the other models of this process.

        Its `latency_s` is the time of its own tokens alone. What came before a fault is kept.
        """
        row = await asyncio.to_thread(self._make_row, request)
        steps, seconds, loop, rate = self._decode_steps([row]), 0.0, asyncio.get_running_loop(), TellRate()
        reason = None

        def tell_part() -> None:
            # A letter of several tokens is told once it is whole.
            text = dialogue.decode(row.answer, self._tokenizer).rstrip("\N{REPLACEMENT CHARACTER}")
            tell(split_partial(row.opening + text, tokens=len(row.answer), seconds=seconds))

        try:
            while (step_seconds := await loop.run_in_executor(_TURNS, _time_step, steps)) is not None:
                seconds += step_seconds
                # Before decoding, which takes the whole answer anew.
                if rate.is_due():
                    tell_part()
        except asyncio.CancelledError:
            if row.answer:
                tell_part()
            raise
        except (RuntimeError, MemoryError) as error:
            reason = _explain(error)
        row.seconds = seconds
        completion = self._completion(row)
        return completion if reason is None else replace(completion, finish=Finish.FAILED, error=reason)

    def _complete(self, rows: Sequence[_DecodingRow]) -> list[Completion]:
        try:
            for _ in self._decode_steps(rows):
                pass
        # torch raises a RuntimeError where memory runs out.
        except (RuntimeError, MemoryError) as error:
            return [Completion(row.request.key, "", Finish.FAILED, error=_explain(error)) for row in rows]
        return [self._completion(row) for row in rows]

    def _completion(self, row: _DecodingRow) -> Completion:
        answer = dialogue.decode(row.answer, self._tokenizer)
        finish = Finish.CUT_OFF if not row.ended else Finish.OK if answer else Finish.EMPTY
        completion = Completion(
            key=row.request.key,
            text=row.opening + answer,
            finish=finish,
            tokens_in=len(row.prompt),
            tokens_out=len(row.answer),
            latency_s=row.seconds,
        )
        return split_thought(completion)

    @torch.inference_mode()
    def _decode_steps(self, rows: Sequence[_DecodingRow]) -> Iterator[None]:
        """Fill the rows' answers, a token a step; a row that is done leaves the batch."""
        started = time.perf_counter()
        cache = DynamicCache()
        shared = self._read_shared(rows, cache)
        suffixes = [row.prompt[shared:] for row in rows]
        pads = [max(map(len, suffixes)) - len(suffix) for suffix in suffixes]
        tokens = torch.tensor([[0] * pad + suffix for pad, suffix in zip(pads, suffixes, strict=True)], device=DEVICE)
        mask_rows = [[1] * shared + [0] * pad + [1] * len(suffix) for pad, suffix in zip(pads, suffixes, strict=True)]
        mask = torch.tensor(mask_rows, device=DEVICE)
        positions = (mask.cumsum(-1) - 1)[:, shared:].clamp(min=0)
        while rows:
            # tokens and positions [rows, new tokens]; mask [rows, all tokens]: 0 where a prompt is padded on the left
            out = self._model(
                input_ids=tokens, attention_mask=mask, position_ids=positions, cache=cache, logits_to_keep=1
            )
            tokens_chosen = _choose_tokens(out.logits[:, -1].float(), rows)
            for row, token in zip(rows, tokens_chosen.tolist(), strict=True):
                row.ended = token in self._ends
                row.answer += [] if row.ended else [token]
                row.seconds = time.perf_counter() - started
            yield
            unfinished = [place for place, row in enumerate(rows) if not row.is_done]
            if len(unfinished) < len(rows):
                keep = torch.tensor(unfinished, dtype=torch.long, device=DEVICE)
                cache.batch_select_indices(keep)
                tokens_chosen, mask, positions = tokens_chosen[keep], mask[keep], positions[keep]
                rows = [rows[place] for place in unfinished]
            tokens, positions = tokens_chosen[:, None], positions[:, -1:] + 1
            mask = torch.cat([mask, torch.ones_like(tokens)], dim=-1)

    def _read_shared(self, rows: Sequence[_DecodingRow], cache: DynamicCache) -> int:
        """Read the beginning that all prompts share (the system message) once, for all rows; its number of tokens."""
        prompts = [row.prompt for row in rows]
        # Each row keeps a token of its own at least: the first answer token is predicted from it.
        most = min(map(len, prompts)) - 1
        shared = next((place for place in range(most) if len({prompt[place] for prompt in prompts}) > 1), most)
        if len(rows) == 1 or shared < 1:
            return 0
        self._model(input_ids=torch.tensor([rows[0].prompt[:shared]], device=DEVICE), cache=cache, logits_to_keep=1)
        cache.batch_repeat_interleave(len(rows))
        return shared


# One thread for all models: where two students answer side by side, each writes a token and lets the other go on.
_TURNS = ThreadPoolExecutor(max_workers=1, thread_name_prefix="tokens")


def _time_step(steps: Iterator[None]) -> float | None:
    """Do the next step; return the seconds that it took, None behind the last one."""
    started, mark = time.perf_counter(), object()
    return None if next(steps, mark) is mark else time.perf_counter() - started


def _explain(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0][:200] or type(error).__name__


class _PackedLinear(torch.nn.Module):
    """A linear layer whose weight is laid out for oneDNN: at the few rows of a decoding step 1.2 to 3 times faster."""

    def __init__(self, linear: torch.nn.Linear) -> None:
        super().__init__()
        self.packed = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach(), 32)
        self.bias = linear.bias

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the layer's output, […, in] -> […, out]."""
        return torch.ops.mkldnn._linear_pointwise(x, self.packed, self.bias, "none", [], "")  # type: ignore[no-any-return]


def _merge_adapter(model: Any) -> Any:
    """Return the model as it decodes fastest: its adapter merged, where its weights allow that."""
    if not isinstance(model, PeftModel):
        return _pack_layers(model)
    try:
        return _pack_layers(model.merge_and_unload())
    # Packed weights, or a layer that knows no merging: it decodes as it was trained.
    except (NotImplementedError, ValueError):
        return model


def _pack_layers(model: Any) -> Any:
    """Pack the model's linear layers where oneDNN computes, on a CPU. It can only be read from then on."""
    if DEVICE == "cpu" and torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        for module in model.modules():
            for name, child in module.named_children():
                if type(child) is torch.nn.Linear:
                    setattr(module, name, _PackedLinear(child))
    return model


def _choose_tokens(logits: torch.Tensor, rows: Sequence[_DecodingRow]) -> torch.Tensor:
    """Return each row's next token from logits [rows, vocabulary]: the best, or a draw at the row's temperature."""
    next_tokens = logits.argmax(-1)
    for index, row in enumerate(rows):
        if row.request.sampling.temperature:
            next_tokens[index] = _draw(logits[index], row.request.sampling, row.draw.random())
    return next_tokens


def _draw(logits: torch.Tensor, sampling: Sampling, chance: float) -> int:
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
