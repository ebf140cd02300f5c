"""The parts of the threshold lab: the draft policy, the exam's saved policy, and the numbers of both.

    describe(policy)      -> "paper: mean > 3.00, 1 valid vote, no check"

A widget that the address doesn't name has the saved policy's value.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import streamlit as st

from mapd.curation import fitted_policies, saved_policies
from mapd.curation.threshold_sweep import Figures
from mapd.policies import PRESETS, Check, Policy
from mapd.probability import FILE, GOLD, PEOPLE
from mapd.store import exam_material, queries, queue_index
from mapd.ui.kit import actions, context, tables, text, url_state
from mapd.ui.kit.cache import derive_index, load_voices
from mapd.ui.kit.tables import Html
from mapd.ui.kit.theme import teacher_colours
from mapd.ui.threshold.lab_figures import load_figures
from mapd.ui.threshold.slider import draw_slider, slider_range

CHECKS = {Check.MATCHES_GOLD: "answer = gold", Check.EQUATIONS_TRUE: "equations true", Check.SHOWS_WORK: "shows work"}
LABELS = {GOLD: "the gold check", PEOPLE: "people’s judgements", FILE: "a file of labels"}
# In the address: teachers=gpt&teachers=gemini.
TEACHERS_KEY = "teachers"


def load_policies(exam_id: int) -> tuple[Policy, dict[str, Policy]]:
    """Return the exam's saved policy, and every policy by name (the saved one with the exam's own threshold)."""
    saved = context.read(saved_policies.exam_policy, context.read(queries.exam, exam_id))
    choices = dict(PRESETS) | {p.name: p for p in context.read(saved_policies.saved_policies)}
    return saved, choices | {saved.name: saved}


def describe(policy: Policy) -> str:
    """Return a policy in one line: "paper: mean > 3.00, 1 valid vote, no check"."""
    # A fit's kind and version tell it from others of its name.
    fitted = "" if policy.fit is None else f", fitted on {LABELS[policy.fit.record.labels]}, version {policy.version}"
    votes = f"{policy.min_votes} valid {'vote' if policy.min_votes == 1 else 'votes'}"
    checks = ", ".join(CHECKS[c] for c in Check if c in policy.checks) or "no check"
    leniency_words = ", scores corrected for leniency" if policy.leniency_adjusted else ""
    return f"{policy.name}: {policy.rule} > {policy.threshold:.2f}, {votes}, {checks}{leniency_words}{fitted}"


# -- the controls -----------------------------------------------------------------------------------------------------


def choose_teachers(exam_id: int, *further: int) -> tuple[str, ...]:
    """Draw the choice of teachers that the set is narrowed to; return their names, () for the whole set.

    `further`: other exams whose teachers there are to choose from, too.
    """
    places = context.read(exam_material.places)
    voices = {name: id_ for exam in (exam_id, *further) for name, id_ in context.read(queries.voices, exam).items()}
    names = {line: name for line, name in text.distinct_lines(voices).items() if places[name] is not None}
    url_state.settle(TEACHERS_KEY, exam_id, teachers=[])
    url_state.refuse_unknown_choices(TEACHERS_KEY, list(names), [])
    if len(names) < 2:
        return ()
    lines = st.multiselect(
        "Teachers",
        list(names),
        key=TEACHERS_KEY,
        bind="query-params",
        placeholder="All",
        help="The set with the texts of these teachers alone, and people’s repairs of them. Reviews by all count.",
        width=320,
    )
    return tuple(names[line] for line in lines)


def choose_policy(exam_id: int, saved: Policy, choices: Mapping[str, Policy]) -> Policy:
    """Draw the controls; return the draft policy."""
    if (name := st.session_state.pop("policy_saved", None)) is not None:
        set_widgets(name, choices[name])
    # Above the controls: the values in the address that can't be.
    messages = st.container()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="mapd_lab"):
        url_state.settle("policy", exam_id, policy=saved.name)
        names = list(choices)
        with messages:
            url_state.refuse_unknown("policy", names, saved.name)
        name = st.selectbox(
            "Policy",
            names,
            index=names.index(saved.name),
            key="policy",
            on_change=_take_conditions,
            args=(choices,),
            width=220,
            **url_state.BOUND,
        )
        base = choices[name]
        url_state.settle("conditions", exam_id, **_widget_values(base))
        low, *_ = slider_range(base)
        with messages:
            _refuse(base, low)
        # The slider stands before the conditions, and has the steps that there are under them.
        place = st.container(key="mapd_threshold")
        popover = st.popover("Conditions", icon=":material/tune:", key="mapd_conditions")
        with popover:
            conditions = _edit_conditions(base)
        with place:
            draft = conditions.at(draw_slider(exam_id, base, load_figures(exam_id, conditions, saved).cuts))
        with popover:
            _save_as(draft)
        _draw_use(exam_id, draft, saved, base)
    return draft


def _refuse(base: Policy, low: float) -> None:
    """Remove impossible conditions from the address, each with one line that says so."""
    values = _widget_values(base)
    url_state.refuse_outside("threshold", low, base.highest, float, base.threshold)
    url_state.refuse_outside("votes", 1, 9, default=base.min_votes)
    url_state.refuse_unknown_choices("checks", list(CHECKS.values()), values["checks"])
    # A fit weighs each reviewer by itself.
    words = ("true", "false") if base.fit is None else ("false",)
    expected = f"{' or '.join(words)}{'' if base.fit is None else ', for this policy is fitted'}"
    url_state.refuse("leniency", lambda value: value.lower() in words, expected, values["leniency"])


def _edit_conditions(policy: Policy) -> Policy:
    votes = st.number_input(
        "Valid votes needed",
        1,
        9,
        policy.min_votes,
        key="votes",
        help="With fewer votes a rationale is undecided.",
        **url_state.BOUND,
    )
    checks = st.pills(
        "Checks that must hold",
        list(CHECKS.values()),
        selection_mode="multi",
        default=_widget_values(policy)["checks"],
        key="checks",
        **url_state.BOUND,
    )
    corrects_leniency = st.toggle(
        "Correct for leniency",
        policy.leniency_adjusted,
        key="leniency",
        disabled=policy.fit is not None,
        help="A fitted policy weighs each reviewer by itself."
        if policy.fit
        else "Each score is first corrected by the distance of its reviewer's mean from the mean of all reviewers.",
        **url_state.BOUND,
    )
    chosen_checks = frozenset(check for check, label in CHECKS.items() if label in checks)
    return replace(policy, min_votes=votes, checks=chosen_checks, leniency_adjusted=corrects_leniency)


def _save_as(policy: Policy) -> None:
    if not context.current_person().name:
        actions.ask("save_policy")
        return
    with st.form("save_policy", border=False):
        name = st.text_input("Save under a name", "" if policy.name in PRESETS else policy.name, max_chars=60)
        if st.form_submit_button("Save policy", icon=":material/save:"):
            named_policy, person = replace(policy, name=name or ""), context.acting_person()
            st.session_state["policy_saved"] = context.write(saved_policies.save_policy, named_policy, by=person).name
            derive_index()
            st.rerun()


def _draw_use(exam_id: int, draft: Policy, saved: Policy, base: Policy) -> None:
    is_named = draft.at(base.threshold) == base
    reason = None if is_named else "These conditions have no name yet: save them under one first (Conditions)."
    if actions.button(
        "Use for this exam",
        type="primary",
        icon=":material/check:",
        key="use_policy",
        disabled=draft == saved or not is_named,
        help=reason,
    ):
        person = context.acting_person()
        context.write(saved_policies.set_policy, exam_id, draft.name, draft.threshold, by=person)
        derive_index()
        st.rerun()


def _widget_values(policy: Policy) -> dict[str, Any]:
    return {
        "threshold": policy.threshold,
        "votes": policy.min_votes,
        "checks": [label for check, label in CHECKS.items() if check in policy.checks],
        "leniency": policy.leniency_adjusted,
    }


def _take_conditions(choices: Mapping[str, Policy]) -> None:
    """Set the widgets to the chosen policy's own conditions: a callback."""
    for key, value in _widget_values(choices[st.session_state["policy"]]).items():
        st.session_state[key] = value


