"""Two trainers that need environments of their own read what `mapd export` wrote: their own loaders, on our files.

    mapd export 3f2a --format sharegpt -o out && mapd export 3f2a --format messages -o rows.jsonl
    python -m benchmarks.consumers llamafactory out --tokenizer HuggingFaceTB/SmolLM2-135M-Instruct
    python -m benchmarks.consumers axolotl rows.jsonl --tokenizer HuggingFaceTB/SmolLM2-135M-Instruct

Run it where `llamafactory` (0.9.5 was tried) or `axolotl` (0.19) is installed. It prints what each teaches of the first
feedback, with the setting that keeps the student's wrong answer out of it, and without.
"""

import argparse
import os
import tempfile
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from datasets import load_dataset
from transformers import AutoTokenizer, Seq2SeqTrainingArguments

IGNORED = -100  # a label that isn't learned


def read_llama_factory(folder: Path, tokenizer: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """What LLaMA-Factory's loader makes of a folder, by the setting."""
    data, hparams = import_module("llamafactory.data"), import_module("llamafactory.hparams")
    for mask_history in (True, False):
        names = {"dataset_dir": str(folder), "dataset": "mapd_feedback", "template": "chatml"}
        settings = hparams.DataArguments(**names, cutoff_len=4096, mask_history=mask_history, overwrite_cache=True)
        template = data.get_template_and_fix_tokenizer(tokenizer, settings)
        model = hparams.ModelArguments(model_name_or_path="nowhere")
        with tempfile.TemporaryDirectory() as out:
            training = Seq2SeqTrainingArguments(output_dir=out, report_to="none", use_cpu=True)
            rows = data.get_dataset(template, model, settings, training, stage="sft", tokenizer=tokenizer)
        yield f"mask_history: {mask_history}", rows["train_dataset"][0]


def read_axolotl(file: Path, tokenizer: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """What Axolotl's chat_template strategy makes of a file, by the setting."""
    strategies, words = import_module("axolotl.prompt_strategies.chat_template"), import_module("axolotl.utils.dict")
    rows = load_dataset("json", data_files=str(file), split="train")
    feedback = next(row for row in rows if row["kind"] == "feedback")
    config = words.DictDefault(sequence_len=4096, train_on_inputs=False, chat_template="tokenizer_default")
    common = {"type": "chat_template", "field_messages": "messages", "roles_to_train": ["assistant"]}
    for setting in ({"message_field_training": "weight"}, {}):
        strategy = strategies.load(tokenizer, config, words.DictDefault(**common, **setting))
        yield str(setting or "no such setting"), strategy.tokenize_prompt(dict(feedback))


READERS = {"llamafactory": read_llama_factory, "axolotl": read_axolotl}


def main() -> None:
    """Print what is taught."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trainer", choices=READERS)
    parser.add_argument("path", type=Path)
    parser.add_argument("--tokenizer", required=True)
    options = parser.parse_args()
    # LLaMA-Factory asks for older versions of what is installed, and reads its files with these all the same.
    os.environ["DISABLE_VERSION_CHECK"] = "1"
    tokenizer = AutoTokenizer.from_pretrained(options.tokenizer)
    for setting, row in READERS[options.trainer](options.path, tokenizer):
        learned = [label for label in row["labels"] if label != IGNORED]
        print(f"{setting}\n    {tokenizer.decode(learned)!r}")


if __name__ == "__main__":
    main()
