"""How much there is to do, and who is at it.

counts = load_counts(session, ann, exam_id, CountsQuery(queue="no-work", panel=True))
counts.queues[0].waiting, counts.class_.texts
"""

from sqlmodel import Session

from mapd.domain import Act
from mapd.judgements import drop_undone
from mapd.people import Person
from mapd.review import classes, curated_part, guidelines, leases, own_judgements, window
from mapd.review.messages import Counts, CountsQuery
from mapd.store import queue_index
from mapd.store.queue_index import QueueCount

DECIDES = (Act.ACCEPT, Act.REJECT, Act.CORRECT)


def load_counts(session: Session, person: Person, exam_id: int, query: CountsQuery) -> Counts:
    """Return the counts of every queue that the person may open. Raises: NotFound; BadInput (a panel of no queue)."""
    setting = curated_part.load_setting(session, exam_id)
    counts_of = queue_index.count_queues(session, exam_id, setting.threshold, person.name)
    queue = window.queue_of(person, query.queue) if query.panel else None
    panel = classes.panel(session, setting, queue, person) if queue and query.judge == "assisted" else None
    own_rows = own_judgements.load(session, exam_id, person.name)
    in_force = [j for j in drop_undone(row.judged for row in own_rows) if j.decision in DECIDES]
    current = guidelines.current(session)
    return Counts(
        queues=[
            window.counts_of(queue, counts_of.get(name, QueueCount(0, 0)))
            for name, queue in window.open_queues(person).items()
        ],
        others=leases.list_others(leases.list_leases(session, exam_id), person.name),
        class_=panel,
        mine=len(in_force),
        guidelines=current.uid if current else None,
    )
