"""Fetch a model's folder from the hub, as it is at a commit; without loading torch.

fetch("org/name")                                     -> …/snapshots/607a…, its safetensors, config and tokenizer
fetch("org/name", "607a…", weights.TOKENIZER_PATTERNS)     the same folder, which needs no weights
"""

from collections.abc import Sequence
from pathlib import Path

from huggingface_hub import snapshot_download

from mapd.errors import BadInput, in_a_line
from mapd.models import weights


def fetch(name: str, revision: str | None = None, patterns: Sequence[str] = weights.PATTERNS) -> Path:
    """Return the folder of a hub's "org/name" at a commit, or as it is today: fetched, or from the cache; no code, no
    pickles. The folder is named by its commit.

    Raises: BadInput where the hub can't be reached, doesn't have it, or gives another commit.
    """
    where = f"{name} at commit {revision}" if revision else name
    # Fetched here and not by transformers, whose retries take half a minute without a network.
    try:
        folder = Path(snapshot_download(name, revision=revision, allow_patterns=list(patterns)))
    except (OSError, ValueError) as error:
        raise BadInput(
            f"the hub doesn't give the model: {where} ({in_a_line(error)}); check the name and the network, "
            "or take a folder with --path"
        ) from error
    if revision is not None and folder.name != revision:
        raise BadInput(
            f"the hub gives another commit than the student is of: {folder.name[:80]}, not {where}; another commit is "
            "another student: add it under a name of its own"
        )
    return folder
