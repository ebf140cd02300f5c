"""Hostile texts on every page in a real browser: nothing leaves the app, nothing is rendered, the layout holds."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from mapd.settings import Settings
from mapd.store import db
from tests import hostile
from tests.browser.conftest import App

PAGES = (
    "",
    "data",
    "exam",
    "committee",
    "teachers",
    "jobs",
    "browse",
    "browse?show=feedback",
    "browse?show=mistakes",
    "browse?q=<b class=canary>![canary](http://evil.test/q)",
    "people",
    "room",
    "threshold?threshold=1.5",
    "finetune",
    "results",
)
SHOWN = (
    ".mapd-text, .mapd-line, .mapd-chip, .mapd-answer, .mapd-table, .mapd-name, .mapd-error, .mapd-history, .mapd-facts"
)
ELEMENTS = "script, style, img, iframe, form, input, svg, link, meta, h1, object, video, em, strong, del, math, font"
CANARIES = "[class*=canary], [id*=canary], [name*=canary], x-canary, canary-b, [style*=evil]"
WORDS = "em, strong, del, h1, h2, h3, h4, h5, h6, mark, li > p, .katex, sup, sub, button svg + a"
FOUND = """([shown, elements, canaries, words]) => {
  const all = (what, within = document) => [...within.querySelectorAll(what)];
  const inside = all(shown).flatMap(e => all(elements, e));
  const leads = e => new URL(e.src || e.href.baseVal || e.href, location.href);
  const out = all("[src], [href]").filter(e => leads(e).origin !== location.origin && !/^(data|blob):/.test(leads(e)));
  const armed = all("*").filter(e => e.getAttributeNames().some(name => name.startsWith("on")));
  const styled = all(words).filter(e => /canary/.test(e.textContent));
  return [...inside, ...out, ...armed, ...all(canaries), ...styled].map(e => e.outerHTML.slice(0, 200));
}"""
UNFOLD = "() => [...document.querySelectorAll('.stMain details')].slice(0, 12).forEach(fold => fold.open = true)"
LAYOUT = """() => {
  const box = what => document.querySelector(what).getBoundingClientRect();
  const main = document.querySelector(".stMain"), root = document.documentElement;
  const header = box(".st-key-mapd_header");
  return {
    wider: Math.max(root.scrollWidth - root.clientWidth, main.scrollWidth - main.clientWidth),
    header: Math.round(header.top), high: Math.round(header.height),
    sidebar: Math.round(box(".stSidebar").right),
  };
}"""


class Watched:
    """A page and whatever it asks for, says or breaks."""

    def __init__(self, page: Page, app: App) -> None:
        self.page, self.app = page, app
        self.requests: list[str] = []
        self.said: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("dialog", lambda dialog: (self.said.append(dialog.message), dialog.dismiss()))
        page.on("popup", lambda popup: self.said.append(popup.url))
        page.on("pageerror", lambda error: self.said.append(str(error)))

    def open(self, path: str, *, sidebar: int = 208) -> None:
        self.page.goto(f"{self.app.url}/{path}")
        self.unhurt(sidebar=sidebar)

    def settle(self) -> None:
        """Wait until the page is drawn and its script rests."""
        expect(self.page.locator(".st-key-mapd_header")).to_be_visible(timeout=200_000)
        for _ in range(2):
            self.page.wait_for_timeout(120)
            idle = '[data-testid="stApp"][data-test-script-state="notRunning"]'
            self.page.wait_for_selector(idle, state="attached", timeout=200_000)

    def unhurt(self, *, sidebar: int = 208) -> None:
        """What must hold on every page."""
        self.settle()
        where = self.page.url
        ours = (self.app.url, self.app.url.replace("http", "ws"), "data:", "blob:")
        assert [url for url in self.requests if not url.startswith(ours)] == [], where
        assert self.said == [], where
        assert "owned" not in self.page.title()
        assert self.page.evaluate(FOUND, [SHOWN, ELEMENTS, CANARIES, WORDS]) == [], where
        assert self.page.locator('[data-testid="stException"]').count() == 0, where
        at = self.page.evaluate(LAYOUT)
        assert (at["wider"] <= 0, 5 <= at["header"] <= 15, at["high"] <= 60) == (True, True, True), (where, at)
        assert max(0, at["sidebar"]) == sidebar, (where, at)


PERSON = "<b class=canary>ann</b> ![canary](http://evil.test/p) :red[canary] $5 and $3"


@pytest.fixture
def filled(home: Path, run_app: Callable[[Path], App]) -> tuple[App, str, str]:
    """An app over a project whose every text is hostile, its snapshot and a failed job."""
    engine = db.open_store(Settings())
    with db.writing(engine) as session:
        snapshot, job = hostile.fill(session)
    engine.dispose()
    (home / "person").write_text(PERSON)
    return run_app(home), snapshot, job


@pytest.mark.timeout(900)  # as much as this is slow on a busy machine
def test_nothing_of_it_is_rendered_on_any_page(page: Page, filled: tuple[App, str, str]) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    app, snapshot, job = filled
    watched = Watched(page, app)
    for path in (*PAGES, f"snapshots?snapshot={snapshot}", f"jobs?job={job}"):
        watched.open(path)
        page.evaluate(UNFOLD)
        watched.unhurt()
    page.get_by_role("combobox", name="Exam").click()
    expect(page.get_by_role("option")).to_have_count(3)
    watched.unhurt()
    in_triage(watched)


def in_triage(watched: Watched) -> None:
    """Every mistake, with its feedback and its history now and then."""
    page = watched.page
    watched.open("triage?judge=first", sidebar=0)
    watched.open("triage", sidebar=0)
    for number in range(hostile.MISTAKES):
        expect(page.locator(".mapd-question")).to_contain_text("marker-")
        expect(page.locator(".st-key-mapd_triage_actions")).to_be_in_viewport()
        if number % 9 == 0:
            for key in "fh":
                page.keyboard.press(key)
                watched.unhurt(sidebar=0)
            page.keyboard.press("h")
        page.keyboard.press("ArrowRight")
        watched.unhurt(sidebar=0)


def test_the_preview_of_an_upload(page: Page, home: Path, tmp_path: Path, run_app: Callable[[Path], App]) -> None:
    watched = Watched(page, run_app(home))
    watched.open("data")
    for field, file in zip(page.locator('input[type="file"]').all()[:2], hostile.files(tmp_path), strict=True):
        field.set_input_files(file)
        watched.settle()
    expect(page.get_by_role("button", name="Import")).to_be_visible(timeout=20_000)
    expect(page.get_by_text("marker-0-0").first).to_be_visible()
    watched.unhurt()
