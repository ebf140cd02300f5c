"""The threshold lab's parts: the policy under the hand, what is saved for the exam, and the numbers of both.

    saved, known = policies_of(exam_id)
    chosen = choose(exam_id, saved, known)
    before, after = curated_at(exam_id, saved), curated_at(exam_id, chosen)

Every widget lives in the address; one that the address doesn't name has the saved policy's value.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import streamlit as st

from mapd.curation import policies
from mapd.curation.curated import Curated, curate, summary
from mapd.store import db, queries
from mapd.store.queries import JudgementRow, Material
from mapd.ui import address, current, figures, text
from mapd.ui.figures import Html
from mapd.ui.loaded import load_material
from mapd.ui.look import teacher_colours
from mapd.verdicts import PRESETS, Check, Policy

CHECKS = {Check.MATCHES_GOLD: "answer = gold", Check.EQUATIONS_TRUE: "equations true", Check.SHOWS_WORK: "shows work"}


def policies_of(exam_id: int) -> tuple[Policy, dict[str, Policy]]:
    """The exam's saved policy, and every policy by name (the saved one with the exam's own threshold)."""
    with db.reading(current.engine()) as session:
        saved = policies.exam_policy(session, queries.exam(session, exam_id))
        known = dict(PRESETS) | {p.name: p for p in policies.saved_policies(session)}
    return saved, known | {saved.name: saved}


def describe(policy: Policy) -> str:
    """A policy in one line: "paper: mean > 3.00, 1 valid vote, no check"."""
    votes = f"{policy.min_votes} valid {'vote' if policy.min_votes == 1 else 'votes'}"
    checks = ", ".join(CHECKS[c] for c in Check if c in policy.checks) or "no check"
    adjusted = ", scores corrected for leniency" if policy.leniency_adjusted else ""
    return f"{policy.name}: mean > {policy.threshold:.2f}, {votes}, {checks}{adjusted}"


# -- the controls -----------------------------------------------------------------------------------------------------


def choose(exam_id: int, saved: Policy, known: Mapping[str, Policy]) -> Policy:
    """Draw the controls; returns the policy under the hand."""
    if (name := st.session_state.pop("policy_saved", None)) is not None:
        take(name, known[name])
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="mapd_lab"):
        address.settle("policy", exam_id, policy=saved.name)
        names = list(known)
        name = st.selectbox(
            "Policy",
            names,
            index=names.index(saved.name),
            key="policy",
            bind="query-params",
            on_change=_own_conditions,
            args=(known,),
            width=220,
        )
        own = known[name]
        address.settle("conditions", exam_id, **_conditions(own))
        threshold = st.slider(
            "Accepted: a mean greater than",
            min(1.0, float(int(own.threshold))),
            5.0,
            own.threshold,
            0.05,
            format="%.2f",
            key="threshold",
            bind="query-params",
        )
        with st.popover("Conditions", icon=":material/tune:", key="mapd_conditions"):
            chosen = _edited(own.at(round(threshold, 2)))
            _save_as(chosen)
        _use(exam_id, chosen, saved, own)
    return chosen


def _edited(policy: Policy) -> Policy:
    votes = st.number_input(
        "Valid votes needed",
        1,
        9,
        policy.min_votes,
        key="votes",
        bind="query-params",
        help="With fewer it is undecided.",
    )
    checks = st.pills(
        "Checks that must hold",
        list(Check),
        selection_mode="multi",
        default=[c for c in Check if c in policy.checks],
        format_func=CHECKS.__getitem__,
        key="checks",
        bind="query-params",
    )
    adjusted = st.toggle(
        "Correct for leniency",
        policy.leniency_adjusted,
        key="leniency",
        bind="query-params",
        help="Each score is first corrected by how far its reviewer's mean lies from all reviewers'.",
    )
    return replace(policy, min_votes=votes, checks=frozenset(checks), leniency_adjusted=adjusted)


def _save_as(policy: Policy) -> None:
    with st.form("save_policy", border=False):
        name = st.text_input("Save under a name", "" if policy.name in PRESETS else policy.name, max_chars=60)
        if st.form_submit_button("Save policy", icon=":material/save:"):
            with db.writing(current.engine()) as session:
                named = replace(policy, name=name or "")
                st.session_state["policy_saved"] = policies.save_policy(
                    session, named, by=current.current_person()
                ).name
            st.rerun()


def _use(exam_id: int, chosen: Policy, saved: Policy, own: Policy) -> None:
    """The act that makes the policy under the hand the exam's."""
    as_named = chosen.at(own.threshold) == own
    why_not = None if as_named else "These conditions have no name yet: save them under one first (Conditions)."
    if st.button(
        "Use for this exam",
        type="primary",
        icon=":material/check:",
        key="use_policy",
        disabled=chosen == saved or not as_named,
        help=why_not,
    ):
        with db.writing(current.engine()) as session:
            policies.set_policy(session, exam_id, chosen.name, chosen.threshold, by=current.current_person())
        st.rerun()


