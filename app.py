"""The entry: `streamlit run app.py` (or `mapd app`). Streamlit serves `app`, and runs the script below it each time.

Pages live one folder deep, a folder a section: a file directly in `pages/` could be opened by its address without
this script.
"""

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager

from mapd.jobs import worker
from mapd.ui.kit import api_access, frame, gate, responses, scripts, uploads

# st.navigation says this too, but only in a first visit: until then a deep link opens under "Page not found".
PagesManager.uses_pages_directory = False

app = st.App(
    "app.py",
    routes=[api_access.mount(), *scripts.mounts()],
    middleware=[responses.SECURITY_HEADERS, gate.GATE, uploads.GATE, responses.PAGE_REDIRECT],
    lifespan=worker.run_beside_app,
)

if __name__ == "__main__":
    frame.configure()
    frame.draw(
        {
            "Loop": [
                st.Page("pages/loop/overview.py", title="Overview", icon=":material/sync:", url_path="", default=True),
                st.Page("pages/loop/data.py", title="Data", icon=":material/database:"),
                st.Page("pages/loop/teachers.py", title="Teachers", icon=":material/school:"),
                st.Page("pages/loop/exam.py", title="Exam", icon=":material/quiz:"),
                st.Page("pages/loop/committee.py", title="Committee", icon=":material/groups:"),
                st.Page("pages/loop/jobs.py", title="Jobs", icon=":material/pending_actions:"),
            ],
            "Review": [
                st.Page("pages/review/triage.py", title="Triage", icon=":material/rate_review:"),
                st.Page("pages/review/browse.py", title="Browse", icon=":material/table_rows:"),
                st.Page("pages/review/people.py", title="People", icon=":material/group:"),
                st.Page("pages/review/guidelines.py", title="Guidelines", icon=":material/menu_book:"),
                st.Page("pages/review/room.py", title="Room vote", icon=":material/co_present:", url_path="room"),
            ],
            "Curate": [
                st.Page("pages/curate/threshold.py", title="Threshold lab", icon=":material/tune:"),
                st.Page("pages/curate/remaining.py", title="Remaining errors", icon=":material/casino:"),
                st.Page("pages/curate/agreement.py", title="Agreement", icon=":material/grid_on:"),
                st.Page("pages/curate/snapshots.py", title="Snapshots", icon=":material/inventory_2:"),
            ],
            "Train": [
                st.Page("pages/train/finetune.py", title="Finetune", icon=":material/model_training:"),
                st.Page("pages/train/results.py", title="Results", icon=":material/compare_arrows:"),
                st.Page("pages/train/arms.py", title="Arms", icon=":material/experiment:"),
                st.Page("pages/train/playground.py", title="Playground", icon=":material/forum:"),
            ],
        }
    )
