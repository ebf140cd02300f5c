"""The project, exam and person of this browser tab: chosen once, followed across pages, the exam kept in the URL.

    exam = require_exam()            # in a page: the exam's id, or an empty state is drawn
    link("pages/review/triage.py", "Judge it", mistake=uid)

Session state holds ids and uids alone, never rows: a row belongs to the session that read it.
"""

import os
from collections.abc import Collection, Mapping
from functools import lru_cache
from urllib.parse import urlencode

import sqlalchemy as sa
import streamlit as st

from mapd.errors import BadInput, Forbidden
from mapd.people import LONGEST_NAME, Person, owner, person_name
from mapd.settings import Settings
from mapd.store import db, queries
from mapd.store.queries import RECORDED_DEMO
from mapd.ui import address as addresses
from mapd.ui import cookie, signing_in, text

FIRST_STEPS = (  # by the page's address
    ("", "Run the demo", ":material/play_circle:"),
    ("exam", "Examine a student", ":material/quiz:"),
    ("data", "Bring in questions or mistakes", ":material/upload_file:"),
)
NAME = "person"  # session state: the name that was given in this session
VIEWS = ("judging", "all")  # how much the sidebar shows
PAGE_PATIENCE = db.Patience(seconds=5)  # somebody waits: what takes longer is said
VIEW = "view"  # session state: which of them
PICKER = "exam_pick"  # the selector's widget key; "exam_uid" and "exam_id" hold what was settled


def settings() -> Settings:
    """The project's settings, read again where the environment has changed: a rerun asks for them twenty times."""
    return _settings(tuple(sorted(item for item in os.environ.items() if item[0].upper().startswith("MAPD_"))))


@lru_cache(maxsize=8)
def _settings(_environment: tuple[tuple[str, str], ...]) -> Settings:
    return Settings()


def engine() -> sa.Engine:
    """The project's engine, one for each database for the life of the server."""
    return _open(settings().url, settings())


@st.cache_resource(show_spinner=False)
def _open(url: str, _settings: Settings) -> sa.Engine:  # noqa: ARG001 - the url is the cache's key
    return db.open_store(_settings, PAGE_PATIENCE)


def impatient_engine() -> sa.Engine:
    """The same for what a page writes on its own account: it doesn't wait, and does without."""
    return engine().execution_options(patience=db.Patience(0))


def project() -> str:
    """The project's name: as people named it, else its folder's."""
    with db.reading(engine()) as session:
        return queries.project_name(session) or settings().project


# -- the exam ---------------------------------------------------------------------------------------------------------


def current_exam() -> int | None:
    """The id of the exam that the header shows, if one is chosen."""
    value = st.session_state.get("exam_id")
    return value if isinstance(value, int) else None


def require_exam() -> int | None:
    """The exam's id; without one, draw what to do first and return None.

    if (exam := require_exam()) is not None: ...
    """
    exam = current_exam()
    if exam is None:
        with st.container(border=True):
            if _exams():
                st.markdown("**Choose an exam above.** This page shows one exam at a time.")
            elif owns():
                st.markdown("**No exam yet.** What this page shows comes of one. It begins with one of these:")
                draw_first_steps()
            else:
                st.markdown("**No exam yet.** What this page shows comes of one; an owner of the project begins it.")
    return exam


def draw_first_steps() -> None:
    """A link to each way to a first exam, but to the page that is shown."""
    with st.container(horizontal=True):
        for page, label, icon in FIRST_STEPS:
            if st.session_state.get(addresses.PAGE_KEY) != page:
                link(f"pages/loop/{page or 'overview'}.py", label, icon=icon)


def choose_exam(uid: str) -> None:
    """Make this the current exam from the next run on, say after an import: `choose_exam(uid); st.rerun()`."""
    st.query_params["exam"] = uid


def settle(
    uids: Collection[str],
    last_uid: str | None,
    picked_uid: str | None,
    address_uid: str | None,
    default_uid: str | None,
) -> tuple[str | None, str | None]:
    """Which exam it is, and the wrong uid of the address if there is one. Pure.

    What the person just picked goes before the address, which still holds the last one; a wrong address asks again
    rather than show another exam's numbers; without any the `default` is shown.
    """
    if picked_uid in uids and picked_uid != last_uid:
        return picked_uid, None
    if address_uid is not None:
        return (address_uid, None) if address_uid in uids else (None, address_uid)
    return (last_uid if last_uid in uids else default_uid), None


def settle_exam() -> str | None:
    """Settle this run's exam from selector, address and session; returns a uid of the address that nothing has."""
    ids = {uid: id_ for uid, (id_, _) in _exams().items()}
    state = st.session_state
    uid, unknown_uid = settle(
        ids, state.get("exam_uid"), state.get(PICKER), st.query_params.get("exam"), _default_uid()
    )
    state["exam_uid"], state["exam_id"] = uid, ids.get(uid) if uid else None
    if uid and st.query_params.get("exam") != uid:
        st.query_params["exam"] = uid
    if state.get(PICKER) != uid:
        state[PICKER] = uid
    return unknown_uid


def _default_uid() -> str | None:
    """The newest exam whose mistakes are taught, which is what most pages show; else the newest."""
    with db.reading(engine()) as session:
        exams = queries.exams(session)
    taught = (exam.uid for exam in exams if exam.split == "train")
    return next(taught, exams[0].uid if exams else None)


def exam_selector() -> None:
    """The header's selector, or that the project has no exam."""
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


