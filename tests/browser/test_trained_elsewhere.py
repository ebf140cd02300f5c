"""A student that was trained elsewhere, in a real browser: uploaded, listed, and among what came in."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from mapd import students
from mapd.models import adapters, sandbox
from mapd.people import owner
from mapd.settings import Settings
from mapd.store import db
from tests.browser import resting
from tests.browser.conftest import App
from tests.exchange.test_adapters import write_adapter
from tests.finetune import tiny


@pytest.fixture
def trained(app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An adapter of a student of the project."""
    base = tiny.save(tmp_path / "tiny")
    with monkeypatch.context() as patch:
        patch.setattr(sandbox, "check", lambda folder: None)
        engine = db.open_store(Settings())
        with db.writing(engine) as session:
            students.add(session, f"tiny {tmp_path.name}", path=base, by=owner("ann"))
        engine.dispose()
    return write_adapter(base, tmp_path / "out")


@pytest.mark.slow
def test_an_adapter_is_uploaded_and_listed(page: Page, app: App, trained: Path) -> None:
    resting.load(page, f"{app.url}/data?way=students")
    with resting.after(page):
        page.locator('input[type="file"]').set_input_files([trained / name for name in adapters.FILES])
    with resting.after(page):
        page.get_by_label("Its name").fill("theirs")
        page.keyboard.press("Enter")
    expect(page.get_by_text("mapd students add theirs --adapter FOLDER")).to_be_visible()
    page.get_by_role("button", name="Add the student").click(delay=50)
    expect(page.get_by_text("Added: theirs, round 0")).to_be_visible()
    history = page.locator("table", has=page.get_by_text("file, or from where"))
    expect(history.locator("tr", has_text="add student, adapter")).to_have_count(1)
    expect(history.locator("tr", has_text="import authors")).not_to_have_count(0)

    with resting.after(page):
        page.get_by_role("radio", name="out").click()
    page.wait_for_url("**moved=out**")
    # Other tests share this project and may have downloaded something from it.
    expect(history.locator("tr", has_text="add student, adapter")).to_have_count(0)
    resting.load(page, f"{app.url}/data?moved=in&way=students")
    expect(history.locator("tr", has_text="add student, adapter")).to_have_count(1)
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 390, "a wide table scrolls in itself"

    resting.load(page, f"{app.url}/finetune")
    expect(page.get_by_role("row", name="theirs")).to_be_visible()