def list_params(draft: Policy, choices: Mapping[str, Policy]) -> dict[str, Any]:
    """Return the draft policy as the page's address has it."""
    base_values, draft_values = _widget_values(choices[draft.name]), _widget_values(draft)
    all_params = {
        "votes": str(draft.min_votes),
        "checks": draft_values["checks"] or "",
        "leniency": str(draft.leniency_adjusted).lower(),
    }
    changes = {name: value for name, value in all_params.items() if draft_values[name] != base_values[name]}
    return {"policy": draft.name, "threshold": f"{draft.threshold:g}"} | changes


def set_widgets(name: str, policy: Policy) -> None:
    """Set the widgets to a policy, before they are drawn or as a callback."""
    for key, value in {"policy": name, **_widget_values(policy)}.items():
        st.session_state[key] = value


def draw_status(draft: Policy, saved: Policy, choices: Mapping[str, Policy]) -> None:
    """Draw whether the draft is saved, and whether the exam uses it: each takes a press of its own."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="mapd_lab_status"):
        if draft == saved:
            st.html(f'<span class="mapd-saved">✓ <b>Saved, in use</b> {text.escape(describe(saved))}</span>')
            return
        word = "Not saved" if choices[draft.name] != draft else "Not in use"
        if word == "Not in use" and draft.name not in PRESETS:
            word = "Saved, not in use"
        st.html(
            f'<span class="mapd-unsaved">● <b>{word}</b> {text.escape(describe(draft))}'
            f"<i>this exam uses {text.escape(describe(saved))}</i></span>"
        )
        st.button(
            "Back to the policy in use",
            type="tertiary",
            icon=":material/undo:",
            on_click=set_widgets,
            args=(saved.name, saved),
        )


def draw_fit_notes(exam_id: int, draft: Policy) -> None:
    """Draw what a fitted policy's probabilities can't show, and where this exam differs from what it was fitted on."""
    if draft.fit is None:
        return
    has_gold = context.read(queue_index.has_gold, exam_id)
    voices = load_voices(exam_id, "rationale"), load_voices(exam_id, "feedback")
    differences = fitted_policies.find_all_differences(draft.fit, *voices, has_gold=has_gold)
    notes = "; ".join([*fitted_policies.describe_fit(draft.fit), *differences])
    st.caption(text.label(f"{notes[:1].upper()}{notes[1:]}.", 600))


# -- the numbers ------------------------------------------------------------------------------------------------------


def draw_numbers(
    exam_id: int,
    saved_figures: Figures,
    saved: Policy,
    draft_figures: Figures,
    draft: Policy,
    *,
    with_gold: bool,
    teachers: Collection[str] = (),
) -> None:
    """Draw the counts under draft and saved policy. The saved ones link to their rows.

    Without gold answers nothing is known to be wrong. Narrowed to `teachers`, only one teacher's counts link to rows.
    """
    voices, colours = context.read(queries.voices, exam_id), teacher_colours(context.read(exam_material.places))
    # Browse hides other people's judgements by default; these counts include them.
    overlap = {"others": "true"} if context.read(queries.exam, exam_id).judgements_per_text > 1 else {}

    def count_row(label: str, figure: str, **filters: str) -> tuple[tables.Cell, ...]:
        new, old = (f.at(figure, round(p.threshold * 100)) for f, p in ((draft_figures, draft), (saved_figures, saved)))
        change = f"{new - old:+,}".replace("-", "−") if new != old else None
        # Browse shows one teacher's texts or everybody's, never those of some.
        is_linked = filters and (not teachers or "teacher" in filters)
        return (
            label,
            new,
            tables.link_cell(old, context.address("browse", **filters, **overlap)) if is_linked else old,
            change,
        )

    counts = [count_row("rationales accepted", "accepted", verdict="accepted")]
    for name, author in voices.items():
        if draft_figures.at(f"rationales by {author}", 0):
            swatch = f'<span class="mapd-of"><i class="mapd-swatch" style="--c:{colours[name]}"></i>'
            label = Html(f"{swatch} {text.line_html(name, 40)}</span>")
            counts.append(count_row(label, f"accepted by {author}", verdict="accepted", teacher=name))
    for words, figure, filters in COUNT_ROWS:
        is_known = with_gold or "gold" not in filters
        counts.append(count_row(words, figure, **filters) if is_known else (words, None, None, None))
    tables.draw_table(("", "chosen", "in use", "change"), counts)


COUNT_ROWS: Sequence[tuple[str, str, dict[str, str]]] = (
    ("accepted, wrong answer", "wrong", {"verdict": "accepted", "gold": "fails"}),
    ("rejected, right answer", "rejected right", {"verdict": "rejected", "gold": "holds"}),
    ("undecided", "undecided", {"verdict": "undecided"}),
    ("rationales overridden by people", "overridden", {"people": "overridden"}),
    ("mistakes covered", "covered", {"show": "mistakes", "verdict": "accepted"}),
    ("training pairs, one a mistake", "pairs", {}),
)
