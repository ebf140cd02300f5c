"""What each person did in an exam, and how far one can go by it: speed, agreement, drift. Pure.

    record = records(curated)[0]
    record.agreement                 -> Share(9, 12): of 12 texts that an adjudicator decided, 9 as this person had
    measure_agreement(curated)       -> [Agreement("ann", "bob", n=45, agree=38, kappa=0.66)]

A text counts once for a person, by their first verdict on it that still stands: they gave later ones after they had
seen the committee's. Agreement between two people is measured on texts that both judged before anything was
revealed to them, and corrected for what chance alone gives (Cohen's kappa).
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations
from statistics import median

from mapd.curation.curated import Curated
from mapd.curation.reviewer_stats import Share
from mapd.domain import Act, JudgementRow
from mapd.judgements import ADJUDICATOR, ANNOTATOR, VERDICT, drop_undone, pick_latest
from mapd.review.queues import waits_for
from mapd.statistics import kappa

# The queues under which injected cards are judged (review/practice.py).
PRACTICE, CHECK, REPEAT = "practice", "check", "repeat"
FEW = 30  # texts: a share of fewer says little
TextKey = tuple[str, int]  # kind, id


@dataclass(frozen=True, slots=True)
class TextVerdict:
    """A person's first standing verdict on a text."""

    text: TextKey
    accepts: bool
    reason: str | None
    seconds: float | None
    at: datetime
    first: bool  # judged before anything was revealed


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of a person's verdicts, one after the other."""

    accepted: Share
    seconds: float | None  # the median
    agreement: Share  # with the adjudicator, who is somebody else


@dataclass(frozen=True, slots=True)
class AnnotatorRecord:
    """What one person did in an exam."""

    person: str
    words: tuple[TextVerdict, ...]  # oldest first
    total: Period
    halves: tuple[Period, Period]
    overruled: tuple[TextKey, ...]  # where the adjudicator decided otherwise
    # Texts on which this person has the last word.
    adjudicated: int
    reasons: tuple[tuple[str, int], ...]  # the most frequent first
    # Practice texts that the person judged as the adjudicator had explained.
    practised: Share
    # Texts that the person judged again with the same verdict.
    repeated: Share

    @property
    def judged_first(self) -> int:
        """Count the texts judged before anything was revealed."""
        return sum(word.first for word in self.words)


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two people on the texts that both judged first. No kappa where one of them always said the same as chance."""

    first: str
    second: str
    n: int
    agree: int
    kappa: float | None


def records(curated: Curated) -> list[AnnotatorRecord]:
    """Return everybody's record, who judged most first."""
    verdicts_of = _verdicts_by_person(curated.judgements)
    practised = _verdicts_by_person(curated.judgements, practice=True)
    repeated = _measure_repeats(curated.judgements)
    last = {
        text: (row.judged.person, row.judged.decision is Act.ACCEPT)
        for text, row in find_adjudications(curated.judgements).items()
    }
    adjudicators = Counter(who for who, _ in last.values())
    everybody = sorted({*verdicts_of, *practised, *adjudicators})
    annotators = [
        _record(who, verdicts_of.get(who, []), practised.get(who, []), repeated[who], last, adjudicators[who])
        for who in everybody
    ]
    return sorted(annotators, key=lambda r: -len(r.words))


def _group_by_text(rows: Sequence[JudgementRow]) -> dict[TextKey, list[JudgementRow]]:
    rows_of: dict[TextKey, list[JudgementRow]] = defaultdict(list)
    for row in rows:
        if row.target in ("rationale", "feedback"):
            rows_of[row.target, row.target_id].append(row)
    return rows_of


def _verdicts_by_person(rows: Sequence[JudgementRow], *, practice: bool = False) -> dict[str, list[TextVerdict]]:
    """Return each person's standing verdicts, oldest first; those on practice texts apart."""
    verdicts_of: dict[str, list[TextVerdict]] = defaultdict(list)
    for text, of_text in _group_by_text(rows).items():
        judged = [row.judged for row in of_text]
        annotators = {j.person for j in pick_latest(judged, VERDICT) if j.role == ANNOTATOR}
        ids_in_force = {j.id for j in drop_undone(judged)}
        firsts: dict[str, JudgementRow] = {}
        for row in of_text:
            is_verdict = row.judged.decision in (Act.ACCEPT, Act.REJECT) and row.judged.role == ANNOTATOR
            counts = (row.queue == PRACTICE) is practice and row.judged.id in ids_in_force
            if is_verdict and counts and row.judged.person in annotators:
                # The rows come oldest first, so the first verdict that stands is the one that counts.
                firsts.setdefault(row.judged.person, row)
        for person, row in firsts.items():
            accepts = row.judged.decision is Act.ACCEPT
            verdicts_of[person].append(
                TextVerdict(text, accepts, row.judged.reason, row.seconds, row.created_at, first=not row.revealed)
            )
    return {person: sorted(words, key=lambda w: w.at) for person, words in verdicts_of.items()}


