"""Does a student answer the same as a GGUF? llama.cpp's converter writes it, transformers reads it again.

    python -m benchmarks.student_gguf CONVERTER [--questions N] [--json]

CONVERTER: llama.cpp's convert_hf_to_gguf.py; what it needs is in this Python. The packaged student is written by
`mapd students export --as gguf`, and answers N questions greedily, with 40 tokens each, from its own folder and from
the GGUF. `same`: how many answers are equal, token by token. The last line is JSON.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from transformers import AutoModelForCausalLM, AutoTokenizer

from mapd import students
from mapd.exchange import student_folders
from mapd.models import loader
from mapd.people import owner
from mapd.questions import generated
from mapd.settings import Settings
from mapd.store import db

TOKENS = 40


def answer(model: Any, tokenizer: Any, question: str) -> list[int]:
    """The tokens that follow the question."""
    dialogue = [{"role": "user", "content": question}]
    prompt = tokenizer.apply_chat_template(dialogue, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    tokens: list[int] = model.generate(**prompt, max_new_tokens=TOKENS, do_sample=False)[0].tolist()
    return tokens[prompt["input_ids"].shape[1] :]


def main() -> None:
    """Convert, ask both, and print how many answers are equal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("converter", type=Path)
    parser.add_argument("--questions", type=int, default=9)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    drawn = generated.draw(generated.FAMILIES, {"train": -(-options.questions // len(generated.FAMILIES))}, seed=0)
    questions = [entry.question.text for entry in drawn][: options.questions]
    with tempfile.TemporaryDirectory() as folder:
        engine, home, place = db.open_store(Settings(home=Path(folder))), Path(folder), Path(folder) / "away"
        with db.writing(engine) as session:
            students.add(session, "smollm2", by=owner("benchmark"))
        student_folders.write(
            engine, "smollm2", place, "gguf", converter=options.converter, by=owner("benchmark"), home=home
        )
        base = loader.convert(home)
        tokenizer = AutoTokenizer.from_pretrained(base)
        models = [
            AutoModelForCausalLM.from_pretrained(base, dtype="float32"),
            AutoModelForCausalLM.from_pretrained(place, gguf_file=student_folders.GGUF, dtype="float32"),
        ]
        pairs = [[answer(model, tokenizer, question) for model in models] for question in questions]
    same = sum(first == second for first, second in pairs)
    if not options.json:
        print(f"{same} of {len(pairs)} answers are equal, token by token")
    print(json.dumps({"questions": len(pairs), "tokens": TOKENS, "same": same}))


if __name__ == "__main__":
    main()
