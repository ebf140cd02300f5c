"""What each person did in an exam, and how far one can go by it: speed, agreement, drift. Pure.

    record = records(curated)[0]
    record.agreement                 -> Share(9, 12): of 12 texts that an adjudicator decided, 9 as this person had
    pairs(curated)                   -> [Pair("ann", "bob", n=45, agree=38, kappa=0.66)]

A text counts once for a person, by the first word on it that still stands: what they said later, they said after they
had seen the committee's verdict. Agreement between two people is measured on texts that both judged before anything was
revealed to them, and corrected for what chance alone gives (Cohen's kappa).
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations
from statistics import median

from mapd.curation.curated import Curated
from mapd.curation.queues import wants
from mapd.curation.reviewing import Share
from mapd.store.queries import JudgementRow
from mapd.verdicts import ADJUDICATOR, ANNOTATOR, VERDICT, Act, heard, in_force

PRACTICE, CHECK, REPEAT = "practice", "check", "repeat"  # the queues of what is dealt beside them (review/practice.py)
FEW = 30  # texts: a share of fewer says little
TextKey = tuple[str, int]  # kind, id


@dataclass(frozen=True, slots=True)
class Word:
    """A person's first standing word on a text."""

    text: TextKey
    accepts: bool
    reason: str | None
    seconds: float | None
    at: datetime
    first: bool  # judged before anything was revealed


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some of a person's words, one after the other."""

    accepted: Share
    seconds: float | None  # the median
    agreement: Share  # with the adjudicator, who is somebody else


@dataclass(frozen=True, slots=True)
class Record:
    """One person's."""

    person: str
    words: tuple[Word, ...]  # oldest first
    whole: Stretch
    halves: tuple[Stretch, Stretch]
    otherwise: tuple[TextKey, ...]  # where the adjudicator decided otherwise
    adjudicated: int  # texts on which this person has the last word
    reasons: tuple[tuple[str, int], ...]  # the most frequent first
    practised: Share  # on practice texts, as the adjudicator had explained them
    repeated: Share  # of own texts judged again, the same as before

    @property
    def judged_first(self) -> int:
        """Texts judged before anything was revealed."""
        return sum(word.first for word in self.words)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two people on the texts that both judged first. No kappa where one of them always said the same as chance."""

    one: str
    other: str
    n: int
    agree: int
    kappa: float | None


def records(curated: Curated) -> list[Record]:
    """Everybody's, who judged most first."""
    said, practised = _said(curated.judgements), _said(curated.judgements, practice=True)
    again = _repeated(curated.judgements)
    last = {
        text: (row.judged.person, row.judged.decision is Act.ACCEPT)
        for text, row in last_words(curated.judgements).items()
    }
    adjudicators = Counter(who for who, _ in last.values())
    everybody = sorted({*said, *practised, *adjudicators})
    found = [
        _record(who, said.get(who, []), practised.get(who, []), again[who], last, adjudicators[who])
        for who in everybody
    ]
    return sorted(found, key=lambda r: -len(r.words))


def _by_text(rows: Sequence[JudgementRow]) -> dict[TextKey, list[JudgementRow]]:
    found: dict[TextKey, list[JudgementRow]] = defaultdict(list)
    for row in rows:
        if row.target in ("rationale", "feedback"):
            found[row.target, row.target_id].append(row)
    return found


def _said(rows: Sequence[JudgementRow], *, practice: bool = False) -> dict[str, list[Word]]:
    """By person their words, oldest first; those of practice by themselves. What was withdrawn is no word any more."""
    found: dict[str, list[Word]] = defaultdict(list)
    for text, of_text in _by_text(rows).items():
        judged = [row.judged for row in of_text]
        speaking = {j.person for j in heard(judged, VERDICT) if j.role == ANNOTATOR}
        standing = {j.id for j in in_force(judged)}
        firsts: dict[str, JudgementRow] = {}
        for row in of_text:
            verdict = row.judged.decision in (Act.ACCEPT, Act.REJECT) and row.judged.role == ANNOTATOR
            counts = (row.queue == PRACTICE) is practice and row.judged.id in standing
            if verdict and counts and row.judged.person in speaking:
                firsts.setdefault(row.judged.person, row)
        for person, row in firsts.items():
            accepts = row.judged.decision is Act.ACCEPT
            found[person].append(
                Word(text, accepts, row.judged.reason, row.seconds, row.created_at, first=not row.revealed)
            )
    return {person: sorted(words, key=lambda w: w.at) for person, words in found.items()}


