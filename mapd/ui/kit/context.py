"""The project, exam and person of this browser tab: chosen once, the same on each page, the exam kept in the URL.

    exam = require_exam()            # in a page: the exam's id, or an empty state is drawn
    link("pages/review/triage.py", "Judge it", mistake=uid)
    read(queries.voices, exam)       # in the one session of the page's run, which the frame opens and closes
    write(students.add, "smollm2", by=acting_person())

Session state holds ids and uids, never rows: a row belongs to the database session that read it.
"""

import os
from collections.abc import Callable, Collection, Mapping
from functools import lru_cache
from typing import Concatenate, ParamSpec, TypeVar
from urllib.parse import urlencode

import sqlalchemy as sa
import streamlit as st
from sqlmodel import Session

from mapd.errors import BadInput, Forbidden
from mapd.people import LONGEST_NAME, Person, owner, person_name
from mapd.settings import Settings
from mapd.store import audit_log, db, queries
from mapd.ui.kit import cookies, run_session, sign_in, text
from mapd.ui.kit import url_state as addresses

# By page address.
FIRST_STEPS = (
    ("", "Run the demo", ":material/play_circle:"),
    ("exam", "Examine a student", ":material/quiz:"),
    ("data", "Bring in questions or mistakes", ":material/upload_file:"),
)
P = ParamSpec("P")
T = TypeVar("T")
# Session state: the name that was entered in this session.
NAME = "person"
# How much the sidebar shows.
VIEWS = ("judging", "all")
# Somebody waits: after this long they are told that the database is busy.
PAGE_PATIENCE = db.Patience(seconds=5)
# Session state: one of VIEWS.
VIEW = "view"
# The selector's widget key. "exam_uid" and "exam_id" hold the exam of the run.
PICKER = "exam_pick"


def settings() -> Settings:
    """Return the project's settings, read again where the environment changed: a run asks for them twenty times."""
    return _settings(tuple(sorted(item for item in os.environ.items() if item[0].upper().startswith("MAPD_"))))


# The environment is the key, so a changed variable counts at once.
@lru_cache(maxsize=8)
def _settings(_environment: tuple[tuple[str, str], ...]) -> Settings:
    return Settings()


def engine() -> sa.Engine:
    """Return the project's engine: one for each database, as long as the server runs."""
    return _open(settings().url, settings())


@st.cache_resource(show_spinner=False)
def _open(url: str, _settings: Settings) -> sa.Engine:  # noqa: ARG001 - the url is the cache's key
    store = db.open_store(_settings, PAGE_PATIENCE)
    # Whatever this run writes, its next read has to see it.
    sa.event.listen(store, "commit", lambda _: run_session.end_reading())
    return store


def impatient_engine() -> sa.Engine:
    """Return the engine for writes that nobody asked for: they don't wait for a busy database but fail."""
    return engine().execution_options(patience=db.Patience(0))


# -- reading and writing ----------------------------------------------------------------------------------------------


def read(query: Callable[Concatenate[Session, P], T], *args: P.args, **options: P.kwargs) -> T:
    """Return what one query gives: `read(queries.exam, exam_id)`. Outside a page's run it has a session of its own.

    Raises: what the query raises; Busy; Damaged.
    """
    return run_session.read(engine, lambda session: query(session, *args, **options))


def write(act: Callable[Concatenate[Session, P], T], *args: P.args, **options: P.kwargs) -> T:
    """Do the act in one transaction, all of it or nothing; return its result: values, since rows end with it.

    Raises: what the act raises; Busy; Stale.
    """
    run_session.end_reading()
    with db.writing(engine()) as session:
        return act(session, *args, **options)


def project() -> str:
    """Return the project's name: as people named it, otherwise its folder's."""
    return read(audit_log.project_name) or settings().project


# -- the exam ---------------------------------------------------------------------------------------------------------


def current_exam() -> int | None:
    """Return the id of the exam that the header shows, if there is one."""
    value = st.session_state.get("exam_id")
    return value if isinstance(value, int) else None


