"""llama.cpp as a peer in benchmarks/exam.py: runs in an environment of its own, and imports no mapd.

    python -m venv LLAMA && LLAMA/bin/pip install xllamacpp
    LLAMA/bin/python benchmarks/llama_peer.py JOB.json

The job: {"gguf": the file, "slots": 16, "threads": 2, "max_tokens": 256, "context": tokens a slot}. It prints a line of
JSON when it is ready. Each line that it reads is a list of prompts as token ids; it answers all of them greedily, as
many at once as it has slots, no prompt cached, and prints {"seconds": …, "answers": [[text, tokens], …]}.
"""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any


def start(job: dict[str, Any]) -> Any:
    """llama.cpp's own server, in this process."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = job["gguf"]
    params.n_parallel, params.n_ctx = job["slots"], job["slots"] * job["context"]
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = job["threads"]
    params.cont_batching, params.cache_prompt, params.cache_ram_mib = True, False, 0
    params.verbosity = -1
    return xllamacpp.Server(params)


def main() -> None:
    """Answer what is read, until there is no more."""
    job = json.loads(Path(sys.argv[1]).read_text())
    server = start(job)

    def answer(prompt: list[int]) -> tuple[str, int]:
        fields = {"prompt": prompt, "n_predict": job["max_tokens"], "temperature": 0.0, "cache_prompt": False}
        reply = server.handle_completions(fields)
        reply = json.loads(reply) if isinstance(reply, str | bytes) else reply
        return reply["choices"][0]["text"], reply["usage"]["completion_tokens"]

    with ThreadPoolExecutor(job["slots"]) as pool:
        answer([1, 2, 3, 4])  # to be warm
        print(json.dumps({"ready": True}), flush=True)
        for line in sys.stdin:
            prompts = json.loads(line)
            began = time.perf_counter()
            answers = list(pool.map(answer, prompts))
            print(json.dumps({"seconds": time.perf_counter() - began, "answers": answers}), flush=True)


if __name__ == "__main__":
    main()
