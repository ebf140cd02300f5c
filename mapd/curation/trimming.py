"""What of the drawn pairs is left out by choice: near-duplicates, and what a task or a teacher has too many of. Pure.

trim(pairs, Trimming(near=0.9, balance=Balance("teacher", most=100)), seed=0)
-> TrimmedPairs(pairs=(…), near=(NearPair(…), …), uneven={"gpt": 40})       40 pairs with a rationale by gpt are out
"""

import random
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from mapd.curation.near_duplicates import PairTexts, check_threshold, find_near_duplicates
from mapd.errors import BadInput

BALANCED_BY = ("task", "teacher")


@dataclass(frozen=True, slots=True)
class Balance:
    """At most so many pairs of each task or teacher; without `most` as many of each as of the one with the fewest."""

    by: str
    most: int | None = None

    def __post_init__(self) -> None:
        if self.by not in BALANCED_BY:
            raise BadInput(f"pairs are balanced by {' or '.join(BALANCED_BY)}, not by {self.by}")
        if self.most is not None and self.most < 1:
            raise BadInput(f"at least 1 pair of each {self.by} is kept, not {self.most}")

    def as_dict(self) -> dict[str, Any]:
        """Return it as a manifest has it."""
        return {"by": self.by, "most": "equal" if self.most is None else self.most}


@dataclass(frozen=True, slots=True)
class Trimming:
    """What is left out by choice. `near`: pairs so like one before them. `leaks`: what dev or test holds, too."""

    near: float | None = None
    balance: Balance | None = None
    leaks: bool = False

    def __post_init__(self) -> None:
        if self.near is not None:
            check_threshold(self.near)

    def as_dict(self) -> dict[str, Any]:
        """Return it as a manifest has it. What isn't chosen isn't said, so a name stays what it always was."""
        near = {} if self.near is None else {"near_duplicates": self.near}
        return near | ({} if self.balance is None else {"balance": self.balance.as_dict()})


UNTRIMMED = Trimming()


def read_trimming(drawn_by: Mapping[str, Any]) -> Trimming:
    """Return the trimming that a manifest's draw names."""
    balance = drawn_by.get("balance")
    most = None if balance is None or balance["most"] == "equal" else balance["most"]
    return Trimming(drawn_by.get("near_duplicates"), None if balance is None else Balance(balance["by"], most))


class TrimmablePair(Protocol):
    """A pair, as far as trimming goes."""

    @property
    def pair_texts(self) -> PairTexts:
        """Return its texts."""
        ...

    @property
    def task(self) -> str:
        """Return its question's task."""
        ...

    @property
    def author(self) -> str:
        """Return who wrote its rationale, or else its feedback."""
        ...


P = TypeVar("P", bound=TrimmablePair)


@dataclass(frozen=True, slots=True)
class TrimmedPairs:
    """The pairs that stay, and those that don't. `near`: the pair, the one before that is like it, how like."""

    pairs: Sequence[Any]
    near: Sequence[tuple[Any, Any, float]] = ()
    uneven: Mapping[str, int] = field(default_factory=dict)


def list_near(pairs: Sequence[P], threshold: float) -> list[tuple[P, P, float]]:
    """Return the pairs that say nearly what one before them does: the pair, that one, how like. Raises: BadInput."""
    near = find_near_duplicates(tuple(pair.pair_texts for pair in pairs), threshold)
    return [(pairs[x.place], pairs[x.of], x.likeness) for x in near]


def trim(pairs: Sequence[P], trimming: Trimming, seed: int) -> TrimmedPairs:
    """Leave out near-duplicates, then what a task or a teacher has too many of; the order stays."""
    near: Sequence[tuple[P, P, float]] = ()
    if trimming.near is not None:
        near = list_near(pairs, trimming.near)
        dropped = {id(pair) for pair, _, _ in near}
        pairs = [pair for pair in pairs if id(pair) not in dropped]
    if trimming.balance is None:
        return TrimmedPairs(pairs, near)
    balanced, uneven = balance_pairs(pairs, trimming.balance, seed)
    return TrimmedPairs(balanced, near, uneven)


def balance_pairs(pairs: Sequence[P], balance: Balance, seed: int) -> tuple[list[P], dict[str, int]]:
    """Return the balanced pairs, and how many of each group are out."""
    group_of: Callable[[P], str] = (lambda pair: pair.task) if balance.by == "task" else (lambda pair: pair.author)
    groups: dict[str, list[int]] = defaultdict(list)
    for place, pair in enumerate(pairs):
        groups[group_of(pair)].append(place)
    most = balance.most or min(map(len, groups.values()), default=0)
    # Each group has its own draw: one more pair of another moves none of it.
    places = {
        place
        for group, of_group in groups.items()
        for place in random.Random(f"{seed} balance {group}").sample(of_group, min(most, len(of_group)))
    }
    uneven = {group: len(groups[group]) - most for group in sorted(groups) if len(groups[group]) > most}
    return [pair for place, pair in enumerate(pairs) if place in places], uneven
