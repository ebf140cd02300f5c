"""Room vote, for talks: a rationale in large type, the room's hands, then what committee, checks and gold say."""

import streamlit as st

from mapd.curation import first
from mapd.curation.curated import DecidedText, Mistake
from mapd.curation.queues import doubt
from mapd.ui import current, figures, room, scripts
from mapd.ui.loaded import load_curated
from mapd.ui.rows import Found


def main() -> None:
    """One rationale of the exam, and no heading: the room reads nothing but the mistake."""
    if (exam_id := current.current_exam()) is None:
        heading()
        current.require_exam()
        return
    curated = load_curated(exam_id)
    person, wanted = current.current_person().name, curated.exam.judgements_per_text
    seen = (first.show_to(mistake, person, wanted) if wanted > 1 else mistake for mistake in curated.mistakes)
    texts: dict[int, tuple[Mistake, DecidedText]] = {}  # each once: several answers to a question share its rationales
    for mistake in seen:
        for x in mistake.rationales:
            texts.setdefault(x.text.id, (mistake, x))
    found = [Found(*row) for row in sorted(texts.values(), key=lambda row: -doubt(row[1]))]
    if not found:
        heading()
        st.info("This exam has no rationales to vote on.", icon=":material/search_off:")
        return
    at = room.settle(found)
    mistake, x = found[at].mistake, found[at].text
    assert x is not None, "a row of rationales has its text"
    room.ask(mistake, x)
    room.foot(found, at, curated)
    scripts.run("room")


def heading() -> None:
    """Where there is nothing to vote on."""
    st.header("Room vote", anchor=False)


figures.style()
st.html(room.STYLE)
main()
