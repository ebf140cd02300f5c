"""Waiting until the app is drawn and rests, without a fixed pause: after a load, after a move, after a press.

resting.load(page, app.url)
resting.visit(page, "browse?show=feedback")     # as back and forward do: nothing is loaded anew
with resting.after(page):                       # what makes the script run
    page.keyboard.press("a")
"""

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Page

BEGIN = """() => {
  const app = document.querySelector('[data-testid="stApp"]');
  window.runs?.disconnect();
  window.ran = window.restSince = null;
  window.begun = performance.now();
  window.runs = new MutationObserver(() => window.ran ||= app.dataset.testScriptState === "running");
  window.runs.observe(app, { attributes: true });
}"""
# A run has begun since BEGIN (after a load: the page is there), it has ended, and 120 ms later nothing else runs.
# React may draw the beginning and the end of a short run as one: then none has been seen, and it was over long ago.
RESTS = """() => {
  const app = document.querySelector('[data-testid="stApp"]'), now = performance.now();
  const there = window.runs
    ? window.ran || now - window.begun > 4000
    : document.querySelector(".st-key-mapd_header")?.checkVisibility();
  window.restSince = there && app.dataset.testScriptState === "notRunning" ? (window.restSince ?? now) : null;
  return window.restSince !== null && now - window.restSince > 120;
}"""
VISIT = """path => {
  history.pushState({}, "", path);
  dispatchEvent(new PopStateEvent("popstate", { state: {} }));
}"""
PATIENCE = 120_000  # ms: a busy machine is no fault of the code


def load(page: Page, url: str) -> None:
    """Load the page anew."""
    page.goto(url)
    page.wait_for_function(RESTS, timeout=PATIENCE)


def visit(page: Page, path: str) -> None:
    """Go to another page of the app."""
    with after(page):
        page.evaluate(VISIT, f"/{path}")


@contextmanager
def after(page: Page) -> Iterator[None]:
    """Wait until the run that this makes has ended."""
    page.evaluate(BEGIN)
    yield
    page.wait_for_function(RESTS, timeout=PATIENCE)
