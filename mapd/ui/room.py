"""The parts of the room vote: one rationale in large type, the room's hands, and then the answer.

The foot stays in sight however long the texts are. Nothing is stored: a show of hands is nobody's judgement, and must
not outrank the committee as a person's judgement does.
"""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from mapd.alignment import align
from mapd.checks import FeedbackChecks, State, list_equations
from mapd.curation.curated import Curated, Mistake
from mapd.curation.decided_texts import DecidedText, filter_votes
from mapd.domain import Verdict, Vote
from mapd.review.disputed_steps import find_first_wrong_step
from mapd.ui.kit import rich_text, rows, scripts, tables, text, theme
from mapd.ui.kit.text import escape, foreign_html, line_html, one_line, thought_html

STYLE = Path(__file__).parent / "room.css"
# Session state: the uids of the revealed rationales.
REVEALED_UIDS = "room_open"
# Session state: the uid of the rationale shown last.
LAST_SHOWN = "room_shown"
# Session state: by a rationale's uid, the hands for accept and reject.
HANDS = "room_hands"
MOST_HANDS = 9_999
# Characters of one text that the browser gets; the rest is only counted.
LONGEST = 20_000
Rationale = tuple[Mistake, DecidedText]


def settle_place(rationales: Sequence[Rationale]) -> int:
    """Return the index of the rationale in the address, or else of the first, and write it into the address."""
    requested_uid = st.query_params.get("text")
    places = {x.text.uid: n for n, (_, x) in enumerate(rationales)}
    # The address may still hold a rationale of the exam shown before.
    if requested_uid not in (*places, None, st.session_state.get(LAST_SHOWN)):
        text.complain(f"this address asks for a rationale that this exam doesn't have: {requested_uid}")
    index = places.get(requested_uid or "", 0)
    st.session_state[LAST_SHOWN] = st.query_params["text"] = rationales[index][1].text.uid
    return index


def draw_question(mistake: Mistake, x: DecidedText) -> None:
    """Draw what the room sees: the question, the student's answer, and somebody's worked solution."""
    question_column, text_column = st.columns((4, 5), gap="medium")
    with question_column, st.container(border=True, key="mapd_room_question"):
        st.html(_question(mistake) + _line_label("the student") + _response(mistake))
    with text_column, st.container(border=True, key="mapd_room_text"):
        with st.container(key="mapd_room_head", horizontal=True, vertical_alignment="center", gap="small"):
            st.html(_line_label("accept this solution?"))
            is_rendered = rich_text.draw_toggle(x.text.text, x.text.uid)
        if is_rendered:
            rich_text.draw(x.text.text, "room", rem=1.45)
        else:
            st.html(foreign_html(x.text.text, max_chars=LONGEST))


def draw_foot(rationales: Sequence[Rationale], index: int, curated: Curated) -> None:
    """Draw at the bottom of the screen the answer, once it is revealed, and one line with hands and navigation."""
    mistake, x = rationales[index]
    with st.bottom:
        if x.text.uid in st.session_state.get(REVEALED_UIDS, ()):
            _draw_answer(mistake, x, curated)
        _draw_hands(rationales, index, x.text.uid)


def _draw_hands(rationales: Sequence[Rationale], index: int, uid: str) -> None:
    """Draw the hands as a form. Enter within a field presses its first button; each button submits what was typed."""
    hands = st.session_state.get(HANDS, {}).get(uid, (0, 0))
    is_revealed = uid in st.session_state.get(REVEALED_UIDS, ())
    with (
        st.form(f"room_{uid}", border=False),
        st.container(key="mapd_room_hands", horizontal=True, vertical_alignment="center", gap="small"),
    ):
        for word, number in zip(("accept", "reject"), hands, strict=True):
            st.html(f"<span>{word}</span>", width="content")
            # The first thing to do is to type.
            has_focus = word == "accept" and not is_revealed
            with st.container(key=scripts.focus_name(uid) if has_focus else None, width="content"):
                st.number_input(
                    f"Hands: {word}",
                    0,
                    MOST_HANDS,
                    number,
                    step=1,
                    key=_field(word, uid),
                    width=80,
                    label_visibility="collapsed",
                )
        words, name = scripts.key_label("enter", "reveal"), scripts.key_name("enter", uid)
        st.form_submit_button(words, key=name, type="primary", on_click=_count, args=(uid, uid, True))
        for key, neighbour in (("left", index - 1), ("right", index + 1)):
            target = rationales[neighbour][1].text.uid if 0 <= neighbour < len(rationales) else ""
            name = scripts.key_name(key, uid)
            st.form_submit_button(
                scripts.key_label(key), key=name, on_click=_count, args=(uid, target, False), disabled=not target
            )
        st.html(
            f'<span class="mapd-note">{index + 1:,} of {len(rationales):,}<i>, the most doubtful first · type the '
            "number of hands, Tab moves between the two fields, Enter reveals · nothing is stored: a show of hands is "
            "nobody’s judgement</i></span>"
        )


