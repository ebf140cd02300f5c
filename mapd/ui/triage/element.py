"""The element in which triage runs: the page draws it, and the client (client/) does everything inside.

st.html(element.STYLE)
st.html(element.element(token, exam.uid, "ann"), unsafe_allow_javascript=True)
"""

import html
import json
from pathlib import Path

from mapd.ui.kit import scripts, theme

STYLE = Path(__file__).parent / "triage.css"


def element(token: str, exam: str, person: str) -> str:
    """Return the element as HTML, with the script that starts triage in it."""
    looks = {name: (x.word, x.sign, x.colour) for name, x in theme.LOOKS.items()}
    appearance = json.dumps({"looks": looks, "teachers": theme.TEACHER_COLOURS, "person": theme.PERSON_COLOUR})
    # The client has colours and words from here, so theme.py stays their only source.
    data = {"token": token, "exam": exam, "person": person, "look": appearance}
    attributes = " ".join(f'data-{name}="{html.escape(value)}"' for name, value in data.items())
    return f'<div id="mapd-triage" {attributes}></div>{scripts.tag("triage/triage")}'
