"""Pages under a fitted policy: what decided is the probability, and no page says that a mean did."""

import re
from pathlib import Path

import pytest

from mapd.curation import live_set, saved_policies, snapshots
from mapd.people import owner
from mapd.settings import Settings
from mapd.store import db
from tests.conftest import writing
from tests.fits import make_whole_policy
from tests.pages.running import open_page, shown
from tests.pages.test_room import press
from tests.samples import TEACHERS

ANN = owner("ann")


@pytest.fixture
def fitted_home(full_home: Path) -> Path:
    """A project whose exam is curated by a policy that is fitted for feedback, too, with a snapshot."""
    with writing(db.open_store(Settings())) as session:
        saved_policies.save_policy(session, make_whole_policy(TEACHERS), by=ANN)
        saved_policies.set_policy(session, 1, "fitted", None, by=ANN)
        snapshots.freeze(session, live_set.load_curated(session, 1), by=ANN)
    return full_home


PAGES = {
    (
        "pages/review/browse.py",
        "show=rationales",
    ): r'class="c-mean"[^>]*title="P\(right\) 0\.\d\d is [^>]*>\d\.\d\d<small>P 0\.\d\d<',
    ("pages/review/browse.py", "show=feedback"): r'class="c-verdict"[^§]{1,600}?</span><small>P 0\.\d\d<',
    ("pages/review/browse.py", "show=mistakes"): r'title="gpt: accepted; committee: P\(right\) 0\.\d\d is above 0\.5"',
    ("pages/loop/overview.py", ""): r'class="mapd-note">P 0\.\d\d<',
    ("pages/curate/snapshots.py", ""): r"fitted, P\(right\) &gt; 0\.50",
}


@pytest.mark.parametrize(("page", "params"), PAGES)
def test_a_page_names_the_probability(fitted_home: Path, page: str, params: str) -> None:
    app = open_page(page, **dict([params.split("=")] if params else []))
    assert not app.exception
    assert re.search(PAGES[page, params], shown(app))


def test_the_rooms_answer_names_the_probability(fitted_home: Path) -> None:
    app = press(open_page("pages/review/room.py"), "enter")
    committee = shown(app).partition(">committee<")[2]
    assert re.match(r".*?mapd-note\">P 0\.\d\d</span></span><span>P\(right\) 0\.\d\d is ", committee, re.DOTALL)
