"""The rows of a set of questions, as they will be stored. Pure.

    QuestionRow("chal-1", "train", Task.NUMERIC, "Each pack of dvds costs 76 dollars. …", "51", family="Subtraction")
    draw(["pens"] * 10, (0.6, 0.2, 0.2), seed=0)    -> six times "train", twice "dev", twice "test", in some order

The gold answer of a choice question is the letter of its option.
"""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from mapd.answers.grading import Task
from mapd.errors import BadInput, BadUsage

SPLITS = ("train", "dev", "test")
SPLIT_WORDS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("dev", "val", "valid", "validation", "eval"), "dev"),
    **dict.fromkeys(("test", "testing"), "test"),
}
Shares = tuple[float, float, float]  # of train, dev and test; together 1
SHARES: Shares = (0.6, 0.2, 0.2)
# Characters of an id or a name: PostgreSQL indexes no key much longer.
LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class QuestionRow:
    """A question as it will be stored. A set's name is the sha256 of its rows, so every field counts."""

    source_id: str
    split: str
    task: Task
    text: str
    gold: str
    family: str | None = None
    context: str | None = None
    options: tuple[str, ...] = ()
    gold_note: str | None = None


def split_of_name(name: str) -> str | None:
    """Return the split that a file's or a split's name says: "data/validation-00000-of-00001.parquet" -> "dev"."""
    for part in reversed(name.lower().split("/")):
        splits = {SPLIT_WORDS[word] for word in re.split(r"[^a-z]+", part) if word in SPLIT_WORDS}
        if splits:
            return splits.pop() if len(splits) == 1 else None
    return None


def parse_shares(text: str) -> Shares:
    """Read shares as they are written: "0.6,0.2,0.2". Raises: BadUsage."""
    try:
        train, dev, test = map(float, text.split(","))
    except ValueError as error:
        raise BadUsage(f"--shares are three numbers such as 0.6,0.2,0.2, not {text}") from error
    return train, dev, test


def draw(families: Sequence[str], shares: Shares, seed: int) -> list[str]:
    """Draw a split for each row, each family alike, by the seed. Raises: BadInput for shares that aren't parts of 1."""
    if min(shares) < 0 or not abs(sum(shares) - 1) < 1e-6:
        raise BadInput(f"--shares are three parts of 1 for train, dev and test, not {','.join(map(str, shares))}")
    places: dict[str, list[int]] = {}
    for place, family in enumerate(families):
        places.setdefault(family, []).append(place)
    splits = [SPLITS[0]] * len(families)
    dev_share = shares[1] / (shares[1] + shares[2]) if shares[1] + shares[2] else 0.0
    # What rounding leaves over in one family is carried on to the next, so that the splits have the sizes that are
    # asked for, whatever the families' sizes.
    places_before = remaining_before = 0
    for family, members in places.items():
        random.Random(f"{seed} {family}").shuffle(members)
        train = round((places_before + len(members)) * shares[0]) - round(places_before * shares[0])
        remaining = len(members) - train
        dev = round((remaining_before + remaining) * dev_share) - round(remaining_before * dev_share)
        places_before, remaining_before = places_before + len(members), remaining_before + remaining
        for rank, place in enumerate(members):
            splits[place] = SPLITS[(rank >= train) + (rank >= train + dev)]
    return splits


class Wording(Protocol):
    """A question, as far as its words go."""

    @property
    def context(self) -> str | None:
        """Return what stands before it."""
        ...

    @property
    def text(self) -> str:
        """Return what it asks."""
        ...

    @property
    def options(self) -> Sequence[str]:
        """Return what there is to choose from."""
        ...


def question_key(row: Wording) -> tuple[str, ...]:
    """Return what two rows must not share: context, text and options, however they are spaced."""
    return wording_key(row.context, row.text, row.options)


def wording_key(context: str | None, text: str, options: Sequence[str]) -> tuple[str, ...]:
    """Return the same of a question that is no row."""
    return tuple(" ".join(part.split()) for part in (context or "", text, *options))
