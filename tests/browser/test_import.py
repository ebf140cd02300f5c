"""The whole way in a real browser: import by upload, judge by key, move the threshold, take a snapshot away."""

import hashlib
import json
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from mapd.settings import Settings
from mapd.store import db, exchange_log
from mapd.store.exchange_log import Direction
from tests.browser import resting
from tests.browser.conftest import App
from tests.browser.presses import press, settle, told


def upload(page: Page, app: App, files: tuple[Path, Path]) -> None:
    resting.load(page, f"{app.url}/data?way=authors")
    expect(page.locator('input[type="file"]')).to_have_count(3)
    for number, file in enumerate(files):
        with resting.after(page):  # streamlit forgets a file that is chosen while the run for the one before begins
            page.locator('input[type="file"]').nth(number).set_input_files(file)
        expect(page.get_by_role("button", name=f"Remove {file.name}")).to_be_visible()


@pytest.mark.slow
def test_from_upload_to_a_snapshot(page: Page, shared: App, sample_files: tuple[Path, Path]) -> None:
    app = shared
    upload(page, app, sample_files)
    page.get_by_role("button", name="Import").click(delay=50)
    expect(page.get_by_text("Imported:")).to_be_visible()

    with resting.after(page):
        page.get_by_role("link", name="Start judging").click(delay=50)
    expect(page.locator(".mapd-textline[aria-current]")).to_be_visible()
    press(page, "a", "a", "r", "4")
    assert "rejected · no work" in told(page)
    press(page, "u")
    assert "undone" in told(page)
    settle(page)

    resting.load(page, f"{app.url}/threshold")
    slider = page.get_by_role("slider").first
    expect(slider).to_be_visible()
    slider.focus()
    # The next threshold that decides something.
    with resting.after(page):
        page.keyboard.press("ArrowRight")
    expect(page.locator(".mapd-unsaved")).to_contain_text("mean > 3.50")
    page.wait_for_url("**threshold=3.5**")
    resting.load(page, page.url)
    expect(page.locator(".mapd-unsaved")).to_contain_text("mean > 3.50")
    page.get_by_role("button", name="Use for this exam").click(delay=50)
    expect(page.locator(".mapd-saved")).to_contain_text("mean > 3.50")

    resting.load(page, f"{app.url}/snapshots")
    page.get_by_role("button", name="Freeze").click(delay=50)
    expect(page.locator(".mapd-pair").first).to_be_visible()
    with page.expect_download() as download, resting.after(page):
        page.get_by_role("button", name="Download", exact=True).click(delay=50)
    with zipfile.ZipFile(download.value.path()) as archive:
        manifest, lines = archive.read("manifest.json"), archive.read("pairs.jsonl")
    with db.reading(db.open_store(Settings())) as session:
        (entry,) = exchange_log.list_entries(session, Direction.OUT, limit=1)
    packed = Path(download.value.path()).read_bytes()
    assert (entry.person, entry.file) == ("me", download.value.suggested_filename)
    assert entry.sha256 == hashlib.sha256(packed).hexdigest()
    assert f"snapshot={hashlib.sha256(manifest).hexdigest()}" in page.url
    frozen = json.loads(manifest)
    assert frozen["policy"]["threshold"] == 3.5
    assert frozen["counts"]["pairs"] == len(lines.splitlines()) > 0
    assert [j["decision"] for j in frozen["judgements"]] == ["accept", "accept"], "what was undone isn't in it"
