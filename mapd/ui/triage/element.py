"""The element that triage lives in, which the page draws; what happens in it is the client's (client/).

st.html(element.STYLE)
st.html(element.element(token, exam.uid, "ann"), unsafe_allow_javascript=True)
"""

import html
import json
from pathlib import Path

from mapd.ui import look, scripts

STYLE = Path(__file__).parent / "triage.css"


def element(token: str, exam: str, person: str) -> str:
    """Return the element as HTML, with the script that starts triage in it."""
    looks = {name: (x.word, x.sign, x.colour) for name, x in look.LOOKS.items()}
    dress = json.dumps({"looks": looks, "teachers": look.TEACHERS, "person": look.PERSON})
    data = {"token": token, "exam": exam, "person": person, "look": dress}
    attributes = " ".join(f'data-{name}="{html.escape(value)}"' for name, value in data.items())
    return f'<div id="mapd-triage" {attributes}></div>{scripts.tag("triage/entry")}'
