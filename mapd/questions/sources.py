"""Where tables come from: a file, a folder, the hub.

    load_file(Path("labels.csv"))         -> QuestionFile("labels.csv", b"uid,label…")
    read_path(Path("gsm8k"))              -> a table for each file under gsm8k/, or for each split that datasets saved
    read_hub("openai/gsm8k:main")         -> a table for each split, with the commit that it came from

A folder is one that `datasets` saved, or it holds plain files, as on the hub: their names tell the split
("data/validation-00000-of-00001.parquet" -> dev). No code that lies in a folder or on the hub is ever run: `datasets`
has no loading scripts any more, and a folder's files are read by tables.py.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mapd.errors import BadInput
from mapd.questions import file_table, tables
from mapd.questions.file_table import MOST_BYTES, FileRecord, FileTable, too_large
from mapd.questions.rows import split_of_name
from mapd.questions.tables import Headings, first_line

DATA = (".jsonl", ".json", ".ndjson", ".csv", ".tsv", ".parquet", ".xlsx", ".txt")
BESIDE_DATA = ("dataset_info.json", "dataset_infos.json", "readme.txt", "license.txt")
HUB_TIMEOUT = 20.0  # seconds
HUB_NAME = re.compile(r"(?P<name>[\w.-]{1,96}(?:/[\w.-]{1,96})?)(?::(?P<config>[\w.-]{1,96}))?", re.ASCII)


def load_file(path: Path) -> file_table.QuestionFile:
    """Return a file as it is now. Raises: BadInput where it can't be read, or is too large."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise BadInput(too_large(path.name))
        return file_table.QuestionFile(path.name, path.read_bytes())
    except OSError as error:
        raise BadInput(f"the file can't be read: {path} ({error.strerror}); check the path") from error


def read_path(path: Path, headings: Headings | None = None) -> list[FileTable]:
    """Read a file, or all of a folder. Raises: BadInput where there is nothing that can be read."""
    try:
        if path.is_dir():
            return _folder(path, headings)
        if not path.exists():
            raise BadInput(f"there is no file {path}; check the path")
        if not path.is_file():
            raise BadInput(f"{path} is neither a file nor a folder")
        return [tables.read(load_file(path), headings)]
    except OSError as error:
        raise BadInput(f"the file can't be read: {path} ({error.strerror}); check the path") from error


def _folder(path: Path, headings: Headings | None) -> list[FileTable]:
    if (path / "dataset_dict.json").is_file() or (path / "state.json").is_file():
        return _read_saved(path)
    files = sorted(file for file in path.rglob("*") if _is_data(file.relative_to(path)) and file.is_file())
    if not files:
        scripts = ", ".join(file.name for file in sorted(path.glob("*.py"))[:3])
        note = f" ({scripts}: code in a folder is never run)" if scripts else ""
        raise BadInput(f"{path} holds no file of questions{note}; known are {', '.join(DATA)}, each also as .gz")
    _refuse_several_sets(path, files)
    if sum(file.stat().st_size for file in files) > MOST_BYTES:
        raise BadInput(too_large(path.name))
    contents = []
    for file in files:
        inside = file.relative_to(path).as_posix()
        table = tables.read(file_table.QuestionFile(inside, file.read_bytes()), headings)
        contents.append(replace(table, split=split_of_name(inside)))
    return _problem_files(contents)


def _is_data(path: Path) -> bool:
    name = path.name.lower().removesuffix(".gz")
    is_hidden = any(part.startswith(".") for part in path.parts)
    return name.endswith(DATA) and name not in BESIDE_DATA and not is_hidden


def _refuse_several_sets(path: Path, files: Sequence[Path]) -> None:
    # Each of its sets (configurations) has splits of its own.
    sets = {parts[0] for file in files if len(parts := file.relative_to(path).parts) > 1 and split_of_name(parts[-1])}
    names = sorted(name for name in sets if split_of_name(name) is None)
    if len(names) > 1:
        raise BadInput(
            f"{path} holds several sets: {', '.join(names[:6])}; give the folder of one, such as {path / names[0]}"
        )


