"""The offline engine, as far as a machine without a GPU shows it: a stub of vLLM's documented API stands for it.

What the stub can't show: that vLLM loads a model, batches, and draws as asked.
"""

import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from mapd.errors import BadInput
from mapd.models import dialogue, loader
from mapd.models.base import Finish, Message, Request, Sampling, stream
from mapd.models.vllm import OfflineModel
from tests.finetune import tiny

ASKED = (Message("system", "You add."), Message("user", "3 + 4?"))


class Engine:
    """`vllm.LLM`: it takes lists of prompts and of sampling parameters, and gives outputs in their order."""

    made: list[dict[str, Any]]
    calls: list[tuple[Sequence[Any], Sequence[Any], Any]]

    def __init__(self, **options: Any) -> None:
        Engine.made.append(options)

    def generate(self, prompts: Any, params: Any, *, lora_request: Any = None, use_tqdm: bool = True) -> list[Any]:
        Engine.calls.append((prompts, params, lora_request))
        answer = dialogue.encode_text("It is 7.", tiny.tokenizer())
        outputs = []
        for prompt, sampling in zip(prompts, params, strict=True):
            tokens = [*answer, 2][: sampling.max_tokens]
            reply = SimpleNamespace(token_ids=tokens, finish_reason="stop" if tokens[-1] == 2 else "length")
            outputs.append(SimpleNamespace(prompt_token_ids=prompt["prompt_token_ids"], outputs=[reply]))
        return outputs


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> None:
    Engine.made, Engine.calls = [], []
    module, lora, request = ModuleType("vllm"), ModuleType("vllm.lora"), ModuleType("vllm.lora.request")
    module.LLM, module.SamplingParams = Engine, SimpleNamespace  # type: ignore[attr-defined]
    request.LoRARequest = lambda *words: words  # type: ignore[attr-defined]
    for name, part in (("vllm", module), ("vllm.lora", lora), ("vllm.lora.request", request)):
        monkeypatch.setitem(sys.modules, name, part)
    monkeypatch.setattr(loader, "DEVICE", "cuda")


def ask(model: OfflineModel, *samplings: Sampling) -> list[Any]:
    async def answers() -> list[Any]:
        requests = stream([Request(str(number), ASKED, sampling) for number, sampling in enumerate(samplings)])
        return [completion async for completion in model.generate(requests)]

    return asyncio.run(answers())


@pytest.mark.usefixtures("stub")
def test_it_is_sent_the_students_own_prompt_in_tokens(tmp_path: Path) -> None:
    model = OfflineModel("s", tmp_path, tiny.tokenizer())
    whole, cut = ask(model, Sampling(0.3, 0.9, 64, seed=5), Sampling(max_tokens=3))
    assert Engine.made == [{"model": str(tmp_path), "trust_remote_code": False}]
    ((prompts, params, adapter),) = Engine.calls
    tokens = dialogue.encode_prompt(ASKED, tiny.tokenizer())
    assert [prompt["prompt_token_ids"] for prompt in prompts] == [tokens, tokens]
    assert vars(params[0]) == {"temperature": 0.3, "top_p": 0.9, "max_tokens": 64, "seed": 5, "stop_token_ids": [2]}
    assert adapter is None
    assert (whole.text, whole.finish, whole.tokens_in, whole.tokens_out) == ("It is 7.", Finish.OK, len(tokens), 9)
    assert (cut.text, cut.finish) == ("It", Finish.CUT_OFF)


@pytest.mark.usefixtures("stub")
def test_an_adapter_is_named_to_it(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text(json.dumps({"r": 32}))
    ask(OfflineModel("s", tmp_path, tiny.tokenizer(), tmp_path), Sampling())
    assert (Engine.made[0]["enable_lora"], Engine.made[0]["max_lora_rank"]) == (True, 32)
    assert Engine.calls[0][2] == ("s", 1, str(tmp_path))


def test_without_it_or_without_a_gpu_it_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vllm", None)
    with pytest.raises(BadInput, match=r"vLLM is not installed here .*pip install mapd-studio\[vllm\]"):
        OfflineModel("s", tmp_path, tiny.tokenizer())
    monkeypatch.setitem(sys.modules, "vllm", ModuleType("vllm"))
    monkeypatch.setattr(loader, "DEVICE", "cpu")
    with pytest.raises(BadInput, match="vLLM needs a GPU"):
        OfflineModel("s", tmp_path, tiny.tokenizer())


@pytest.mark.usefixtures("stub")
def test_an_engine_that_does_not_start_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(self: Engine, **options: Any) -> None:
        raise RuntimeError("No available memory for the cache blocks.\nTry …")

    monkeypatch.setattr(Engine, "__init__", fails)
    with pytest.raises(BadInput, match=r"vLLM can't load .* \(No available memory .*\); leave --backend out"):
        OfflineModel("s", tmp_path, tiny.tokenizer())
