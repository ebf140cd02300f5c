"""What a person is dealt beside the queue: practice before the first text, now and then a hidden check or a repeat.

    hand = Hand.load(session, setting, "ann")      # what she was dealt and has not answered, what she has judged
    hand.list_due(judged_then=25, judge_first=True)     -> ["check"]: one is due before the card behind her 25th text
    deal(session, hand, "check", seat)             -> InjectedCard(card="5e…", kind="check", …)

The name is all that tells it from a card of the queue, and only this server knows it. A window is dealt ahead of time,
so what is due is counted from the texts that will have been judged by then. Which text: practice.py's rule.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from sqlmodel import Session, col, select

from mapd.curation.curated import Curated, Mistake
from mapd.curation.decided_texts import DecidedText
from mapd.curation.text_verdicts import PRACTICE, TextKey
from mapd.domain import JudgementRow
from mapd.review import curated_part, own_judgements, practice
from mapd.review.annotators import CHECK, REPEAT
from mapd.review.curated_part import Setting
from mapd.review.deals import Seat, is_answered
from mapd.store import judgement_log
from mapd.store import tables as t

# Texts that are looked through at once for one that can be had.
AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class InjectedCard:
    """A card beside the queue."""

    card: str
    kind: str
    mistake: Mistake
    text: DecidedText
    part: Curated


@dataclass(slots=True)
class Hand:
    """What a person has been dealt and judged of an exam so far; `deal` adds to it."""

    setting: Setting
    person: str
    own_rows: Sequence[JudgementRow]
    adjudications: Sequence[JudgementRow]
    unanswered: list[t.DealtCard]
    # (kind, text id) of all that was dealt, answered or not.
    texts: set[tuple[str, int]]
    dealt: Counter[str] = field(default_factory=Counter)

    @classmethod
    def load(cls, session: Session, setting: Setting, person: str) -> "Hand":
        """Read it. What was dealt and answered is left out."""
        own_rows = own_judgements.load(session, setting.exam.id, person)
        adjudications = judgement_log.adjudicated_judgements(session, setting.exam.id)
        card = t.DealtCard
        rows = session.exec(select(card).where(card.exam_id == setting.exam.id, card.person == person)).all()
        unanswered = [row for row in rows if not is_answered(own_rows, person, row.explanation_id, row.kind)]
        # An open practice card is dropped once the exam asks for no more practice.
        if practice.count_missing_practice(setting.exam, own_rows) == 0:
            unanswered = [row for row in unanswered if row.kind != PRACTICE]
        texts = {(row.kind, row.explanation_id) for row in rows}
        hand = cls(setting, person, own_rows, adjudications, unanswered, texts)
        hand.dealt.update(row.kind for row in unanswered)
        hand.dealt.update({kind: practice.count_dealt(own_rows, kind) for kind in (CHECK, REPEAT)})
        return hand

    def list_due(self, judged_then: int, *, judge_first: bool) -> list[str]:
        """Return as what texts are due once so many texts are judged."""
        exam = self.setting.exam
        missing = practice.count_missing_practice(exam, self.own_rows) - self.dealt[PRACTICE]
        kinds = [PRACTICE] * max(0, missing)
        for kind, every in ((CHECK, exam.check_every), (REPEAT, exam.repeat_every)):
            if judge_first and every > 0 and self.dealt[kind] < judged_then // every:
                kinds.append(kind)
        return kinds

    def list_candidates(self, kind: str) -> list[TextKey]:
        """Return the texts of which the first that can be had is dealt; what was dealt already is none of them."""
        texts = practice.list_candidates(kind, self.own_rows, self.adjudications, self.person)
        return [text for text in texts if (kind, text[1]) not in self.texts]


def is_enabled(setting: Setting, seat: Seat) -> bool:
    """Return whether anything is dealt beside this queue."""
    return bool(seat.person.name) and not seat.queue.second_look and practice.is_enabled(setting.exam)


def deal(session: Session, hand: Hand, kind: str, seat: Seat, dealt: Collection[str] = ()) -> InjectedCard | None:
    """Deal one card as practice, check or repeat; none where no text can be had.

    A check and a repeat come from the queue's own texts: another would be seen to be none. `dealt`: the mistakes (by
    uid) that the person holds cards of; another one is preferred.
    """
    texts = hand.list_candidates(kind)
    # In blocks: a text that can be had is mostly among the first ones.
    for start in range(0, len(texts), AT_ONCE):
        block = texts[start : start + AT_ONCE]
        part = curated_part.load(session, hand.setting, _find_questions(session, [text for _, text in block]))
        entries = ((m, seat.entry(part, m)) for m in part.mistakes)
        among = ((m, m.texts if kind == PRACTICE else e.texts if e else ()) for m, e in entries)
        candidates = [(m, texts) for m, texts in among if texts]
        # Two cards of one mistake at once would show that one of them isn't the queue's.
        fresh = [(m, texts) for m, texts in candidates if m.attempt.uid not in dealt]
        if (first_text := practice.find_first(block, fresh) or practice.find_first(block, candidates)) is not None:
            mistake, text = first_text
            row = t.DealtCard(
                exam_id=hand.setting.exam.id,
                person=hand.person,
                kind=kind,
                attempt_id=mistake.attempt.id,
                explanation_id=text.text.id,
            )
            session.add(row)
            session.flush()
            hand.texts.add((kind, text.text.id))
            hand.dealt[kind] += 1
            return InjectedCard(row.card, kind, mistake, text, part)
    return None


def list_open(session: Session, hand: Hand, *, judge_first: bool) -> list[InjectedCard]:
    """Return what was dealt before and is not answered: after a reload it comes first."""
    rows = [row for row in hand.unanswered if judge_first or row.kind == PRACTICE]
    if not rows:
        return []
    part = curated_part.load(session, hand.setting, _find_questions(session, [row.explanation_id for row in rows]))
    by_attempt = {mistake.attempt.id: mistake for mistake in part.mistakes}
    return [
        InjectedCard(row.card, row.kind, mistake, text, part)
        for row in rows
        if (mistake := by_attempt.get(row.attempt_id)) is not None
        for text in mistake.texts
        if text.text.id == row.explanation_id
    ]


def find_dealt_cards(session: Session, exam_id: int, person: str, cards: Iterable[str]) -> dict[str, t.DealtCard]:
    """Return those of the cards that were dealt to this person beside the queue, by name."""
    card = t.DealtCard
    where = (card.exam_id == exam_id, card.person == person, col(card.card).in_(set(cards)))
    return {row.card: row for row in session.exec(select(card).where(*where)).all()}


def find_dealt_attempts(session: Session, exam_id: int, person: str) -> set[int]:
    """Return the attempts on which this person was dealt a card beside the queue."""
    card = t.DealtCard
    return set(session.exec(select(card.attempt_id).where(card.exam_id == exam_id, card.person == person)).all())


def _find_questions(session: Session, texts: Sequence[int]) -> set[int]:
    return set(session.exec(select(t.Explanation.question_id).where(col(t.Explanation.id).in_(texts))).all())
