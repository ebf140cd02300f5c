"""A LoRA adapter that was trained elsewhere: its two files, read as data. Loads no torch.

    {"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": 16, "lora_alpha": 32, "lora_dropout": 0.05,
     "target_modules": ["q_proj", "v_proj"], "base_model_name_or_path": "HuggingFaceTB/SmolLM2-135M-Instruct", …}

settings = read_settings(Path("out"))            its config, as TRL, LLaMA-Factory and Axolotl have it of peft
copy_weights(Path("out"), place)                 -> "3f…", the sha256 of its adapter_model.safetensors
write_config(place, settings, modules, base)     as a finetune here writes it: that is what a loader takes

Fields that matter in training alone (dropout, how it began) are left out; a field that changes the weights in another
way than plain LoRA is refused. A pickle is never opened, and no file outside of the folder is read.
"""

import hashlib
import json
import math
import os
import re
import shutil
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from mapd.errors import BadInput
from mapd.models import weights

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
FILES = (CONFIG, WEIGHTS)
TOKENIZER = "tokenizer.json"  # many trainers put it beside them
MOST_TOKENIZER = 64 << 20  # bytes
PICKLES = ("adapter_model.bin", "pytorch_model.bin", "adapter_model.pt")
MOST_RANK = 1024
MOST_MODULES = 100_000
LONGEST_PATTERN = 1_000  # characters of a regular expression that names modules
MOST_WEIGHTS = 8 << 30  # bytes
BLOCK = 1 << 20
# They say which modules are taught, and where the adapter comes from; or they count in training alone.
READ = frozenset(
    "r lora_alpha use_rslora target_modules exclude_modules layers_to_transform layers_pattern base_model_name_or_path "
    "revision auto_mapping task_type peft_type inference_mode lora_dropout peft_version init_lora_weights bias".split()
)
# By field what it may be, beside nothing. These ways to begin leave the base's own weights as they are.
HARMLESS: Mapping[str, tuple[object, ...]] = {
    "peft_type": ("LORA",),
    "task_type": ("CAUSAL_LM",),
    "bias": ("none",),
    "init_lora_weights": (True, "gaussian", "orthogonal"),
    "fan_in_fan_out": (True,),  # peft sees by itself which layers keep their weights so
    "ensure_weight_tying": (True,),
    "megatron_core": ("megatron.core",),
    "qalora_group_size": (16,),
}


@dataclass(frozen=True, slots=True)
class AdapterSettings:
    """What an adapter's config says that counts once it is trained. `alpha`: as plain LoRA has it.

    `modules`: names, or a regular expression; peft decides which of the two a text is. `architecture`: of its base.
    """

    rank: int
    alpha: float
    modules: str | tuple[str, ...]
    excluded: str | tuple[str, ...] = ()
    layers: tuple[int, ...] = ()
    layers_pattern: str | tuple[str, ...] = ()
    base: str | None = None
    revision: str | None = None
    architecture: str | None = None
    is_dora: bool = False


def read_settings(folder: Path, *, is_ours: bool = False) -> AdapterSettings:
    """Return what the folder's config says. `is_ours`: a finetune here wrote it, and DoRA is one of its methods.

    Raises: BadInput where it is no plain LoRA adapter in safetensors.
    """
    _require_files(folder)
    with _open_inside(folder, CONFIG) as file:
        if os.fstat(file.fileno()).st_size > (most := weights.MOST_BYTES[CONFIG]):
            raise BadInput(f"the adapter can't be used: {folder / CONFIG} is larger than {most:,} bytes")
        content = file.read()
    try:
        config = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"the adapter can't be used: {folder / CONFIG} is no JSON; take a whole copy") from error
    if not isinstance(config, dict):
        raise BadInput(f"the adapter can't be used: {folder / CONFIG} holds no JSON object; take a whole copy")
    plain = {name: value for name, value in config.items() if not (is_ours and name == "use_dora")}
    if (fault := _find_deviation(plain)) is not None:
        raise BadInput(
            f"the adapter can't be used: {folder / CONFIG} has {fault}; a student is a plain LoRA adapter of a causal "
            "language model: train one"
        )
    return _read(folder, config)


