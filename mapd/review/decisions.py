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

import sqlalchemy as sa
from sqlmodel import Session, col, select

from mapd.curation.curated import Curated, DecidedText, Mistake
from mapd.domain import NOTE, Act, JudgementRow, Material
from mapd.errors import BadInput, Busy, MapdError, NotFound, Stale
from mapd.judgements import ADJUDICATOR, ANNOTATOR, VERDICT, pick_latest
from mapd.people import Person, Right, require
from mapd.review import (
    blinding,
    classes,
    curated_part,
    exposures,
    guidelines,
    judging,
    quality_control,
    repairs,
    window,
)
from mapd.review.aims import DecisionTarget, resolve, row_of
from mapd.review.annotators import REPEAT
from mapd.review.blinding import TEXTS, VisibleMistake
from mapd.review.cards import Deal, Seat, card, decides_last, filter_rows, is_answered_by, word
from mapd.review.curated_part import Setting
from mapd.review.judging import Circumstances
from mapd.review.messages import LONGEST_VALUE, Answers, Card, CardWord, Decision, DecisionAct, DecisionAnswer, Missing
from mapd.review.passages import characters
from mapd.review.queue_index import derivation
from mapd.review.queues import QUEUES, find_closed_targets
from mapd.store import judgement_log, queries, queue_index
from mapd.store import tables as t
from mapd.store.queue_index import QueueCount

# Judgements that one request takes back: a larger act takes several requests.
UNDOS_AT_ONCE = 100
NEEDS_SEEN = (DecisionAct.ACCEPT, DecisionAct.REJECT, DecisionAct.SKIP, DecisionAct.CORRECT, DecisionAct.REPAIR)


def apply(session: Session, by: Person, exam_id: int, decisions: Sequence[Decision]) -> Answers:
    """Write the decisions in their order, and answer each. What is behind an act that isn't whole yet waits for it.

    Raises: Forbidden, BadInput (no name), NotFound (no such exam).
    """
    require(by, Right.JUDGE)
    desk = _DecisionWriter._open(session, by, curated_part.load_setting(session, exam_id), decisions)
    replies = []
    for decision in decisions:
        replies.append(reply := desk.answer(decision))
        if reply.status == "saved" and reply.decided < reply.of:
            # What comes next may be the undo of this act, and half of it isn't written yet: it waits.
            break
    derivation.follow_judgements(session, desk.written)
    return desk.answers(replies)


