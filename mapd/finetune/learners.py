"""What of a student's model is trained: an adapter on its linear layers (LoRA, DoRA, QLoRA), or all of its weights.

learner = make(model, Hyperparameters(method="dora"))      the model with DoRA on every linear layer but the head
save(learner, FOLDER)                                      adapter_config.json and adapter_model.safetensors
save(make(model, Hyperparameters(method="full")), FOLDER)  a whole model: config, weights, tokenizer, chat template
"""

import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict
from peft.tuners.lora import LoraLayer
from safetensors.torch import save_file
from transformers.modeling_layers import GradientCheckpointingLayer

from mapd.errors import BadInput, in_a_line
from mapd.finetune.hyperparameters import ALL_LINEAR, Hyperparameters
from mapd.models import weights


def make(model: Any, hyperparameters: Hyperparameters) -> Any:
    """Return the model that is trained; only what the method trains needs a gradient.

    A parent's adapter is trained on, so that the result stands alone; full finetuning merges it first.

    Raises: BadInput where the method, its rank or its layers don't fit the model.
    """
    if hyperparameters.method == "full":
        learner = model.merge_and_unload() if isinstance(model, PeftModel) else model
        for parameter in learner.parameters():
            parameter.requires_grad_(True)
    elif isinstance(model, PeftModel):
        learner = _train_on(model, hyperparameters)
    else:
        learner = _add_adapter(model, hyperparameters)
    # eval: nothing is drawn, but for LoRA's own dropout where there is one.
    learner.eval()
    adapted_layers: list[Any] = [module for module in learner.modules() if isinstance(module, LoraLayer)]
    for layer in adapted_layers if hyperparameters.dropout else ():
        # An adapter that is trained on was loaded without dropout.
        layer.lora_dropout["default"] = torch.nn.Dropout(hyperparameters.dropout)
        layer.lora_dropout.train()
        # DoRA asks the layer, LoRA its dropout alone.
        layer.training = True
    if hyperparameters.checkpointing:
        _enable_checkpointing(learner)
    return learner


def list_trainable(learner: Any) -> list[torch.nn.Parameter]:
    """Return what is trained; weights that two layers share are there once."""
    return [parameter for parameter in learner.parameters() if parameter.requires_grad]


def save(learner: Any, folder: Path) -> None:
    """Write what a student needs of the learner beside its base: an adapter, or a whole model."""
    if isinstance(learner, PeftModel):
        learner.peft_config["default"].save_pretrained(str(folder))
        tensors = get_peft_model_state_dict(learner, save_embedding_layers=False)
        save_file(tensors, folder / "adapter_model.safetensors")
        return
    # Weights that two layers share are written once, and shared again by the loader.
    learner.save_pretrained(folder)
    weights.copy_small_files(Path(learner.name_or_path), folder)


def autocast(learner: Any, hyperparameters: Hyperparameters) -> AbstractContextManager[Any]:
    """Return the context that a step is computed in: full finetuning in bf16 keeps its weights in fp32."""
    device = learner.device.type
    is_usual = hyperparameters.precision == "auto" and device == "cuda" and torch.cuda.is_bf16_supported()
    if hyperparameters.method == "full" and (is_usual or hyperparameters.precision == "bf16"):
        return torch.autocast(device, torch.bfloat16)
    return nullcontext()


@contextmanager
def drawn_dropout(hyperparameters: Hyperparameters, step: int) -> Iterator[None]:
    """Draw a step's dropout from the seed and the step alone: a resume draws the same."""
    if not hyperparameters.dropout:
        yield
        return
    with torch.random.fork_rng():
        torch.manual_seed(hyperparameters.seed * 1_000_003 + step)
        yield


@contextmanager
def eval_mode(learner: Any) -> Iterator[None]:
    """Let the learner compute as a student does: no dropout, and no layer is computed again for a gradient."""
    modules = [module for module in learner.modules() if module.training]
    try:
        for module in modules:
            module.training = False
        yield
    finally:
        for module in modules:
            module.training = True


def _add_adapter(model: Any, hyperparameters: Hyperparameters) -> Any:
    """Return the model with an adapter on the chosen linear layers, by default all but the head."""
    rank = hyperparameters.rank
    # LoRA's A is drawn: the seed makes it the same in every run, and the fork leaves the caller's generator alone.
    with torch.random.fork_rng():
        torch.manual_seed(hyperparameters.seed)
        config = LoraConfig(
            r=rank,
            lora_alpha=hyperparameters.lora_alpha or 2 * rank,
            target_modules=ALL_LINEAR if hyperparameters.targets == ALL_LINEAR else hyperparameters.target_names,
            lora_dropout=hyperparameters.dropout,
            use_dora=hyperparameters.method == "dora",
            task_type="CAUSAL_LM",
        )
        try:
            with warnings.catch_warnings(action="ignore", category=FutureWarning):  # between peft and transformers
                learner = get_peft_model(model, config)
        # The layers that were named are none of this model's, or no linear ones.
        except ValueError as error:
            raise BadInput(f"the targets can't be taught: {hyperparameters.targets} ({in_a_line(error)})") from error
    _name_base(config, model)
    # A set's order differs from process to process, and the adapter's files are compared byte by byte.
    config.target_modules = sorted(config.target_modules or ())
    return learner


def _train_on(learner: Any, hyperparameters: Hyperparameters) -> Any:
    """Return the model whose adapter is there; that is trained. Raises: BadInput where it is of another form."""
    adapter: Any = learner.peft_config["default"]
    faults = (
        ("rank", adapter.r, hyperparameters.rank),
        ("lora alpha", adapter.lora_alpha, hyperparameters.lora_alpha or adapter.lora_alpha),
        ("method", "dora" if adapter.use_dora else "lora", hyperparameters.method.removeprefix("q")),
    )
    for name, value, choice in faults:
        if value != choice:
            option = name.replace(" ", "-")
            raise BadInput(
                f"the student's adapter has {name} {value}, not {choice}, and is trained on: --{option} {value}"
            )
    names = sorted(adapter.target_modules)
    if hyperparameters.targets != ALL_LINEAR and hyperparameters.target_names != names:
        raise BadInput(
            f"the student's adapter has the targets {', '.join(names)[:200]}, not {hyperparameters.targets}, and is "
            "trained on: leave --targets out"
        )
    for name, parameter in learner.named_parameters():
        parameter.requires_grad_("lora_" in name)
    _name_base(adapter, learner.get_base_model())
    return learner


def _name_base(config: LoraConfig, model: Any) -> None:
    # For `AutoPeftModel`, so that others find the base; here the student's row names it.
    config.base_model_name_or_path, config.revision = None, None
    if model.name_or_path:
        config.base_model_name_or_path, config.revision = weights.published_name(Path(model.name_or_path))


def _enable_checkpointing(learner: Any) -> None:
    """Keep a layer's input alone, and compute the layer again where its gradient is computed."""
    model: Any = learner.get_base_model() if isinstance(learner, PeftModel) else learner
    layers = [module for module in model.modules() if isinstance(module, GradientCheckpointingLayer)]
    if not layers or not model.supports_gradient_checkpointing:
        raise BadInput(f"gradient checkpointing isn't for {type(model).__name__}: leave --gradient-checkpointing out")
    model.activation_checkpointing_enable()
    for layer in layers:
        # Only a layer that trains is checkpointed. What lies within it stays as it is: nothing is drawn.
        layer.training = True
