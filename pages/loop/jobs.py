"""Jobs: what waits, runs and ran; one of them in full."""

import streamlit as st

from mapd.errors import NotFound
from mapd.ui import jobs
from mapd.ui.kit import frame, text

frame.head("Jobs")
if (uid := st.query_params.get("job")) is not None:
    try:
        jobs.draw_job(uid)
    except NotFound as error:
        text.complain(str(error))
jobs.draw_list()
