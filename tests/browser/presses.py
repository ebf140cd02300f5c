"""What was pressed in triage, and what it meant: noted in the browser before the client hears of the key.

presses.open_triage(page, app.url, "?queue=smart")
page.keyboard.press("a")
presses.settle(page)             # all is saved
presses.meant(page)              # -> [("accept", ("a1b2…",))]: the text that was on the screen
"""

import re

from playwright.sync_api import Page, expect

WATCH = """if (!window.presses) addEventListener("keydown", ({ key }) => {
  const line = document.querySelector(".mapd-textline[aria-current]");
  const texts = [...document.querySelectorAll(".mapd-textline:has(.mapd-waits)")].map(line => line.dataset.text);
  const panel = document.querySelector(".mapd-panel:not([hidden])")?.dataset.panel ?? null;
  window.presses.push({ key, text: line?.dataset.text ?? null, texts, panel });
}, true);
window.presses ??= [];"""
SAVED = "✓ all saved"
Act = tuple[str, tuple[str, ...]]


def open_triage(page: Page, url: str, query: str = "") -> None:
    """Open triage and wait for its first mistake."""
    page.context.add_init_script(WATCH)  # in each tab, before the client listens
    page.goto(f"{url}{query}")
    expect(page.locator(".mapd-textline[aria-current]")).to_be_visible()


def focus(page: Page) -> str:
    """The text that is read."""
    return str(page.locator(".mapd-textline[aria-current]").get_attribute("data-text"))


def told(page: Page) -> str:
    """What the page says of the last press."""
    return page.locator(".mapd-told").inner_text()


def press(page: Page, *keys: str, gap: int = 0) -> None:
    """Press keys one after the other."""
    for key in keys:
        page.keyboard.press(key)
        page.wait_for_timeout(gap)


def settle(page: Page) -> None:
    """Wait until all is saved."""
    expect(page.locator(".mapd-saved")).to_have_text(SAVED)


def mistake(page: Page) -> str:
    """The mistake that the address names, once it follows."""
    page.wait_for_timeout(400)
    return re.search(r"mistake=([^&]+)", page.url)[1]  # type: ignore[index]


def meant(page: Page) -> list[Act]:
    """What the presses meant, by what was on the screen: act and texts. What meant nothing there is left out."""
    acts: list[Act] = []
    for press in page.evaluate("window.presses ?? []"):
        match press["key"]:
            case digit if press["panel"] == "reject":
                acts += [("reject", (press["text"],))] if digit.isdigit() else []
            case _ if press["panel"]:
                pass
            case "a" if press["text"]:
                acts.append(("accept", (press["text"],)))
            case "s" if press["text"]:
                acts.append(("skip", (press["text"],)))
            case "Enter" if press["texts"]:
                acts.append(("rest", tuple(press["texts"])))
            case "u":
                acts.append(("undo", ()))
    return acts
