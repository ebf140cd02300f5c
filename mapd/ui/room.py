"""The parts of the room vote: one rationale in large type, the room's hands, and then the answer.

    index = room.settle_place(rationales)             # which rationale, by the address
    room.draw_question(mistake, x)                    # sends nothing of committee, checks or gold
    room.draw_foot(rationales, index, curated)        # the hands and, once they are counted, the answer

The foot stays in sight however long the texts are. Nothing is stored: a show of hands is nobody's judgement, and must
not outrank the committee as a person's judgement does.
"""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from mapd.curation.curated import Curated, DecidedText, Mistake
from mapd.domain import Verdict
from mapd.ui.kit import cards, keys, rich_text, rows, tables, text, theme
from mapd.ui.kit.rows import TextRow

STYLE = Path(__file__).parent / "room.css"
# Session state: the uids of the revealed rationales.
REVEALED_UIDS = "room_open"
# Session state: the uid of the rationale shown last.
LAST_SHOWN = "room_shown"
# Session state: by a rationale's uid, the hands for accept and reject.
HANDS = "room_hands"
MOST_HANDS = 9_999


def settle_place(rationales: Sequence[TextRow]) -> int:
    """Return the index of the rationale in the address, or else of the first, and write it into the address."""
    requested_uid = st.query_params.get("text")
    places = {uid: n for n, row in enumerate(rationales) if (uid := _uid(row))}
    # The address may still hold a rationale of the exam shown before.
    if requested_uid not in (*places, None, st.session_state.get(LAST_SHOWN)):
        text.complain(f"this address asks for a rationale that this exam doesn't have: {requested_uid}")
    index = places.get(requested_uid or "", 0)
    st.session_state[LAST_SHOWN] = st.query_params["text"] = _uid(rationales[index])
    return index


def _uid(row: TextRow) -> str:
    return row.text.text.uid if row.text is not None else ""


def draw_question(mistake: Mistake, x: DecidedText) -> None:
    """Draw what the room sees: the question, the student's answer, and somebody's worked solution."""
    question_column, text_column = st.columns((4, 5), gap="medium")
    with question_column, st.container(border=True, key="mapd_room_question"):
        st.html(
            cards.question(mistake, with_solution=False) + cards.line_label("the student") + cards.response(mistake)
        )
    with text_column, st.container(border=True, key="mapd_room_text"):
        with st.container(key="mapd_room_head", horizontal=True, vertical_alignment="center", gap="small"):
            st.html(cards.line_label("accept this solution?"))
            is_rendered = rich_text.draw_toggle(x.text.text, x.text.uid)
        if is_rendered:
            rich_text.draw(x.text.text, "room", rem=1.45)
        else:
            text.foreign(x.text.text, max_chars=cards.LONGEST)


def draw_foot(rationales: Sequence[TextRow], index: int, curated: Curated) -> None:
    """Draw at the bottom of the screen the answer, once it is revealed, and one line with hands and navigation."""
    mistake, x = rationales[index].mistake, rationales[index].text
    assert x is not None, "a row of rationales has its text"
    with st.bottom:
        if x.text.uid in st.session_state.get(REVEALED_UIDS, ()):
            _draw_answer(mistake, x, curated)
        _draw_hands(rationales, index, x.text.uid)


def _draw_hands(rationales: Sequence[TextRow], index: int, uid: str) -> None:
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
            with st.container(key=keys.focus_name(uid) if has_focus else None, width="content"):
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
        words, name = keys.label("enter", "reveal"), keys.name("enter", uid)
        st.form_submit_button(words, key=name, type="primary", on_click=_count, args=(uid, uid, True))
        for key, neighbour in (("left", index - 1), ("right", index + 1)):
            target = _uid(rationales[neighbour]) if 0 <= neighbour < len(rationales) else ""
            name = keys.name(key, uid)
            st.form_submit_button(
                keys.label(key), key=name, on_click=_count, args=(uid, target, False), disabled=not target
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
    people = f'<div class="mapd-checks">{cards.line_label("people")}{_people(x, mistake)}</div>' if x.judged else ""
    st.html(
        '<div class="mapd-room-answer" tabindex="0" role="region" aria-label="the answer">'
        + _room(accept, reject, x)
        + f'<div class="mapd-checks">{cards.line_label("committee")}{cards.committee_chip(x)}'
        f"<span>{text.escape(x.committee.why)}</span></div>"
        + people
        + cards.votes(x, curated)
        + (f'<div class="mapd-checks">{cards.line_label("")}{rows.SCORES_ALONE}</div>' if rows.scores_alone(x) else "")
        + cards.checks(x, mistake)
        + f'<div class="mapd-checks">{cards.line_label("truth")}<span>gold answer '
        f"<b>{text.gold_html(mistake.shown_gold, 80)}</b></span>"
        f"<span>written by {cards.small_chip(x.text.teacher, curated)}</span></div></div>"
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
    return f'<div class="mapd-checks">{cards.line_label("room")}{bar}<span>{share}</span><b>{words}</b></div>'
