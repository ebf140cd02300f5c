"""What a person is given beside the queue: practice first, now and then a hidden check or an own text again. Pure.

    aside(curated, line, "ann")  -> Aside("practice", mistake, text): an adjudicator decided it, and said why
                                 -> Aside("check", …): an adjudicator decided it; it looks like any other
                                 -> Aside("repeat", …): ann judged it a while ago; does she say the same again?

Each is off unless the exam wants it. What is judged so has the word as its queue. A check changes nothing of what
counts: the adjudicator's word stands above it.
"""

from collections.abc import Set
from dataclasses import dataclass

from mapd.curation.curated import Curated, Explained, Mistake
from mapd.curation.queues import Filled, done_with, lot
from mapd.curation.records import CHECK, PRACTICE, REPEAT, TextKey, last_words
from mapd.store.queries import JudgementRow
from mapd.verdicts import ANNOTATOR, Act, in_force

GAP = 10  # texts at least between a word and its repeat


@dataclass(frozen=True, slots=True)
class Aside:
    """A text that is given beside the queue, and as what."""

    kind: str
    mistake: Mistake
    text: Explained


def aside(curated: Curated, line: Filled, person: str, *, judge_first: bool) -> Aside | None:
    """What comes before the queue's next, if anything does. Checks and repeats only where all is hidden anyway."""
    exam = curated.exam
    if line.queue.again or not (exam.practice or exam.check_every or exam.repeat_every):
        return None
    own = verdicts_of(curated, person)
    spoken = {_key(row) for row in own} | done_with(curated.judgements, person)
    for mistake, x in to_practise(curated, person):
        if (x.text.kind, x.text.id) not in spoken:
            return Aside(PRACTICE, mistake, x)
    if not judge_first:
        return None
    return _check(curated, line, person, own, spoken) or _repeat(curated, line, own)


def to_practise(curated: Curated, person: str) -> list[tuple[Mistake, Explained]]:
    """The texts that this person practises on: drawn among those that an adjudicator, somebody else, explained."""
    if not curated.exam.practice:
        return []
    explained = {
        text for text, row in last_words(curated.judgements).items() if row.note and row.judged.person != person
    }
    found = {x.text.id: (m, x) for m in curated.mistakes for x in m.texts if (x.text.kind, x.text.id) in explained}
    return sorted(found.values(), key=lambda pair: lot(pair[1].text.uid))[: curated.exam.practice]


def verdicts_of(curated: Curated, person: str) -> list[JudgementRow]:
    """The person's verdicts as one who judges, oldest first, without those taken back and without practice's."""
    rows = [row for row in curated.judgements if row.judged.person == person and row.judged.role == ANNOTATOR]
    standing = {j.id for j in in_force(row.judged for row in rows)}
    return [
        row
        for row in rows
        if row.judged.id in standing
        and row.judged.decision in (Act.ACCEPT, Act.REJECT)
        and row.target in ("rationale", "feedback")
    ]


def _key(row: JudgementRow) -> TextKey:
    return row.target, row.target_id


def _due(own: list[JudgementRow], kind: str, every: int) -> bool:
    """Whether fewer of the kind were judged than the number of texts asks for."""
    texts = {_key(row) for row in own if row.queue != PRACTICE}
    return every > 0 and sum(row.queue == kind for row in own) < len(texts) // every


def _check(curated: Curated, line: Filled, person: str, own: list[JudgementRow], spoken: Set[TextKey]) -> Aside | None:
    if not _due(own, CHECK, curated.exam.check_every):
        return None
    decided = {text for text, row in last_words(curated.judgements).items() if row.judged.person != person}
    open_to = decided - spoken
    found = [(e.mistake, x) for e in line.entries for x in e.texts if (x.text.kind, x.text.id) in open_to]
    drawn = sorted(found, key=lambda pair: lot(f"{person} {pair[1].text.uid}"))
    return Aside(CHECK, *drawn[0]) if drawn else None


def _repeat(curated: Curated, line: Filled, own: list[JudgementRow]) -> Aside | None:
    if not _due(own, REPEAT, curated.exam.repeat_every):
        return None
    repeated = {_key(row) for row in own if row.queue == REPEAT}
    texts = list(dict.fromkeys(_key(row) for row in own if row.queue not in (PRACTICE, CHECK)))
    here = {(x.text.kind, x.text.id): (e.mistake, x) for e in line.entries for x in e.texts}
    text = next((one for one in texts[:-GAP] if one in here and one not in repeated), None)
    return None if text is None else Aside(REPEAT, *here[text])
