"""What each person did in an exam, and how far one can go by it: speed, agreement, drift. Pure.

    record = records(curated)[0]
    record.agreement                 -> Share(9, 12): of 12 texts that an adjudicator decided, 9 as this person had
    measure_agreement(curated)     -> [Agreement(("ann", "bob"), agree=Share(38, 45), kappa=Measurement(45, …), …)]

A text counts once for a person, by their first verdict on it that still stands (curation/text_verdicts.py). Agreement
between two people is measured on texts that both judged before anything was revealed to them.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from mapd.curation import agreement
from mapd.curation.agreement import Agreement, Moment
from mapd.curation.curated import Curated
from mapd.curation.reviewer_stats import Share
from mapd.curation.text_verdicts import TextKey, TextVerdict, group_by_text, list_verdicts
from mapd.domain import Act, JudgementRow
from mapd.judgements import ADJUDICATOR, ANNOTATOR, VERDICT, drop_undone, pick_latest
from mapd.review.queues import waits_for

# The queues under which injected cards are judged, beside that of text_verdicts.py (review/practice.py).
CHECK, REPEAT = "check", "repeat"


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


def records(curated: Curated) -> list[AnnotatorRecord]:
    """Return everybody's record, who judged most first."""
    verdicts_of = list_verdicts(curated.judgements)
    practised = list_verdicts(curated.judgements, practice=True)
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


def find_adjudications(rows: Sequence[JudgementRow]) -> dict[TextKey, JudgementRow]:
    """Return the adjudicator's judgement in force of each text that has one."""
    last_word_of = {}
    for text, of_text in group_by_text(rows).items():
        by_id = {row.judged.id: row for row in of_text}
        for j in pick_latest((row.judged for row in of_text), VERDICT):
            if j.role == ADJUDICATOR:
                last_word_of[text] = by_id[j.id]
    return last_word_of


def _measure_repeats(rows: Sequence[JudgementRow]) -> dict[str, Share]:
    same: dict[str, list[bool]] = defaultdict(list)
    for of_text in group_by_text(rows).values():
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
    questions = {(x.text.kind, x.text.id): x.text.question_id for x in curated.texts}
    # Only verdicts given before the reveal are independent of the committee's.
    return agreement.compare_people(list_verdicts(curated.judgements), questions, Moment.BEFORE)


def measure_progress(curated: Curated) -> Share:
    """Return the share of the rationales that wait for nobody's judgement any more."""
    texts = list(curated.rationales)
    return Share(sum(not waits_for(x, "", curated.exam.judgements_per_text) for x in texts), len(texts))
