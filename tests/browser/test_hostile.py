"""Hostile texts on every page in a real browser: nothing leaves the app, nothing is rendered from them."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from mapd.settings import Settings
from mapd.store import db
from tests import hostile
from tests.browser.conftest import App
from tests.conftest import import_files

PAGES = (
    "",
    "data",
    "exam",
    "committee",
    "teachers",
    "triage",
    "browse",
    "browse?show=feedback",
    "browse?show=mistakes",
    "threshold?threshold=1.5",
    "snapshots",
    "finetune",
    "results",
)
SHOWN = ".mapd-text, .mapd-line, .mapd-chip, .mapd-answer, .mapd-table, .mapd-name"
ELEMENTS = "script, style, img, iframe, form, input, svg, link, meta, h1, object, video"
FOREIGN = """([shown, elements]) => {
  const inside = [...document.querySelectorAll(shown)].flatMap(e => [...e.querySelectorAll(elements)]);
  const leads = e => new URL(e.src || e.href.baseVal || e.href, location.href).host;
  const out = [...document.querySelectorAll("[src], [href]")].filter(e => /evil/.test(leads(e)));
  const armed = [...document.querySelectorAll("[onerror], [onload], [onclick], [onmouseover], iframe")];
  return [...inside, ...out, ...armed].map(e => e.outerHTML.slice(0, 200));
}"""


@pytest.fixture
def hostile_app(home: Path, tmp_path: Path, run_app: Callable[[Path], App]) -> App:
    """An app over the hostile corpus, with one snapshot of all of it."""
    engine = db.open_store(Settings())
    with db.writing(engine) as session:
        import_files(session, *hostile.files(tmp_path))
    engine.dispose()
    return run_app(home)


def unhurt(page: Page, app: App, requests: list[str], dialogs: list[str]) -> None:
    """What must hold on every page."""
    ours = (app.url, app.url.replace("http", "ws"), "data:", "blob:")
    assert [url for url in requests if not url.startswith(ours)] == []
    assert dialogs == []
    assert "owned" not in page.title()
    assert page.evaluate(FOREIGN, [SHOWN, ELEMENTS]) == []
    expect(page.locator(".st-key-mapd_header")).to_be_visible()
    assert page.locator('[data-testid="stException"]').count() == 0


def settled(page: Page) -> None:
    expect(page.locator(".st-key-mapd_header")).to_be_visible(timeout=20_000)
    page.wait_for_timeout(1500)
    expect(page.locator('[data-testid="stApp"][data-test-script-state="running"]')).to_have_count(0, timeout=30_000)


def test_nothing_of_it_is_rendered_on_any_page(page: Page, hostile_app: App, requests: list[str]) -> None:
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    for path in PAGES:
        page.goto(f"{hostile_app.url}/{path}")
        settled(page)
        unhurt(page, hostile_app, requests, dialogs)
        for fold in page.locator(".mapd-row > summary").all()[:8]:
            fold.click()
        unhurt(page, hostile_app, requests, dialogs)
    page.goto(f"{hostile_app.url}/snapshots")
    settled(page)
    page.get_by_role("button", name="Freeze").click(delay=50)
    expect(page.locator(".mapd-pair").first).to_be_visible(timeout=20_000)
    for fold in page.locator(".mapd-pair > summary").all():
        fold.click()
    unhurt(page, hostile_app, requests, dialogs)


def test_every_mistake_is_text_in_triage(page: Page, hostile_app: App, requests: list[str]) -> None:
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    page.goto(f"{hostile_app.url}/triage")
    for _ in range(len(hostile.TEXTS)):
        settled(page)
        unhurt(page, hostile_app, requests, dialogs)
        expect(page.locator(".mapd-question")).to_contain_text("marker-")
        expect(page.locator(".st-key-mapd_triage_actions")).to_be_visible()
        page.keyboard.press("f")
        page.wait_for_timeout(400)
        page.keyboard.press("ArrowRight")


def test_the_preview_of_an_upload(
    page: Page, home: Path, tmp_path: Path, run_app: Callable, requests: list[str]
) -> None:
    app = run_app(home)
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    page.goto(f"{app.url}/data")
    settled(page)
    for field, file in zip(page.locator('input[type="file"]').all()[:2], hostile.files(tmp_path), strict=True):
        field.set_input_files(file)
        page.wait_for_timeout(800)
    expect(page.get_by_role("button", name="Import")).to_be_visible(timeout=20_000)
    expect(page.get_by_text("marker-0-0").first).to_be_visible()
    unhurt(page, app, requests, dialogs)