def _require_files(folder: Path) -> None:
    if not folder.is_dir():
        raise BadInput(f"there is no folder {folder}: name the one that holds {CONFIG} and {WEIGHTS}")
    # A link that leads nowhere is there, too: opening it says what is wrong.
    if not os.path.lexists(folder / CONFIG):
        raise BadInput(f"no adapter at {folder}: it has no {CONFIG}; name the folder that peft wrote")
    if os.path.lexists(folder / WEIGHTS):
        return
    if pickle := next((name for name in PICKLES if os.path.lexists(folder / name)), None):
        raise BadInput(
            f"the adapter's weights are a pickle, which may hold code and is never opened: {folder / pickle}; save it "
            "as safetensors (`safe_serialization=True`)"
        )
    raise BadInput(f"no adapter at {folder}: it has no {WEIGHTS}; name the folder that peft wrote")


def _find_deviation(config: Mapping[str, Any]) -> str | None:
    """Return what of a config is more than plain LoRA."""
    for name, value in config.items():
        if name in HARMLESS:
            is_plain = value is None or value is False or value in HARMLESS[name]
        else:
            # Later versions of peft add fields; an empty one changes nothing.
            is_plain = name in READ or not value
        if not is_plain:
            return f"{name[:80]!a} {str(value)[:80]!a}"
    return None if config.get("peft_type") == "LORA" else "no 'peft_type' 'LORA'"


def _read(folder: Path, config: Mapping[str, Any]) -> AdapterSettings:
    rank, alpha = config.get("r"), config.get("lora_alpha")
    if type(rank) is not int or not 0 < rank <= MOST_RANK:
        raise BadInput(
            f"the adapter can't be used: {folder / CONFIG} has the rank {str(rank)[:40]}, not 1 to {MOST_RANK}"
        )
    if not isinstance(alpha, int | float) or not 0 < alpha < math.inf:
        raise BadInput(
            f"the adapter can't be used: {folder / CONFIG} has the alpha {str(alpha)[:40]}, no number above 0"
        )
    names = {name: _as_names(config.get(name)) for name in ("target_modules", "exclude_modules", "layers_pattern")}
    layers = config.get("layers_to_transform")
    layers = [layers] if type(layers) is int else layers or []
    if not isinstance(layers, list) or not all(type(layer) is int for layer in layers[:MOST_MODULES]):
        names["layers_to_transform"] = None
    if bad := next((name for name, value in names.items() if value is None), None):
        raise BadInput(f"the adapter can't be used: {folder / CONFIG} has no names of modules in {bad}")
    if not names["target_modules"]:
        raise BadInput(f"the adapter can't be used: {folder / CONFIG} names no modules that it changes")
    mapping = config.get("auto_mapping")
    return AdapterSettings(
        rank,
        # rsLoRA divides by the root of the rank: the same product, written as plain LoRA has it.
        float(alpha) * math.sqrt(rank) if config.get("use_rslora") else float(alpha),
        names["target_modules"] or (),
        names["exclude_modules"] or (),
        tuple(layers),
        names["layers_pattern"] or (),
        _as_text(config.get("base_model_name_or_path")),
        _as_text(config.get("revision")),
        _as_text(mapping.get("base_model_class")) if isinstance(mapping, dict) else None,
        config.get("use_dora") is True,
    )


def _as_names(value: object) -> str | tuple[str, ...] | None:
    """Return names of modules, or a pattern of them; empty where there are none, None where it is something else."""
    if value is None:
        return ()
    if isinstance(value, str):
        return value if len(value) <= LONGEST_PATTERN else None
    if not isinstance(value, list) or len(value) > MOST_MODULES or not all(isinstance(name, str) for name in value):
        return None
    return tuple(value)


def _as_text(value: object) -> str | None:
    return value[:1_000] if isinstance(value, str) and value else None


