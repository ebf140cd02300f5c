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
from mapd.curation.policy_sets import PolicySet, measure_set
from mapd.curation.precision_recall import PLAIN, SampleWeights
from mapd.curation.selection import narrow
from mapd.curation.threshold_sweep import Figures
from mapd.policies import Policy
from mapd.review.audit_weights import is_audited, weigh_judgements
from mapd.review.queue_index.rows import authors_of, compute_figures
from mapd.store import audit_log, committees, judgement_log, queries, queue_index
from mapd.store import tables as t
from mapd.ui.kit import context
from mapd.ui.kit.cache import load_curated, load_material


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


def load_policy_set(exam_id: int, policy: Policy, teachers: Collection[str] = ()) -> PolicySet:
    """Return the same, measured against the gold check and against people."""
    saved = context.read(queries.exam, exam_id)
    return context.read(_load_measured, exam_id, policy, tuple(teachers), (saved.policy, saved.threshold))


def _load(session: Session, exam_id: int, policy: Policy, teachers: tuple[str, ...]) -> LabSet:
    return _decide(_make_key(session, exam_id, policy, teachers), session, policy)


def _load_measured(
    session: Session, exam_id: int, policy: Policy, teachers: tuple[str, ...], saved: tuple[str, float | None]
) -> PolicySet:
    key = _make_key(session, exam_id, policy, teachers)
    # What the audits drew goes by the policy in use.
    return _measure((*key, saved), session, _decide(key, session, policy))


def _make_key(session: Session, exam_id: int, policy: Policy, teachers: tuple[str, ...]) -> tuple[object, ...]:
    return exam_id, str(context.engine().url), read_edition(session, exam_id), policy.conditions, teachers


def read_edition(session: Session, exam_id: int) -> tuple[object, ...]:
    """Return what changes with all that decides beside the policy's conditions. Judgements are never changed."""
    newest = queries.newest_of_each(session, t.Attempt, t.Explanation, t.Review, t.CommitteeMember, t.Judgement)
    # Whom an adaptive committee doesn't ask may change with a collect that brings no text.
    acts = audit_log.edition(session, *audit_log.CHANGES, committees.COLLECT)
    return *newest, acts, queries.exam(session, exam_id).wrong_in


@st.cache_resource(max_entries=6, show_spinner="Deciding every rationale under these conditions …")
def _decide(key: tuple[object, ...], _session: Session, _policy: Policy) -> LabSet:
    exam_id, *_, teachers = key
    assert isinstance(exam_id, int)
    assert isinstance(teachers, tuple)
    material, judgements = load_material(_session, exam_id), judgement_log.judgements(_session, exam_id)
    curated = narrow(curate(material, judgements, _policy, queries.exam(_session, exam_id)), teachers)
    return LabSet(compute_figures(curated, authors_of(_session)), tabulate_cuts(curated))


@st.cache_resource(max_entries=6, show_spinner="Measuring …")
def _measure(key: tuple[object, ...], _session: Session, _lab_set: LabSet) -> PolicySet:
    exam_id = key[0]
    assert isinstance(exam_id, int)
    return measure_set(_lab_set.figures, _lab_set.columns, _load_weights(_session, exam_id))


def _load_weights(session: Session, exam_id: int) -> SampleWeights:
    if not is_audited(judgement_log.judgements(session, exam_id)):
        return PLAIN
    return weigh_judgements(load_curated(exam_id))
