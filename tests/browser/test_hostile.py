"""Hostile texts on every page in a real browser: nothing leaves the app, nothing is rendered, the layout holds."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect
from sqlmodel import select

from mapd.settings import Settings
from mapd.store import db
from mapd.store import tables as t
from tests import hostile
from tests.browser import resting
from tests.browser.conftest import App
from tests.conftest import writing

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
    "browse?show=questions",
    "browse?q=<b class=canary>![canary](http://evil.test/q)",
    "people",
    "guidelines",
    "room",
    "threshold?threshold=1.5",
    "remaining",
    "agreement",
    "finetune",
    "results",
    "arms",
    "playground",
    "playground?question_from=typed&text=<b class=canary>![canary](http://evil.test/t)&gold=:red[canary]",
)
SHOWN = (
    ".mapd-text, .mapd-line, .mapd-chip, .mapd-answer, .mapd-table, .mapd-name, .mapd-error, .mapd-history, .mapd-facts"
)
ELEMENTS = "script, style, img, iframe, form, input, svg, link, meta, h1, object, video, em, strong, del, math, font"
CANARIES = "[class*=canary], [id*=canary], [name*=canary], x-canary, canary-b, [style*=evil]"
WORDS = "em, strong, del, h1, h2, h3, h4, h5, h6, mark, li > p, .katex, sup, sub, button svg + a"
LOOK = """([shown, elements, canaries, words]) => {
  const all = (what, within = document) => [...within.querySelectorAll(what)];
  const inside = all(shown).flatMap(e => all(elements, e));
  const leads = e => new URL(e.src || e.href.baseVal || e.href, location.href);
  const out = all("[src], [href]").filter(e => leads(e).origin !== location.origin && !/^(data|blob):/.test(leads(e)));
  const armed = all("*").filter(e => e.getAttributeNames().some(name => name.startsWith("on")));
  const styled = all(words).filter(e => /canary/.test(e.textContent));
  const box = what => document.querySelector(what).getBoundingClientRect();
  const main = document.querySelector(".stMain"), root = document.documentElement;
  const layout = () => ({
    wider: Math.max(0, root.scrollWidth - root.clientWidth, main.scrollWidth - main.clientWidth),
    header: box(".st-key-mapd_header").top >= 5 && box(".st-key-mapd_header").top <= 15,
    high: box(".st-key-mapd_header").height <= 60,
    sidebar: Math.max(0, Math.round(box(".stSidebar").right)),
  });
  const folded = layout();
  all(".stMain details").slice(0, 12).forEach(fold => fold.open = true);
  return {
    found: [...inside, ...out, ...armed, ...all(canaries), ...styled].map(e => e.outerHTML.slice(0, 200)),
    layouts: [folded, layout()],
    title: document.title,
    broken: all('[data-testid="stException"]').length,
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
        """Load the page anew."""
        resting.load(self.page, f"{self.app.url}/{path}")
        self.unhurt(sidebar=sidebar)

    def visit(self, path: str, *, sidebar: int = 208) -> None:
        """Go there as the browser's back and forward do, which loads nothing anew."""
        resting.visit(self.page, path)
        self.unhurt(sidebar=sidebar)

    def unhurt(self, *, sidebar: int = 208) -> None:
        """What must hold on every page, as it comes and unfolded."""
        where = self.page.url
        ours = (self.app.url, self.app.url.replace("http", "ws"), "data:", "blob:", "about:")
        seen = self.page.evaluate(LOOK, [SHOWN, ELEMENTS, CANARIES, WORDS])
        assert [url for url in self.requests if not url.startswith(ours)] == [], where
        assert (self.said, seen["found"], seen["broken"]) == ([], [], 0), where
        page = where.removeprefix(f"{self.app.url}/").split("?")[0] or "overview"
        assert seen["title"].lower().startswith(page), (where, seen["title"])  # nor is it "owned"
        assert seen["layouts"] == [{"wider": 0, "header": True, "high": True, "sidebar": sidebar}] * 2, where


PERSON = "<b class=canary>ann</b> ![canary](http://evil.test/p) :red[canary] $5 and $3"


@pytest.mark.slow
@pytest.mark.timeout(900)  # as much as this is slow on a busy machine
def test_nothing_of_it_is_rendered_on_any_page(
    page: Page, home: Path, tmp_path: Path, run_app: Callable[[Path], App]
) -> None:
    """A project whose every text is hostile, its snapshot and a failed job, and an upload of the same."""
    engine = db.open_store(Settings())
    with writing(engine) as session:
        snapshot, job = hostile.fill(session)
        mistakes = session.exec(select(t.Attempt.uid).where(t.Attempt.exam_id == 1)).all()
    engine.dispose()
    app = run_app(home)
    page.context.add_cookies([{"name": "mapd_person", "value": quote(PERSON), "url": app.url}])
    page.set_viewport_size({"width": 1440, "height": 900})
    watched = Watched(page, app)
    watched.open(PAGES[0])
    expect(page.locator(".st-key-mapd_header")).to_contain_text("ann")  # the person, too, is hostile
    for path in (*PAGES[1:], f"snapshots?snapshot={snapshot}", f"jobs?job={job}"):
        watched.visit(path)
    page.get_by_role("combobox", name="Exam").click()
    expect(page.get_by_role("option")).to_have_count(3)
    watched.unhurt()
    in_triage(watched, mistakes)
    an_upload(watched, hostile.files(tmp_path))
    a_question_file(watched, tmp_path)


def in_triage(watched: Watched, mistakes: Sequence[str]) -> None:
    """Every mistake, now and then with its feedback and its history."""
    page = watched.page
    watched.open("triage?judge=first", sidebar=0)
    for number, uid in enumerate(mistakes):
        watched.visit(f"triage?mistake={uid}", sidebar=0)
        expect(page.locator(".mapd-question")).to_contain_text("marker-")
        expect(page.locator(".mapd-foot")).to_be_in_viewport()
        if number % 9 == 0:
            page.keyboard.press("f")
            page.keyboard.press("h")
            expect(page.locator('.mapd-panel[data-panel="history"]')).to_be_visible()
            watched.unhurt(sidebar=0)
            page.keyboard.press("h")


def an_upload(watched: Watched, files: tuple[Path, Path]) -> None:
    """The preview of files before they are imported."""
    page = watched.page
    watched.open("data?way=authors")
    for field, file in zip(page.locator('input[type="file"]').all()[:2], files, strict=True):
        with resting.after(page):
            field.set_input_files(file)
    expect(page.get_by_role("button", name="Import")).to_be_visible()
    expect(page.get_by_text("marker-0-0").first).to_be_visible()
    watched.unhurt()


def a_question_file(watched: Watched, folder: Path) -> None:
    """Questions before they are added: hostile texts, options, fields, and the file's own name."""
    page = watched.page
    file = folder / "![canary](evil.png) :red[x] <b class=canary>.jsonl"
    options = [f"{text[:200]} {number}" for number, text in enumerate(hostile.MARKUP[:4])]
    rows: list[dict[str, object]] = [
        {"question": text, "options": options, "answer": "B", **dict.fromkeys(hostile.NAMES, hostile.MARKDOWN[0] * 3)}
        for text in (*hostile.MARKUP[:6], *hostile.MARKDOWN[:6], *hostile.MATHS[:3])
    ]
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    watched.open("data")
    with resting.after(page):
        page.locator('input[type="file"]').first.set_input_files(file)
    expect(page.get_by_text("a long text: say below what it is").first).to_be_visible()
    expect(page.get_by_text("Gold answer").first).to_be_visible()
    watched.unhurt()
