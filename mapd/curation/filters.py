"""Which explanations of a curated set somebody looks at, and in what order. Pure: a curated set and a filter in.

find(curated, Filter(verdict=Verdict.ACCEPTED, checks={Check.MATCHES_GOLD: State.FAILS}), Order.LOWEST)
-> the accepted rationales that end in a wrong answer, the lowest mean first
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from mapd.checks import State
from mapd.curation.curated import Curated, Explained, Mistake
from mapd.curation.queues import DISAGREE, doubt
from mapd.verdicts import Check, Verdict


class Kind(StrEnum):
    """What one row is."""

    RATIONALES = "rationales"
    FEEDBACK = "feedback"
    MISTAKES = "mistakes"


class People(StrEnum):
    """What people said of a text."""

    NOT_JUDGED = "not judged"
    JUDGED = "judged"
    OVERRIDDEN = "overridden"
    CONFLICT = "conflict"


class Pair(StrEnum):
    """Whether a mistake gives a training pair, and if not, why."""

    YES = "yes"
    NO_FEEDBACK = "no feedback stands"
    NOT_COVERED = "not covered"


class Order(StrEnum):
    """The order of the rows; ties keep the order of the questions."""

    QUESTION = "question order"
    DOUBT = "most doubtful"
    LOWEST = "lowest mean"
    HIGHEST = "highest mean"


@dataclass(frozen=True, slots=True)
class Filter:
    """What a text has to be; nothing given, every text fits. A mistake fits if one of its rationales does."""

    kind: Kind = Kind.RATIONALES
    teacher: str | None = None
    verdict: Verdict | None = None
    checks: Mapping[Check, State] = field(default_factory=dict)
    people: People | None = None
    disagree: bool = False
    pair: Pair | None = None
    contains: str = ""

    @property
    def about_texts(self) -> bool:
        """Whether it asks anything that only a text can answer."""
        return bool(self.teacher or self.verdict or self.checks or self.people or self.disagree)


@dataclass(frozen=True, slots=True)
class Found:
    """One row: a mistake and the text to read of it (none where nobody has explained the mistake)."""

    mistake: Mistake
    text: Explained | None


def find(curated: Curated, wanted: Filter, order: Order = Order.QUESTION) -> list[Found]:
    """The rows that fit, in order. A mistake's row leads with the text that stands first among those that fit."""
    key = _sort_key(order)
    leads = key or _by_doubt
    found: list[Found] = []
    for mistake in curated.mistakes:
        if wanted.pair not in (None, pair_of(mistake)):
            continue
        texts = mistake.feedback if wanted.kind is Kind.FEEDBACK else mistake.rationales
        fitting = [x for x in texts if fits(mistake, x, wanted)]
        if wanted.kind is not Kind.MISTAKES:
            found += [Found(mistake, x) for x in fitting]
        elif fitting:
            found.append(Found(mistake, min(fitting, key=leads)))
        elif not wanted.about_texts and _contains(_own_words(mistake), wanted.contains):
            found.append(Found(mistake, None))
    if key is None:
        return found
    unexplained = [row for row in found if row.text is None]
    return sorted((row for row in found if row.text is not None), key=lambda row: key(row.text)) + unexplained


def pair_of(mistake: Mistake) -> Pair:
    """Whether the mistake gives a training pair."""
    if not mistake.covered:
        return Pair.NOT_COVERED
    return Pair.YES if mistake.feedback_stands else Pair.NO_FEEDBACK


def fits(mistake: Mistake, x: Explained, wanted: Filter) -> bool:
    """Whether the text fits; its question's words (and for a mistake the student's) count as its own."""
    return (
        wanted.teacher in (None, x.text.teacher)
        and wanted.verdict in (None, x.verdict)
        and all(getattr(x.states, check) is state for check, state in wanted.checks.items())
        and (wanted.people is None or _SAID[wanted.people](x))
        and (not wanted.disagree or x.spread >= DISAGREE)
        and _contains((x.text.text, *_own_words(mistake)), wanted.contains)
    )


_SAID: Mapping[People, Callable[[Explained], bool]] = {
    People.NOT_JUDGED: lambda x: not x.judged,
    People.JUDGED: lambda x: x.judged,
    People.OVERRIDDEN: lambda x: x.overridden,
    People.CONFLICT: lambda x: x.people.conflict,
}


def _own_words(mistake: Mistake) -> tuple[str, ...]:
    return mistake.question.text, mistake.question.context or "", mistake.attempt.text


def _contains(texts: Iterable[str], words: str) -> bool:
    wanted = words.strip().casefold()
    return not wanted or any(wanted in text.casefold() for text in texts)


def _by_doubt(x: Any) -> float:
    return -doubt(x)


def _sort_key(order: Order) -> Callable[[Any], Any] | None:
    if order is Order.DOUBT:
        return _by_doubt
    if order is Order.LOWEST:
        return lambda x: (x.committee.mean is None, x.committee.mean or 0)
    if order is Order.HIGHEST:
        return lambda x: (x.committee.mean is None, -(x.committee.mean or 0))
    return None
