"""An archive's file, read with bounds: its sizes are checked before anything is unpacked, its lines come one by one.

    with open_file("p.zip", file) as packed:
        packed.manifest.tables           -> {"attempt": TableEntry(rows=387, sha256="3f…"), …}, as its manifest says
        packed.lines("attempt")          -> each line, and behind the last an error where they are others

What is read is bounded by its own size, by what a line may be, and by what an archive has: one file a table and a
manifest, none of them packed otherwise than exports pack them.
"""

import hashlib
import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mapd.errors import BadInput
from mapd.exchange.archive.shapes import travelling_tables
from mapd.store import db

FORMAT = 1
MANIFEST = "manifest.json"
# All in bytes. A snapshot of twenty thousand pairs is one line.
LONGEST_LINE = 64 << 20
# Unpacked: a zip of 1.5 MB can hold 3 GB of nothing.
MOST_BYTES = 8 << 30
# A larger zip has its list of files elsewhere.
MOST_PACKED = (4 << 30) - (1 << 20)
# Unpacked to packed: exports come to 3 to 25. A small file may be packed as it likes.
MOST_RATIO = 100
FREE_OF_RATIO = 1 << 20
MOST_MANIFEST = 1 << 20
# Of the zip's own list of files.
MOST_DIRECTORY = 64 << 10
UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, struct.error, OSError)


class TableEntry(BaseModel):
    """What the manifest says of a table's file."""

    model_config = ConfigDict(strict=True, frozen=True)
    rows: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Manifest(BaseModel):
    """What an archive says of itself."""

    model_config = ConfigDict(strict=True, frozen=True)
    format: int
    schema_: Annotated[str, Field(alias="schema", max_length=40)]
    tables: dict[str, TableEntry]


def file_of(table: str) -> str:
    """Return the name of a table's file."""
    return f"{table}.jsonl"


@dataclass(frozen=True, slots=True)
class Container:
    """An opened archive. `name` is for messages."""

    name: str
    sha256: str
    manifest: Manifest
    zip_file: zipfile.ZipFile

    def lines(self, table: str) -> Iterator[bytes]:
        """Yield each line of a table's file. Raises: BadInput where they aren't those that the manifest names."""
        digest, rows, entry = hashlib.sha256(), 0, self.manifest.tables[table]
        try:
            if file_of(table) in self.zip_file.NameToInfo:
                with self.zip_file.open(file_of(table)) as stream, io.BufferedReader(stream, 1 << 18) as lines:  # type: ignore[type-var]
                    while line := lines.readline(LONGEST_LINE + 1):
                        if len(line) > LONGEST_LINE:
                            raise BadInput(f"{self.name} holds a line of {table} above {LONGEST_LINE:,} bytes")
                        digest.update(line)
                        rows += 1
                        yield line
        except UNREADABLE as error:
            raise damage_of(self.name, str(error)) from error
        if (digest.hexdigest(), rows) != (entry.sha256, entry.rows):
            raise damage_of(self.name, f"{file_of(table)} is not what its manifest names")


def damage_of(name: str, reason: str) -> BadInput:
    """Return the refusal of an archive that isn't whole."""
    return BadInput(f"{name} is damaged: {' '.join(reason.split())[:300]}; take a whole copy of it")


@contextmanager
def open_file(name: str, file: IO[bytes]) -> Iterator[Container]:
    """Open an archive, and check its sizes and its manifest; no table is read yet.

    Raises: BadInput where it is no archive, cut off, damaged, packed as no export packs, of another format, or of a
    schema that this code doesn't know.
    """
    try:
        container = _open(name, file)
    except UNREADABLE as error:
        raise BadInput(f"{name} is no archive, or was cut off or damaged ({error}); take a whole copy of it") from error
    with container.zip_file:
        yield container


def _open(name: str, file: IO[bytes]) -> Container:
    _check_directory(name, file)
    zip_file = zipfile.ZipFile(file)
    _check_entries(name, zip_file, file.seek(0, io.SEEK_END))
    manifest = _manifest(name, zip_file)
    file.seek(0)
    return Container(name, hashlib.file_digest(file, "sha256").hexdigest(), manifest, zip_file)  # type: ignore[arg-type]


