"""A student in this process, by vLLM's offline engine: `pip install mapd-studio[vllm]`, on a machine with a GPU.

    model = OfflineModel("qwen-1.5b", folder, load_tokenizer(folder), adapter)
    Request("q1", (Message("user", "12 + 30?"),), Sampling(max_tokens=64))      -> Completion("q1", "12 + 30 = 42", …)

It is sent the student's own prompt as tokens, and its tokens are read as a local model's are. vLLM batches what it is
given as it likes, so two runs may differ where two tokens tie: an exam's hash of answers shows it. Written against the
documented API of `vllm.LLM`; it has been run with a stub of it alone (tests/models/test_vllm.py), on no GPU yet.
"""

import asyncio
import json
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from mapd import thoughts
from mapd.errors import BadInput, in_a_line
from mapd.models import dialogue
from mapd.models.base import Completion, Finish, Request, split_thought

# Requests handed over at once: enough to fill a GPU, few enough that a kill loses little.
CHUNK = 1024


class OfflineModel:
    """The protocol `Model` on vLLM's engine in this process."""

    def __init__(self, name: str, folder: Path, tokenizer: Any, adapter: Path | None = None) -> None:
        self.name = name
        self.thinks = thoughts.knows_thoughts(str(tokenizer.chat_template))
        self._tokenizer, self._vllm = tokenizer, _import_vllm()
        self._opening, self._end = dialogue.template_form(tokenizer).thought, dialogue.end_of_turn(tokenizer)
        options: dict[str, Any] = {"model": str(folder), "trust_remote_code": False}
        self._adapter = None
        if adapter is not None:
            from vllm.lora.request import LoRARequest

            rank = json.loads((adapter / "adapter_config.json").read_bytes())["r"]
            options |= {"enable_lora": True, "max_lora_rank": rank}
            self._adapter = LoRARequest(name, 1, str(adapter))
        try:
            self._engine = self._vllm.LLM(**options)
        # An engine that starts on a GPU raises what it likes: no memory, no kernel, a model it doesn't know.
        except Exception as error:
            raise BadInput(f"vLLM can't load {folder} ({in_a_line(error)}); leave --backend out") from error

    async def generate(self, requests: AsyncIterable[Request]) -> AsyncIterator[Completion]:
        """Complete every request, CHUNK at a time."""
        chunk: list[Request] = []
        async for request in requests:
            chunk.append(request)
            if len(chunk) == CHUNK:
                for completion in await asyncio.to_thread(self._complete, chunk):
                    yield completion
                chunk = []
        for completion in await asyncio.to_thread(self._complete, chunk) if chunk else ():
            yield completion

    def _complete(self, requests: Sequence[Request]) -> list[Completion]:
        tokens = [dialogue.encode_prompt(request.messages, self._tokenizer) for request in requests]
        prompts = [{"prompt_token_ids": ids} for ids in tokens]
        params = [
            self._vllm.SamplingParams(
                temperature=request.sampling.temperature or 0.0,
                top_p=request.sampling.top_p or 1.0,
                max_tokens=request.sampling.max_tokens,
                seed=request.sampling.seed,
                stop_token_ids=[self._end],
            )
            for request in requests
        ]
        outputs = self._engine.generate(prompts, params, lora_request=self._adapter, use_tqdm=False)
        return [self._read(request, output) for request, output in zip(requests, outputs, strict=True)]

    def _read(self, request: Request, output: Any) -> Completion:
        answer = output.outputs[0]
        tokens = [token for token in answer.token_ids if token != self._end]
        text = dialogue.decode(tokens, self._tokenizer)
        finish = Finish.CUT_OFF if answer.finish_reason == "length" else Finish.OK if text else Finish.EMPTY
        counts = len(output.prompt_token_ids), len(answer.token_ids)
        return split_thought(Completion(request.key, self._opening + text, finish, None, *counts))


def _import_vllm() -> Any:
    """Return the module. Raises: BadInput where it, or a GPU for it, isn't here."""
    from mapd.models.loader import DEVICE  # torch takes seconds to import

    try:
        import vllm
    except ImportError as error:
        raise BadInput(
            f"vLLM is not installed here ({in_a_line(error)}); run `pip install mapd-studio[vllm]`, "
            "or leave --backend out"
        ) from error
    if DEVICE != "cuda":
        raise BadInput("vLLM needs a GPU, and none is seen here; leave --backend out: transformers runs on a CPU too")
    return vllm
