"""A model in this process: transformers, on the CPU or on CUDA. Many requests are decoded at once.

    model = LocalModel("smollm2", *loader.load(loader.convert(home)))
    Request("q1", (Message("system", "You solve …"), Message("user", "12 + 30?")), Sampling(max_tokens=64))
        -> Completion("q1", "To find the sum … 12 + 30 = 42", Finish.OK, tokens_in=31, tokens_out=14, latency_s=1.3)

An answer depends on the request's own text and seed, not on the rest of its batch, but for floating point: two tokens
that tie may fall either way in another batch. The same requests at once are decoded in the same batches each time.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterable, AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import torch
from peft import PeftModel

from mapd import thoughts
from mapd.models import dialogue
from mapd.models.base import Completion, Finish, Request, TellPart, TellRate, split_partial, split_thought
from mapd.models.decoding import DecodingBatch, DecodingRow
from mapd.models.loader import DEVICE

# Requests join a batch when this part of its places is free: to read prompts one by one would take longer.
FREE_PART = 0.25
# The batch looks for new requests after so many steps.
STEPS = 16


class _Arrivals:
    """The rows of the requests that come, pulled only when the batch has room."""

    def __init__(self, rows: AsyncIterator[DecodingRow]) -> None:
        self._rows = rows
        self._coming: asyncio.Future[DecodingRow | None] | None = None
        self._is_over = False
        self.fault: BaseException | None = None

    async def take(self, most: int, *, waits: bool) -> list[DecodingRow]:
        """Return the rows that are ready, `most` of them at most. `waits`: wait for the first one."""
        rows: list[DecodingRow] = []
        while len(rows) < most and not self._is_over:
            self._coming = self._coming or asyncio.ensure_future(anext(self._rows, None))
            await asyncio.wait({self._coming}, timeout=None if waits and not rows else 0)
            if not self._coming.done():
                break
            coming, self._coming = self._coming, None
            self.fault = coming.exception()
            row = None if self.fault else coming.result()
            rows += [row] if row else []
            self._is_over = row is None
        return rows

    def close(self) -> None:
        """Wait for nothing more."""
        if self._coming is not None:
            self._coming.cancel()


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
        """Complete every request, `batch_size` at once: where answers are done, the next requests take their places."""
        batch = DecodingBatch(self._model, self._ends, self.batch_size)
        arrivals, loop = _Arrivals(self._make_row(request) async for request in requests), asyncio.get_running_loop()
        try:
            while True:
                joins = batch.free >= self.batch_size * FREE_PART
                joining = await arrivals.take(batch.free, waits=not batch.rows) if joins else []
                if not joining and not batch.rows:
                    break
                for completion in await loop.run_in_executor(_TURNS, self._advance, batch, joining):
                    yield completion
        finally:
            arrivals.close()
        # A fault of the caller's own stream is raised to the caller, once what came before it is answered.
        if arrivals.fault is not None:
            raise arrivals.fault

    def _make_row(self, request: Request) -> DecodingRow:
        marks = dialogue.mark(request.messages, self._tokenizer)
        text = dialogue.render(request.messages, self._tokenizer, marks)
        prompt = dialogue.encode(text, self._tokenizer, marks)
        seed = request.sampling.seed
        # Each row draws from numbers of its own: the rest of the batch can't change its answer.
        draw = random.Random() if seed is None else random.Random(f"{seed} {text}")
        return DecodingRow(request, prompt, draw, thoughts.opening_tag(text))

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

    def _advance(self, batch: DecodingBatch, joining: Sequence[DecodingRow]) -> list[Completion]:
        """Read the prompts of those who join, then decode until one is done, or for some steps; return what is done."""
        rows = [*batch.rows, *joining]
        try:
            finished_rows = batch.join(joining) if joining else []
            for _ in range(STEPS):
                if finished_rows or not batch.rows:
                    break
                finished_rows = batch.step()
        # torch raises a RuntimeError where memory runs out. Prompts that can't be read leave the others in the batch.
        except (RuntimeError, MemoryError) as error:
            lost = [row for row in rows if row not in batch.rows]
            return [Completion(row.request.key, "", Finish.FAILED, error=_explain(error)) for row in lost]
        return [self._completion(row) for row in finished_rows]

    def _completion(self, row: DecodingRow) -> Completion:
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

    def _decode_steps(self, rows: Sequence[DecodingRow]) -> Iterator[None]:
        """Fill the rows' answers, a token a step."""
        batch = DecodingBatch(self._model, self._ends, len(rows))
        batch.join(rows)
        yield
        while batch.rows:
            batch.step()
            yield


# One thread for all models: each has it for some steps and lets the others go on. To torch another thread is another
# team of threads, and the teams would wait for each other.
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
