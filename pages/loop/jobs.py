"""Jobs: what waits, runs and ran; one of them in full."""

import streamlit as st

from mapd.errors import NotFound
from mapd.ui import figures, text, working

figures.style()
st.header("Jobs", anchor=False)
if (asked := st.query_params.get("job")) is not None:
    try:
        working.follow(asked)
    except NotFound as error:
        text.complain(str(error))
working.listed()