def require_exam() -> int | None:
    """Return the exam's id. Without an exam, draw what to do first and return None.

    if (exam := require_exam()) is not None: ...
    """
    exam = current_exam()
    if exam is None:
        with st.container(border=True):
            if _exams():
                st.markdown("**Choose an exam above.** This page shows one exam at a time.")
            elif owns():
                st.markdown("**No exam yet.** This page shows an exam. Start with one of these:")
                draw_first_steps()
            else:
                st.markdown("**No exam yet.** This page shows an exam; an owner of the project starts the first one.")
    return exam


def draw_first_steps() -> None:
    """Draw a link to each way to a first exam, except to the page that is open."""
    with st.container(horizontal=True):
        for page, label, icon in FIRST_STEPS:
            if st.session_state.get(addresses.PAGE_KEY) != page:
                link(f"pages/loop/{page or 'overview'}.py", label, icon=icon)


def choose_exam(uid: str) -> None:
    """Make this the current exam from the next run on, for example after an import: `choose_exam(uid); st.rerun()`."""
    st.query_params["exam"] = uid


def settle(
    uids: Collection[str],
    last_uid: str | None,
    picked_uid: str | None,
    address_uid: str | None,
    default_uid: str | None,
) -> tuple[str | None, str | None]:
    """Return the exam's uid, and a uid of the address that no exam has. Pure.

    What the person just picked wins over the address, which still holds the last exam. A wrong address asks again
    instead of showing another exam's numbers. Without either, the last exam stays, or the `default_uid` is shown.
    """
    if picked_uid in uids and picked_uid != last_uid:
        return picked_uid, None
    if address_uid is not None:
        return (address_uid, None) if address_uid in uids else (None, address_uid)
    return (last_uid if last_uid in uids else default_uid), None


def settle_exam() -> str | None:
    """Set this run's exam from selector, address and session; return a uid of the address that no exam has."""
    ids = {uid: id_ for uid, (id_, _) in _exams().items()}
    state = st.session_state
    uid, bad_uid = settle(ids, state.get("exam_uid"), state.get(PICKER), st.query_params.get("exam"), _default_uid())
    state["exam_uid"], state["exam_id"] = uid, ids.get(uid) if uid else None
    if uid and st.query_params.get("exam") != uid:
        st.query_params["exam"] = uid
    # A widget's value has to be set before the widget is drawn.
    if state.get(PICKER) != uid:
        state[PICKER] = uid
    return bad_uid


def _default_uid() -> str | None:
    """Return the newest exam on the train split, which most pages are about; otherwise the newest exam."""
    exams = read(queries.exams)
    taught = (exam.uid for exam in exams if exam.split == "train")
    return next(taught, exams[0].uid if exams else None)


def exam_selector() -> None:
    """Draw the header's exam selector, or that the project has no exam."""
    names = {uid: text.one_line(name, 200) for uid, (_, name) in _exams().items()}
    if names:
        st.selectbox(
            "Exam",
            list(names),
            index=None,
            format_func=lambda uid: names.get(uid, "…"),
            key=PICKER,
            placeholder="Choose an exam",
            required=True,
            label_visibility="collapsed",
        )
    else:
        st.html('<span class="mapd-note">no exam yet</span>', width="content")


def _exams() -> Mapping[str, tuple[int, str]]:
    return {exam.uid: (exam.id, exam.name) for exam in read(queries.exams)}


def params(**extra: object) -> dict[str, str | list[str]]:
    """Return query parameters for a link: the current exam and `extra`."""
    uid = st.session_state.get("exam_uid")
    values = {key: list(map(str, value)) if isinstance(value, list) else str(value) for key, value in extra.items()}
    return ({"exam": str(uid)} if uid else {}) | values


def link(page: str, label: str, *, icon: str | None = None, **extra: object) -> None:
    """Draw a link to a page, say "pages/review/triage.py", that keeps the exam. The label is shown as plain text."""
    st.page_link(page, label=text.label(label), icon=icon, query_params=params(**extra))


