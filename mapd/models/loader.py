"""Load a local model: convert the packaged weights, open a folder, lay an adapter over it.

    load(convert(home))        -> the model on its device, and its tokenizer

Everything foreign is data here: only safetensors are read, no code, and a chat template runs in a process of its own.
"""

import importlib.util
import io
import json
import shutil
import warnings
from contextlib import redirect_stderr
from functools import partial
from pathlib import Path
from typing import Any

import torch
import transformers
from filelock import FileLock
from peft import LoraConfig, PeftModel
from safetensors import SafetensorError, safe_open
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig, GgufConfig

from mapd.errors import BadInput, in_a_line
from mapd.models import dialogue, weights
from mapd.models.sandbox import Template

# 538 MB of fp32 weights, the tokenizer, and some room.
CONVERTED_BYTES = 700 << 20
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
MOST_RANK = 1024  # of an adapter
FOUR_BITS = "4bit"  # the precision of a base that QLoRA trains on

# Standard error is ours.
transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
transformers.utils.logging.set_verbosity_error()  # type: ignore[no-untyped-call]
# It is peft that these warnings are for.
warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")


def convert(home: Path) -> Path:
    """Turn the package's SmolLM2-135M-Instruct into safetensors under `home`/weights, once (20 s); return the folder.

    Raises: BadInput where the package isn't installed, or the folder can't be written.
    """
    folder = weights.converted_folder(home)
    if folder.is_dir():
        return folder
    source = weights.require_packaged()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.parent / ".lock"):
            if not folder.is_dir():
                _convert(source, folder)
    except (OSError, SafetensorError) as error:
        raise BadInput(
            f"the weights can't be written to {folder} ({error}); free 700 MB there or set MAPD_HOME elsewhere"
        ) from error
    return folder


def _convert(source: Path, folder: Path) -> None:
    if shutil.disk_usage(folder.parent).free < CONVERTED_BYTES:
        raise OSError("the disk is full")
    # Written beside and renamed, so that the folder is whole or not there; a killed conversion leaves its part.
    partial = folder.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    where: dict[str, Any] = {"gguf_file": source.name, "local_files_only": True, "trust_remote_code": False}
    # The reader of GGUF draws a progress bar of its own, which the setting above doesn't reach.
    with redirect_stderr(io.StringIO()):
        model = AutoModelForCausalLM.from_pretrained(
            source.parent, dtype=torch.float32, quantization_config=GgufConfig(dequantize=True), **where
        )
    tokenizer = AutoTokenizer.from_pretrained(source.parent, **where)
    # The file names <|im_end|>, which ends every answer: it is no padding.
    tokenizer.pad_token = "<|endoftext|>"
    model.config.pad_token_id = model.generation_config.pad_token_id = tokenizer.pad_token_id
    try:
        model.save_pretrained(partial)
        tokenizer.save_pretrained(partial)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def load(
    folder: Path, adapter: Path | None = None, *, thinks: bool = False, precision: str = "auto"
) -> tuple[Any, Any]:
    """Return a transformers model and its tokenizer, from a folder; with `adapter`, a peft model.

    `thinks`: a chat template that can be told not to think isn't told so. `precision`: "auto" is fp32 on a CPU, where
    half precision is slower, and bf16 or fp16 on CUDA; "fp32", "bf16", or "4bit", as QLoRA has it. Only safetensors are
    read, and no code. A foreign folder has been through `sandbox.check`; its chat template is rendered in a process of
    its own.

    Raises: BadInput where it is no folder of a model, its weights are not all of the model's, or the hardware can't
    compute in that precision.
    """
    weights.check_files(weights.require_model(folder))
    options: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    numbers = _number_options(precision)
    try:
        tokenizer = _read_tokenizer(folder, thinks=thinks)
        options |= {"use_safetensors": True, "ignore_mismatched_sizes": True, "output_loading_info": True}
        result: Any = AutoModelForCausalLM.from_pretrained(folder, **numbers, **options)
        model, report = result
    # A foreign folder makes a library raise any type of error.
    except Exception as error:
        raise BadInput(f"the model can't be loaded: {folder} ({in_a_line(error)}); check the folder") from error
    bad_tensors = sorted(map(str, (*report["missing_keys"], *report["mismatched_keys"])))
    # transformers draws missing tensors at random, and only warns.
    if bad_tensors:
        raise BadInput(
            f"the model's weights lack {len(bad_tensors)} of its tensors, or have them in another size: {folder} "
            f"({bad_tensors[0][:80]} …); take a whole copy"
        )
    # Weights in 4 bits are on their device already.
    (model if precision == FOUR_BITS else model.to(DEVICE)).eval()
    return (model if adapter is None else _with_adapter(model, adapter)), tokenizer


def load_tokenizer(folder: Path) -> Any:
    """Return the folder's tokenizer alone, its chat template rendered as `load` has it. Raises: BadInput."""
    weights.check_files(weights.require_tokenizer(folder), with_weights=False)
    try:
        return _read_tokenizer(folder)
    except Exception as error:  # as above
        raise BadInput(f"the tokenizer can't be loaded: {folder} ({in_a_line(error)}); check the folder") from error


