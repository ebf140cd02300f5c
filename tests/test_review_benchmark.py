"""What benchmarks/review.py measures is what people have: a store as the project makes it, reviewers as clients are."""

import random
import threading
from pathlib import Path

import sqlalchemy as sa
from sqlmodel import Session

from benchmarks import review, reviewers
from mapd.domain import Order
from mapd.people import owner
from mapd.review.queue_index import derivation
from mapd.review.queues import QUEUES
from mapd.store import browse, db
from tests.api.client import Server
from tests.review.test_queue_index import held

BY_LOT = {name for name, queue in QUEUES.items() if queue.by_lot}  # a copy draws another lot


def derived(session: Session) -> dict[str, list]:
    return {table: [row for row in rows if not BY_LOT & set(map(str, row))] for table, rows in held(session, 1).items()}


def test_copied_is_derived(tmp_path: Path) -> None:
    engine = review.generate(tmp_path, 600, base=200)
    with db.writing(engine) as session:
        assert session.execute(sa.text("SELECT count(*) FROM review")).scalar_one() == 3_600
        assert session.execute(sa.text("SELECT count(*) FROM stale")).scalar_one() == 0
        copied = derived(session)
        derivation.derive(session, 1, measure=False)
        assert derived(session) == copied
    engine.dispose()


def test_pages_are_read_at_any_depth_in_every_order() -> None:
    for order in Order:
        assert len(review._place(order, 100, random.Random(0))) == browse.key_length(order)


def test_a_reviewer_decides_each_text_that_waits_and_each_is_saved_once(tmp_path: Path) -> None:
    engine = review.generate(tmp_path, 20)
    client = Server(engine).client(owner("ann"), review.EXAM)
    reviewer = reviewers.Reviewer(client)
    waiting = client.window(queue="everything")["queue"]["waiting"]
    reviewer.work(threading.Event())
    assert client.window(queue="everything")["queue"]["waiting"] == 0 < waiting == 20
    with db.reading(engine) as session:
        rows = session.execute(sa.text("SELECT count(*), count(DISTINCT explanation_id) FROM judgement")).one()
    assert reviewer.answers == {"saved": 60}
    assert tuple(rows) == (60, 60)
    engine.dispose()
