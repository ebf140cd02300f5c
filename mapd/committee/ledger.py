"""The ledger: each try of a call is a row, written together with the explanation or review that it gave.

A row of `call`, of a rationale that brook was asked for:

    key="3f…", try_number=1, kind="rationale", outcome="ok", teacher_id=2, model="slips", reply="Each dog has …",
    tokens_in=118, tokens_out=64, latency_s=0.8

A failed, empty, refused or cut-off call has its row and its reason, and gives no text; the next run asks again.
A run claims a call before it sends it (store/claims.py). Each transaction here may be repeated without harm.
"""

from collections.abc import Collection, Sequence
from enum import Enum
from typing import Any, NamedTuple

from sqlmodel import Session, col, func, select

from mapd import prompts, thoughts
from mapd.characters import storable
from mapd.committee.plan import PlannedCall
from mapd.models.base import Completion, Finish, split_thought
from mapd.scores import parse_score
from mapd.store import claims, db
from mapd.store import tables as t
from mapd.teacher_models import may_answer_otherwise
from mapd.teacher_prices import cost_usd

# The outcome of a try that came with an archive: it counts as a try, and answers nothing here.
FOREIGN = "of an archive"
# The outcome of a review's first try that holds no score.
UNREADABLE = "unreadable"
PROMPT = {prompt.kind: prompt.sha256 for prompt in prompts.SHIPPED}


class Arrival(NamedTuple):
    """A completion, and the rows that wait for it. `uid` is that of its try."""

    # Several where the same prompt stands in the plan twice: it is sent once.
    planned: Sequence[PlannedCall]
    completion: Completion
    uid: str


class Try(NamedTuple):
    """One try of a call as the ledger has it."""

    uid: str
    outcome: str


class ReplyOutcome(Enum):
    """What a completion led to: rows, nothing, or a second try."""

    ROWS = "rows"
    NOTHING = "nothing"
    ASK_AGAIN = "ask again"


def keep_prompts(session: Session) -> None:
    """Put the prompts as shipped into the database."""
    # Each row names its prompt by the hash, so the prompt has to be there first.
    _insert(session, t.Prompt, [{"sha256": p.sha256, "kind": p.kind, "text": p.text} for p in prompts.SHIPPED])


def reuse(session: Session, calls: Sequence[PlannedCall]) -> list[PlannedCall]:
    """Write the rows whose calls were answered here before, for whichever exam; return what is still to be asked."""
    if not calls:
        return []
    # A try that came with an archive has an origin, and answers nothing here.
    query = select(t.Call.key, t.Call.reply, t.Call.thought).where(
        col(t.Call.key).in_({p.key for p in calls}), t.Call.outcome == Finish.OK, col(t.Call.origin).is_(None)
    )
    replies = {key: _split_reply(reply, thought) for key, reply, thought in session.exec(query)}
    if replies:
        # The lock comes before the insert: readers of pages go by id, so ids must be committed in order.
        claims.lock(session)
        _insert_rows(session, [_row(p, replies[p.key], Finish.OK) for p in calls if p.key in replies])
    return [p for p in calls if p.key not in replies]


def spent(session: Session, exam_id: int) -> float:
    """Return the US dollars that the exam's calls cost, as far as their replies told. A budget counts this."""
    # A call of unknown price adds nothing: under a budget none is sent without a yes to that.
    query = select(func.sum(t.Call.cost_usd)).where(t.Call.exam_id == exam_id)
    return float(session.exec(query).one() or 0)


def record(session: Session, run: claims.ClaimHolder, arrived: Sequence[Arrival], exam_id: int) -> list[ReplyOutcome]:
    """Write each completion as a try, with the rows that it gives, and end its claim; for each, what it came to."""
    claims.lock(session)
    # Under the lock, so that no other run records a try of the same call meanwhile.
    by_key = tries(session, {a.completion.key for a in arrived})
    calls, rows, effects = [], [], []
    for planned, arrival, uid in arrived:
        completion = split_thought(arrival)
        earlier = [x.outcome for x in by_key.get(completion.key, ()) if x.uid != uid]
        # A commit whose answer was lost is repeated: then this very try stands in the ledger already.
        is_written = any(x.uid == uid for x in by_key.get(completion.key, ()))
        text, error = storable(completion.text), completion.error
        thought = completion.thought and storable(completion.thought)
        outcome: str = Finish.EMPTY if completion.finish is Finish.OK and not text.strip() else completion.finish
        reply_rows = [row for p in planned if (row := _row(p, SplitReply(text, thought), outcome))]
        # At most one try of a key is ok: its reply is the one that every run uses.
        if outcome == Finish.OK and Finish.OK in earlier:
            outcome, error = Finish.FAILED, "another process had the reply to this call first"
        elif outcome == Finish.OK and _asks_again(planned[0], reply_rows, earlier):
            # The first try keeps its reply word for word; the second one's row counts, be it a vote or none.
            outcome, error, reply_rows = UNREADABLE, f"{reply_rows[0][1]['status']}: asked once more", []
        if not is_written:
            reply = text if completion.reply is None else storable(completion.reply)
            ending = {"reply": reply, "thought": thought, "outcome": outcome, "error": error and storable(error)}
            call = _call(planned[0], completion, len(earlier) + 1)
            calls.append(call | ending | {"uid": uid, "exam_id": exam_id})
        rows += reply_rows
        effect = ReplyOutcome.ROWS if reply_rows else ReplyOutcome.NOTHING
        effects.append(ReplyOutcome.ASK_AGAIN if outcome == UNREADABLE else effect)
    _insert(session, t.Call, calls)
    _insert_rows(session, rows)
    # The claim of a call that is sent again at once goes on: no other run may take it meanwhile.
    sent_again = (effect is ReplyOutcome.ASK_AGAIN for effect in effects)
    keys = [a.completion.key for a, again in zip(arrived, sent_again, strict=True) if not again]
    claims.release(session, run, keys)
    return effects


