"""What a format is: its name, and how a snapshot is written in it.

MESSAGES.write(Path("place"), source)        -> 730, the rows that it wrote
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mapd.exchange.training.pairs import FrozenPair
from mapd.exchange.training.rows import FEEDBACK, RATIONALE, TaughtRow, taught_rows
from mapd.store.snapshots import count_kind

# Letters of a snapshot's name that the names of its pairs begin with.
SHORT_NAME = 12


@dataclass(frozen=True, slots=True)
class Origin:
    """What a snapshot's own manifest doesn't say of where it comes from.

    `questions_sources`: the files or the repositories that the questions came from. `prompts`: texts by their sha256.
    """

    questions_sources: tuple[str, ...] = ()
    prompts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TrainingSource:
    """A snapshot as formats read it. Its pairs come one by one, and each iteration begins at the first.

    `shots`: worked examples that stand before each question, as its student is asked.
    """

    sha256: str
    manifest: Mapping[str, Any]
    pairs: Iterable[FrozenPair]
    shots: int = 0
    origin: Origin = Origin()

    def named_pairs(self) -> Iterator[tuple[str, FrozenPair]]:
        """Yield each pair with its name: the snapshot's, and its number in it."""
        # A mistake may have several pairs, so its uid can't name them.
        for number, pair in enumerate(self.pairs, 1):
            yield f"{self.sha256[:SHORT_NAME]}-{number}", pair

    def rows(self) -> Iterator[TaughtRow]:
        """Yield the rows that are taught: each pair's rationale, then its feedback, as far as it has them."""
        for name, pair in self.named_pairs():
            yield from taught_rows(pair, name, self.shots)


def count_texts(manifest: Mapping[str, Any]) -> int:
    """Return how many rows a snapshot has in a format with a row a text."""
    return sum(count_kind(manifest, kind) for kind in (RATIONALE, FEEDBACK))


def count_preferences(manifest: Mapping[str, Any]) -> int:
    """Return how many rows a snapshot has in a format with a row a preference."""
    return int(manifest["counts"]["preferences"])


@dataclass(frozen=True, slots=True)
class TrainingFormat:
    """A way to write a snapshot. `ending`: of the file's name; empty where it is a folder. `note`: what to mind."""

    name: str
    purpose: str
    ending: str
    write: Callable[[Path, TrainingSource], int]
    count: Callable[[Mapping[str, Any]], int] = count_texts
    note: str = ""