def last_words(rows: Sequence[JudgementRow]) -> dict[TextKey, JudgementRow]:
    """By text the adjudicator's word that stands."""
    found = {}
    for text, of_text in _by_text(rows).items():
        by_id = {row.judged.id: row for row in of_text}
        for j in heard((row.judged for row in of_text), VERDICT):
            if j.role == ADJUDICATOR:
                found[text] = by_id[j.id]
    return found


def _repeated(rows: Sequence[JudgementRow]) -> dict[str, Share]:
    """By person how many of the texts that they judged again they judged as before."""
    same: dict[str, list[bool]] = defaultdict(list)
    for of_text in _by_text(rows).values():
        standing = {j.id for j in in_force(row.judged for row in of_text)}
        before: dict[str, Act] = {}
        for row in of_text:
            j = row.judged
            if j.id in standing and j.role == ANNOTATOR and j.decision in (Act.ACCEPT, Act.REJECT):
                if row.queue == REPEAT and j.person in before:
                    same[j.person].append(before[j.person] is j.decision)
                before[j.person] = j.decision
    return defaultdict(lambda: Share(0, 0), {who: Share(sum(found), len(found)) for who, found in same.items()})


def _record(
    person: str,
    words: list[Word],
    practised: list[Word],
    repeated: Share,
    last: dict[TextKey, tuple[str, bool]],
    adjudicated: int,
) -> Record:
    theirs = {text: accepts for text, (who, accepts) in last.items() if who != person}
    middle = (len(words) + 1) // 2
    reasons = Counter(word.reason for word in words if word.reason)
    return Record(
        person=person,
        words=tuple(words),
        whole=_stretch(words, theirs),
        halves=(_stretch(words[:middle], theirs), _stretch(words[middle:], theirs)),
        otherwise=tuple(w.text for w in words if theirs.get(w.text, w.accepts) is not w.accepts),
        adjudicated=adjudicated,
        reasons=tuple(reasons.most_common()),
        practised=_stretch(practised, theirs).agreement,
        repeated=repeated,
    )


def _stretch(words: Sequence[Word], theirs: dict[TextKey, bool]) -> Stretch:
    seconds = [word.seconds for word in words if word.seconds is not None]
    settled = [word.accepts is theirs[word.text] for word in words if word.text in theirs]
    return Stretch(
        accepted=Share(sum(word.accepts for word in words), len(words)),
        seconds=median(seconds) if seconds else None,
        agreement=Share(sum(settled), len(settled)),
    )


def pairs(curated: Curated) -> list[Pair]:
    """Every two people who judged the same texts first, those with the most such texts at the top."""
    said = _said(curated.judgements)
    blind = {who: {w.text: w.accepts for w in words if w.first} for who, words in sorted(said.items())}
    found = [_pair(one, other, blind[one], blind[other]) for one, other in combinations(blind, 2)]
    return sorted((pair for pair in found if pair.n), key=lambda pair: -pair.n)


def _pair(one: str, other: str, ones: dict[TextKey, bool], others: dict[TextKey, bool]) -> Pair:
    both = [(ones[text], others[text]) for text in ones if text in others]
    return Pair(one, other, len(both), sum(a is b for a, b in both), kappa(both))


def kappa(both: Sequence[tuple[bool, bool]]) -> float | None:
    """Cohen's kappa: 1 is full agreement, 0 what chance alone gives; None where chance alone gives full agreement."""
    n = len(both)
    if not n:
        return None
    agree = sum(a is b for a, b in both) / n
    one, other = sum(a for a, _ in both) / n, sum(b for _, b in both) / n
    by_chance = one * other + (1 - one) * (1 - other)
    return None if by_chance == 1 else (agree - by_chance) / (1 - by_chance)


def done(curated: Curated) -> Share:
    """Of the rationales, those that nobody else's judgement is wanted for."""
    texts = list(curated.rationales)
    return Share(sum(not wants(x, "", curated.exam.judgements_per_text) for x in texts), len(texts))
