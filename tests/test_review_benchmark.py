"""The store that benchmarks/review.py generates is one that the project itself would have made."""

import random
from pathlib import Path

import sqlalchemy as sa
from sqlmodel import Session

from benchmarks import review
from mapd.curation import standing
from mapd.curation.queues import QUEUES
from mapd.store import db, listing
from mapd.store.listing import Order
from tests.curation.test_standing import held

BY_LOT = {name for name, queue in QUEUES.items() if queue.by_lot}  # a copy draws another lot


def derived(session: Session) -> dict[str, list]:
    return {table: [row for row in rows if not BY_LOT & set(map(str, row))] for table, rows in held(session, 1).items()}


def test_copied_is_derived(tmp_path: Path) -> None:
    engine = review.generate(tmp_path, 600, base=200)
    with db.writing(engine) as session:
        assert session.execute(sa.text("SELECT count(*) FROM review")).scalar_one() == 3_600
        assert session.execute(sa.text("SELECT count(*) FROM stale")).scalar_one() == 0
        copied = derived(session)
        standing.derive(session, 1, measure=False)
        assert derived(session) == copied
    engine.dispose()


def test_pages_are_read_at_any_depth_in_every_order() -> None:
    for order in Order:
        assert len(review._place(order, 100, random.Random(0))) == listing.key_length(order)
