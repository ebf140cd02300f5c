"""Two exams become one snapshot in the browser, its address is the choice, and each of them shows it."""

import re
from pathlib import Path

from playwright.sync_api import Page, expect

from mapd.settings import Settings
from mapd.store import db, queries
from tests import samples
from tests.browser.conftest import STARTS, App
from tests.conftest import import_files, writing


def test_two_exams_are_frozen_together(page: Page, app: App, tmp_path: Path) -> None:
    engine = db.open_store(Settings())
    with writing(engine) as session:
        second = import_files(session, *samples.files(tmp_path, 6, start=next(STARTS))).exam
        first = next(exam.uid for exam in queries.exams(session) if exam.uid != second)
        name = queries.exam(session, second).name
    engine.dispose()
    page.goto(f"{app.url}/snapshots?exam={first}")
    figure = page.locator("dl.mapd-figures div").filter(has_text="training pairs").locator("dd")
    alone = int(figure.inner_text())
    page.get_by_role("combobox", name="Together with").fill(name)
    page.get_by_role("option", name=name, exact=True).click()
    page.keyboard.press("Escape")
    expect(page).to_have_url(re.compile(f"with={second}"))
    expect(figure).not_to_have_text(str(alone))
    pairs = int(figure.inner_text())
    assert pairs > alone
    page.get_by_role("button", name="Freeze").click(delay=50)
    expect(page.get_by_role("status").filter(has_text=f"frozen: {pairs} pairs")).to_be_visible()
    expect(page.get_by_text("of 2 exams")).to_be_visible()
    # A reload is the same choice.
    page.reload()
    expect(figure).to_have_text(str(pairs))
    page.get_by_role("row").get_by_role("link", name=name, exact=True).click()
    expect(page).to_have_url(re.compile(f"exam={second}"))
    expect(page.get_by_text("of 2 exams")).to_be_visible()
