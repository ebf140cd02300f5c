"""One act on many texts: all of them or none, and one undo takes all of it back.

    judge_all(session, select_texts(rows, "rationale"), Act.REJECT, by=ann, reason="no_work")  -> 76 judgements
    take_back(session, find_undoable(rows, ann.name), by=ann)                            -> 76 more, that cancel them
    take_back(session, find_redoable(rows, ann.name), by=ann)                            -> and 76 that bring them back

    decide_class(session, setting, QUEUES["no-work"], Act.REJECT, by=ann, token="7f9c…", version="d41d…")  -> (100, 728)

Each text gets a judgement of its own; what belongs to one act shares what stands before the "/" of its token. A queue's
class is decided some texts a request, so that a person sees how far it is. Which texts it is about is settled with the
first request: the audit's row holds them.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import takewhile
from typing import Any

from sqlmodel import Session, col, func, select

from mapd.domain import Act, ExamInfo, JudgementRow
from mapd.errors import BadInput, Stale
from mapd.people import Person, Right, require
from mapd.review import reasons
from mapd.review.annotators import find_adjudications
from mapd.review.curated_part import Setting
from mapd.review.judging import Circumstances, Target, judge, undo
from mapd.review.messages import ClassPanel, ClassReject
from mapd.review.queue_index import derivation
from mapd.review.queues import BatchRule, Queue
from mapd.store import audit_log, browse, judgement_log, queries
from mapd.store import tables as t
from mapd.store.browse import ListedText

QUEUE = "bulk"  # what such a judgement has as its queue
# Texts in one act: each is a judgement of its own, and all are written in one transaction.
MOST = 5_000
AT_ONCE = 100  # texts of a class that one request decides
ACTION = "judge class"  # the audit's word for it


@dataclass(frozen=True, slots=True)
class BatchText:
    """A text as it was shown: the id of the latest judgement on it (0 = none), and the committee's verdict."""

    target: Target
    latest_seen: int
    committee: str


def select_texts(rows: Iterable[ListedText], kind: str) -> list[BatchText]:
    """Return the listed texts as items of a batch, all of one kind."""
    return [BatchText(Target(kind, x.explanation_id), x.latest, x.committee) for x in rows]


def load_waiting(session: Session, exam: ExamInfo, rule: BatchRule, threshold: int, person: str) -> list[BatchText]:
    """Return the batch's texts that wait for this person, at a threshold in hundredths (rule: `queues.waits_for`).

    The exam's queue index has to be up to date (derivation.catch_up).
    """
    rows_of = (session, exam.id, rule.filter, threshold)
    rows = browse.list_texts(*rows_of, browse.count_rows(*rows_of))
    last_word_of = find_adjudications(judgement_log.adjudicated_judgements(session, exam.id))
    few = (x for x in rows if person not in x.judged_by and len(x.judged_by) < exam.judgements_per_text)
    return select_texts((x for x in few if ("rationale", x.explanation_id) not in last_word_of), "rationale")


def make_token(texts: Sequence[BatchText], decision: Act, person: str) -> str:
    """Return the act's token: the same press twice is one act, another press after an undo is another."""
    # The latest judgements are part of it: after an undo the same press is another act.
    act = repr((person, decision.value, [(c.target.id, c.latest_seen) for c in texts]))
    return f"{QUEUE}-{hashlib.sha256(act.encode()).hexdigest()[:32]}"


def judge_all(
    session: Session,
    texts: Sequence[BatchText],
    decision: Act,
    *,
    by: Person,
    reason: str | None = None,
    note: str | None = None,
) -> list[t.Judgement]:
    """Record the decision on every text that a filter finds.

    Raises: Forbidden, BadInput (a reason that doesn't fit), NotFound, Stale (somebody decided on one of them since).
    """
    require(by, Right.JUDGE_MANY)
    token = make_token(texts, decision, by.name)
    by_token = {f"{token}/{text.target.id}": text for text in texts}
    return _judge_each(session, by_token, decision, by=by, reason=reason, note=note, as_seen=True)


def _judge_each(
    session: Session, texts: Mapping[str, BatchText], decision: Act, *, by: Person, as_seen: bool = False, **parts: Any
) -> list[t.Judgement]:
    """Record the decision on each text, under its token. `as_seen`: none may have been decided on since it was read."""
    at, rows = queries.moment(session), []
    # Without autoflush the rows are written in one go, not one by one with each query.
    with session.no_autoflush:
        for token, text in texts.items():
            how = Circumstances(queue=QUEUE, committee=text.committee)
            latest = text.latest_seen if as_seen else None
            write = partial(judge, session, text.target, decision, by=by, token=token, latest_seen=latest)
            rows.append(write(circumstances=how, follow=False, at=at, **parts))
    derivation.follow_judgements(session, rows)
    return rows


