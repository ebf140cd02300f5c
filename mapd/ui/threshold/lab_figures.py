"""What the lab's policies give on the exam, worked out once for all thresholds of a policy.

    load_figures(exam_id, draft, saved).at("accepted", 350)      -> 612
    load_lab_set(exam_id, draft).columns.cuts                    -> where each rationale stops being accepted

Under the saved policy's conditions the queue index has the figures. Under others every text is decided again, once: a
move of the threshold finds what it needs here.
"""

from collections.abc import Collection
from dataclasses import dataclass

import streamlit as st
from sqlmodel import Session

from mapd.curation.curated import curate
from mapd.curation.cut_columns import CutColumns, tabulate_cuts
from mapd.curation.selection import narrow
from mapd.curation.threshold_sweep import Figures
from mapd.policies import Policy
from mapd.review.queue_index.rows import authors_of, compute_figures
from mapd.store import judgement_log, queries, queue_index
from mapd.store import tables as t
from mapd.ui.kit import context
from mapd.ui.kit.cache import count_texts, load_material


@dataclass(frozen=True, slots=True, eq=False)
class LabSet:
    """An exam's rationales under one policy's conditions."""

    figures: Figures
    columns: CutColumns


def have_same_conditions(draft: Policy, saved: Policy) -> bool:
    """Return whether the two policies differ in threshold and name alone."""
    return draft.conditions == saved.conditions


def load_figures(exam_id: int, policy: Policy, saved: Policy, teachers: Collection[str] = ()) -> Figures:
    """Return the exam's figures at every threshold under this policy, narrowed to `teachers` if there are any."""
    # The queue index knows only the saved conditions and all teachers.
    if teachers or not have_same_conditions(policy, saved):
        return load_lab_set(exam_id, policy, teachers).figures
    return Figures.of(context.read(queue_index.figures, exam_id))


def load_lab_set(exam_id: int, policy: Policy, teachers: Collection[str] = ()) -> LabSet:
    """Return the exam's rationales under this policy's conditions, with all texts, votes and judgements of now."""
    return context.read(_load, exam_id, policy, tuple(teachers))


def _load(session: Session, exam_id: int, policy: Policy, teachers: tuple[str, ...]) -> LabSet:
    # Judgements are never changed, only followed by others.
    edition = (*count_texts(session), queries.newest(session, t.Judgement), queries.exam(session, exam_id).wrong_in)
    return _decide((exam_id, str(context.engine().url), edition, policy.conditions, teachers), session, policy)


@st.cache_resource(max_entries=6, show_spinner="Deciding every rationale under these conditions …")
def _decide(key: tuple[object, ...], _session: Session, _policy: Policy) -> LabSet:
    exam_id, *_, teachers = key
    assert isinstance(exam_id, int)
    assert isinstance(teachers, tuple)
    material, judgements = load_material(_session, exam_id), judgement_log.judgements(_session, exam_id)
    curated = narrow(curate(material, judgements, _policy, queries.exam(_session, exam_id)), teachers)
    return LabSet(compute_figures(curated, authors_of(_session)), tabulate_cuts(curated))
