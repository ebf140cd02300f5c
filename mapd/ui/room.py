"""The room vote's parts: one rationale in large type, the room's hands, and after them what is known of it.

    at = room.settle(found)                 # which rationale, by the address
    room.ask(found[at]); room.hands(...)    # nothing of the committee, of the checks or of the gold is sent before

Nothing is stored: a show of hands is nobody's judgement, and must not outrank the committee as a person's does.
"""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from mapd.curation.curated import Curated, Explained, Mistake
from mapd.ui import figures, hotkeys, rendered, text
from mapd.ui.rows import Found
from mapd.ui.triage import cards
from mapd.verdicts import Verdict

STYLE = Path(__file__).parent / "room.css"
OPEN = "room_open"  # session state: the uid of the rationale that is revealed
MOST = 9_999  # hands


def settle(found: Sequence[Found]) -> int:
    """The place of the rationale that the address names, else of the first; what isn't there is said in one line."""
    asked = st.query_params.get("text")
    places = {row.text.text.uid: n for n, row in enumerate(found) if row.text is not None}
    if asked is not None and asked not in places:
        text.complain(f"this address asks for a rationale that this exam doesn't have: {asked}")
    return places.get(asked or "", 0)


def _go(uid: str) -> None:
    st.query_params["text"] = uid


def _reveal(uid: str) -> None:
    st.session_state[OPEN] = uid


def bar(found: Sequence[Found], at: int) -> None:
    """Which one it is, and the way to the others."""
    with st.container(key="mapd_room_bar", horizontal=True, vertical_alignment="center", gap="small"):
        for key, place in (("left", at - 1), ("right", at + 1)):
            row = found[place] if 0 <= place < len(found) else None
            uid = row.text.text.uid if row is not None and row.text is not None else ""
            name = hotkeys.name(key, at)
            st.button(hotkeys.label(key), key=name, on_click=_go, args=(uid,), disabled=not uid)
        st.html(f'<span class="mapd-note">Room vote · {at + 1:,} of {len(found):,}, the most doubtful first</span>')


def ask(mistake: Mistake, x: Explained) -> None:
    """What the room sees: the question, the student's answer, and a worked solution by somebody."""
    left, right = st.columns((4, 5), gap="medium")
    with left, st.container(border=True, key="mapd_room_question"):
        st.html(cards.question(mistake, worked=False) + cards.labelled("the student") + cards.response(mistake))
    with right, st.container(border=True, key="mapd_room_text"):
        with st.container(key="mapd_room_head", horizontal=True, vertical_alignment="center", gap="small"):
            st.html(cards.labelled("accept this solution?"))
            asked = rendered.toggle(x.text.text, x.text.uid)
        if asked:
            rendered.draw(x.text.text, "room", rem=1.45)
        else:
            text.foreign(x.text.text, max_chars=cards.LONGEST)


def hands(x: Explained) -> tuple[int, int]:
    """The room's hands for accept and reject, and the button that reveals."""
    uid = x.text.uid
    with st.bottom, st.container(key="mapd_room_hands", horizontal=True, vertical_alignment="bottom", gap="medium"):
        accept, reject = (
            int(st.number_input(f"Hands: {word}", 0, MOST, 0, step=1, key=f"room_{word}_{uid}", width=150) or 0)
            for word in ("accept", "reject")
        )
        st.button(
            hotkeys.label("enter", "reveal"),
            key=hotkeys.name("enter", uid),
            type="primary",
            on_click=_reveal,
            args=(uid,),
            disabled=st.session_state.get(OPEN) == uid,
        )
        st.html('<span class="mapd-note">Nothing is stored: a show of hands is nobody’s judgement.</span>')
    return accept, reject


def revealed(x: Explained) -> bool:
    """Whether this rationale is revealed."""
    return bool(st.session_state.get(OPEN) == x.text.uid)


def answer(mistake: Mistake, x: Explained, curated: Curated, accept: int, reject: int) -> None:
    """The room beside the committee, the checks, and the truth."""
    with st.container(border=True, key="mapd_room_answer"):
        st.html(
            _room(accept, reject, x) + f'<div class="mapd-checks">{cards.labelled("committee")}{cards.verdict_chip(x)}'
            f"<span>{text.escape(x.committee.why)}</span></div>"
            + cards.votes(x, curated)
            + cards.checks(x, mistake.gold)
            + f'<div class="mapd-checks">{cards.labelled("truth")}<span>gold answer '
            f"<b>{text.gold_html(mistake.gold, 80)}</b></span>"
            f"<span>written by {cards.small_chip(x.text.teacher, curated)}</span></div>"
        )


def _room(accept: int, reject: int, x: Explained) -> str:
    if not accept + reject:
        return ""
    share = f"{accept:,} of {accept + reject:,} hands accept"
    room = Verdict.ACCEPTED if accept > reject else Verdict.REJECTED if reject > accept else None
    said = "The room is divided."
    if room is not None:
        same = room is x.committee.verdict
        said = f"The room and the committee {'agree' if same else 'differ'}."
    bar = figures.bar(accept, accept + reject)
    return f'<div class="mapd-checks">{cards.labelled("room")}{bar}<span>{share}</span><b>{said}</b></div>'
