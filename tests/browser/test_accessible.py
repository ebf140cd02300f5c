"""Every page for everybody: axe-core in light and dark, small screens, the keyboard alone."""

import re
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser import resting
from tests.browser.conftest import App
from tests.browser.scripted import Server

PAGES = ("", "committee", "triage", "browse", "people", "room", "threshold", "agreement", "snapshots")
# Of the same parts: once is enough.
LIGHT = ("data", "data?way=students", "exam", "remaining", "teachers", "jobs", "guidelines")
LIGHT += ("finetune", "results", "arms", "playground")
RULES = {"light": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"], "dark": ["color-contrast"]}  # the rest is the same
STREAMLITS = (
    ".stPlotlyChart",
    "[data-testid='stSliderThumbValue']",
)  # drawn by streamlit and plotly, with an alt of ours
# Colours alone are looked at in the dark, and the middle size has those of the wide one.
TRIAGE_SIZES = {"light": ((1440, 900), (1024, 768), (390, 844)), "dark": ((1440, 900), (390, 844))}
SIZES = ((1024, 768), (720, 450))  # the latter is 200 % of 1440x900
WIDER = """() => Math.max(...[document.documentElement, document.querySelector(".stMain")].map(
  e => e.scrollWidth - e.clientWidth))"""
FOCUS = """wanted => {
  const e = document.activeElement, style = getComputedStyle(e);
  const ring = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
  const around = [e, e.parentElement, e.parentElement?.parentElement].filter(Boolean);
  const glows = x => getComputedStyle(x).boxShadow !== "none" || x.matches("[data-focus-visible]");
  return {
    what: e.outerHTML.slice(0, 160),
    lit: e === document.body || ring || around.some(glows),
    there: e.matches(wanted),
    key: e.dataset.key,
  };
}"""


def violations(page: Page, theme: str) -> list[str]:
    """What axe-core finds in our part of the page, a line each."""
    options = {"runOnly": RULES[theme], "resultTypes": ["violations"], "preload": False}
    found = Axe().run(page, context={"exclude": [[one] for one in STREAMLITS]}, options=options)
    return [
        f"{page.url} {rule['id']}: {node['html'][:150]} {node.get('failureSummary', '')[-160:]!r}"
        for rule in found.response["violations"]
        for node in rule["nodes"]
    ]


@pytest.mark.slow
def test_every_page_is_accessible_and_holds_on_small_screens(page: Page, app: App) -> None:
    found, wider = [], []
    resting.load(page, app.url)
    for path in (*PAGES, *LIGHT):
        page.set_viewport_size({"width": 1440, "height": 900})
        resting.visit(page, path)
        for theme in ("light", "dark")[: 1 + (path in PAGES)]:
            page.emulate_media(color_scheme=theme)
            expect(page.locator(".stApp")).to_have_css("color-scheme", theme)
            found += violations(page, theme)
        page.emulate_media(color_scheme="light")
        for width, height in SIZES:
            page.set_viewport_size({"width": width, "height": height})
            wider += [(path, width)] if page.evaluate(WIDER) > 0 else []
            if path == "triage":
                for name in ("accept", "reject", "skip", "undo"):
                    expect(page.locator(f'[data-act="{name}"]')).to_be_in_viewport()
        if path == "":  # what is wide there has to scroll here
            found += violations(page, "light")
        page.set_viewport_size({"width": 400, "height": 800})
        wider += [(path, 400)] if page.evaluate(WIDER) > 0 else []
        selector = page.locator(".st-key-exam_pick").bounding_box()
        wider += [(path, "exam")] if selector is None or selector["width"] < 200 else []
    assert (found, wider) == ([], [])


@pytest.mark.slow
def test_triage_is_accessible_in_each_state_size_and_theme(page: Page, serve: Callable[..., Server]) -> None:
    found = []
    judging, first, empty = serve(), serve(judge="first"), serve(0)
    states = ((judging, "a", ".mapd-textline"), (judging, "r", ".mapd-panel"), (judging, "?", ".mapd-keys"))
    for theme in RULES:
        for server, key, shown in (*states, (first, "2", ".mapd-textline"), (empty, "u", ".mapd-empty h2")):
            page.goto(f"{server.url}?theme={theme}")
            expect(page.locator(".mapd-empty h2" if server is empty else ".mapd-textline").first).to_be_visible()
            page.keyboard.press(key)
            expect(page.locator(shown).first).to_be_visible()
            for width, height in TRIAGE_SIZES[theme]:
                page.set_viewport_size({"width": width, "height": height})
                found += violations(page, theme)
    assert found == []


def test_an_open_and_a_pressed_button_are_read_in_both_themes(page: Page, app: App) -> None:
    resting.load(page, f"{app.url}/triage")
    expect(page.locator(".mapd-textline[aria-current]")).to_be_visible()
    keys, judge = (page.locator(f'[data-act="{act}"]') for act in ("help", "judge"))
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        expect(page.locator(".stApp")).to_have_css("color-scheme", theme)
        page.keyboard.press("?")
        expect(keys).to_have_attribute("aria-pressed", "true")
        judge.hover()
        page.mouse.down()
        assert judge.evaluate("e => e.matches(':active')")
        assert violations(page, "dark") == [], theme
        page.mouse.move(0, 0)  # to let go of it there presses nothing
        page.mouse.up()
        page.keyboard.press("Escape")
        expect(keys).to_have_attribute("aria-pressed", "false")


def tab_to(page: Page, wanted: str) -> set[str]:
    """Press Tab until what is wanted has the focus, and see where it is on the way; the hotkeys that were passed."""
    passed = set()
    for _ in range(120):
        page.keyboard.press("Tab")
        at = page.evaluate(FOCUS, wanted)
        assert at["lit"], at["what"]
        passed.add(at["key"])
        if at["there"]:
            return passed
    raise AssertionError(f"Tab never comes to {wanted}")


def test_a_folded_sidebar_takes_no_focus(page: Page, app: App) -> None:
    resting.load(page, f"{app.url}/triage")
    link = page.locator(".stSidebar a").first
    expect(link).to_be_hidden()
    page.locator('[data-testid="stExpandSidebarButton"]').click()
    expect(link).to_be_visible()
    link.focus()
    expect(link).to_be_focused()


def test_the_keyboard_alone_leads_from_the_overview_to_a_judged_text_and_a_snapshot(page: Page, app: App) -> None:
    resting.load(page, app.url)
    tab_to(page, "a[href^='triage?']")
    with resting.after(page):
        page.keyboard.press("Enter")
    expect(page.locator(".mapd-textline[aria-current]")).to_be_visible()
    assert {"a", "r", "s", "n", "e", "h", "f", "1", "j", "ArrowRight"} <= tab_to(page, '[data-act="history"]')
    page.keyboard.press("a")
    expect(page.locator(".mapd-told")).to_contain_text("accepted")
    expect(page.locator(".mapd-saved")).to_have_text("✓ all saved")
    tab_to(page, '[data-testid="stExpandSidebarButton"]')
    page.keyboard.press("Enter")
    tab_to(page, "a[href^='snapshots?']")
    with resting.after(page):
        page.keyboard.press("Enter")
    tab_to(page, ".st-key-freeze button")
    with resting.after(page):
        page.keyboard.press("Enter")
    expect(page.locator(".mapd-saved")).to_contain_text(re.compile(r"frozen: \d+ pairs"))
