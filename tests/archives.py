"""Archives in tests: read as plain lines, changed as a sender could, packed again with a manifest in order."""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from mapd.exchange import archive
from mapd.exchange.archive.container import MANIFEST
from mapd.people import owner
from mapd.store import db

SCHEMA = db.list_versions()[-1]
Lines = dict[str, list[dict[str, Any]]]  # by table


def unpacked(content: bytes) -> Lines:
    """Every table's lines, as they stand in the file."""
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        names = [name.removesuffix(".jsonl") for name in packed.namelist() if name != MANIFEST]
        return {name: [json.loads(line) for line in packed.read(f"{name}.jsonl").splitlines()] for name in names}


def packed(lines: Lines, schema: str = SCHEMA) -> bytes:
    """An archive of these lines."""
    files = {name: "".join(json.dumps(row) + "\n" for row in rows).encode() for name, rows in lines.items()}
    return zipped(files, {name: len(rows) for name, rows in lines.items()}, schema)


def zipped(files: dict[str, bytes], rows: dict[str, int], schema: str = SCHEMA) -> bytes:
    """An archive of these bytes, whatever they are."""
    tables = {name: {"rows": rows[name], "sha256": hashlib.sha256(body).hexdigest()} for name, body in files.items()}
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive_:
        for name, body in files.items():
            archive_.writestr(f"{name}.jsonl", body)
        archive_.writestr(MANIFEST, json.dumps({"format": 1, "schema": schema, "tables": tables}))
    return stream.getvalue()


def changed(content: bytes, change: Callable[[Lines], object], schema: str = SCHEMA) -> bytes:
    """The archive with other lines, its manifest in order."""
    lines = unpacked(content)
    change(lines)
    return packed(lines, schema)


def exported(engine: sa.Engine, home: Path, folder: Path) -> bytes:
    """The project's archive."""
    saved = archive.export(engine, folder / "out.zip", home, by=owner("ann"))
    content = (folder / "out.zip").read_bytes()
    assert saved.sha256 == hashlib.sha256(content).hexdigest()
    return content


def bring_in(engine: sa.Engine, home: Path, content: bytes, *, count: bool = False) -> archive.ArchiveImport:
    """Import it."""
    with archive.stage("in.zip", io.BytesIO(content)) as staging:
        return archive.load(engine, staging, home, by=owner("ben"), count_judgements=count)


def preview(engine: sa.Engine, home: Path, content: bytes) -> archive.ArchiveContents:
    """What it would bring."""
    with archive.stage("in.zip", io.BytesIO(content)) as staging:
        return archive.preview(engine, staging, home)