def _read_tokenizer(folder: Path, *, thinks: bool = False) -> Any:
    tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    template = Template(*dialogue.read_template(tokenizer, thinks=thinks))
    tokenizer.apply_chat_template = partial(_render, template)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def _render(
    template: Template,
    conversation: Any,
    *,
    tokenize: bool = False,
    add_generation_prompt: bool = False,
    **variables: Any,
) -> str:
    # The tokenizer's own function may never end.
    assert not tokenize, "a dialogue is rendered as text, and encoded by itself"
    return template.render(conversation, add_generation_prompt=add_generation_prompt, **variables)


def _with_adapter(model: Any, adapter: Path) -> Any:
    if not (adapter / "adapter_model.safetensors").is_file():
        raise BadInput(f"the student's adapter is missing: {adapter}; finetune again, or put the folder back")
    weights.check_files(adapter)
    config = _read_lora_config(adapter / "adapter_config.json")
    if config.use_dora and not _has_magnitudes(adapter / "adapter_model.safetensors"):
        # peft would begin anew with the base's, and only warn.
        raise BadInput(f"the adapter is none of ours: {adapter} is to be DoRA, and has no magnitudes; finetune again")
    try:
        return PeftModel.from_pretrained(model, str(adapter), config=config, local_files_only=True).eval()
    except Exception as error:  # as above
        raise BadInput(f"the adapter can't be loaded: {adapter} ({in_a_line(error)}); finetune again") from error


def _has_magnitudes(path: Path) -> bool:
    try:
        with safe_open(path, "pt") as file:
            return any("lora_magnitude_vector" in name for name in file.keys())  # noqa: SIM118 - it is no mapping
    except (OSError, SafetensorError) as error:
        raise BadInput(f"the adapter can't be loaded: {path} ({in_a_line(error)}); finetune again") from error


# What differs from finetune to finetune.
FREE_FIELDS = ("r", "lora_alpha", "target_modules", "inference_mode", "peft_version", "use_dora", "lora_dropout")
# Written for other programs; here the student's row names its base.
BASE_FIELDS = ("base_model_name_or_path", "revision")


def _read_lora_config(path: Path) -> LoraConfig:
    """Return an adapter's config, if a finetune here may have written it. Raises: BadInput."""
    # peft would also import what a config names; so any field that differs from ours is refused.
    try:
        content = json.loads(path.read_bytes())
        rank, alpha, modules = content["r"], content["lora_alpha"], content["target_modules"]
        # Dropout is of training alone: it is left out.
        is_dora, dropout = content.get("use_dora") or False, content.get("lora_dropout") or 0
        config = LoraConfig(
            r=rank, lora_alpha=alpha, target_modules=list(modules), use_dora=is_dora is True, task_type="CAUSAL_LM"
        )
        defaults = json.loads(json.dumps(config.to_dict(), default=sorted))  # type: ignore[no-untyped-call]
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise BadInput(f"the adapter can't be loaded: {path} ({in_a_line(error)}); finetune again") from error
    free_fields = {*FREE_FIELDS, *(name for name in BASE_FIELDS if isinstance(content.get(name), str))}
    deviations = [
        name for name, value in content.items() if name not in free_fields and value != defaults.get(name) and value
    ]
    is_plain = type(rank) is int and 0 < rank <= MOST_RANK and type(alpha) in (int, float)
    is_plain = is_plain and type(is_dora) is bool and type(dropout) in (int, float)
    if deviations or not is_plain or not all(isinstance(name, str) for name in modules):
        part = deviations[0] if deviations else "its rank, alpha or modules"
        raise BadInput(f"the adapter is none of ours: {path} has another {part!a}; finetune again")
    return config


def _number_options(precision: str) -> dict[str, Any]:
    """Return how transformers keeps a model's numbers. Raises: BadInput where the hardware can't."""
    if precision == FOUR_BITS:
        if DEVICE == "cpu" or importlib.util.find_spec("bitsandbytes") is None:
            raise BadInput(
                "QLoRA needs a CUDA GPU and the package bitsandbytes (`pip install bitsandbytes`), and they are not "
                "here: take --method lora"
            )
        config: Any = BitsAndBytesConfig(  # type: ignore[no-untyped-call]
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.bfloat16,
        )
        return {"quantization_config": config, "device_map": {"": torch.cuda.current_device()}, "dtype": torch.bfloat16}
    if precision == "bf16" and DEVICE != "cpu" and not torch.cuda.is_bf16_supported():
        raise BadInput("this GPU has no bf16: leave --precision out, or take --precision fp32")
    return {"dtype": {"fp32": torch.float32, "bf16": torch.bfloat16}.get(precision) or _dtype()}


def _dtype() -> torch.dtype:
    if DEVICE == "cpu":
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
