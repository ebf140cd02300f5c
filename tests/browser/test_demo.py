"""The recorded demo in a real browser: what a newcomer sees first, and the way to before and after."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from mapd.exchange import recorded
from mapd.people import owner
from mapd.settings import Settings
from mapd.store import db, queries
from tests.browser import resting
from tests.browser.conftest import App, free_port


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A home with the recorded demo, loaded as `make app` does, and the uid of the exam that it taught from."""
    home = tmp_path_factory.mktemp("demo") / "pilot"
    engine = db.open_store(Settings(home=home, database_url=None))
    assert recorded.load(engine, home, by=owner("ann")), "data/demo is part of the checkout"
    with db.reading(engine) as session:
        uid = next(exam.uid for exam in queries.exams(session) if exam.split == "train")
    engine.dispose()
    return home, uid


@pytest.fixture(scope="module")
def demo(taught: tuple[Path, str]) -> Iterator[App]:
    app = App(taught[0], free_port())
    app.start()
    yield app
    app.stop(kill=True)


def test_one_mistake_is_followed_to_before_and_after(page: Page, demo: App, taught: tuple[Path, str]) -> None:
    resting.load(page, f"{demo.url}/?exam={taught[1]}")
    expect(page.locator(".st-key-mapd_band")).to_contain_text("Recorded demo, simulated teachers")
    steps = page.locator(".mapd-step")
    expect(steps).to_have_count(5)
    first = steps.first.inner_text()
    page.get_by_role("link", name="next ›").click(delay=50)
    expect(steps.first).not_to_have_text(first, use_inner_text=True)
    steps.last.get_by_role("link").click()
    expect(page.get_by_role("heading", name="Results")).to_be_visible()
    folds = page.locator(".mapd-row")
    expect(folds).to_have_count(25)  # a page of the questions that were fixed
    folds.first.locator("summary").first.click()
    expect(folds.first.locator(".mapd-pair-cells .mapd-titled")).to_have_count(3)  # the question, before, after
    assert "before=" in page.url


def test_both_losses_are_drawn(page: Page, demo: App, taught: tuple[Path, str]) -> None:
    resting.load(page, f"{demo.url}/finetune?exam={taught[1]}")
    lines = page.locator(".js-plotly-plot").first.locator(".scatterlayer .trace")
    expect(lines).to_have_count(2)
    expect(page.get_by_text("loss on feedback", exact=True)).to_be_visible()
    muted, *axes = page.evaluate("""() => [
      getComputedStyle(document.querySelector("[data-testid=stCaptionContainer], .mapd-note")).color,
      ...[".g-xtitle text", ".xtick text"].map(it => getComputedStyle(document.querySelector(it)).fill),
    ]""")
    assert axes == [muted, muted], "streamlit's own grey is too faint to read"