def _check_directory(name: str, file: IO[bytes]) -> None:
    """See that the zip's own list of files is short."""
    # Reading a long one takes a thousand times its bytes. It is named in the record at the end, "PK\5\6".
    end = struct.Struct("<4s4H2LH")
    size = file.seek(0, io.SEEK_END)
    if size > MOST_PACKED:
        raise BadInput(f"{name} is refused: it has {size:,} bytes, of {MOST_PACKED:,} that an archive may have")
    file.seek(max(0, size - end.size - (1 << 16)))
    tail = file.read()
    place = len(tail) - end.size
    if tail[place : place + 4] != b"PK\5\6":
        place = tail.rfind(b"PK\5\6")
    if place < 0 or len(tail) - place < end.size:
        raise zipfile.BadZipFile("File is not a zip file")
    directory = end.unpack_from(tail, place)[5]
    # "PK\6\7" stands before a zip that has another list.
    if directory > MOST_DIRECTORY or b"PK\6\7" in tail[max(0, place - 20) : place]:
        raise BadInput(f"{name} holds more files than an archive has; make one with `mapd archive export FILE`")
    file.seek(0)


def _check_entries(name: str, zip_file: zipfile.ZipFile, size: int) -> None:
    """See that every file in it is one of an archive's, packed as exports pack, and of a size that can be."""
    file_names = {MANIFEST, *(file_of(table.name) for table in travelling_tables())}
    entries = zip_file.infolist()
    names = [entry.filename for entry in entries]
    stranger = next((file for file in names if file not in file_names or names.count(file) > 1), None)
    if stranger is not None:
        raise BadInput(
            f"{name} holds a file that no archive has, or has it twice: {ascii(stranger)[:80]}; leave it out"
        )
    for entry in entries:
        if entry.flag_bits & 1 or entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise BadInput(f"{name} has {entry.filename} packed as no export packs it; unpack it, and export anew")
        if entry.file_size > FREE_OF_RATIO + MOST_RATIO * entry.compress_size:
            raise BadInput(
                f"{name} is refused: {entry.filename} would grow from {entry.compress_size:,} to "
                f"{entry.file_size:,} bytes, more than {MOST_RATIO} times; no export packs so"
            )
    total_size = sum(entry.file_size for entry in entries)
    if total_size > MOST_BYTES or sum(entry.compress_size for entry in entries) > size:
        raise BadInput(f"{name} is refused: {total_size:,} bytes unpacked, of {MOST_BYTES:,} that an archive may have")


def _manifest(name: str, zip_file: zipfile.ZipFile) -> Manifest:
    try:
        if zip_file.getinfo(MANIFEST).file_size > MOST_MANIFEST:
            raise ValueError("it is too large")
        manifest = Manifest.model_validate_json(zip_file.read(MANIFEST))
    except ValidationError as error:
        detail = error.errors()[0]
        where = ".".join(map(str, detail["loc"])) or "it"
        raise BadInput(
            f"{name} has no manifest of a MAPD archive ({where[:80]}: {detail['msg']}); "
            "make one with `mapd archive export FILE`"
        ) from error
    except (KeyError, ValueError) as error:
        raise BadInput(
            f"{name} has no manifest of a MAPD archive ({error}); make one with `mapd archive export FILE`"
        ) from error
    if manifest.format != FORMAT:
        raise BadInput(f"{name} is of archive format {manifest.format}, this mapd reads format {FORMAT}; upgrade mapd")
    db.check_version(name, f"schema, {manifest.schema_!a}", manifest.schema_)
    unlisted_files = set(zip_file.namelist()) - {MANIFEST, *map(file_of, manifest.tables)}
    unknown_tables = manifest.tables.keys() - {table.name for table in travelling_tables()}
    if unlisted_files or unknown_tables:
        raise damage_of(name, f"its manifest and its files differ: {ascii(min(unlisted_files or unknown_tables))[:80]}")
    return manifest
