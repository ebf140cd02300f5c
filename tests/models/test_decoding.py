"""Rows that join and leave a batch at any step write what each writes alone."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mapd.models import decoding
from mapd.models.base import Completion, Message, Request, Sampling
from mapd.models.local import LocalModel
from tests.finetune import tiny

LENGTHS = st.lists(st.tuples(st.integers(1, 30), st.integers(1, 40), st.booleans()), min_size=1, max_size=14)


@pytest.fixture(scope="module")
def model() -> Iterator[LocalModel]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    model = LocalModel("tiny", tiny.model(), tiny.tokenizer())
    # It never ends by itself: each answer is as long as the request says.
    model._ends = set()
    yield model
    torch.set_num_threads(threads)


def answer(model: LocalModel, requests: list[Request], batch_size: int, *, waits: bool = False) -> dict[str, list[str]]:
    """Texts and lengths by key, asked together; `waits`: the requests come one by one, in between."""
    model.batch_size = batch_size

    async def come() -> AsyncIterator[Request]:
        for request in requests:
            if waits:
                await asyncio.sleep(0.001)
            yield request

    async def collect() -> list[Completion]:
        return [completion async for completion in model.generate(come())]

    completions = asyncio.run(collect())
    assert len(completions) == len(requests)
    return {c.key: [c.text, str(c.tokens_out), c.finish] for c in completions}


def make_request(number: int, words: int, tokens: int, *, drawn: bool) -> Request:
    text = " ".join(str((number * 7 + place * 3) % 50) for place in range(words))
    return Request(str(number), (Message("user", text),), Sampling(0.9 if drawn else 0.0, 0.95, tokens, seed=number))


@settings(max_examples=15, deadline=None)
@given(lengths=LENGTHS, batch_size=st.integers(1, 6), waits=st.booleans())
def test_an_answer_is_the_same_whoever_joins_and_leaves(
    model: LocalModel, lengths: list[tuple[int, int, bool]], batch_size: int, waits: bool
) -> None:
    requests = [make_request(n, words, tokens, drawn=drawn) for n, (words, tokens, drawn) in enumerate(lengths)]
    alone = {request.key: answer(model, [request], 1)[request.key] for request in requests}
    assert answer(model, requests, batch_size, waits=waits) == alone


def test_room_grows_and_what_only_rows_had_that_are_done_goes(model: LocalModel) -> None:
    # One long answer pushes the others' columns far to the right; behind it they are free again.
    rows = [model._make_row(make_request(n, 3, tokens, drawn=False)) for n, tokens in enumerate((150, 4, 2))]
    batch = decoding.DecodingBatch(model._model, set(), 3)
    assert batch.join(rows) == []
    assert [batch.step() for _ in range(3)] == [[rows[2]], [], [rows[1]]]
    while batch.rows:
        batch.step()
    assert batch._mask.shape[1] > decoding.ROOM * 2
    late = model._make_row(make_request(9, 3, 2, drawn=False))
    batch.join([late])
    assert batch._mask.shape[1] == len(late.prompt)
    assert (batch.free, batch.step(), batch.free) == (2, [late], 3)


def test_memory_that_runs_out_costs_those_alone_whose_turn_it_was(
    model: LocalModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: object) -> None:
        raise RuntimeError("out of memory")

    first, second, late = (model._make_row(make_request(n, 3, 5, drawn=False)) for n in range(3))
    batch = decoding.DecodingBatch(model._model, set(), 4)
    batch.join([first, second])
    with monkeypatch.context() as patch:
        patch.setattr(batch, "_model", fail)
        with pytest.raises(RuntimeError):
            batch.join([late])
    assert batch.rows == [first, second]
    batch.step()
    with monkeypatch.context() as patch:
        patch.setattr(batch, "_model", fail)
        with pytest.raises(RuntimeError):
            batch.step()
    assert batch.rows == []
    again = model._make_row(make_request(0, 3, 5, drawn=False))
    batch.join([again])
    while batch.rows:
        batch.step()
    assert again.answer[:2] == first.answer
    assert [len(row.answer) for row in (first, late, again)] == [2, 0, 5]
