"""Decisions written: each is saved, stale or refused, and a decision that arrives twice is there once.

    apply(session, ann, exam_id, [Decision(token="7f9c…", act="reject", kind="rationale", target="a1b2…", …)])
        -> Answers(answers=[DecisionAnswer("7f9c…", "saved")], cards={"c1f0…": the card as it may be seen now})

All of a list is one transaction of the caller's, each decision in a savepoint of its own, so that one that is refused
holds up no other. `judgement.token` is the decision's token: the second arrival finds it. Stale is what somebody else
decided after what the person saw. What was decided without a lease (`offline`) is kept all the same, and both see it:
judgements are only added, so nothing is overwritten.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from mapd.curation.curated import Mistake
from mapd.domain import NOTE, Act
from mapd.errors import BadInput, Busy, MapdError, NotFound, Stale
from mapd.judgements import VERDICT, pick_latest
from mapd.people import Person, Right, require
from mapd.review import batches, blinding, curated_part, guidelines, judging, repairs, seats, window
from mapd.review.blinding import TEXTS
from mapd.review.card_messages import LONGEST_VALUE, Card, CardWord
from mapd.review.cards import card
from mapd.review.deals import Deal, filter_rows
from mapd.review.decision_context import DecisionContext, DecisionTarget, Overtaken, row_of
from mapd.review.messages import Answers, Decision, DecisionAct, DecisionAnswer, Missing
from mapd.review.passages import characters
from mapd.review.queue_index import derivation
from mapd.review.queues import QUEUES, find_closed_targets
from mapd.store import queries
from mapd.store import tables as t

# Judgements that one request takes back: a larger act takes several requests.
UNDOS_AT_ONCE = 100


def apply(session: Session, by: Person, exam_id: int, decisions: Sequence[Decision]) -> Answers:
    """Write the decisions in their order, and answer each. What is behind an act that isn't whole yet waits for it.

    Raises: Forbidden, BadInput (no name), NotFound (no such exam).
    """
    require(by, Right.JUDGE)
    context = DecisionContext.open(session, by, curated_part.load_setting(session, exam_id), decisions)
    writer = _DecisionWriter(decisions, context, queries.moment(session))
    replies = []
    for decision in decisions:
        replies.append(reply := writer.answer(decision))
        if reply.status == "saved" and reply.decided < reply.of:
            # What comes next may be the undo of this act, and half of it isn't written yet: it waits.
            break
    derivation.follow_judgements(session, writer.written)
    return writer.answers(replies)


@dataclass(slots=True)
class _DecisionWriter:
    """Writes the decisions of one list, one behind the other."""

    decisions: Sequence[Decision]
    context: DecisionContext
    moment: datetime
    written: list[t.Judgement] = field(default_factory=list)
    replies: dict[str, DecisionAnswer] = field(default_factory=dict)

    # -- one decision -------------------------------------------------------------------------------------------------

    def answer(self, decision: Decision) -> DecisionAnswer:
        """Write one decision, or say why not."""
        if (reply := self.replies.get(decision.token)) is not None and reply.decided >= reply.of:
            return reply
        written, judgements = len(self.written), self.context.part.judgements
        # A savepoint each: a decision that is refused leaves nothing behind and holds up no other.
        try:
            with self.context.session.begin_nested():
                reply = self._write(decision)
        except Busy:
            raise
        except MapdError as error:
            reply = DecisionAnswer(
                token=decision.token,
                status="stale" if isinstance(error, Stale) else "refused",
                line=str(error),
                since=error.words if isinstance(error, Overtaken) else [],
                decided=0,
            )
        # The savepoint is rolled back, so what it added here goes, too.
        if reply.status != "saved":
            del self.written[written:]
            self.context.part = replace(self.context.part, judgements=judgements)
        self.replies[decision.token] = reply
        return reply

    def _write(self, decision: Decision) -> DecisionAnswer:
        owner = self.context.owners.get(decision.token)
        if owner is not None and owner != self.context.by.name:
            raise BadInput(f"another decision has this token: {decision.token}; send it with one of its own")
        goes_on = decision.act in (DecisionAct.CLASS, DecisionAct.UNDO)
        # The token is there: the decision was saved before, and only its answer was lost on the way.
        if owner is not None and not goes_on:
            return _saved(decision)
        match decision.act:
            case DecisionAct.REST:
                since = self._accept_rest(decision)
            case DecisionAct.REPAIR:
                since = self._repair(decision)
            case DecisionAct.CLASS:
                return self._decide_class(decision)
            case DecisionAct.UNDO:
                return self._undo(decision)
            case _:
                since = self._judge(decision)
        return _saved(decision, since=since)

    def _judge(self, decision: Decision) -> list[CardWord]:
        """Accept, reject, skip, note, correct or withdraw; return what others said since, if it was kept."""
        aim = self.context.aim(decision.kind, decision.target)
        notes = decision.act is DecisionAct.NOTE
        since = [] if notes else self.context.check_unchanged(decision, aim, decision.seen, decision.after)
        if decision.act is DecisionAct.CORRECT and len(decision.value or "") > LONGEST_VALUE:
            raise BadInput(f"an answer has at most {LONGEST_VALUE} characters, not {len(decision.value or '')}")
        # A note is written as a skip that skips nothing, because every judgement has a decision.
        self._record(
            decision,
            aim,
            Act.SKIP if notes else Act(decision.act),
            reason=NOTE if notes else decision.reason,
            note=decision.note,
            value=decision.value if decision.act is DecisionAct.CORRECT else None,
            marks=self._marks(decision, aim),
            token=decision.token,
            role=self.context.role(decision, aim),
        )
        return since

    def _record(self, decision: Decision, aim: DecisionTarget, act: Act, **parts: Any) -> None:
        """Write one judgement of the decision, with these of its parts."""
        moment, circumstances = self._next_moment(), self.context.circumstances(decision, aim)
        parts |= {"by": self.context.by, "circumstances": circumstances, "follow": False, "at": moment}
        self._keep(judging.judge(self.context.session, aim.target, act, **parts), aim)

    def _marks(self, decision: Decision, aim: DecisionTarget) -> list[tuple[int, int]]:
        marks = [(mark.start, mark.end) for mark in decision.marks]
        text = next((x.text for x in self.context.material.texts if x.id == aim.id and aim.kind in TEXTS), None)
        return marks if text is None else characters(text, marks)

    def _accept_rest(self, decision: Decision) -> list[CardWord]:
        """Accept exactly these texts, each with the committee's verdict on it. A note goes to its own."""
        if not decision.texts:
            raise BadInput("no text is named that Enter is to accept; reload the page")
        aims = [self.context.aim(decision.kind, text.uid) for text in decision.texts]
        if decision.note and decision.target not in [aim.uid for aim in aims]:
            raise BadInput("the note is on a text that doesn't wait; save it by itself")
        since: list[CardWord] = []
        for number, (card_text, aim) in enumerate(zip(decision.texts, aims, strict=True)):
            since += self.context.check_unchanged(decision, aim, card_text.seen, card_text.after)
            if not decision.offline:
                self._check_waits(aim)
            note = decision.note if decision.target == aim.uid else None
            self._record(decision, aim, Act.ACCEPT, note=note, token=f"{decision.token}/{number}")
        return since

    def _check_waits(self, aim: DecisionTarget) -> None:
        """Refuse a text that somebody decided on, as far as the person sees it, or that they skipped themselves."""
        rows = filter_rows(self.context.part.judgements, aim.kind, aim.id)
        mistake = next((m for m in self.context.part.mistakes if aim.id in {x.text.id for x in m.texts}), None)
        text = self.context.text(aim)
        person, number = self.context.by.name, self.context.setting.exam.judgements_per_text
        withheld = mistake is not None and text is not None and blinding.hide_others(text, person, number) is not text
        among = [row for row in rows if not withheld or row.judged.person == person]
        skipped = (aim.kind, aim.id) in find_closed_targets(rows, person)
        if skipped or pick_latest((row.judged for row in among), VERDICT):
            raise BadInput(
                f"this {aim.kind} doesn't wait any more: it is decided, or you skipped it; nothing was saved"
            )

    def _repair(self, decision: Decision) -> list[CardWord]:
        aim = self.context.aim(decision.kind, decision.target)
        since = self.context.check_unchanged(decision, aim, decision.seen, decision.after)
        repairs.repair(
            self.context.session,
            aim.target,
            decision.value or "",
            by=self.context.by,
            token=decision.token,
            role=self.context.role(decision, aim),
            circumstances=self.context.circumstances(decision, aim),
        )
        # The new text belongs to the cards that are answered, so everything is read again.
        self.context.session.flush()
        self.context.read_again()
        return since

    def _decide_class(self, decision: Decision) -> DecisionAnswer:
        queue = window.queue_of(self.context.by, decision.queue)
        act = Act.REJECT if decision.value == Act.REJECT else Act.ACCEPT
        derivation.follow_judgements(self.context.session, self.written)
        session, setting, version = self.context.session, self.context.setting, decision.version or ""
        by, token = self.context.by, decision.token
        decided, of = batches.decide_class(session, setting, queue, act, by=by, token=token, version=version)
        return _saved(decision, decided=decided, of=of)

    def _undo(self, decision: Decision) -> DecisionAnswer:
        """Take an act back, or an undo: then it is redone. Of a large act the same decision takes the next ones."""
        if decision.undoes is None:
            raise BadInput("what is to be undone isn't named; reload the page")
        rows = self._act(decision.undoes)
        if not rows:
            raise NotFound("this act isn't there: it was never saved, or its exam was deleted; nothing is left to undo")
        undos = self._act(decision.token)
        taken_back = {row.undoes_id for row in undos}
        remaining = [row for row in rows if row.id not in taken_back]
        for number, row in enumerate(remaining[:UNDOS_AT_ONCE], len(undos)):
            token = decision.token if len(rows) == 1 else f"{decision.token}/{number}"
            undone, moment = queries.identity(row), self._next_moment()
            withdrawal = judging.undo(
                self.context.session, undone, by=self.context.by, token=token, follow=False, at=moment
            )
            self.context.session.flush()
            self._keep(withdrawal, self.context.aim_of(withdrawal))
        return _saved(decision, decided=len(undos) + min(len(remaining), UNDOS_AT_ONCE), of=len(rows))

    def _act(self, act: str) -> list[t.Judgement]:
        row, of_person = t.Judgement, t.Judgement.person == self.context.by.name
        exactly = self.context.session.exec(select(row).where(of_person, row.token == act)).all()
        if exactly:
            return list(exactly)
        begins = [col(row.token).startswith(f"{act}{end}", autoescape=True) for end in ("/", f"{repairs.ACT}/")]
        by_begin = select(row).where(of_person, sa.or_(*begins)).order_by(col(row.id))
        return list(self.context.session.exec(by_begin).all())

    # -- what follows -------------------------------------------------------------------------------------------------

    def _next_moment(self) -> datetime:
        # Each judgement has a moment of its own, so that their order survives an archive.
        self.moment += timedelta(microseconds=1)
        return self.moment

    def _keep(self, row: t.Judgement, aim: DecisionTarget) -> None:
        self.context.session.flush()
        self.written.append(row)
        if aim.question_id in self.context.material.questions:
            self.context.part = replace(self.context.part, judgements=(*self.context.part.judgements, row_of(row, aim)))

    def answers(self, replies: list[DecisionAnswer]) -> Answers:
        """Return the answers with the cards as they may be seen now."""
        # Decided again once, for all cards, with what was written just now.
        self.context.decide_again()
        last = self.decisions[-1]
        # An unknown queue has no counts of its own: the decisions are saved all the same.
        queue = window.SELECTION if last.queue == window.BROWSE else QUEUES.get(last.queue, window.SELECTION)
        cards = {}
        for decision in self.decisions:
            mistake = self.context.mistake(decision)
            if decision.card and mistake is not None and self._may_open(decision):
                cards[decision.card] = self._card(decision, mistake)
        open_texts = {x.uid for reply in cards.values() for x in reply.texts if not x.covered}
        ids = {x.text.id for m in self.context.part.mistakes for x in m.texts if x.text.uid in open_texts}
        # The answers' cards show these texts with their scores: later judgements on them aren't blind.
        seats.record_exposed(self.context.session, self.context.by.name, ids)
        current = guidelines.current(self.context.session)
        return Answers(
            answers=replies,
            cards=cards,
            gone={d.mistake: why for d in self.decisions if d.mistake and (why := self._explain(d.mistake))},
            queue=window.counts_of(queue, self.context.counts()[queue.name], covered=last.judge == "first"),
            guidelines=current.uid if current else None,
        )

    def _may_open(self, decision: Decision) -> bool:
        return decision.queue == window.BROWSE or decision.queue in window.open_queues(self.context.by)

    def _card(self, decision: Decision, mistake: Mistake) -> Card:
        seat, dealt = self.context.seat(decision), self.context.dealt_card(decision)
        deal = Deal(
            id=decision.card or "",
            kind=dealt.kind if dealt else "",
            text=dealt.explanation_id if dealt else None,
            alone=False,
            enter=decision.target,
        )
        return card(self.context.part, mistake, seat, deal)

    def _explain(self, uid: str) -> Missing | None:
        for code, attempts in (("corrected", self.context.part.corrected), ("excluded", self.context.part.excluded)):
            if uid in {attempt.uid for attempt in attempts}:
                return Missing.model_validate({"code": code, "line": window.LINES[code]})
        return None


def _saved(decision: Decision, **progress: Any) -> DecisionAnswer:
    return DecisionAnswer(token=decision.token, status="saved", act=decision.token, **progress)
