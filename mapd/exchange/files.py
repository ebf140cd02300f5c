"""Files that an export writes: each appears under its name whole, or not at all.

    with whole(Path("rows.jsonl")) as place:       # .rows.jsonl.4711, beside it
        place.write_text(…)
    sha256_of(Path("rows.jsonl"))                  -> "3f…"; of a folder that of its files' names and sums

Nothing that is there is written over: a name that is taken is refused, but where a caller says that it replaces.
"""

import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mapd.characters import as_json
from mapd.errors import BadInput


@contextmanager
def whole(path: Path, *, replaces: bool = False) -> Iterator[Path]:
    """Yield the place at which to write the file, or to make the folder, that `path` is to be.

    With `replaces` a file that is there makes way for the new one at the end, in one step.

    Raises: BadInput where `path` is there, or can't be written.
    """
    # exists() follows a link, and says no of one that leads nowhere.
    if not replaces and (path.exists() or path.is_symlink()):
        raise BadInput(f"there is {path} already, and an export writes over nothing: give another name, or remove it")
    # It lies beside the file, for a rename within one file system is a single step.
    temporary = path.parent / f".{path.name}.{os.getpid()}"
    try:
        yield temporary
        temporary.replace(path)
    except OSError as error:
        raise BadInput(f"the export can't be written to {path} ({error.strerror}); choose another place") from error
    finally:
        # The place is a folder or a file; after the rename it is neither.
        shutil.rmtree(temporary, ignore_errors=True)
        if temporary.is_file():
            temporary.unlink()


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file; of a folder that of a list of its files, as `sha256sum` writes one."""
    if path.is_dir():
        # Each file system lists files in an order of its own.
        files = sorted(file for file in path.rglob("*") if file.is_file())
        sums = "".join(f"{sha256_of(file)}  {file.relative_to(path).as_posix()}\n" for file in files)
        return hashlib.sha256(sums.encode()).hexdigest()
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> int:
    """Write rows as JSON Lines; return their number."""
    count = 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for row in rows:
            file.write(as_json(row) + "\n")
            count += 1
    return count
