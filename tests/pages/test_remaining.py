"""What is left, as a page: without an audit, with one, with probabilities, with a target and prices in the address."""

from pathlib import Path

from streamlit.testing.v1 import AppTest

from mapd.curation import live_set
from mapd.curation.fitted_policies import fit_policy, plan_fit
from mapd.curation.saved_policies import save_policy
from mapd.domain import Act
from mapd.people import owner
from mapd.probability import GOLD
from mapd.review.judging import Circumstances, Target, judge
from mapd.settings import Settings
from mapd.store import db, queries
from tests import samples
from tests.conftest import import_files
from tests.pages.running import errors, open_page, shown

PAGE = "pages/curate/remaining.py"


def prepare(folder: Path, *, fits: bool = False) -> None:
    """Thirty-six mistakes, all audited but eight; every sixth text is rejected."""
    with db.writing(db.open_store(Settings())) as session:
        exam = queries.exam(session, import_files(session, *samples.files(folder, count=36)).exam)
        if fits:
            fitted = fit_policy(plan_fit(session, "free", [exam], GOLD, by=owner("ann"), uses_gold=False))
            save_policy(session, fitted.policy, by=owner("ann"))
        texts = [x for m in live_set.load_curated(session, exam.id).mistakes[:28] for x in m.rationales]
        for place, x in enumerate(texts):
            act, reason = (Act.REJECT, "unclear") if place % 6 == 0 else (Act.ACCEPT, None)
            seen = Circumstances(queue="audit")
            judge(session, Target("rationale", x.text.id), act, by=owner("ann"), reason=reason, circumstances=seen)


def left(**params: str) -> AppTest:
    return open_page(PAGE, **params)


def test_without_an_audit_it_leads_to_one(full_home: Path) -> None:
    app = left()
    assert not errors(app)
    assert "nobody has judged an accepted rationale in a random audit yet" in app.info[0].value


def test_an_empty_project_says_so(home: Path) -> None:
    assert "No exam yet" in " ".join(m.value for m in left().markdown)


def test_an_audit_gives_an_estimate_and_a_target_the_looks(home: Path, tmp_path: Path) -> None:
    prepare(tmp_path)
    app = left(target="1", look="1", wrong="10")
    assert not errors(app)
    assert "wrong rationales are left" in app.subheader[0].value
    body = " ".join(m.value for m in app.markdown)
    assert "looks** bring it to 1" in body
    assert "looks** pay" in body
    assert "as likely wrong as the next" in app.caption[-1].value
    impossible = left(target="-4")
    assert "-4" in shown(impossible)


def test_a_fitted_policy_orders_the_looks(home: Path, tmp_path: Path) -> None:
    prepare(tmp_path, fits=True)
    app = left()
    assert not errors(app)
    assert app.selectbox(key="fitted").value == "free"
    assert "right up to one factor" in app.caption[-1].value
