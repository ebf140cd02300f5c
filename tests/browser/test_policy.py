"""The Content-Security-Policy and the rendered text's frame: what would fetch or run is stopped, what is ours works."""

import html
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from mapd.settings import Settings
from mapd.store import db
from mapd.ui.kit.rich_text import TAGS, document
from tests import hostile, samples
from tests.browser import resting
from tests.browser.conftest import STARTS, App
from tests.browser.presses import open_triage, press
from tests.conftest import import_files, writing

ELEMENTS = """() => [...document.querySelectorAll("iframe")].flatMap(
  frame => [...frame.contentDocument.body.querySelectorAll("*")].map(e => e.localName))"""
LEAVES = """async url => {
  const stopped = [];
  document.addEventListener("securitypolicyviolation", event => stopped.push(event.effectiveDirective));
  await fetch(url).catch(() => null);
  const image = new Image(), script = document.createElement("script");
  image.src = url;
  script.textContent = "document.title = 'owned'";
  document.body.append(image, script);
  await new Promise(done => setTimeout(done, 300));
  return stopped;
}"""


def test_no_hostile_text_fetches_or_makes_anything_when_it_is_rendered(page: Page, requests: list[str]) -> None:
    frames = (html.escape(document(text, "light", "#222", "#fff")) for text in hostile.TEXTS)
    page.set_content("".join(f'<iframe srcdoc="{frame}"></iframe>' for frame in frames))
    found = set(page.evaluate(ELEMENTS))
    assert {"p", "mfrac", "strong"} <= found <= TAGS
    assert [url for url in requests if url != "about:srcdoc"] == []


@pytest.fixture
def written(shared: App, tmp_path: Path) -> App:
    """The shared app, its newest exam one mistake whose rationales hold maths, money and what would be fetched."""
    row = samples.row(next(STARTS))
    for name in samples.TEACHERS:
        row[f"{name}_rationale"][0] += f"\n\n**{name}**: $\\frac{{1}}{{2}}$ for $5 and $3. ![x](http://evil.test/x.png)"
    engine = db.open_store(Settings())
    with writing(engine) as session:
        import_files(session, *samples.write(tmp_path, [row]))
    engine.dispose()
    return shared


def test_what_leaves_is_stopped_and_what_is_ours_is_not(page: Page, written: App, requests: list[str]) -> None:
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    open_triage(page, f"{written.url}/triage")
    press(page, "m")
    frame = page.frame_locator(".mapd-right iframe")
    expect(frame.locator("mfrac")).to_be_visible()
    expect(frame.locator("body")).to_contain_text("for $5 and $3. ![x](http://evil.test/x.png)")
    frame.locator("body").click()
    page.keyboard.press("m")
    expect(page.locator(".mapd-focus")).to_contain_text("**")

    resting.load(page, f"{written.url}/threshold")
    expect(page.locator(".stPlotlyChart .main-svg").first).to_be_visible()
    resting.load(page, f"{written.url}/snapshots")
    page.get_by_role("button", name="Freeze").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    assert download.value.suggested_filename.endswith(".zip")
    stopped = [said for said in complaints if "Content Security Policy" in said and "inline script" not in said]
    assert stopped == []
    assert page.locator("script:not([src])").count() == 1, "streamlit's own: it tells a prerenderer to wait"
    ours = (written.url, written.url.replace("http", "ws"), "data:", "blob:", "about:")
    assert [url for url in requests if not url.startswith(ours)] == []

    assert {"connect-src", "img-src", "script-src-elem"} <= set(page.evaluate(LEAVES, "http://evil.test/x"))
    assert "owned" not in page.title()
