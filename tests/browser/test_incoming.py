"""A spreadsheet of explanations and a file of verdicts, uploaded in a real browser, and what came in and went out."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from sqlmodel import select

from mapd.settings import Settings
from mapd.store import db
from mapd.store import tables as t
from tests.browser import resting
from tests.browser.conftest import App


def upload(page: Page, app: App, way: str, file: Path) -> None:
    resting.load(page, f"{app.url}/data?way={way}")
    with resting.after(page):
        page.locator('input[type="file"]').set_input_files(file)
    expect(page.get_by_role("button", name=f"Remove {file.name}")).to_be_visible()


@pytest.mark.slow
def test_explanations_and_verdicts_come_in(page: Page, app: App, tmp_path: Path) -> None:
    engine = db.open_store(Settings())
    with db.reading(engine) as session:
        exam = session.exec(select(t.Exam.id).order_by(t.Exam.id.desc())).first()  # type: ignore[union-attr]
        query = select(t.Question.uid, t.Attempt.uid).join(t.Attempt).where(t.Attempt.exam_id == exam)
        (question, attempt), *_ = session.exec(query).all()
    texts, verdicts = tmp_path / "texts.csv", tmp_path / "verdicts.csv"
    texts.write_text(f"question,teacher,kind,text,score_gpt\n{question},me,rationale,<b>It is 13</b>,5\n")
    verdicts.write_text(f"person,kind,uid,decision\nann,attempt,{attempt},reject\n")

    upload(page, app, "explanations", texts)
    expect(page.get_by_text("<b>It is 13</b>")).to_be_visible()
    with resting.after(page):
        page.get_by_role("button", name="Import 1 explanation").click(delay=50)
    expect(page.get_by_text("1 explanation and 1 score came in")).to_be_visible()

    upload(page, app, "verdicts", verdicts)
    expect(page.get_by_text("count from now on")).to_be_visible()
    with resting.after(page):
        page.get_by_role("button", name="Bring in 1 judgement").click(delay=50)
    expect(page.get_by_text("1 judgement came in, of ann 1")).to_be_visible()
    with db.reading(engine) as session:
        people = select(t.Judgement.person).join(t.Attempt, t.Judgement.attempt_id == t.Attempt.id)  # type: ignore[arg-type]
        assert session.exec(people.where(t.Attempt.uid == attempt)).all() == ["ann"]
    engine.dispose()

    history = page.locator("table", has=page.get_by_text("file, or from where"))
    expect(history.locator("tr", has_text="import authors")).not_to_have_count(0)
    with resting.after(page):
        page.get_by_role("radio", name="out").click()
    page.wait_for_url("**moved=out**")
    # Other tests share this project and may have downloaded something from it.
    expect(history.locator("tr", has_text="import authors")).to_have_count(0)
    resting.load(page, f"{app.url}/data?moved=in&way=verdicts")
    expect(history.locator("tr", has_text="import authors")).not_to_have_count(0)
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 390, "a wide table scrolls in itself"
