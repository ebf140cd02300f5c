"""A folder that `datasets.load_dataset` takes: Parquet, a card, and the snapshot's manifest.

README.md                        the card: what this is, how to load and train, what was kept, terms to check
data/train.parquet               what is taught, two rows a pair
preference/train.parquet         accepted against rejected rationales, where there are any
manifest.json                    its sha256 is the snapshot's name
"""

from pathlib import Path

from mapd.exchange.training import card, parquet
from mapd.exchange.training.format import TrainingFormat, TrainingSource, count_preferences, count_texts
from mapd.exchange.training.rows import distinct_preferences
from mapd.store.snapshots import manifest_text

TAUGHT, PREFERENCE = "data/train.parquet", "preference/train.parquet"


def write(path: Path, source: TrainingSource) -> int:
    """Write the snapshot; return the number of rows."""
    path.mkdir()
    (path / TAUGHT).parent.mkdir()
    count = parquet.write(path / TAUGHT, source)
    files = {"default": TAUGHT}
    if count_preferences(source.manifest):
        files["preference"] = PREFERENCE
        (path / PREFERENCE).parent.mkdir()
        preferences = distinct_preferences(source.named_pairs(), source.shots)
        rows = map(parquet.as_preference, preferences)
        count += parquet.write_rows(path / PREFERENCE, parquet.OF_PREFERENCE, rows)
    (path / "manifest.json").write_text(manifest_text(dict(source.manifest)), encoding="utf-8")
    (path / "README.md").write_text(card.write(source, files), encoding="utf-8")
    return count


DATASETS = TrainingFormat(
    "datasets",
    "a folder that datasets.load_dataset takes, with a data set card",
    "",
    write,
    count=lambda manifest: count_texts(manifest) + count_preferences(manifest),
)
