"""A folder that `datasets.load_dataset` takes: Parquet, a card, and the snapshot's manifest.

README.md                             the card: what this is, how to load and train, what was kept, terms to check
data/train-9b41….parquet              what is taught, a row a text
preference/train-07c2….parquet        accepted against rejected rationales, where there are any
manifest.json                         its sha256 is the snapshot's name

The names hold the beginning of the file's sha256: `datasets` knows a folder again by its own name and those of the
files in its card, wherever it lies, and would give the rows that it read from another folder before.
"""

from collections.abc import Callable
from pathlib import Path

from mapd.exchange.files import sha256_of
from mapd.exchange.training import card, parquet
from mapd.exchange.training.format import TrainingFormat, TrainingSource, count_preferences, count_texts
from mapd.exchange.training.rows import distinct_preferences
from mapd.store.snapshots import manifest_text

TAUGHT, PREFERENCE = "data", "preference"
# Letters of a file's sha256 in its name.
SHORT_SHA256 = 12


def write(path: Path, source: TrainingSource) -> int:
    """Write the snapshot; return the number of rows."""
    path.mkdir()
    names = {}
    names["default"], count = _write_part(path / TAUGHT, lambda file: parquet.write(file, source))
    if count_preferences(source.manifest):
        rows = map(parquet.as_preference, distinct_preferences(source.named_pairs(), source.shots))
        names["preference"], number = _write_part(
            path / PREFERENCE, lambda file: parquet.write_rows(file, parquet.OF_PREFERENCE, rows)
        )
        count += number
    # This is the very text whose sha256 names the snapshot, so anybody can check it.
    (path / "manifest.json").write_text(manifest_text(dict(source.manifest)), encoding="utf-8")
    (path / "README.md").write_text(card.write(source, names), encoding="utf-8")
    return count


def _write_part(folder: Path, write_file: Callable[[Path], int]) -> tuple[str, int]:
    """Write the file of a part; return its name in the whole, and the number of its rows."""
    folder.mkdir()
    # The name holds a sum that is known only when the last row is written.
    unnamed = folder / "unnamed.parquet"
    count = write_file(unnamed)
    file = unnamed.rename(folder / f"train-{sha256_of(unnamed)[:SHORT_SHA256]}.parquet")
    return f"{folder.name}/{file.name}", count


DATASETS = TrainingFormat(
    "datasets",
    "a folder that datasets.load_dataset takes, with a data set card",
    "",
    write,
    count=lambda manifest: count_texts(manifest) + count_preferences(manifest),
)
