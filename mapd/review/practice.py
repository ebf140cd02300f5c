"""Which texts a person is dealt beside the queue: practice first, now and then a hidden check or a repeat. Pure.

    list_candidates("practice", own_rows, adjudications, "ann")   -> texts that an adjudicator decided and explained
    list_candidates("check", own_rows, adjudications, "ann")      -> texts that an adjudicator decided
    list_candidates("repeat", own_rows, adjudications, "ann")     -> texts that ann judged a while ago

Each is off unless the exam wants it. When one is due is for quality_control.py to say. What is judged so has the word
as its queue. A check changes nothing of what counts: the adjudicator's judgement stands above it.
"""

from collections.abc import Iterable, Sequence, Set

from mapd.curation.curated import Mistake
from mapd.curation.decided_texts import DecidedText
from mapd.curation.text_verdicts import PRACTICE, TextKey
from mapd.domain import Act, ExamInfo, JudgementRow
from mapd.judgements import ANNOTATOR, drop_undone
from mapd.review.annotators import CHECK, REPEAT, find_adjudications
from mapd.review.queues import draw_lot, find_closed_targets

# Texts at least between a verdict and its repeat.
GAP = 10


def is_enabled(exam: ExamInfo) -> bool:
    """Return whether the exam wants practice, checks or repeats."""
    return exam.practice > 0 or exam.check_every > 0 or exam.repeat_every > 0


def count_missing_practice(exam: ExamInfo, own_rows: Sequence[JudgementRow]) -> int:
    """Count the practice texts that the person still has before their first real one."""
    if any(row.queue != PRACTICE for row in _verdicts(own_rows)):
        return 0
    practised = {_key(row) for row in own_rows if row.queue == PRACTICE} & _find_answered(own_rows)
    return max(0, exam.practice - len(practised))


def list_candidates(
    kind: str, own_rows: Sequence[JudgementRow], adjudications: Sequence[JudgementRow], person: str
) -> list[TextKey]:
    """Return the texts for a practice, check or repeat card; the first that is free is dealt."""
    if kind == REPEAT:
        verdicts = _verdicts(own_rows)
        repeated = {_key(row) for row in verdicts if row.queue == REPEAT}
        texts = dict.fromkeys(_key(row) for row in verdicts if row.queue not in (PRACTICE, CHECK))
        # The latest texts are still in mind: a repeat of them would measure memory.
        return [text for text in list(texts)[:-GAP] if text not in repeated]
    # Nobody is tested against their own judgement.
    last = {text: row for text, row in find_adjudications(adjudications).items() if row.judged.person != person}
    if kind == PRACTICE:
        return _draw_texts([row for row in last.values() if row.note], _find_answered(own_rows), "")
    return _draw_texts(last.values(), _find_answered(own_rows), f"{person} ")


def count_judged(own_rows: Sequence[JudgementRow]) -> int:
    """Count the texts that the person has judged, practice aside."""
    return len({_key(row) for row in _verdicts(own_rows) if row.queue != PRACTICE})


def count_dealt(own_rows: Sequence[JudgementRow], kind: str) -> int:
    """Count the person's verdicts on checks, or on repeats."""
    return sum(row.queue == kind for row in _verdicts(own_rows))


def find_first(
    texts: Iterable[TextKey], among: Iterable[tuple[Mistake, Iterable[DecidedText]]]
) -> tuple[Mistake, DecidedText] | None:
    """Return the first candidate that occurs among the mistakes' texts, with its mistake."""
    text_of: dict[TextKey, tuple[Mistake, DecidedText]] = {}
    for mistake, texts_of in among:
        # A rationale belongs to every attempt at its question: its first mistake is taken.
        for x in texts_of:
            text_of.setdefault((x.text.kind, x.text.id), (mistake, x))
    return next((text_of[text] for text in texts if text in text_of), None)


def _verdicts(own_rows: Iterable[JudgementRow]) -> list[JudgementRow]:
    """Return a person's verdicts as an annotator, oldest first, without those taken back."""
    rows = [row for row in own_rows if row.judged.role == ANNOTATOR]
    ids_in_force = {j.id for j in drop_undone(row.judged for row in rows)}
    verdict_acts = (Act.ACCEPT, Act.REJECT)
    texts = (row for row in rows if row.target in ("rationale", "feedback"))
    return [row for row in texts if row.judged.id in ids_in_force and row.judged.decision in verdict_acts]


def _find_answered(own_rows: Sequence[JudgementRow]) -> Set[TextKey]:
    people = {row.judged.person for row in own_rows}
    skipped = (find_closed_targets(own_rows, person) for person in people)
    return {_key(row) for row in _verdicts(own_rows)}.union(*skipped)


def _key(row: JudgementRow) -> TextKey:
    return row.target, row.target_id


def _draw_texts(rows: Iterable[JudgementRow], spoken: Set[TextKey], seed: str) -> list[TextKey]:
    """Return these judgements' texts that the person hasn't answered, by lot: the same for the same seed."""
    in_order = sorted(rows, key=lambda row: draw_lot(f"{seed}{row.target_uid}"))
    return [_key(row) for row in in_order if _key(row) not in spoken]