def find_adjudications(rows: Sequence[JudgementRow]) -> dict[TextKey, JudgementRow]:
    """Return the adjudicator's judgement in force of each text that has one."""
    last_word_of = {}
    for text, of_text in _group_by_text(rows).items():
        by_id = {row.judged.id: row for row in of_text}
        for j in pick_latest((row.judged for row in of_text), VERDICT):
            if j.role == ADJUDICATOR:
                last_word_of[text] = by_id[j.id]
    return last_word_of


def _measure_repeats(rows: Sequence[JudgementRow]) -> dict[str, Share]:
    same: dict[str, list[bool]] = defaultdict(list)
    for of_text in _group_by_text(rows).values():
        ids_in_force = {j.id for j in drop_undone(row.judged for row in of_text)}
        earlier: dict[str, Act] = {}
        for row in of_text:
            j = row.judged
            if j.id in ids_in_force and j.role == ANNOTATOR and j.decision in (Act.ACCEPT, Act.REJECT):
                # The rows come oldest first: `earlier` holds the verdict that the repeat is compared with.
                if row.queue == REPEAT and j.person in earlier:
                    same[j.person].append(earlier[j.person] is j.decision)
                earlier[j.person] = j.decision
    shares = {who: Share(sum(agreements), len(agreements)) for who, agreements in same.items()}
    return defaultdict(lambda: Share(0, 0), shares)


def _record(
    person: str,
    words: list[TextVerdict],
    practised: list[TextVerdict],
    repeated: Share,
    last: dict[TextKey, tuple[str, bool]],
    adjudicated: int,
) -> AnnotatorRecord:
    reference = {text: accepts for text, (who, accepts) in last.items() if who != person}
    middle = (len(words) + 1) // 2
    reasons = Counter(word.reason for word in words if word.reason)
    return AnnotatorRecord(
        person=person,
        words=tuple(words),
        total=_measure(words, reference),
        halves=(_measure(words[:middle], reference), _measure(words[middle:], reference)),
        overruled=tuple(w.text for w in words if reference.get(w.text, w.accepts) is not w.accepts),
        adjudicated=adjudicated,
        reasons=tuple(reasons.most_common()),
        practised=_measure(practised, reference).agreement,
        repeated=repeated,
    )


def _measure(words: Sequence[TextVerdict], reference: dict[TextKey, bool]) -> Period:
    seconds = [word.seconds for word in words if word.seconds is not None]
    agreements = [word.accepts is reference[word.text] for word in words if word.text in reference]
    return Period(
        accepted=Share(sum(word.accepts for word in words), len(words)),
        seconds=median(seconds) if seconds else None,
        agreement=Share(sum(agreements), len(agreements)),
    )


def measure_agreement(curated: Curated) -> list[Agreement]:
    """Compare every two people who judged the same texts first, those with the most such texts at the top."""
    verdicts_of = _verdicts_by_person(curated.judgements)
    # Only verdicts given before the reveal are independent of the committee's.
    blind = {who: {w.text: w.accepts for w in words if w.first} for who, words in sorted(verdicts_of.items())}
    agreements = []
    for first, second in combinations(blind, 2):
        both = [(accepts, blind[second][text]) for text, accepts in blind[first].items() if text in blind[second]]
        agreements.append(Agreement(first, second, len(both), sum(a is b for a, b in both), kappa(both)))
    return sorted((pair for pair in agreements if pair.n), key=lambda pair: -pair.n)


def measure_progress(curated: Curated) -> Share:
    """Return the share of the rationales that wait for nobody's judgement any more."""
    texts = list(curated.rationales)
    return Share(sum(not waits_for(x, "", curated.exam.judgements_per_text) for x in texts), len(texts))
