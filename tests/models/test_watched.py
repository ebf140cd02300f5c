"""An answer that is watched: each token is told, by a local model and over real HTTP; a stream that breaks ends it."""

import asyncio
import json
import time
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from tenacity import wait_none

from mapd.models import base, served
from mapd.models.base import Completion, Finish, Limits, Message, PartialAnswer, Request, Sampling
from mapd.models.completions import ChatModel, CompletionsModel, ServedStudent
from mapd.models.local import LocalModel
from mapd.models.reply_stream import ReplyPieces
from tests.finetune import tiny
from tests.provider import Provider
from tests.student_server import StudentServer

KEY = "sk-planted-0123456789"
REQUEST = Request("q", (Message("system", "Solve."), Message("user", "2 + 2?")), Sampling(max_tokens=24, seed=0))


@pytest.fixture(autouse=True)
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(served, "BACKOFF", wait_none())
    monkeypatch.setattr(base, "TELL_EVERY_S", 0.0)


def student(provider: Provider, *, by_chat: bool = False, timeout_s: float = 30) -> ServedStudent:
    options: dict[str, Any] = {"base_url": provider.url + "/v1", "key": KEY, "tries": 2}
    options["limits"] = Limits(1, timeout_s=timeout_s)
    return ChatModel("m", **options) if by_chat else CompletionsModel("m", tiny.tokenizer(), **options)


def watch(model: base.WatchedModel, request: Request = REQUEST) -> tuple[Completion, list[PartialAnswer]]:
    told: list[PartialAnswer] = []
    return asyncio.run(model.answer(request, told.append)), told


# --- Here -------------------------------------------------------------------------------------------------------------


def test_a_local_answer_is_told_token_by_token_and_is_the_exams() -> None:
    model = LocalModel("tiny", tiny.model(), tiny.tokenizer())
    for sampling in (Sampling(max_tokens=24), Sampling(0.9, 0.95, max_tokens=24, seed=3)):
        request = Request("q", REQUEST.messages, sampling)
        completion, told = watch(model, request)

        async def examined(request: Request = request) -> Completion:
            return await anext(aiter(model.generate(base.stream([request]))))

        usual = asyncio.run(examined())
        assert (completion.text, completion.finish, completion.tokens_out) == (
            usual.text,
            usual.finish,
            usual.tokens_out,
        )
        assert [part.tokens for part in told] == sorted(part.tokens for part in told)
        assert told[-1].tokens == completion.tokens_out
        assert all("\ufffd" not in part.text[-1:] for part in told)


def test_two_local_models_take_turns() -> None:
    order: list[str] = []
    models = {name: LocalModel(name, tiny.model(seed), tiny.tokenizer()) for seed, name in enumerate("ab")}

    def note(name: str, _: PartialAnswer) -> None:
        order.append(name)

    async def both() -> None:
        await asyncio.gather(*(model.answer(REQUEST, partial(note, name)) for name, model in models.items()))

    asyncio.run(both())
    shorter = min(order.count("a"), order.count("b"))
    changes = sum(left != right for left, right in pairwise(order))
    assert shorter > 5
    assert changes >= shorter, "neither waits until the other is done"


def test_a_cancelled_local_answer_stops_before_its_next_token() -> None:
    told: list[PartialAnswer] = []
    model = LocalModel("tiny", tiny.model(), tiny.tokenizer())

    async def stop_early() -> None:
        task = asyncio.create_task(model.answer(Request("q", REQUEST.messages, Sampling(max_tokens=4000)), told.append))
        while len(told) < 3:
            await asyncio.sleep(0.001)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(stop_early())
    assert 3 <= len(told) < 100


def test_all_that_came_before_it_was_stopped_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "TELL_EVERY_S", 3600.0)
    local = LocalModel("tiny", tiny.model(), tiny.tokenizer())
    steps = local._decode_steps

    async def stop(model: base.WatchedModel, after: float) -> list[PartialAnswer]:
        told: list[PartialAnswer] = []
        task, loop = asyncio.ensure_future(model.answer(REQUEST, told.append)), asyncio.get_running_loop()

        def stop_itself(rows: Any) -> Iterator[None]:
            for number, _ in enumerate(steps(rows)):
                if number == 4:
                    loop.call_soon_threadsafe(task.cancel)
                yield

        monkeypatch.setattr(local, "_decode_steps", stop_itself)
        while not told:
            await asyncio.sleep(0.001)
        await asyncio.wait([task], timeout=after)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        return told

    first, last = asyncio.run(stop(local, 60))
    assert (first.tokens, last.tokens >= 5) == (1, True)
    with Provider(StudentServer(tiny.tokenizer(), text=" ".join("abc" * 300), pause=0.02)) as provider:
        first, last = asyncio.run(stop(student(provider, by_chat=True), 0.5))
    assert (first.text, last.text[:3]) == ("a", "a b")


def test_it_is_told_now_and_then_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "TELL_EVERY_S", 3600.0)
    completion, told = watch(LocalModel("tiny", tiny.model(), tiny.tokenizer()))
    assert (len(told), completion.tokens_out) == (1, 24)
    with Provider(StudentServer(tiny.tokenizer(), text="It is\nso. Answer: 4")) as provider:
        completion, told = watch(student(provider, by_chat=True))
    assert ([part.text for part in told], completion.text) == (["It"], "It is\nso. Answer: 4")


