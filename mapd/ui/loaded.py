"""The current exam's curated set for a page.

Texts and votes only grow, so they are kept between reruns; judgements are read each time.

    curated = load_curated(exam_id)                    # under the exam's own policy
    curated = load_curated(exam_id, STRICT.at(3.5))    # under another
"""

import streamlit as st
from sqlmodel import Session, col, func, select

from mapd.curation import policies, standing
from mapd.curation.curated import Curated, curate
from mapd.curation.queues import QUEUES
from mapd.store import db, queries, standings
from mapd.store import tables as t
from mapd.store.queries import Material
from mapd.store.standings import Count
from mapd.ui.current import engine
from mapd.verdicts import Policy


def load_curated(exam_id: int, policy: Policy | None = None) -> Curated:
    """The exam's curated set as it is now, under its own policy unless another is given."""
    with st.spinner("Reading the exam …"), db.reading(engine()) as session:
        material = load_material(session, exam_id)
        info = queries.exam(session, exam_id)  # not the kept one: its policy may have been set since
        judgements = queries.judgements(session, exam_id)
        return curate(material, judgements, policy or policies.exam_policy(session, info), exam=info)


def queue_counts(exam_id: int, person: str) -> dict[str, Count]:
    """By queue how many mistakes wait for this person, of how many, under the exam's own policy."""
    with st.spinner("Filling the queues …"):
        standing.catch_up(engine(), exam_id)
    with db.reading(engine()) as session:
        policy = policies.exam_policy(session, queries.exam(session, exam_id))
        held = standings.counts(session, exam_id, round(policy.threshold * 100), person)
    return {name: held.get(name, Count(0, 0)) for name in QUEUES}


def load_material(session: Session, exam_id: int) -> Material:
    """The exam's texts and votes, read again only where one came in since."""
    counts = [session.exec(select(func.max(col(table.id)))).one() for table in (t.Attempt, t.Explanation, t.Review)]
    return _material(exam_id, str(engine().url), tuple(counts), session)


@st.cache_resource(max_entries=8, show_spinner=False)
def _material(exam_id: int, url: str, counts: tuple[int | None, ...], _session: Session) -> Material:  # noqa: ARG001
    return queries.material(_session, exam_id)
