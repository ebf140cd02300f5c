"""The current exam's curated set for a page: the whole set, or the part that the page shows.

Texts and votes only grow, so they stay in memory between runs, until something is deleted, restored or renamed (an id
may then belong to another row). Judgements are read each time, and the texts that they are about are decided again.
"""

from collections.abc import Collection
from dataclasses import replace

import streamlit as st
from sqlmodel import Session

from mapd.curation import saved_policies
from mapd.curation.curated import Curated
from mapd.curation.leakage import HeldOutQuestion
from mapd.curation.live_set import CuratedParts, decide
from mapd.curation.snapshots import list_held_out
from mapd.domain import Material
from mapd.errors import Busy
from mapd.jobs import ACTIVE, kinds
from mapd.playground.question import find_sealed_words
from mapd.policies import Policy
from mapd.review import curated_part
from mapd.review.queue_index import derivation
from mapd.review.queue_index.derivation import IndexState
from mapd.store import audit_log, committees, exam_material, judgement_log, queries
from mapd.store import tables as t
from mapd.store.exam_material import ExamVoices
from mapd.ui import jobs
from mapd.ui.kit import run_session, text
from mapd.ui.kit.context import engine, impatient_engine, read


def load_curated(exam_id: int) -> Curated:
    """Return the exam's current curated set under its own policy."""
    return load_parts(exam_id).curated


def load_parts(exam_id: int, policy: Policy | None = None) -> CuratedParts:
    """Return the exam's current curated set, question by question, under its own policy or the given one."""
    with st.spinner("Reading the exam …"):
        return read(_load_parts, exam_id, policy)


def _load_parts(session: Session, exam_id: int, policy: Policy | None) -> CuratedParts:
    material = load_material(session, exam_id)
    # Read anew: its policy may have been set since the material was read.
    info = queries.exam(session, exam_id)
    judgements = judgement_log.judgements(session, exam_id)
    memory = _decisions(exam_id, str(engine().url), audit_log.edition(session))
    # Beside its own policy the last other one is remembered: that of an exam with which it is frozen.
    kind = "own" if policy is None else "other"
    rules = saved_policies.exam_policy(session, info) if policy is None else policy
    memory[kind] = parts = decide(material, judgements, rules, info, memory.get(kind))
    return parts


def load_held_out() -> tuple[HeldOutQuestion, ...]:
    """Return the project's dev and test questions, read again where questions came or something was deleted."""
    return read(_load_held_out)


def load_sealed_words() -> frozenset[str]:
    """Return the project's test questions as the playground compares them."""
    return read(_load_sealed_words)


def _load_held_out(session: Session) -> tuple[HeldOutQuestion, ...]:
    return _held_out(str(engine().url), _edition(session), session)


def _load_sealed_words(session: Session) -> frozenset[str]:
    return _sealed_words(str(engine().url), _edition(session), session)


def _edition(session: Session) -> tuple[object, ...]:
    return queries.newest(session, t.Question), audit_log.edition(session)


@st.cache_resource(max_entries=4, show_spinner=False)
def _held_out(url: str, edition: tuple[object, ...], _session: Session) -> tuple[HeldOutQuestion, ...]:  # noqa: ARG001
    return list_held_out(_session)


@st.cache_resource(max_entries=4, show_spinner=False)
def _sealed_words(url: str, edition: tuple[object, ...], _session: Session) -> frozenset[str]:  # noqa: ARG001
    return find_sealed_words(_session)


def load_voices(exam_id: int, kind: str) -> ExamVoices:
    """Return whose texts of a kind and whose votes count, read again where some came in or something was deleted."""
    return read(_load_voices, exam_id, kind)


def _load_voices(session: Session, exam_id: int, kind: str) -> ExamVoices:
    return _voices(exam_id, kind, str(engine().url), count_texts(session), session)


@st.cache_data(max_entries=32, show_spinner=False)
def _voices(exam_id: int, kind: str, url: str, counts: tuple[int | None, ...], _session: Session) -> ExamVoices:  # noqa: ARG001
    return exam_material.load_voices(_session, exam_id, kind)


def load_part(exam_id: int, questions: Collection[int], policy: Policy | None = None) -> Curated:
    """Return these questions' part of the curated set, under the exam's own policy or the given one.

    Reviewers' leniency comes from the queue index, so `require_index` has to be asked first.
    """
    setting = read(curated_part.load_setting, exam_id)
    part = read(curated_part.load, replace(setting, policy=policy or setting.policy), questions)
    return replace(part, teachers=tuple(read(queries.voices, exam_id)))


def require_index(exam_id: int) -> bool:
    """Return whether queues and filters can be shown. Where they can't, draw the job that prepares them.

    No page derives anything itself: where what brought the rows didn't, a job does.
    """
    state = read(derivation.find_state, exam_id)
    if state is IndexState.CURRENT:
        return True
    try:
        run_session.end_reading()
        uid = kinds.prepare_index(impatient_engine(), exam_id)
    except Busy:
        # Without any index there is nothing to show; an old one is better than a wait.
        if state is IndexState.MISSING:
            raise
        text.complain("the database is busy: until it is free, what just came in isn't in queues and filters yet")
        return True
    if state is IndexState.MISSING:
        st.markdown("**Queues and filters of this exam are being prepared.** The page opens once they are ready.")
    if uid is None or (state is IndexState.BEHIND and jobs.read_job(uid)[0].status in ACTIVE):
        st.caption("What just came in is on its way into queues and filters: reload the page in a moment.")
    else:
        # Where it failed, or was cancelled, its card says why, and has the button that resumes it.
        jobs.draw_job(uid)
    return state is IndexState.BEHIND


def derive_index() -> None:
    """Bring the queue index up to date after the page wrote what it is derived from."""
    run_session.end_reading()
    with st.empty():
        derivation.catch_up_all(engine(), _draw_share)


def _draw_share(done: int, total: int) -> None:
    st.progress(done / total, "Preparing queues and filters …")


@st.cache_resource(max_entries=8, show_spinner=False)
def _decisions(exam_id: int, url: str, edition: int) -> dict[str, CuratedParts]:  # noqa: ARG001 - the cache's key
    """Return where the exam's last decision is stored between runs, for all sessions."""
    return {}


def load_material(session: Session, exam_id: int) -> Material:
    """Return the exam's texts and votes, read again only where some came in, or were deleted or renamed."""
    # Until the index is derived, texts have no record of their checks: read then, each would be read again for ever.
    is_derived = derivation.find_state(session, exam_id) is not IndexState.MISSING
    return _material(exam_id, str(engine().url), (*count_texts(session), is_derived), session)


def count_texts(session: Session) -> tuple[int | None, ...]:
    """Return what grows with every text, vote and committee, and where some were deleted or renamed."""
    tables = (t.Attempt, t.Explanation, t.Review, t.CommitteeMember)
    acts = audit_log.edition(session, *audit_log.CHANGES, committees.COLLECT)
    return *queries.newest_of_each(session, *tables), acts


@st.cache_resource(max_entries=8, show_spinner=False)
def _material(exam_id: int, url: str, counts: tuple[int | None, ...], _session: Session) -> Material:  # noqa: ARG001
    return exam_material.material(_session, exam_id)
