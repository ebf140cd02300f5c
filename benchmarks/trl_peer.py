"""TRL's SFTTrainer as a peer in benchmarks/train.py and gpu.py: runs in an environment of its own, and imports no mapd.

    python -m venv TRL && TRL/bin/pip install -c constraints.txt trl==1.16.0 peft torch
    TRL/bin/python benchmarks/trl_peer.py JOB.json

The job: {"folder": the model's, "kinds": [[weight in the loss, [{"input_ids": …, "labels": …}, …]], …], "batch": 8, …}.
Each kind of dialogue is a micro-batch of a step, padded to its longest; TRL's own loss is told by how many tokens to
divide, which makes it the joint loss. Gradient checkpointing is off, which TRL has on: that would be slower. It prints
a line of JSON when it is ready, one for each step, and one at the end; before each step it reads a line.
"""

import json
import resource
import sys
import tempfile
import time
from itertools import cycle
from pathlib import Path
from typing import Any


def tell(facts: dict[str, Any]) -> None:
    """Print a line of JSON, and wait for one in return."""
    print(json.dumps(facts), flush=True)
    sys.stdin.readline()


def make_model(job: dict[str, Any]) -> Any:
    """The model with the adapter that the other ways draw."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(job["folder"], dtype=getattr(torch, job["dtype"]))
    torch.manual_seed(job["seed"])
    config = LoraConfig(r=job["rank"], lora_alpha=2 * job["rank"], target_modules="all-linear", task_type="CAUSAL_LM")
    return get_peft_model(model, config)


def train(job: dict[str, Any], steps: int, report: Any) -> None:
    """Train so many steps, and report each one's loss and seconds."""
    import torch
    from datasets import Dataset
    from transformers import AutoTokenizer, TrainerCallback
    from trl import SFTConfig, SFTTrainer

    kinds, batch = job["kinds"], job["batch"]
    weights, losses = cycle([weight for weight, _ in kinds]), []
    rows = [
        rows[place] for step in range(steps) for _, rows in kinds for place in range(step * batch, step * batch + batch)
    ]

    class Joint(SFTTrainer):  # type: ignore[misc]
        def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **_: Any) -> Any:
            # A micro-batch holds all of the step's dialogues of a kind: their mean, times its weight.
            count = (inputs["labels"] != -100).sum() / next(weights)
            loss = super().compute_loss(model, inputs, return_outputs, num_items_in_batch=count)
            losses.append(loss.detach())
            return loss

    class Clock(TrainerCallback):  # type: ignore[misc]
        def on_step_begin(self, *_: Any, **__: Any) -> None:
            losses.clear()
            self.began = time.perf_counter()

        def on_step_end(self, *_: Any, **__: Any) -> None:
            loss = float(sum(losses))  # which waits for the device
            report({"loss": loss, "seconds": time.perf_counter() - self.began})

    model = make_model(job)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, weight_decay=job["weight_decay"])
    rates = job["rates"]
    for group in optimizer.param_groups:
        group["lr"] = 1.0
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rates[min(step, len(rates) - 1)])
    with tempfile.TemporaryDirectory() as folder:
        config = SFTConfig(
            folder,
            per_device_train_batch_size=batch,
            gradient_accumulation_steps=len(kinds),
            max_steps=steps,
            max_grad_norm=job["clip_norm"],
            train_sampling_strategy="sequential",
            dataset_kwargs={"skip_prepare_dataset": True},
            gradient_checkpointing=False,
            bf16=False,
            use_cpu=job["device"] == "cpu",
            logging_strategy="no",
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
        )
        trainer = Joint(
            model,
            config,
            train_dataset=Dataset.from_list(rows),
            processing_class=AutoTokenizer.from_pretrained(job["folder"]),
            optimizers=(optimizer, scheduler),
            callbacks=[Clock()],
        )
        trainer.train()


def main() -> None:
    """Be warm, then make a step for each line that is read."""
    job = json.loads(Path(sys.argv[1]).read_text())
    import torch
    import transformers

    torch.set_num_threads(job["threads"])
    transformers.utils.logging.set_verbosity_error()
    train(job | {"batch": 1}, 1, lambda _: None)
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    import trl

    tell({"trl": trl.__version__})
    train(job, job["steps"], tell)
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10  # getrusage counts bytes there, kilobytes elsewhere
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // unit
    if torch.cuda.is_available():
        peak = torch.cuda.max_memory_allocated() >> 20
    print(json.dumps({"peak_mb": peak}), flush=True)


if __name__ == "__main__":
    main()
