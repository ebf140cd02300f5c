"""The joint loss with TRL, from rows that `mapd export` wrote: trained elsewhere as `mapd finetune` trains.

    mapd export 3f2a --format datasets -o rows         # or --format prompt-completion -o rows.jsonl
    pip install trl peft
    python examples/joint_loss_trl.py rows --model HuggingFaceTB/SmolLM2-135M-Instruct --alpha 0.5 --output student

A step takes whole pairs; where some have one text alone, it takes as many rows, and a pair may be cut. Its loss is
alpha times the mean over the tokens of its feedback, plus 1 - alpha times the mean over those of its rationales. `kind`
says what a row is, `pair` which rows belong together: they stand one behind the other. Of each row the completion is
learned, up to the end of the turn: not the prompt, where the student's wrong answer stands.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset, load_dataset
from peft import LoraConfig
from torch.nn import functional
from torch.utils.data import Sampler
from trl import SFTConfig, SFTTrainer
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

IGNORED = -100  # a label that isn't learned


class PairSampler(Sampler[int]):
    """The pairs in an order that is drawn anew each epoch, the rows of each one behind the other.

    `names`: of each row its pair's.
    """

    def __init__(self, names: Sequence[str], seed: int) -> None:
        self.rows, self.generator = len(names), torch.Generator().manual_seed(seed)
        self.pairs = [[place for place, _ in rows] for _, rows in groupby(enumerate(names), key=lambda row: row[1])]

    def __len__(self) -> int:
        return self.rows

    def __iter__(self) -> Iterator[int]:
        for pair in torch.randperm(len(self.pairs), generator=self.generator).tolist():
            yield from self.pairs[pair]


@dataclass
class JointCollator(DataCollatorForLanguageModeling):
    """A batch that says of each row whether it is feedback. `end_of_turn`: the token."""

    end_of_turn: int = 0

    def torch_call(self, examples: list[dict[str, Any]]) -> dict[str, Any]:
        """Return the batch."""
        batch = super().torch_call(examples)
        for labels in batch["labels"]:
            # What the chat template writes behind the end of the turn is no part of an answer.
            ends = (labels == self.end_of_turn).nonzero()
            if len(ends):
                labels[int(ends[-1]) + 1 :] = IGNORED
        return batch | {"of_feedback": torch.tensor([example["kind"] == "feedback" for example in examples])}


class JointTrainer(SFTTrainer):
    """TRL's trainer with the joint loss."""

    alpha: float = 0.5

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,  # noqa: ARG002 - the trainer hands it over
    ) -> Any:
        """Return alpha · the mean loss of the feedback's tokens + (1 - alpha) · that of the rationales'."""
        outputs = model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"])
        # A token is predicted from the one before it.
        logits, labels = outputs.logits[:, :-1].float(), inputs["labels"][:, 1:]
        losses = functional.cross_entropy(logits.transpose(1, 2), labels, reduction="none", ignore_index=IGNORED)
        loss = losses.new_zeros(())
        for weight, rows in ((self.alpha, inputs["of_feedback"]), (1 - self.alpha, ~inputs["of_feedback"])):
            tokens = (labels[rows] != IGNORED).sum().clamp(min=1)
            loss = loss + weight * losses[rows].sum() / tokens
        return (loss, outputs) if return_outputs else loss

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler[int]:
        return PairSampler((train_dataset or self.train_dataset)["pair"], self.args.seed)


def load(path: Path) -> Dataset:
    """Return the rows of a `datasets` folder, or of a prompt-completion file."""
    source: dict[str, Any] = {"path": str(path)} if path.is_dir() else {"path": "json", "data_files": str(path)}
    rows = load_dataset(**source, split="train")
    return rows.select_columns(["prompt", "completion", "kind", "pair"])


def make_trainer(rows: Dataset, options: argparse.Namespace) -> JointTrainer:
    """Return the trainer of these rows."""
    config = SFTConfig(
        output_dir=str(options.output),
        # Two rows a pair.
        per_device_train_batch_size=2 * options.pairs,
        max_steps=options.steps,
        num_train_epochs=options.epochs,
        learning_rate=options.learning_rate,
        max_length=options.max_length,
        seed=options.seed,
        # TRL would take `kind` and `pair` away.
        remove_unused_columns=False,
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        use_cpu=options.cpu,
        bf16=not options.cpu and torch.cuda.is_bf16_supported(),
    )
    lora = LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM") if options.lora else None
    trainer = JointTrainer(options.model, config, train_dataset=rows, peft_config=lora)
    tokenizer = trainer.processing_class
    trainer.data_collator = JointCollator(tokenizer.pad_token_id, end_of_turn=tokenizer.eos_token_id)
    trainer.alpha = options.alpha
    return trainer


def read_options(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", type=Path, help="a `datasets` folder, or a prompt-completion file")
    parser.add_argument("--model", required=True, help="of the hub, or a folder")
    parser.add_argument("--output", type=Path, default=Path("student"))
    parser.add_argument("--alpha", type=float, default=0.5)
    parser.add_argument("--pairs", type=int, default=8, help="a step")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--steps", type=int, default=-1, help="at most; by default as many as the epochs have")
    parser.add_argument("--learning-rate", type=float, default=5e-4)
    parser.add_argument("--max-length", type=int, default=512)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--lora", action="store_true", help="an adapter, not the whole model")
    parser.add_argument("--cpu", action="store_true")
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> list[float]:
    """Train; return the loss of each step."""
    options = read_options(words)
    trainer = make_trainer(load(options.rows), options)
    trainer.train()
    trainer.save_model(str(options.output))
    return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]


if __name__ == "__main__":
    main()
