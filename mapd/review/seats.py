"""What a person has in front of them, written down: the leases of their cards, and that their open texts were seen.

renew_leases(session, ann, exam_id, LeaseWish(front="9d2e…", next=["11aa…"], leave=["77cc…"]))
    -> Leases(held=[…], refused=[…], others=[…], seconds=180)
record_exposed(session, "ann", {17, 18})      # shown unblinded: later judgements of hers on them are not blind
find_exposed(session, "ann", {17, 18, 19})    -> {17, 18}, in whatever tab and on whatever day
"""

from collections.abc import Collection

from sqlmodel import Session, col, select

from mapd.curation.curated import Curated
from mapd.people import Person, Right, require
from mapd.review import blinding, curated_part, leases, quality_control, window
from mapd.review.deals import Seat
from mapd.review.messages import HeldLease, Leases, LeaseWish, RefusedLease
from mapd.store import db
from mapd.store import tables as t

# People who may have one mistake before them where somebody settles what people decided.
EVERYBODY = 1_000


def renew_leases(session: Session, by: Person, exam_id: int, wish: LeaseWish) -> Leases:
    """Take, renew and give back leases as the person's client wishes. An unknown mistake is left out.

    What is next and was decided meanwhile is refused, too, so that nobody reads what is done.

    Raises: Forbidden; BadInput (no name, no such queue), NotFound.
    """
    person = require(by, Right.JUDGE)
    setting = curated_part.load_setting(session, exam_id)
    seat = Seat(by, window.queue_of(by, wish.queue), wish.judge == "first", setting.threshold)
    in_front = [*([wish.front] if wish.front else []), *wish.next]
    attempt = t.Attempt
    uids_sent = {*in_front, *wish.leave, *wish.shown}
    where = (col(attempt.uid).in_(uids_sent), attempt.exam_id == exam_id)
    query = select(attempt.uid, attempt.id, attempt.question_id).where(*where)
    attempts = {uid: (id_, question) for uid, id_, question in session.exec(query).all() if id_ is not None}
    ids = {uid: id_ for uid, (id_, _) in attempts.items()}
    exposed = [uid for uid in (wish.front, *wish.shown) if uid in attempts]
    part = curated_part.load(session, setting, {attempts[uid][1] for uid in {*in_front, *exposed} if uid in attempts})
    _note_seen(session, part, seat, {ids[uid] for uid in exposed if uid is not None})
    # Only what comes next is refused: the card in front may be finished, whoever decided it meanwhile.
    over = _find_decided(session, part, seat, {ids[uid] for uid in wish.next if uid in ids})
    places = {ids[uid]: _capacity_of(part, seat, ids[uid]) for uid in in_front if uid in ids and ids[uid] not in over}
    leased, refused = leases.take(session, by, places, [ids[uid] for uid in wish.leave if uid in ids])
    rows = leases.list_leases(session, exam_id)
    uids = {id_: uid for uid, id_ in ids.items()}
    holders = {id_: [row.holder for row in rows if row.attempt_id == id_ and row.person != person] for id_ in uids}
    return Leases(
        held=[HeldLease(mistake=uids[row.attempt_id], until=row.until) for row in leased],
        refused=[RefusedLease(mistake=uids[id_], people=holders[id_]) for id_ in [*refused, *sorted(over)]],
        others=leases.list_others(rows, person),
        seconds=leases.SECONDS,
    )


def _find_decided(session: Session, part: Curated, seat: Seat, attempts: set[int]) -> set[int]:
    """Return what was prefetched and has left the queue since: others decided it. What is dealt beside it stays."""
    if seat.queue is window.SELECTION:
        return set()
    entries = {m.attempt.id: seat.entry(part, m) for m in part.mistakes if m.attempt.id in attempts}
    over = {id_ for id_, entry in entries.items() if entry is None or entry.is_settled}
    return over - quality_control.find_dealt_attempts(session, part.exam.id, seat.person.name) if over else over


def _capacity_of(part: Curated, seat: Seat, attempt_id: int) -> int:
    if seat.queue.settles is not None:
        return EVERYBODY
    mistake = next((m for m in part.mistakes if m.attempt.id == attempt_id), None)
    entry = seat.entry(part, mistake) if mistake else None
    return entry.capacity if entry else part.exam.judgements_per_text


def _note_seen(session: Session, part: Curated, seat: Seat, attempts: set[int]) -> None:
    texts: set[int] = set()
    for mistake in part.mistakes:
        if mistake.attempt.id in attempts:
            texts |= {x.text.id for x in mistake.texts}
            if seat.judge_first:
                texts -= blinding.find_hidden(part.judgements, mistake.texts, seat.person.name)
    record_exposed(session, seat.person.name, texts)


def find_exposed(session: Session, person: str, texts: Collection[int]) -> set[int]:
    """Return those of the texts that this person has seen unblinded."""
    query = select(t.Exposure.explanation_id).where(
        t.Exposure.person == person, col(t.Exposure.explanation_id).in_(texts)
    )
    return set(session.exec(query).all())


def record_exposed(session: Session, person: str, texts: Collection[int]) -> None:
    """Record that this person is shown these texts unblinded."""
    fresh = set(texts) - find_exposed(session, person, texts)
    if not fresh:
        return
    rows = [{"person": person, "explanation_id": text} for text in sorted(fresh)]
    # Another tab may have written the same rows since they were looked for.
    session.execute(db.insert(session, t.Exposure).values(rows).on_conflict_do_nothing())
