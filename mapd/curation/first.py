"""Judge first, then reveal: what a person doesn't see before deciding, and how the texts stand until then. Pure.

find_hidden(curated.judgements, mistake.texts, "ann")  -> the texts that ann has not decided on yet
shuffle(mistake.rationales, "ann")                     -> in an order of ann's own, the same each time

The order is drawn from the person's name and the texts' uids. As it stood it is kept with each decision, in its audit.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace

from mapd.curation.curated import DecidedText, Mistake
from mapd.curation.queues import Queue, waits_for
from mapd.store.queries import JudgementRow
from mapd.verdicts import Act, Ruling


def is_default(queue: Queue, per_text: int) -> bool:
    """Return whether people judge first in a queue unless they say otherwise: where agreement counts."""
    return queue.by_lot or (per_text > 1 and not queue.second_look)


def draw(person: str, uid: str) -> str:
    """Return the lot of one text for one person: the texts of a mistake are ordered by their lots."""
    # A hash and no random number: the order is the same in every tab and on every day.
    return hashlib.sha256(f"{person} {uid}".encode()).hexdigest()


def shuffle(texts: Iterable[DecidedText], person: str) -> tuple[DecidedText, ...]:
    """Return the texts in this person's own order."""
    return tuple(sorted(texts, key=lambda x: draw(person, x.text.uid)))


def find_hidden(rows: Sequence[JudgementRow], texts: Iterable[DecidedText], person: str) -> frozenset[int]:
    """Return the ids of the texts that this person never accepted or rejected, not even in a decision taken back."""
    decided = {
        row.target_id
        for row in rows
        if row.judged.person == person
        and row.judged.decision in (Act.ACCEPT, Act.REJECT)
        and row.target in ("rationale", "feedback")
    }
    return frozenset(x.text.id for x in texts if x.text.id not in decided)


def hide_others(x: DecidedText, person: str, per_text: int) -> DecidedText:
    """Return the text without others' judgements where it waits for this person's own."""
    # Nobody judged it, or it doesn't wait for this person: there is nothing to keep back.
    if not (x.people.by and waits_for(x, person, per_text)):
        return x
    return replace(x, people=Ruling(), verdict=x.committee.verdict)


def show_to(mistake: Mistake, person: str, per_text: int) -> Mistake:
    """Return the mistake, each text without others' judgements where it waits for this person's own."""
    rationales = tuple(hide_others(x, person, per_text) for x in mistake.rationales)
    feedback = tuple(hide_others(x, person, per_text) for x in mistake.feedback)
    return replace(mistake, rationales=rationales, feedback=feedback)
