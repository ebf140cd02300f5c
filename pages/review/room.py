"""Room vote, for talks: a rationale in large type, the room's hands, then what committee, checks and gold say."""

import streamlit as st

from mapd.review import blinding
from mapd.review.queues import doubt
from mapd.ui import room
from mapd.ui.kit import context, scripts, tables
from mapd.ui.kit.cache import load_curated


def main() -> None:
    """Draw one rationale of the exam, without a heading: the room reads nothing but the mistake."""
    if (exam_id := context.current_exam()) is None:
        st.header("Room vote", anchor=False)
        context.require_exam()
        return
    curated = load_curated(exam_id)
    person, judgements_per_text = context.current_person().name, curated.exam.judgements_per_text
    mistakes = (
        blinding.show_to(mistake, person, judgements_per_text) if judgements_per_text > 1 else mistake
        for mistake in curated.mistakes
    )
    # Each text once: several attempts at a question share its rationales.
    texts: dict[int, room.Rationale] = {}
    for mistake in mistakes:
        for rationale in mistake.rationales:
            texts.setdefault(rationale.text.id, (mistake, rationale))
    rationales = sorted(texts.values(), key=lambda row: -doubt(row[1]))
    if not rationales:
        st.header("Room vote", anchor=False)
        st.info("This exam has no rationales to vote on.", icon=":material/search_off:")
        return
    index = room.settle_place(rationales)
    room.draw_question(*rationales[index])
    room.draw_foot(rationales, index, curated)
    scripts.run("room")


st.html(tables.STYLE)
st.html(room.STYLE)
main()
