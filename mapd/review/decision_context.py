"""Read all that the decisions of one request rest on: their targets, locked, the texts, what was seen of each.

context = DecisionContext.open(session, ann, setting, decisions)
context.check_unchanged(decision, aim, "all:5a0c…", None)    -> Overtaken where somebody judged it since
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col, select

from mapd.curation.curated import Curated, Mistake
from mapd.curation.decided_texts import DecidedText
from mapd.domain import Act, Judged, JudgementRow, Material
from mapd.errors import BadInput, NotFound, Stale
from mapd.judgements import ADJUDICATOR, ANNOTATOR
from mapd.people import Person
from mapd.review import blinding, curated_part, quality_control, repairs, seats, window
from mapd.review.annotators import REPEAT
from mapd.review.blinding import TEXTS, VisibleMistake
from mapd.review.card_messages import CardWord
from mapd.review.curated_part import Setting
from mapd.review.deals import Seat, decides_last, filter_rows, is_answered, word
from mapd.review.judging import Circumstances, Target
from mapd.review.messages import Decision, DecisionAct
from mapd.review.queues import QUEUES
from mapd.store import judgement_log, queries, queue_index
from mapd.store import tables as t
from mapd.store.queue_index import QueueCount

NEEDS_SEEN = (DecisionAct.ACCEPT, DecisionAct.REJECT, DecisionAct.SKIP, DecisionAct.CORRECT, DecisionAct.REPAIR)


class DecisionTarget(NamedTuple):
    """What a decision is about."""

    kind: str
    id: int
    uid: str
    question_id: int

    @property
    def target(self) -> Target:
        """Return the target as judging.py takes it."""
        return Target(self.kind, self.id)


class Overtaken(Stale):
    """Says that somebody decided after what the person saw; `words`: what they said, as far as it may be known."""

    def __init__(self, message: str, words: list[CardWord]) -> None:
        self.words = words
        super().__init__(message)


@dataclass(slots=True)
class DecisionContext:
    """What the decisions of one list are about, read at once; what they add is added here, too."""

    session: Session
    by: Person
    setting: Setting
    aims: dict[tuple[str, str], DecisionTarget]
    material: Material
    part: Curated
    dealt: dict[str, t.DealtCard]
    # Whose the judgements are that have a token of these decisions.
    owners: dict[str, str]
    # Texts that the person was shown with all that is known of them.
    exposed: set[int]
    chances: dict[str, float | None] = field(default_factory=dict)

    @classmethod
    def open(
        cls, session: Session, person: Person, setting: Setting, decisions: Sequence[Decision]
    ) -> "DecisionContext":
        """Lock what the decisions are about, then read it: nobody decides on it until this transaction has ended."""
        aims = resolve(session, setting.exam.id, decisions)
        questions = {aim.question_id for aim in aims.values()}
        material, part = curated_part.load_with_material(session, setting, questions)
        cards = [decision.card for decision in decisions if decision.card]
        texts = {aim.id for aim in aims.values() if aim.kind in TEXTS}
        return cls(
            session=session,
            by=person,
            setting=setting,
            aims=aims,
            material=material,
            part=part,
            dealt=quality_control.find_dealt_cards(session, setting.exam.id, person.name, cards),
            owners=_owners(session, decisions),
            exposed=seats.find_exposed(session, person.name, texts),
        )

    def aim(self, kind: str | None, uid: str | None) -> DecisionTarget:
        """Return the target that a decision names. Raises: BadInput, NotFound."""
        if kind is None or uid is None:
            raise BadInput("what is decided isn't named; reload the page")
        aim = self.aims.get((kind, uid))
        if aim is None or aim.question_id not in self.material.questions:
            raise NotFound(f"unknown {kind}: {uid}; it is none of this exam's, or was deleted")
        return aim

    def aim_of(self, row: t.Judgement) -> DecisionTarget:
        """Return what a judgement is about. Where its question isn't read here nothing more is known of it."""
        kind, id_ = row.target, row.explanation_id or row.attempt_id or row.question_id or 0
        texts, attempts, questions = self.material.texts, self.material.attempts, self.material.questions.values()
        aims = (
            *(DecisionTarget(x.kind, x.id, x.uid, x.question_id) for x in texts),
            *(DecisionTarget("attempt", x.id, x.uid, x.question_id) for x in attempts),
            *(DecisionTarget("question", q.id, q.uid, q.id) for q in questions),
        )
        return next((aim for aim in aims if aim.target == Target(kind, id_)), DecisionTarget(kind, id_, "", 0))

    def text(self, aim: DecisionTarget) -> DecidedText | None:
        """Return the decided text that a decision is about; None for an attempt or a question."""
        texts = (x for m in self.part.mistakes for x in m.texts)
        return next((x for x in texts if (x.text.kind, x.text.id) == (aim.kind, aim.id)), None)

    def mistake(self, decision: Decision) -> Mistake | None:
        """Return the mistake that a decision names, if it is still one."""
        return next((m for m in self.part.mistakes if m.attempt.uid == decision.mistake), None)

    def seat(self, decision: Decision) -> Seat:
        """Return where the person sat when they decided."""
        queue = window.queue_of(self.by, decision.queue)
        judge_first = decision.judge == "first" or self.dealt_card(decision) is not None
        return Seat(self.by, queue, judge_first, self.setting.threshold, decision.draw)

    def dealt_card(self, decision: Decision) -> t.DealtCard | None:
        """Return the injected card that a decision answers, if it is one."""
        return self.dealt.get(decision.card or "")

    def sight(self, decision: Decision) -> VisibleMistake | None:
        """Return what the person could see of the mistake."""
        mistake, seat, dealt = self.mistake(decision), self.seat(decision), self.dealt_card(decision)
        if mistake is None:
            return None
        again = dealt.explanation_id if dealt is not None and self._asks_again(dealt) else None
        first_look, name = seat.judge_first, self.by.name
        return blinding.blind(self.part, mistake, name, seat.queue, judge_first=first_look, repeated=again)

    def _asks_again(self, dealt: t.DealtCard) -> bool:
        text, rows = dealt.explanation_id, self.part.judgements
        return dealt.kind == REPEAT and not is_answered(rows, self.by.name, text, REPEAT)

    def role(self, decision: Decision, aim: DecisionTarget) -> str:
        """Return whether the person decides as an annotator or as the adjudicator."""
        last = decides_last(self.seat(decision), filter_rows(self.part.judgements, aim.kind, aim.id))
        return ADJUDICATOR if last else ANNOTATOR

    def circumstances(self, decision: Decision, aim: DecisionTarget) -> Circumstances:
        """Return how the decision came about, as far as the server knows better than the browser."""
        sight, dealt, text = self.sight(decision), self.dealt_card(decision), self.text(aim)
        is_dealt = dealt is not None and aim.kind in TEXTS and dealt.explanation_id == aim.id
        hidden = sight.hidden if sight else frozenset()
        revealed = aim.id not in hidden if aim.kind in TEXTS else not hidden
        if aim.kind in TEXTS and aim.id in self.exposed and not (is_dealt and dealt and self._asks_again(dealt)):
            revealed = True
        return Circumstances(
            queue=dealt.kind if is_dealt and dealt else decision.queue,
            sampling_chance=None if is_dealt else self._chance(decision),
            revealed=revealed,
            seconds=decision.seconds,
            committee=text.committee.verdict.value if text else None,
            order=blinding.list_order(sight) if sight else (),
        )

    def _chance(self, decision: Decision) -> float | None:
        if not window.queue_of(self.by, decision.queue).by_lot:
            return None
        if decision.queue not in self.chances:
            number = self.counts()[decision.queue].all
            self.chances[decision.queue] = 1 / number if number else None
        return self.chances[decision.queue]

    def counts(self) -> dict[str, QueueCount]:
        """Return how much there is in each queue."""
        exam = self.setting.exam.id
        counts = queue_index.count_queues(self.session, exam, self.setting.threshold, self.by.name)
        return {name: counts.get(name, QueueCount(0, 0)) for name in (*QUEUES, window.BROWSE)}

    def check_unchanged(
        self, decision: Decision, aim: DecisionTarget, seen_uid: str | None, after: str | None
    ) -> list[CardWord]:
        """Refuse what somebody decided on since; return what they said if it is kept. Raises: BadInput, Stale."""
        if seen_uid is None:
            if decision.act in NEEDS_SEEN:
                raise BadInput("what was seen of it isn't named; reload the page")
            return []
        # "own:UID" or "all:UID": the latest judgement that the person saw, of their own or of everybody's.
        scope, _, uid = seen_uid.partition(":")
        rows = filter_rows(self.part.judgements, aim.kind, aim.id)
        latest = max((row.judged.id for row in rows if row.uid == uid or (after and _is_of(row, after))), default=0)
        visible_rows = [row for row in rows if scope == "all" or row.judged.person == self.by.name]
        # A skip decides nothing, nor does a note, which is kept as one.
        verdicts = [row for row in visible_rows if row.judged.decision is not Act.SKIP]
        news = [row for row in verdicts if row.judged.id > latest]
        if not news:
            return []
        sight = self.sight(decision)
        words = [word(row) for row in (sight.visible(news) if sight else news)]
        # Decided without a lease: kept beside the other's judgement, and both see it.
        if decision.offline:
            return words
        who = "you" if news[-1].judged.person == self.by.name else news[-1].judged.person
        raise Overtaken(f"{who} decided on this {aim.kind} in the meantime; nothing was saved: look at it again", words)

    def decide_again(self) -> None:
        """Decide on all of it again, with the judgements that were added."""
        self.part = curated_part.decide(self.setting, self.material, list(self.part.judgements))

    def read_again(self) -> None:
        """Read all of it again, after something was written that is no judgement."""
        questions = self.material.questions
        self.material, self.part = curated_part.load_with_material(self.session, self.setting, questions)