def load_class_panel(session: Session, setting: Setting, queue: Queue, person: Person) -> ClassPanel | None:
    """Return how many texts of the queue's class wait for this person; none where it has no class."""
    if queue.batch_rule is None or not person.name:
        return None
    waiting = load_waiting(session, setting.exam, queue.batch_rule, setting.threshold, person.name)
    first = waiting[:MOST]
    reject = ClassReject(reason=queue.batch_rule.reason, words=reasons.words(queue.batch_rule.reason))
    return ClassPanel(texts=len(waiting), takes=len(first), version=_hash_texts(first), reject=reject)


def decide_class(
    session: Session, setting: Setting, queue: Queue, decision: Act, *, by: Person, token: str, version: str
) -> tuple[int, int]:
    """Decide the next texts of the class; return how many are decided, of all. `version`: of the panel that was seen.

    Raises: Forbidden; BadInput where the queue has no class; Stale where other texts wait by now.
    """
    person = require(by, Right.JUDGE)
    if queue.batch_rule is None:
        raise BadInput(f"the texts of this queue can't be decided at once: {queue.name}")
    texts = _find_texts(session, token)
    waiting = load_waiting(session, setting.exam, queue.batch_rule, setting.threshold, person)
    if texts is None:
        first = waiting[:MOST]
        if _hash_texts(first) != version:
            raise Stale(f"other texts wait in this class by now: {len(waiting):,}; nothing was saved: look again")
        texts = {text.target.id for text in first}
        audit_log.audit(session, person, ACTION, f"class {token}", queue=queue.name, texts=sorted(texts))
    # Tokens go on from here: a request that is sent again decides the next texts, never the same twice.
    number = _count_judgements(session, token)
    remaining = [text for text in waiting if text.target.id in texts]
    reason = queue.batch_rule.reason if decision is Act.REJECT else None
    by_token = {f"{token}/{place}": text for place, text in enumerate(remaining[:AT_ONCE], number)}
    rows = _judge_each(session, by_token, decision, by=by, reason=reason)
    return number + len(rows), number + len(remaining)


def _hash_texts(texts: Sequence[BatchText]) -> str:
    # Another judgement, or another text, gives another version.
    return hashlib.sha256(repr([(text.target.id, text.latest_seen) for text in texts]).encode()).hexdigest()[:32]


def _find_texts(session: Session, token: str) -> set[int] | None:
    audit = t.Audit
    detail = session.exec(select(audit.detail).where(audit.action == ACTION, audit.target == f"class {token}")).first()
    return None if detail is None else {int(text) for text in detail["texts"]}


def _count_judgements(session: Session, token: str) -> int:
    # `autoescape`: a "_" or "%" in the token is no wildcard.
    begins = col(t.Judgement.token).startswith(f"{token}/", autoescape=True)
    return session.exec(select(func.count()).select_from(t.Judgement).where(begins)).one()


def take_back(session: Session, rows: Sequence[JudgementRow], *, by: Person) -> list[t.Judgement]:
    """Undo (or redo) what was one act. The undo is one act too. Raises: as `judging.undo`."""
    at = queries.moment(session)
    with session.no_autoflush:
        undos = []
        for row in rows:
            token = f"{row.uid}-undo" if len(rows) == 1 else f"{row.batch}-undo/{row.target_id}"
            undos.append(undo(session, row.judged.id, by=by, token=token, follow=False, at=at))
    derivation.follow_judgements(session, undos)
    return undos


def find_undoable(rows: Iterable[JudgementRow], person: str) -> tuple[JudgementRow, ...]:
    """Return what undo takes back: the person's latest act in force, or the redo that brought it back."""
    own_rows = [row for row in rows if row.judged.person == person]
    undos = _find_undos(own_rows)
    return _find_latest_act(own_rows, (row for row in reversed(own_rows) if row.judged.id not in undos))


def find_redoable(rows: Iterable[JudgementRow], person: str) -> tuple[JudgementRow, ...]:
    """Return what redo takes back: the person's latest undo in force, unless they have judged since."""
    own_rows = [row for row in rows if row.judged.person == person]
    undos = _find_undos(own_rows)
    since = takewhile(lambda row: row.judged.undoes is not None, reversed(own_rows))
    return _find_latest_act(own_rows, (row for row in since if row.judged.id in undos))


def _find_undos(rows: Iterable[JudgementRow]) -> set[int]:
    """Return the undos among the judgements, and what undoes a redo; a redo is an undo's undo."""
    undos: set[int] = set()
    for row in rows:
        if row.judged.undoes is not None and row.judged.undoes not in undos:
            undos.add(row.judged.id)
    return undos


def _find_latest_act(rows: Sequence[JudgementRow], candidates: Iterable[JudgementRow]) -> tuple[JudgementRow, ...]:
    undone = {row.judged.undoes for row in rows}
    latest = next((row for row in candidates if row.judged.id not in undone), None)
    if latest is None:
        return ()
    return tuple(row for row in rows if row.batch == latest.batch and row.judged.id not in undone)
