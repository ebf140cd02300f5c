"""The browser's history: one press of Back undoes one press; and addresses that lead nowhere."""

from urllib.parse import parse_qs, urlparse

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser import resting
from tests.browser.conftest import App

FILTERED = "browse?verdict=accepted&order=lowest+mean"


def asked(page: Page) -> dict[str, str]:
    """What the address asks for, but the exam."""
    return {key: value for key, [value] in parse_qs(urlparse(page.url).query).items() if key != "exam"}


def back(page: Page) -> None:
    with resting.after(page):
        page.go_back()


def click(page: Page, what: Locator) -> None:
    with resting.after(page):
        what.click(delay=50)


def show(page: Page, kind: str) -> None:
    click(page, page.locator(".st-key-show button", has_text=kind))


def choose(page: Page, key: str, value: str) -> None:
    page.locator(f".st-key-{key} input").click(delay=50)
    click(page, page.get_by_role("option", name=value, exact=True))


def chosen(page: Page, key: str) -> Locator:
    return page.locator(f".st-key-{key} input")


def found(page: Page) -> str:
    return page.locator(".st-key-mapd_browse_found .mapd-note").inner_text()


def test_back_from_judging_returns_to_the_filtered_list(page: Page, app: App) -> None:
    resting.load(page, f"{app.url}/{FILTERED}")
    listed, number, rows = page.url, page.evaluate("history.length"), found(page)
    click(page, page.locator("a", has_text="Judge").first)
    expect(page.locator(".mapd-textline[aria-current]")).to_be_visible()
    page.wait_for_url("**queue=**")  # the address follows the text
    assert {"mistake", "text", "queue"} <= asked(page).keys()
    judged = page.url
    assert page.evaluate("history.length") == number + 1
    back(page)
    assert (page.url, found(page)) == (listed, rows)
    expect(chosen(page, "verdict")).to_have_value("accepted")
    with resting.after(page):
        page.go_forward()
    assert page.url == judged


def test_a_double_click_is_one_step(page: Page, app: App) -> None:
    resting.load(page, f"{app.url}/{FILTERED}")
    listed, number = page.url, page.evaluate("history.length")
    with resting.after(page, 450):
        page.locator("a", has_text="Judge").first.dblclick(delay=20)
    assert page.evaluate("history.length") == number + 1
    back(page)
    assert page.url == listed


def test_the_followed_mistake_stands_in_the_address(page: Page, app: App) -> None:
    resting.load(page, app.url)
    at = page.locator(".st-key-follow .mapd-note")
    begun = at.inner_text()
    click(page, page.get_by_role("link", name="next ›"))
    second = at.inner_text()
    click(page, page.get_by_role("link", name="next ›"))
    third = at.inner_text()
    assert len({begun, second, third}) == 3
    resting.load(page, page.url)
    assert at.inner_text() == third
    back(page)
    assert at.inner_text() == second


def test_back_between_the_kinds_undoes_one_change_and_brings_the_filters_back(page: Page, app: App) -> None:
    resting.load(page, f"{app.url}/{FILTERED}")
    listed, rows = page.url, found(page)
    show(page, "questions")
    assert asked(page) == {"show": "questions"}
    show(page, "mistakes")
    back(page)
    assert asked(page) == {"show": "questions"}
    assert "questions" in found(page)
    back(page)
    assert (page.url, found(page)) == (listed, rows)
    expect(chosen(page, "verdict")).to_have_value("accepted")


def test_each_filter_set_by_hand_is_one_step_back(page: Page, app: App) -> None:
    resting.load(page, f"{app.url}/browse")
    number = page.evaluate("history.length")
    choose(page, "verdict", "accepted")
    chosen(page, "q").click()
    page.keyboard.type("what")
    with resting.after(page):
        page.locator(".stHeading").click()  # a press elsewhere takes the words over: no second entry
    choose(page, "people", "not judged")
    click(page, page.locator(".st-key-mapd_browse .stButton button", has_text="Clear"))
    assert asked(page) == {}
    assert page.evaluate("history.length") == number + 4
    steps = [{"verdict": "accepted", "q": "what", "people": "not judged"}, {"verdict": "accepted", "q": "what"}]
    for step in (*steps, {"verdict": "accepted"}, {}):
        back(page)
        assert asked(page) == step
        expect(chosen(page, "q")).to_have_value(step.get("q", ""))


def test_the_next_rows_are_read_from_their_top(page: Page, app: App) -> None:
    resting.load(page, f"{app.url}/browse")
    top = "document.querySelector('[data-testid=stMain]').scrollTop"
    link = page.get_by_role("link", name="Next")
    link.scroll_into_view_if_needed()
    assert page.evaluate(top) > 0
    click(page, link)
    assert page.evaluate(top) == 0
    back(page)
    expect(page.get_by_role("link", name="Next")).to_be_visible()


@pytest.mark.parametrize("path", ["triage/foo", "triage/foo/bar"])
def test_an_address_below_a_page_leads_to_the_page(page: Page, app: App, path: str) -> None:
    resting.load(page, f"{app.url}/{path}?queue=everything")
    assert urlparse(page.url).path == "/triage"
    expect(page.locator(".mapd-textline[aria-current]")).to_be_visible()
    assert asked(page)["queue"] == "everything"