def _owners(session: Session, decisions: Sequence[Decision]) -> dict[str, str]:
    """Return whose the judgements are that these decisions made before, by the decision's token."""
    ends = ("", "/0", f"{repairs.ACT}/rejects")
    tokens = {f"{decision.token}{end}": decision.token for decision in decisions for end in ends}
    row = t.Judgement
    rows = session.exec(select(row.token, row.person).where(col(row.token).in_(tokens))).all()
    return {tokens[token]: person for token, person in rows}


def _is_of(row: JudgementRow, act: str) -> bool:
    return row.batch in (act, f"{act}{repairs.ACT}")


def resolve(session: Session, exam_id: int, decisions: Sequence[Decision]) -> dict[tuple[str, str], DecisionTarget]:
    """Return what the decisions are about, by kind and uid, locked in the same order by everybody."""
    uids_of: dict[str, set[str]] = {"text": set(), "attempt": set(), "question": set()}
    for decision in decisions:
        uids = {text.uid for text in decision.texts} | ({decision.target} if decision.target else set())
        uids_of["text" if decision.kind in TEXTS else decision.kind or "text"] |= uids
        uids_of["attempt"] |= {decision.mistake} if decision.mistake else set()
    x, attempt, question = (t.metadata.tables[table].c for table in ("explanation", "attempt", "question"))
    is_of_exam = x.attempt_id.is_(None) | x.attempt_id.in_(sa.select(attempt.id).where(attempt.exam_id == exam_id))
    of_attempt = (attempt.id, attempt.uid, sa.literal("attempt"), attempt.question_id)
    queries_of = {
        "text": sa.select(x.id, x.uid, x.kind, x.question_id).where(x.uid.in_(uids_of["text"]), is_of_exam),
        "attempt": sa.select(*of_attempt).where(attempt.uid.in_(uids_of["attempt"]), attempt.exam_id == exam_id),
        "question": sa.select(question.id, question.uid, sa.literal("question"), question.id).where(
            question.uid.in_(uids_of["question"])
        ),
    }
    aims: dict[tuple[str, str], DecisionTarget] = {}
    # Everybody locks in the order of the ids, so that no two transactions wait for each other.
    for kind, query in queries_of.items():
        ordered = query.order_by(query.selected_columns[0]).with_for_update(key_share=True)
        for id_, uid, target_kind, question_id in session.execute(ordered) if uids_of[kind] else ():
            aims[target_kind, uid] = DecisionTarget(target_kind, id_, uid, question_id)
    return aims


def row_of(row: t.Judgement, aim: DecisionTarget) -> JudgementRow:
    """Return a judgement that was written just now as it would be read."""
    return JudgementRow(
        judged=Judged(
            queries.identity(row), row.person, Act(row.decision), row.reason, row.value, row.role, row.undoes_id
        ),
        uid=row.uid,
        target=row.target,
        target_id=aim.id,
        target_uid=aim.uid,
        note=row.note,
        committee=row.committee,
        created_at=row.created_at,
        queue=row.queue,
        revealed=row.revealed,
        batch=judgement_log.batch_of(row.token),
        seconds=row.seconds,
        counts=row.counts,
        marks=tuple((start, end) for start, end in row.marks),
    )