def _conditions(policy: Policy) -> dict[str, Any]:
    """A policy as the widgets' values."""
    return {
        "threshold": policy.threshold,
        "votes": policy.min_votes,
        "checks": [c for c in Check if c in policy.checks],
        "leniency": policy.leniency_adjusted,
    }


def _own_conditions(known: Mapping[str, Policy]) -> None:
    """A callback: another policy brings its own conditions."""
    for key, value in _conditions(known[st.session_state["policy"]]).items():
        st.session_state[key] = value


def take(name: str, policy: Policy) -> None:
    """Put a policy under the hand; before the widgets are drawn, or as a callback."""
    for key, value in {"policy": name, **_conditions(policy)}.items():
        st.session_state[key] = value


def status(chosen: Policy, saved: Policy) -> None:
    """Say whether what the page shows is what the exam uses."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="mapd_lab_status"):
        if chosen == saved:
            st.html(f'<span class="mapd-saved">✓ <b>Saved</b> {text.escape(describe(saved))}</span>')
            return
        st.html(
            f'<span class="mapd-unsaved">● <b>Not saved</b> {text.escape(describe(chosen))}'
            f"<i>this exam uses {text.escape(describe(saved))}</i></span>"
        )
        st.button("Back to it", type="tertiary", icon=":material/undo:", on_click=take, args=(saved.name, saved))


# -- the curated set under a policy -----------------------------------------------------------------------------------


def curated_at(exam_id: int, policy: Policy) -> Curated:
    """The exam's curated set under the policy, as texts, votes and judgements are now. The last few are kept."""
    with db.reading(current.engine()) as session:
        material = load_material(session, exam_id)
        info, judgements = queries.exam(session, exam_id), queries.judgements(session, exam_id)
    held = (len(material.attempts), len(material.texts), sum(len(x.votes) for x in material.texts))
    said = tuple(j.judged.id for j in judgements)
    rule = (describe(policy), policy.threshold, policy.version)
    kept = _curated(exam_id, str(current.engine().url), held, said, rule, material, judgements, policy)
    return replace(kept, exam=info)


@st.cache_resource(max_entries=6, show_spinner=False)
def _curated(
    exam_id: int,  # noqa: ARG001 - these five are the cache's key
    url: str,  # noqa: ARG001
    held: tuple[int, ...],  # noqa: ARG001
    said: tuple[int, ...],  # noqa: ARG001
    rule: tuple[Any, ...],  # noqa: ARG001
    _material: Material,
    _judgements: Sequence[JudgementRow],
    _policy: Policy,
) -> Curated:
    return curate(_material, _judgements, _policy)


# -- the numbers ------------------------------------------------------------------------------------------------------


def numbers(before: Curated, after: Curated) -> str:
    """HTML: the counts under the policy chosen beside those under the saved one, which lead to their rows."""
    colours = teacher_colours(after.teachers)
    old, new = summary(before), summary(after)
    rows = [_counted("rationales accepted", new.accepted, old.accepted, verdict="accepted")]
    for name, accepted in new.by_teacher.items():
        swatch = f'<span class="mapd-of"><i class="mapd-swatch" style="--c:{colours[name]}"></i>'
        label = Html(f"{swatch} {text.escape(text.one_line(name, 40))}</span>")
        rows.append(_counted(label, accepted, old.by_teacher.get(name, 0), verdict="accepted", teacher=name))
    for words, key, asked in _ROWS:
        rows.append(_counted(words, getattr(new, key), getattr(old, key), **asked))
    return figures.table(("", "chosen", "saved", "change"), rows)


_ROWS: Sequence[tuple[str, str, dict[str, str]]] = (
    ("accepted, wrong answer", "accepted_wrong_answer", {"verdict": "accepted", "gold": "fails"}),
    ("rejected, right answer", "rejected_right_answer", {"verdict": "rejected", "gold": "holds"}),
    ("undecided", "undecided", {"verdict": "undecided"}),
    ("overridden by people", "overridden", {"people": "overridden"}),
    ("mistakes covered", "mistakes_covered", {"show": "mistakes", "verdict": "accepted"}),
    ("training pairs", "pairs", {}),
)


def _counted(label: str, new: int, old: int, **asked: str) -> tuple[figures.Cell, ...]:
    change = f"{new - old:+,}".replace("-", "−") if new != old else None
    return label, new, figures.linked(old, current.address("browse", **asked)) if asked else old, change