@dataclass(slots=True)
class _DecisionWriter:
    """All that the decisions of one list are about, read at once; what they add to it is added here too."""

    session: Session
    by: Person
    setting: Setting
    decisions: Sequence[Decision]
    aims: dict[tuple[str, str], DecisionTarget]
    material: Material
    part: Curated
    dealt: dict[str, t.DealtCard]
    owners: dict[str, str]  # whose the judgements are that have a token of these decisions
    exposed: set[int]  # texts that the person was shown with all that is known of them
    moment: datetime
    written: list[t.Judgement] = field(default_factory=list)
    replies: dict[str, DecisionAnswer] = field(default_factory=dict)
    chances: dict[str, float | None] = field(default_factory=dict)

    @classmethod
    def _open(cls, session: Session, by: Person, setting: Setting, decisions: Sequence[Decision]) -> "_DecisionWriter":
        """Lock what the decisions are about, then read it: nobody decides on it until this transaction has ended."""
        aims = resolve(session, setting.exam.id, decisions)
        questions = sorted({aim.question_id for aim in aims.values()})
        material = curated_part.read_material(session, setting, questions)
        part = curated_part.decide(setting, material, judgement_log.judgements(session, setting.exam.id, questions))
        cards = [decision.card for decision in decisions if decision.card]
        texts = {aim.id for aim in aims.values() if aim.kind in TEXTS}
        return cls(
            session=session,
            by=by,
            setting=setting,
            decisions=decisions,
            aims=aims,
            material=material,
            part=part,
            dealt=quality_control.find_dealt_cards(session, setting.exam.id, by.name, cards),
            owners=_owners(session, decisions),
            exposed=exposures.find_exposed(session, by.name, texts),
            moment=queries.moment(session),
        )

    # -- one decision -------------------------------------------------------------------------------------------------

    def answer(self, decision: Decision) -> DecisionAnswer:
        """Write one decision, or say why not."""
        if (reply := self.replies.get(decision.token)) is not None and reply.decided >= reply.of:
            return reply
        written, judgements = len(self.written), self.part.judgements
        # A savepoint each: a decision that is refused leaves nothing behind and holds up no other.
        try:
            with self.session.begin_nested():
                reply = self._write(decision)
        except Busy:
            raise
        except _Overtaken as error:
            reply = DecisionAnswer(token=decision.token, status="stale", line=str(error), since=error.words, decided=0)
        except Stale as error:
            reply = DecisionAnswer(token=decision.token, status="stale", line=str(error), decided=0)
        except MapdError as error:
            reply = DecisionAnswer(token=decision.token, status="refused", line=str(error), decided=0)
        # The savepoint is rolled back, so what it added here goes, too.
        if reply.status != "saved":
            del self.written[written:]
            self.part = replace(self.part, judgements=judgements)
        self.replies[decision.token] = reply
        return reply

    def _write(self, decision: Decision) -> DecisionAnswer:
        owner = self.owners.get(decision.token)
        if owner is not None and owner != self.by.name:
            raise BadInput(f"another decision has this token: {decision.token}; send it with one of its own")
        goes_on = decision.act in (DecisionAct.CLASS, DecisionAct.UNDO)
        # The token is there: the decision was saved before, and only its answer was lost on the way.
        if owner is not None and not goes_on:
            return DecisionAnswer(token=decision.token, status="saved", act=decision.token)
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
        return DecisionAnswer(token=decision.token, status="saved", act=decision.token, since=since)

    def _judge(self, decision: Decision) -> list[CardWord]:
        """Accept, reject, skip, note, correct or withdraw; return what others said since, if it was kept."""
        aim = self._aim(decision.kind, decision.target)
        since = [] if decision.act is DecisionAct.NOTE else self._check(decision, aim, decision.seen, decision.after)
        notes = decision.act is DecisionAct.NOTE
        if decision.act is DecisionAct.CORRECT and len(decision.value or "") > LONGEST_VALUE:
            raise BadInput(f"an answer has at most {LONGEST_VALUE} characters, not {len(decision.value or '')}")
        # A note is written as a skip that skips nothing, because every judgement has a decision.
        row = judging.judge(
            self.session,
            aim.target,
            Act.SKIP if notes else Act(decision.act),
            by=self.by,
            reason=NOTE if notes else decision.reason,
            note=decision.note,
            value=decision.value if decision.act is DecisionAct.CORRECT else None,
            marks=self._marks(decision, aim),
            token=decision.token,
            role=self._role(decision, aim),
            circumstances=self._circumstances(decision, aim),
            follow=False,
            at=self._next_moment(),
        )
        self._keep(row, aim)
        return since

    def _marks(self, decision: Decision, aim: DecisionTarget) -> list[tuple[int, int]]:
        marks = [(mark.start, mark.end) for mark in decision.marks]
        text = next((x.text for x in self.material.texts if x.id == aim.id and aim.kind in TEXTS), None)
        return marks if text is None else characters(text, marks)

    def _accept_rest(self, decision: Decision) -> list[CardWord]:
        """Accept exactly these texts, each with the committee's verdict on it. A note goes to its own."""
        if not decision.texts:
            raise BadInput("no text is named that Enter is to accept; reload the page")
        aims = [self._aim(decision.kind, text.uid) for text in decision.texts]
        if decision.note and decision.target not in [aim.uid for aim in aims]:
            raise BadInput("the note is on a text that doesn't wait; save it by itself")
        since: list[CardWord] = []
        for number, (card_text, aim) in enumerate(zip(decision.texts, aims, strict=True)):
            since += self._check(decision, aim, card_text.seen, card_text.after)
            if not decision.offline:
                self._check_waits(aim)
            row = judging.judge(
                self.session,
                aim.target,
                Act.ACCEPT,
                by=self.by,
                note=decision.note if decision.target == aim.uid else None,
                token=f"{decision.token}/{number}",
                circumstances=self._circumstances(decision, aim),
                follow=False,
                at=self._next_moment(),
            )
            self._keep(row, aim)
        return since

    def _check_waits(self, aim: DecisionTarget) -> None:
        """Refuse a text that somebody decided on, as far as the person sees it, or that they skipped themselves."""
        rows = filter_rows(self.part.judgements, aim.kind, aim.id)
        mistake = next((m for m in self.part.mistakes if aim.id in {x.text.id for x in m.texts}), None)
        text = self._text(aim)
        person, number = self.by.name, self.setting.exam.judgements_per_text
        withheld = mistake is not None and text is not None and blinding.hide_others(text, person, number) is not text
        among = [row for row in rows if not withheld or row.judged.person == person]
        skipped = (aim.kind, aim.id) in find_closed_targets(rows, person)
        if skipped or pick_latest((row.judged for row in among), VERDICT):
            raise BadInput(
                f"this {aim.kind} doesn't wait any more: it is decided, or you skipped it; nothing was saved"
            )

    def _repair(self, decision: Decision) -> list[CardWord]:
        aim = self._aim(decision.kind, decision.target)
        since = self._check(decision, aim, decision.seen, decision.after)
        repairs.repair(
            self.session,
            aim.target,
            decision.value or "",
            by=self.by,
            token=decision.token,
            role=self._role(decision, aim),
            circumstances=self._circumstances(decision, aim),
        )
        # The new text belongs to the cards that are answered, so everything is read again.
        self.session.flush()
        self._read_again()
        return since

    def _decide_class(self, decision: Decision) -> DecisionAnswer:
        queue = window.queue_of(self.by, decision.queue)
        act = Act.REJECT if decision.value == Act.REJECT else Act.ACCEPT
        derivation.follow_judgements(self.session, self.written)
        progress = classes.decide(
            self.session, self.setting, queue, act, by=self.by, token=decision.token, version=decision.version or ""
        )
        return DecisionAnswer(
            token=decision.token, status="saved", act=decision.token, decided=progress.decided, of=progress.all
        )

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
            withdrawal = judging.undo(
                self.session, queries.identity(row), by=self.by, token=token, follow=False, at=self._next_moment()
            )
            self.session.flush()
            self._keep(withdrawal, self._aim_of(withdrawal))
        decided = len(undos) + min(len(remaining), UNDOS_AT_ONCE)
        return DecisionAnswer(token=decision.token, status="saved", act=decision.token, decided=decided, of=len(rows))

    def _act(self, act: str) -> list[t.Judgement]:
        row, of_person = t.Judgement, t.Judgement.person == self.by.name
        exactly = self.session.exec(select(row).where(of_person, row.token == act)).all()
        if exactly:
            return list(exactly)
        begins = [col(row.token).startswith(f"{act}{end}", autoescape=True) for end in ("/", f"{repairs.ACT}/")]
        return list(self.session.exec(select(row).where(of_person, sa.or_(*begins)).order_by(col(row.id))).all())

    # -- what a decision rests on -------------------------------------------------------------------------------------

    def _aim(self, kind: str | None, uid: str | None) -> DecisionTarget:
        if kind is None or uid is None:
            raise BadInput("what is decided isn't named; reload the page")
        aim = self.aims.get((kind, uid))
        if aim is None or aim.question_id not in self.material.questions:
            raise NotFound(f"unknown {kind}: {uid}; it is none of this exam's, or was deleted")
        return aim

    def _aim_of(self, row: t.Judgement) -> DecisionTarget:
        """Return what a judgement is about. Where its question isn't read here nothing more is known of it."""
        kind, id_ = row.target, row.explanation_id or row.attempt_id or row.question_id or 0
        of_texts = (DecisionTarget(x.kind, x.id, x.uid, x.question_id) for x in self.material.texts if x.id == id_)
        attempts = (x for x in self.material.attempts if x.id == id_)
        of_attempts = (DecisionTarget("attempt", x.id, x.uid, x.question_id) for x in attempts)
        questions = (q for q in self.material.questions.values() if q.id == id_)
        of_questions = (DecisionTarget("question", q.id, q.uid, q.id) for q in questions)
        rows = {"attempt": of_attempts, "question": of_questions}.get(kind, of_texts)
        return next(rows, DecisionTarget(kind, id_, "", 0))

    def _text(self, aim: DecisionTarget) -> DecidedText | None:
        texts = (x for m in self.part.mistakes for x in m.texts)
        return next((x for x in texts if (x.text.kind, x.text.id) == (aim.kind, aim.id)), None)

    def _mistake(self, decision: Decision) -> Mistake | None:
        return next((m for m in self.part.mistakes if m.attempt.uid == decision.mistake), None)

    def _seat(self, decision: Decision) -> Seat:
        queue = window.queue_of(self.by, decision.queue)
        judge_first = decision.judge == "first" or self._dealt(decision) is not None
        return Seat(self.by, queue, judge_first, self.setting.threshold, decision.draw)

    def _dealt(self, decision: Decision) -> t.DealtCard | None:
        return self.dealt.get(decision.card or "")

    def _sight(self, decision: Decision) -> VisibleMistake | None:
        mistake, seat, dealt = self._mistake(decision), self._seat(decision), self._dealt(decision)
        if mistake is None:
            return None
        again = dealt.explanation_id if dealt is not None and self._asks_again(dealt) else None
        first_look, name = seat.judge_first, self.by.name
        return blinding.blind(self.part, mistake, name, seat.queue, judge_first=first_look, repeated=again)

    def _asks_again(self, dealt: t.DealtCard) -> bool:
        rows = [
            row
            for row in self.part.judgements
            if row.judged.person == self.by.name and row.target in TEXTS and row.target_id == dealt.explanation_id
        ]
        return dealt.kind == REPEAT and not is_answered_by(rows, REPEAT)

    def _role(self, decision: Decision, aim: DecisionTarget) -> str:
        last = decides_last(self._seat(decision), filter_rows(self.part.judgements, aim.kind, aim.id))
        return ADJUDICATOR if last else ANNOTATOR

    def _circumstances(self, decision: Decision, aim: DecisionTarget) -> Circumstances:
        """Return how the decision came about, as far as the server knows better than the browser."""
        sight, dealt, text = self._sight(decision), self._dealt(decision), self._text(aim)
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
            number = self._counts()[decision.queue].all
            self.chances[decision.queue] = 1 / number if number else None
        return self.chances[decision.queue]

    def _counts(self) -> dict[str, QueueCount]:
        exam = self.setting.exam.id
        counts = queue_index.count_queues(self.session, exam, self.setting.threshold, self.by.name)
        return {name: counts.get(name, QueueCount(0, 0)) for name in (*QUEUES, window.BROWSE)}

    def _check(
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
        sight = self._sight(decision)
        words = [word(row) for row in (sight.visible(news) if sight else news)]
        # Decided without a lease: kept beside the other's judgement, and both see it.
        if decision.offline:
            return words
        who = "you" if news[-1].judged.person == self.by.name else news[-1].judged.person
        raise _Overtaken(
            f"{who} decided on this {aim.kind} in the meantime; nothing was saved: look at it again", words
        )

    # -- what follows -------------------------------------------------------------------------------------------------

    def _next_moment(self) -> datetime:
        # Each judgement has a moment of its own, so that their order survives an archive.
        self.moment += timedelta(microseconds=1)
        return self.moment

    def _keep(self, row: t.Judgement, aim: DecisionTarget) -> None:
        self.session.flush()
        self.written.append(row)
        if aim.question_id in self.material.questions:
            self.part = replace(self.part, judgements=(*self.part.judgements, row_of(row, aim)))

    def _read_again(self) -> None:
        questions = sorted(self.material.questions)
        self.material = curated_part.read_material(self.session, self.setting, questions)
        rows = judgement_log.judgements(self.session, self.setting.exam.id, questions)
        self.part = curated_part.decide(self.setting, self.material, rows)

    def answers(self, replies: list[DecisionAnswer]) -> Answers:
        """Return the answers with the cards as they may be seen now."""
        # Decided again once, for all cards, with what was written just now.
        self.part = curated_part.decide(self.setting, self.material, list(self.part.judgements))
        last = self.decisions[-1]
        # An unknown queue has no counts of its own: the decisions are saved all the same.
        queue = window.SELECTION if last.queue == window.BROWSE else QUEUES.get(last.queue, window.SELECTION)
        cards = {}
        for decision in self.decisions:
            mistake = self._mistake(decision)
            if decision.card and mistake is not None and self._may_open(decision):
                cards[decision.card] = self._card(decision, mistake)
        open_texts = {x.uid for reply in cards.values() for x in reply.texts if not x.covered}
        ids = {x.text.id for m in self.part.mistakes for x in m.texts if x.text.uid in open_texts}
        # The answers' cards show these texts with their scores: later judgements on them aren't blind.
        exposures.record(self.session, self.by.name, ids)
        current = guidelines.current(self.session)
        return Answers(
            answers=replies,
            cards=cards,
            gone={d.mistake: why for d in self.decisions if d.mistake and (why := self._explain(d.mistake))},
            queue=window.counts_of(queue, self._counts()[queue.name], covered=last.judge == "first"),
            guidelines=current.uid if current else None,
        )

    def _may_open(self, decision: Decision) -> bool:
        return decision.queue == window.BROWSE or decision.queue in window.open_queues(self.by)

    def _card(self, decision: Decision, mistake: Mistake) -> Card:
        seat, dealt = self._seat(decision), self._dealt(decision)
        deal = Deal(
            id=decision.card or "",
            kind=dealt.kind if dealt else "",
            text=dealt.explanation_id if dealt else None,
            alone=False,
            enter=decision.target,
        )
        return card(self.part, mistake, seat, deal)

    def _explain(self, uid: str) -> Missing | None:
        for code, attempts in (("corrected", self.part.corrected), ("excluded", self.part.excluded)):
            if uid in {attempt.uid for attempt in attempts}:
                return Missing.model_validate({"code": code, "line": window.LINES[code]})
        return None


class _Overtaken(Stale):
    """Somebody decided after what the person saw: what they said, as far as it may be known."""

    def __init__(self, message: str, words: list[CardWord]) -> None:
        self.words = words
        super().__init__(message)


def _owners(session: Session, decisions: Sequence[Decision]) -> dict[str, str]:
    """Return whose the judgements are that these decisions made before, by the decision's token."""
    ends = ("", "/0", f"{repairs.ACT}/rejects")
    tokens = {f"{decision.token}{end}": decision.token for decision in decisions for end in ends}
    row = t.Judgement
    rows = session.exec(select(row.token, row.person).where(col(row.token).in_(tokens))).all()
    return {tokens[token]: person for token, person in rows}


def _is_of(row: JudgementRow, act: str) -> bool:
    return row.batch in (act, f"{act}{repairs.ACT}")