def _field(word: str, uid: str) -> str:
    return f"room_{word}_{uid}"


def _count(uid: str, target: str, reveal: bool) -> None:
    """Store the room's hands, reveal their rationale, go on: a callback."""
    accept, reject = (st.session_state.get(_field(word, uid)) or 0 for word in ("accept", "reject"))
    st.session_state[HANDS] = st.session_state.get(HANDS, {}) | {uid: (accept, reject)}
    if reveal:
        st.session_state[REVEALED_UIDS] = st.session_state.get(REVEALED_UIDS, frozenset()) | {uid}
    st.query_params["text"] = target


def _draw_answer(mistake: Mistake, x: DecidedText, curated: Curated) -> None:
    accept, reject = st.session_state[HANDS][x.text.uid]
    people = f'<div class="mapd-checks">{_line_label("people")}{_people(x, mistake)}</div>' if x.judged else ""
    st.html(
        '<div class="mapd-room-answer" tabindex="0" role="region" aria-label="the answer">'
        + _room(accept, reject, x)
        + f'<div class="mapd-checks">{_line_label("committee")}{_committee_chip(x)}'
        f"<span>{text.escape(x.committee.why)}</span></div>"
        + people
        + _votes(x, curated)
        + (f'<div class="mapd-checks">{_line_label("")}{rows.SCORES_ALONE}</div>' if rows.scores_alone(x) else "")
        + _checks(x, mistake)
        + f'<div class="mapd-checks">{_line_label("truth")}<span>gold answer '
        f"<b>{text.gold_html(mistake.shown_gold, 80)}</b></span>"
        f"<span>written by {_small_chip(x.text.teacher, curated)}</span></div></div>"
    )


def _people(x: DecidedText, mistake: Mistake) -> str:
    counts = theme.chip("conflict") if x.people.conflict else theme.chip(x.verdict.value)
    differ = ", unlike the committee; people’s decision counts" if x.overridden and not x.people.conflict else ""
    return f"{counts}<span>{rows.describe_ruling(x.people, mistake.question)}{differ}</span>"


def _room(accept: int, reject: int, x: DecidedText) -> str:
    """Return the room's hands, and whether room and committee agree, as HTML."""
    if not accept + reject:
        return ""
    share = f"{accept:,} of {accept + reject:,} hands accept"
    # A tie decides nothing.
    room = Verdict.ACCEPTED if accept > reject else Verdict.REJECTED if reject > accept else None
    words = "The room is divided."
    if room is not None:
        agrees = room is x.committee.verdict
        words = f"The room and the committee {'agree' if agrees else 'differ'}."
    bar = tables.bar(accept, accept + reject)
    return f'<div class="mapd-checks">{_line_label("room")}{bar}<span>{share}</span><b>{words}</b></div>'


# -- a mistake's parts as HTML -----------------------------------------------------------------------------------------


def _line_label(words: str) -> str:
    return f'<span class="mapd-label">{words}</span>'


def _small_chip(teacher: str, curated: Curated) -> str:
    return theme.teacher_chip(one_line(teacher, 30), curated.places.get(teacher), teacher)


def _sign(state: State) -> str:
    """Return a check's coloured sign (HTML), with its word for screen readers."""
    look = theme.LOOKS[state.value]
    return (
        f'<span class="mapd-sign" style="--c:{look.colour}" role="img" aria-label="{look.word}" '
        f'title="{look.word}">{look.sign}</span>'
    )