@pytest.mark.parametrize("fault", [RuntimeError("CUDA out of memory\nat x.cu"), MemoryError()])
def test_a_local_answer_that_fails_in_the_middle_keeps_what_came(
    fault: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, usual = (LocalModel("tiny", tiny.model(), tiny.tokenizer()) for _ in range(2))
    steps = model._decode_steps

    def break_off(rows: Any) -> Iterator[None]:
        for number, _ in enumerate(steps(rows)):
            if number == 4:
                raise fault
            yield

    monkeypatch.setattr(model, "_decode_steps", break_off)
    completion, told = watch(model)
    assert (completion.finish, completion.error) == (Finish.FAILED, str(fault).partition("\n")[0] or "MemoryError")
    assert (completion.tokens_out, told[-1].tokens) == (5, 4)
    assert (completion.text, len(completion.text) > 2) == (watch(usual)[0].text[: len(completion.text)], True)


# --- Behind a server --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by_chat", [False, True])
@pytest.mark.parametrize("streams", [True, False])
def test_a_served_answer_is_told_word_by_word(by_chat: bool, streams: bool) -> None:
    with Provider(StudentServer(tiny.tokenizer(), streams=streams, text="It is\nso. Answer: 4")) as provider:
        completion, told = watch(student(provider, by_chat=by_chat))
    assert (completion.text, completion.finish) == ("It is\nso. Answer: 4", Finish.OK)
    assert completion.tokens_out == len("It is\nso. Answer: 4"), "as its server counts"
    words = ["It", "It is", "It is\nso.", "It is\nso. Answer:", "It is\nso. Answer: 4"]
    assert list(dict.fromkeys(part.text for part in told)) == (words if streams else [])


BROKEN: dict[str, dict[str, Any]] = {
    "reset": {"end": "reset"},
    "hang": {"end": "hang"},
    "error": {"fault": json.dumps({"error": {"message": f"CUDA out of memory for {KEY}", "code": 500}})},
    "no JSON": {"fault": "{half"},
}


@pytest.mark.parametrize("by_chat", [False, True])
@pytest.mark.parametrize("way", BROKEN)
def test_a_stream_that_breaks_keeps_what_came_and_is_asked_once(way: str, by_chat: bool) -> None:
    server = StudentServer(tiny.tokenizer(), pieces=2, text="It is so.", **BROKEN[way])
    with Provider(server) as provider:
        completion, told = watch(student(provider, by_chat=by_chat, timeout_s=0.5))
        asked = len(provider.asked)
    assert (completion.text, completion.finish, completion.tokens_out) == ("It is", Finish.FAILED, 2)
    assert completion.error is not None
    assert completion.error.startswith("the answer broke off after 2 pieces (")
    assert completion.error.endswith("); ask again")
    assert KEY not in completion.error
    assert (asked, [part.text for part in told]) == (1, ["It", "It is"])


def test_a_slow_stream_may_take_longer_than_a_call() -> None:
    with Provider(StudentServer(tiny.tokenizer(), pause=0.15, text="a b c d e f")) as provider:
        started = time.monotonic()
        completion, told = watch(student(provider, timeout_s=0.6))
        assert time.monotonic() - started > 0.6
    assert (completion.text, len(told)) == ("a b c d e f", 8)


def test_a_server_that_refuses_at_first_is_tried_again_and_one_without_an_end_says_so() -> None:
    with Provider(StudentServer(tiny.tokenizer(), failing=1, text="yes")) as provider:
        assert watch(student(provider))[0].text == "yes"
    for field in ("top_k", "stream_options", "stream"):
        with Provider(StudentServer(tiny.tokenizer(), refused=field, text="yes")) as provider:
            model = student(provider)
            completion, told = watch(model)
        assert (completion.text, model.form) == ("yes", {field: None})
        assert bool(told) == (field != "stream"), "one that doesn't stream says it all at once"
    with Provider(StudentServer(tiny.tokenizer(), fault="[DONE]", text="yes")) as provider:
        completion = watch(student(provider))[0]
    assert (completion.text, completion.finish) == ("yes", Finish.UNKNOWN)


def test_neither_a_key_nor_its_beginning_is_told() -> None:
    with Provider(StudentServer(tiny.tokenizer(), text=f"So {KEY[:9]} {KEY} it is")) as provider:
        model = student(provider)
        told = [model._partial(ReplyPieces(f"So {KEY}"[:end])) for end in range(len(KEY) + 3)]
        completion, _ = watch(model)
    assert {part.text for part in told} <= {"", "S", "So", "So ", "So s", "So sk", "So [key]"}
    assert completion.text == f"So {KEY[:9]} [key] it is"


def test_an_unfinished_thought_is_no_answer() -> None:
    assert base.split_partial("<think>Half is") == ("", "Half is", 0, 0)
    assert base.split_partial("<think>Half is</think>So") == ("So", "Half is", 0, 0)
    assert base.split_partial("So", "by the server", 3, 0.5) == ("So", "by the server", 3, 0.5)


def test_pieces_of_a_thought_in_a_field_of_its_own_are_put_together() -> None:
    pieces = ReplyPieces()
    for delta in ({"reasoning_content": "Half "}, {"reasoning_content": "is 9."}, {"content": "18"}, None, 3):
        pieces.add({"choices": [{"delta": delta}]} if isinstance(delta, dict) else delta)
    assert (pieces.thought, pieces.text, pieces.count) == ("Half is 9.", "18", 3)
    assert pieces.whole["choices"][0]["message"]["reasoning_content"] == "Half is 9."


@pytest.mark.slow
def test_the_real_student_is_watched(smollm2: Path) -> None:
    from mapd.models import loader

    completion, told = watch(
        LocalModel("smollm2", *loader.load(smollm2)), Request("q", REQUEST.messages, Sampling(max_tokens=6))
    )
    assert len(told) >= 2
    assert completion.text.startswith(told[1].text)