def _problem_files(files: Sequence[FileTable]) -> list[FileTable]:
    """Join files of one row, as MATH is published: those of a split become one table, its rows numbered."""
    if len(files) < 2 or not all(
        table.name.endswith(".json") and len(table.records) == 1 and not table.bad for table in files
    ):
        return list(files)
    problems = []
    for split in dict.fromkeys(table.split for table in files):
        of_split = [table for table in files if table.split == split]
        records = tuple(FileRecord(number, table.records[0].fields) for number, table in enumerate(of_split, 1))
        sums = "".join(f"{table.sha256}  {table.name}\n" for table in of_split)
        sha256 = hashlib.sha256(sums.encode()).hexdigest()
        problems.append(FileTable(str(Path(of_split[0].name).parent), "row", records, split=split, sha256=sha256))
    return problems


def _read_saved(path: Path) -> list[FileTable]:
    import datasets
    import pyarrow as pa

    try:
        return _tables_of(path.name, datasets.load_from_disk(str(path)), {})
    except (OSError, ValueError, KeyError, TypeError, AttributeError, pa.ArrowException) as error:
        why = f"{type(error).__name__}: {first_line(error)}"
        raise BadInput(f"{path} can't be read as a folder that datasets saved ({why})") from error


def _tables_of(name: str, dataset: Any, origin: dict[str, str]) -> list[FileTable]:
    """Return a Dataset, or each of a DatasetDict's, as tables."""
    if not isinstance(dataset, dict):
        return [_dataset_table(name, dataset, None, origin)]
    splits = {key: split_of_name(key) for key in dataset}
    if unknown := [key for key, split in splits.items() if split is None]:
        raise BadInput(
            f"{name} has a split {unknown[0]}, which is none of train, validation and test; give each split by itself, "
            f"such as --train {name}/{unknown[0]}"
        )
    return [_dataset_table(f"{name}/{key}", dataset[key], split, origin) for key, split in splits.items()]


def _dataset_table(name: str, dataset: Any, split: str | None, origin: dict[str, str]) -> FileTable:
    file_table.check_row_count(name, len(dataset))
    batches = dataset.with_format("arrow").iter(batch_size=tables.BATCH)
    return FileTable(name, "row", tables.arrow_records(name, batches), split=split, origin=origin)


def split_by_names(contents: Sequence[FileTable]) -> list[FileTable]:
    """Return several tables with the splits that their names tell, where each tells one: train.csv, test.csv."""
    splits = [table.split or split_of_name(table.name) for table in contents]
    if len(splits) < 2 or None in splits:
        return list(contents)
    return [replace(table, split=split) for table, split in zip(contents, splits, strict=True)]


def describe(contents: Sequence[FileTable]) -> str:
    """Return where tables come from, as their set says it: the files' names, or the hub's and the commit."""
    origin = contents[0].origin
    if origin:
        return f"hub {origin['hub']} at {origin['commit']}"
    return ", ".join(dict.fromkeys(table.name for table in contents))[:200]


def list_files(contents: Sequence[FileTable]) -> list[tuple[str, str]]:
    """Return the files that tables come from, each by its name with its sha256; a set of the hub with its commit."""
    origin = contents[0].origin
    if origin:
        return [(f"hub {origin['hub']}", origin["commit"])]
    return [(table.name, table.sha256) for table in contents if table.sha256 is not None]


def read_hub(ref: str) -> list[FileTable]:
    """Read a set of the hub, at its main branch's commit. Raises: BadInput where the hub doesn't give it."""
    match = HUB_NAME.fullmatch(ref)
    if match is None:
        raise BadInput(f"a set on the hub is named ORG/NAME or ORG/NAME:CONFIG, not {ref!r}")
    import datasets
    from datasets.exceptions import DatasetsError
    from httpx2 import HTTPError
    from huggingface_hub import HfApi

    datasets.disable_progress_bars()
    try:
        # Fails at once where there is no network, which load_dataset tries for half a minute.
        commit = HfApi().dataset_info(match["name"], timeout=HUB_TIMEOUT).sha
        dataset = datasets.load_dataset(match["name"], match["config"], revision=commit)
        return _tables_of(ref, dataset, {"hub": ref, "commit": commit or ""})
    except (OSError, ValueError, RuntimeError, HTTPError, DatasetsError) as error:
        raise BadInput(
            f"the hub doesn't give the set: {ref} ({first_line(error)}); check the name and the network, or give files"
        ) from error