def _committee_chip(x: DecidedText) -> str:
    """Return the committee's verdict as a chip (HTML), whatever people decided."""
    return theme.chip(x.committee.verdict.value, x.committee.figure())


def _question(mistake: Mistake) -> str:
    q = mistake.question
    parts = [foreign_html(q.text, max_chars=LONGEST)]
    if q.context:
        parts.append(f'<div class="mapd-label">context</div>{foreign_html(q.context, max_chars=LONGEST)}')
    if q.options:
        parts.append(f'<ol class="mapd-options" type="A">{"".join(f"<li>{escape(o)}</li>" for o in q.options)}</ol>')
    title = f'<span class="mapd-label">question {line_html(q.source_id, 20)}</span>'
    return f'{title}<div class="mapd-scroll mapd-question" tabindex="0">{"".join(parts)}</div>'


def _response(mistake: Mistake) -> str:
    body = thought_html(mistake.attempt.thought, LONGEST) + foreign_html(mistake.attempt.text, max_chars=LONGEST)
    return f'<div class="mapd-scroll mapd-response" tabindex="0">{body}</div>'


STATES_GOLD = {
    State.HOLDS: "states the gold",
    State.FAILS: "doesn’t state the gold",
    State.NOTHING: "gold: nothing to check",
}


def _checks(x: DecidedText, mistake: Mistake) -> str:
    """Return the checks' results as HTML, in one line."""
    equations = list_equations(x.text.kind, x.text.text)
    true = sum(e.true for e in equations)
    equation_words = f"{true} of {len(equations)} equations true" if equations else "no equation to check"
    if isinstance(x.checks, FeedbackChecks):
        findings = [(STATES_GOLD[x.states.matches_gold], x.states.matches_gold)]
    else:
        answer_words = "can’t be read" if x.answer is None else line_html(mistake.question.show(x.answer), 30)
        relation = {State.HOLDS: "=", State.FAILS: "≠"}.get(x.states.matches_gold)
        gold_shown = f" {relation} gold {line_html(mistake.shown_gold, 30)}" if relation else ""
        findings = [(f"answer {answer_words}{gold_shown}", x.states.matches_gold)]
    findings.append((equation_words, x.states.equations_true))
    if x.text.kind == "rationale":
        findings.append(("shows no work" if x.states.shows_work is State.FAILS else "shows work", x.states.shows_work))
    else:
        findings += [(check.words, check.state) for check in align(mistake.attempt.text, x.text.text).checks]
    items = "".join(f"<span>{_sign(state)} {words}</span>" for words, state in findings)
    items += f'<span class="mapd-note">{x.checks.limit}</span>' if x.checks.limit else ""
    return f'<div class="mapd-checks">{_line_label("checks")}{items}</div>'


def _votes(x: DecidedText, curated: Curated) -> str:
    """Return each reviewer's vote, or why there is none, as HTML; each review's text in a fold."""
    if not x.text.votes:
        return f'<div class="mapd-checks">{_line_label("reviews")}<span class="mapd-note">none</span></div>'
    valid = filter_votes(x.text.votes)
    lines = "".join(f"<span>{_vote(v, v in valid, x, curated)}</span>" for v in x.text.votes)
    folds = "".join(
        f"<summary>{line_html(v.reviewer, 30)}’s review</summary>"
        f"{thought_html(v.thought, LONGEST)}{foreign_html(v.text, max_chars=LONGEST)}".join(
            ('<details class="mapd-fold">', "</details>")
        )
        for v in x.text.votes
        if v.text or v.thought
    )
    return f'<div class="mapd-checks">{_line_label("reviews")}{lines}</div>{folds}'


def _vote(vote: Vote, counts: bool, x: DecidedText, curated: Curated) -> str:
    raw = f": {line_html(vote.raw, 20)}" if vote.raw else ""
    reason = "" if vote.score is not None else f" ({line_html(vote.status, 40)}{raw})"
    note = "" if counts else " without the gold, not counted"
    note += " names a wrong step" if find_first_wrong_step(x.text.text, vote.text) else ""
    chips = _small_chip(vote.reviewer, curated) + theme.score_dots(vote.score)
    return f'{chips}<span class="mapd-note">{reason}{note}</span>'