@contextmanager
def _open_inside(folder: Path, name: str) -> Iterator[BinaryIO]:
    """Open a plain file of the folder. Raises: BadInput where it is none, or leads out of the folder."""
    path = folder / name
    try:
        real = path.resolve(strict=True)
        # The hub's cache keeps a file's bytes beside its snapshots.
        blobs = folder.resolve().parent.parent / "blobs"
        is_cached = folder.resolve().parent.name == "snapshots" and real.is_relative_to(blobs)
        if not real.is_relative_to(folder.resolve()) and not is_cached:
            raise BadInput(f"the adapter can't be used: {path} leads out of its folder; copy the file itself there")
        # The path was resolved before: a link that was put there since isn't followed.
        # A pipe would wait for a writer.
        descriptor = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            # The open file is asked: its name may lead elsewhere by now.
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise BadInput(f"the adapter can't be used: {path} is no file; name the folder that peft wrote")
            yield file
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or "it leads to itself"
        raise BadInput(f"the adapter can't be read: {path} ({reason}); check the folder") from error


def copy_weights(folder: Path, place: Path) -> str:
    """Copy the weights into the folder `place`; return their sha256.

    Raises: BadInput where they are too large for an adapter, or for the disk, or are no safetensors.
    """
    digest = hashlib.sha256()
    with _open_inside(folder, WEIGHTS) as file:
        size = os.fstat(file.fileno()).st_size
        if size > MOST_WEIGHTS:
            raise BadInput(
                f"the adapter can't be used: {folder / WEIGHTS} has {size:,} bytes, more than {MOST_WEIGHTS:,}"
            )
        if size > shutil.disk_usage(place).free:
            raise BadInput(f"the adapter doesn't fit on the disk: {size:,} bytes, to {place}; free some space")
        with (place / WEIGHTS).open("wb") as target:
            # Not more than was seen: a file may grow.
            for start in range(0, size, BLOCK):
                block = file.read(min(BLOCK, size - start))
                digest.update(block)
                target.write(block)
            target.flush()
            # The row that names these weights is written soon: after a power cut they have to be on the disk.
            os.fsync(target.fileno())
    # The copy is checked, for the source may change at any time.
    if not sum(_count_numbers(folder, place)):
        raise BadInput(f"the adapter can't be used: {folder / WEIGHTS} holds nothing; take a whole copy")
    return digest.hexdigest()


def _count_numbers(folder: Path, place: Path) -> list[int]:
    try:
        return weights.count_numbers_of_file(place / WEIGHTS)
    except BadInput as error:
        raise BadInput(
            f"the adapter can't be used: {folder / WEIGHTS} is no safetensors file, or was cut off; take a whole copy"
        ) from error


def read_vocabulary(folder: Path) -> dict[str, int] | None:
    """Return the tokens of a folder's tokenizer with their numbers; None where there is none that can be read so."""
    try:
        with _open_inside(folder, TOKENIZER) as file:
            if os.fstat(file.fileno()).st_size > MOST_TOKENIZER:
                return None
            content = json.loads(file.read())
        tokens = content["model"]["vocab"]
        # One kind of tokenizer has a list of tokens, each with how likely it is.
        pairs = tokens.items() if isinstance(tokens, dict) else ((token[0], n) for n, token in enumerate(tokens))
        added = ((token["content"], token["id"]) for token in content.get("added_tokens") or ())
        return {str(token): int(number) for token, number in (*pairs, *added)}
    except (BadInput, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None


def write_config(place: Path, settings: AdapterSettings, modules: Sequence[str], base: tuple[str, str | None]) -> None:
    """Write the config as a finetune here writes it. `base`: how others name it, and its commit."""
    alpha = int(settings.alpha) if settings.alpha.is_integer() else settings.alpha
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "r": settings.rank,
        "lora_alpha": alpha,
        # The order of the names would change the adapter's fingerprint.
        "target_modules": sorted(modules),
        "base_model_name_or_path": base[0],
        "revision": base[1],
        "inference_mode": True,
    }
    (place / CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def is_same_name(first: str, second: str) -> bool:
    """Return whether two names of a model differ in spelling alone: by its owner, capitals, signs between words."""
    names = (re.sub(r"[\W_]+", "", name.rstrip("/").rpartition("/")[2].casefold()) for name in (first, second))
    return len(set(names)) == 1