def is_simulated() -> bool:
    """Whether the current exam's questions are the generated ones that simulated teachers explain."""
    exam = current_exam()
    if exam is None:
        return False
    with db.reading(engine()) as session:
        return queries.exam(session, exam).simulated


def is_recorded() -> bool:
    """Whether this project was begun by loading the recorded demo."""
    with db.reading(engine()) as session:
        return queries.edition(session, RECORDED_DEMO) > 0


def _exams() -> Mapping[str, tuple[int, str]]:
    """Every exam's uid, id and name, the newest first."""
    with db.reading(engine()) as session:
        return {exam.uid: (exam.id, exam.name) for exam in queries.exams(session)}


def params(**extra: object) -> dict[str, str | list[str]]:
    """Query parameters for a link: the current exam and what is given."""
    uid = st.session_state.get("exam_uid")
    values = {key: list(map(str, value)) if isinstance(value, list) else str(value) for key, value in extra.items()}
    return ({"exam": str(uid)} if uid else {}) | values


def link(page: str, label: str, *, icon: str | None = None, **extra: object) -> None:
    """Draw a link to a page, say "pages/review/triage.py", that keeps the exam; the label is shown as text."""
    st.page_link(page, label=text.label(label), icon=icon, query_params=params(**extra))


def address(page: str, **extra: object) -> str:
    """The same link as an address, for a table's link column: `address("triage", mistake=uid)`."""
    return f"/{page}?{urlencode(params(**extra), doseq=True)}"


# -- the person -------------------------------------------------------------------------------------------------------


def current_person() -> Person:
    """Return who sits here; `people.READER` where nobody signs in and no name was given at this browser."""
    visitor = signing_in.session_person(settings())
    if visitor.name:
        return visitor
    name = str(st.session_state.get(NAME) or _remembered_name())
    return owner(name) if name else visitor


def acting_person(name: str = "") -> Person:
    """Return who acts at this moment: since the page was drawn they may have signed out, or lost their role.

    `name`: whom the page was drawn for, for a callback that reads nothing of streamlit's; of use where nobody signs in.

    Raises: Forbidden where the app isn't open to them any more.
    """
    if (refusal := signing_in.session_refusal(settings(), engine)) is not None:
        raise Forbidden(refusal or "you signed out, and nothing was saved: sign in again")
    if name and not signing_in.is_needed():
        return owner(name)
    return current_person()


def rerun_if_refused() -> None:
    """Run the page again where the app isn't open to this session any more: a fragment that draws itself asks this."""
    if signing_in.session_refusal(settings(), engine) is not None:
        st.rerun()


def owns() -> bool:
    """Return whether the project is this person's; otherwise they judge. Where nobody signs in, it is everybody's."""
    return current_person().owns


def curates() -> bool:
    """Return whether the person is here as a curator: an owner who signed in, and doesn't want the judging pages alone.

    Where nobody signs in everybody may be one who judges, so nobody is taken for a curator.
    """
    return signing_in.is_needed() and not judges_only()


def person_popover() -> None:
    """Draw the header's person: the name, and a field to change it; or who signed in, and the way out."""
    name = current_person().name
    if not signing_in.is_needed() and st.session_state.get(NAME) and name != _remembered_name():
        cookie.keep(cookie.PERSON, name)
    if (view := st.session_state.get(VIEW)) and view != cookie.read(cookie.VIEW):
        cookie.keep(cookie.VIEW, view)
    with st.popover(text.label(name, 30) if name else "Your name", icon=":material/person:", type="tertiary"):
        if signing_in.is_needed():
            st.html(f"Signed in as <b>{text.escape(name)}</b>, {'an owner' if owns() else 'who judges'} here.")
            st.button("Sign out", on_click=st.logout, icon=":material/logout:")
        else:
            _draw_name_field(name)
        if owns():
            _draw_view_toggle()


def _draw_name_field(current_name: str) -> None:
    """Draw the field for the person's name."""
    name = st.text_input("Your name", value=current_name, max_chars=LONGEST_NAME, key="person_name")
    st.caption("What you judge and start is kept under it. This browser remembers it.")
    if name and name.strip() and person_name(name) != current_name:
        take_name(name)
        st.rerun()


def take_name(name: str) -> None:
    """Act under this name from now on at this browser.

    Raises: BadInput where it can't be a name.
    """
    st.session_state[NAME] = person_name(name)


def judges_only() -> bool:
    """Whether the sidebar has only what judging needs: for one who only judges, and for who wants it so.

    A link with `view=judging` says so, too.
    """
    if not owns():
        return True
    view = st.query_params.get("view")
    if view in VIEWS and VIEW not in st.session_state:
        st.session_state[VIEW] = view
    return str(st.session_state.get(VIEW) or cookie.read(cookie.VIEW)) == "judging"


def _draw_view_toggle() -> None:
    """The person's choice of how much the sidebar shows."""
    is_judging_only = judges_only()
    explanation = (
        "The sidebar then leads to triage, browse, people and guidelines alone. A link with view=judging opens it so."
    )
    if (
        st.toggle("Only what judging needs", is_judging_only, key=f"view_toggle_{is_judging_only}", help=explanation)
        != is_judging_only
    ):
        st.session_state[VIEW] = "all" if is_judging_only else "judging"
        st.rerun()


def _remembered_name() -> str:
    """The name last given at this browser: a reload starts a new session, and must not make somebody else of you."""
    try:
        return person_name(cookie.read(cookie.PERSON))
    except BadInput:
        return ""