def _asks_again(planned: PlannedCall, reply_rows: Sequence["ReplyRow"], earlier: Sequence[str]) -> bool:
    """Return whether a review gave no vote at its first such try and its model may answer otherwise."""
    no_vote = any(table is t.Review and row["score"] is None for table, row in reply_rows)
    return no_vote and UNREADABLE not in earlier and may_answer_otherwise(planned.teacher)


def tries(session: Session, keys: Collection[str]) -> dict[str, list[Try]]:
    """Return each key's tries, in order. One that came with an archive has its place, and answers nothing."""
    query = select(t.Call.key, t.Call.uid, t.Call.outcome, t.Call.origin).where(col(t.Call.key).in_(keys))
    by_key: dict[str, list[Try]] = {}
    for key, uid, outcome, origin in session.exec(query.order_by(col(t.Call.try_number))):
        by_key.setdefault(key, []).append(Try(uid, outcome if origin is None else FOREIGN))
    return by_key


def _call(planned: PlannedCall, completion: Completion, try_number: int) -> dict[str, Any]:
    teacher = planned.teacher
    return {
        "key": planned.key,
        "try_number": try_number,
        "kind": planned.kind,
        "teacher_id": teacher.id,
        "model": teacher.model,
        "tokens_in": completion.tokens_in,
        "tokens_out": completion.tokens_out,
        "cost_usd": cost_usd(teacher, completion.tokens_in, completion.tokens_out),
        "latency_s": completion.latency_s,
    }


class SplitReply(NamedTuple):
    """A reply in two: the text that counts, and the thought before it."""

    text: str
    thought: str | None


def _split_reply(reply: str, thought: str | None) -> SplitReply:
    # It is split as `record` split it for its rows; an older reply has no thought apart.
    parts = thoughts.split(reply)
    return SplitReply(parts.text or reply, thought or parts.thought or None)


ReplyRow = tuple[type[t.Travelling], dict[str, Any]]  # a row that a reply gives, and its table


def _row(planned: PlannedCall, reply: SplitReply, outcome: str) -> ReplyRow | None:
    """Return the row that a reply gives, an explanation or a review; None where it gives none."""
    common = {"uid": t.new_uid(), "prompt_sha256": PROMPT[planned.kind], "sample": planned.sample} | reply._asdict()
    if planned.kind != "review":
        explanation = {
            "kind": planned.kind,
            "question_id": planned.question_id,
            "attempt_id": planned.attempt_id,
            "author_id": planned.teacher.id,
        }
        return (t.Explanation, common | explanation) if outcome == Finish.OK else None
    parsed = parse_score(reply.text, planned.question, planned.solution)
    # A review that was cut off counts where its score stands in the text, before the cut.
    if outcome != Finish.OK and (outcome != Finish.CUT_OFF or parsed.score is None):
        return None
    review = {
        "explanation_id": planned.explanation_id,
        "reviewer_id": planned.teacher.id,
        "score": parsed.score,
        "raw_score": parsed.raw,
        "status": parsed.status,
        "saw_gold": True,
    }
    return t.Review, common | review


def _insert_rows(session: Session, reply_rows: Sequence[ReplyRow | None]) -> None:
    for table in (t.Explanation, t.Review):
        _insert(session, table, [row[1] for row in reply_rows if row and row[0] is table])


def _insert(session: Session, table: type[t.Table], rows: Sequence[dict[str, Any]]) -> None:
    """Insert the rows that are not there yet."""
    if rows:
        # Another process, or the first run of a repeated transaction, may have inserted some of them.
        session.execute(db.insert(session, table).on_conflict_do_nothing(), rows)