def address(page: str, **extra: object) -> str:
    """Return the same link as an address, for a table's cell: `address("triage", mistake=uid)`."""
    return f"/{page}?{urlencode(params(**extra), doseq=True)}"


# -- the person -------------------------------------------------------------------------------------------------------


def current_person() -> Person:
    """Return the person at this browser; `people.READER` where nobody signs in and no name was entered."""
    visitor = sign_in.session_person(settings())
    if visitor.name:
        return visitor
    name = str(st.session_state.get(NAME) or _remembered_name())
    return owner(name) if name else visitor


def acting_person(name: str = "") -> Person:
    """Return who acts now: since the page was drawn they may have signed out, or lost their role.

    `name`: the person for whom the page was drawn, for a callback that can't read streamlit's state.

    Raises: Forbidden where the app isn't open to them any more.
    """
    if (refusal := sign_in.session_refusal(settings(), read)) is not None:
        raise Forbidden(refusal or "you signed out, and nothing was saved: sign in again")
    if name and not sign_in.is_needed():
        return owner(name)
    return current_person()


def rerun_if_refused() -> None:
    """Run the page again where the app isn't open to this session any more. Fragments that refresh call this."""
    if sign_in.session_refusal(settings(), read) is not None:
        st.rerun()


def owns() -> bool:
    """Return whether this person owns the project; others only judge. Where nobody signs in, everybody owns it."""
    return current_person().owns


def curates() -> bool:
    """Return whether the person signed in as an owner and doesn't want the judging pages alone."""
    # Where nobody signs in, anybody may be an annotator, so nobody counts as a curator.
    return sign_in.is_needed() and not judges_only()


def person_popover() -> None:
    """Draw the header's person: the name with a field to change it, or who signed in with the way out."""
    name = current_person().name
    if not sign_in.is_needed() and st.session_state.get(NAME) and name != _remembered_name():
        cookies.keep(cookies.PERSON, name)
    if (view := st.session_state.get(VIEW)) and view != cookies.read(cookies.VIEW):
        cookies.keep(cookies.VIEW, view)
    with st.popover(text.label(name, 30) if name else "Your name", icon=":material/person:", type="tertiary"):
        if sign_in.is_needed():
            st.html(f"Signed in as <b>{text.escape(name)}</b>, {'an owner' if owns() else 'who judges'} here.")
            st.button("Sign out", on_click=st.logout, icon=":material/logout:")
        else:
            _draw_name_field(name)
        if owns():
            _draw_view_toggle()


def _draw_name_field(current_name: str) -> None:
    name = st.text_input("Your name", value=current_name, max_chars=LONGEST_NAME, key="person_name")
    st.caption("What you judge and start is stored under this name. This browser remembers the name.")
    if name and name.strip() and person_name(name) != current_name:
        take_name(name)
        st.rerun()


def take_name(name: str) -> None:
    """Act under this name from now on in this browser.

    Raises: BadInput where it can't be a name.
    """
    st.session_state[NAME] = person_name(name)


def judges_only() -> bool:
    """Return whether the sidebar shows only what judging needs: for annotators, and for owners who want that."""
    if not owns():
        return True
    # A link may ask for it: view=judging.
    view = st.query_params.get("view")
    if view in VIEWS and VIEW not in st.session_state:
        st.session_state[VIEW] = view
    return str(st.session_state.get(VIEW) or cookies.read(cookies.VIEW)) == "judging"


def _draw_view_toggle() -> None:
    is_judging_only = judges_only()
    explanation = (
        "The sidebar then shows only triage, browse, people and guidelines. A link with view=judging does the same."
    )
    if (
        st.toggle("Only what judging needs", is_judging_only, key=f"view_toggle_{is_judging_only}", help=explanation)
        != is_judging_only
    ):
        st.session_state[VIEW] = "all" if is_judging_only else "judging"
        st.rerun()


def _remembered_name() -> str:
    """Return the name last entered in this browser: a reload starts a new session, but the person is the same."""
    try:
        return person_name(cookies.read(cookies.PERSON))
    except BadInput:
        return ""
