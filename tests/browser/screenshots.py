"""Take the pictures of docs/screenshots: `make screenshots`, or `python tests/browser/screenshots.py FOLDER`.

A real app over the recorded demo, each page wide in light and dark, and narrow.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from mapd import jobs  # noqa: E402 - the checkout has to be on the path first
from mapd.exchange import recorded  # noqa: E402
from mapd.people import owner  # noqa: E402
from mapd.settings import Settings  # noqa: E402
from mapd.store import db, queries  # noqa: E402
from tests.browser.conftest import CHROMIUM, FLAGS, NAMED, App, free_port  # noqa: E402

PAGES = {
    "overview": "",
    "data": "data",
    "exam": "exam?outcome=wrong",
    "committee": "committee",
    "teachers": "teachers",
    "triage": "triage?queue=disagree",
    "browse": "browse?verdict=accepted",
    "people": "people",
    "guidelines": "guidelines",
    "room": "room",
    "threshold": "threshold?threshold=3.5",
    "remaining": "remaining",
    "agreement": "agreement",
    "snapshots": "snapshots",
    "finetune": "finetune",
    "results": "results",
    "arms": "arms",
    "jobs": "jobs",  # the last: what it shows at work stands in every page's header
}
VIEWS = {"light": (1440, 900, "light"), "dark": (1440, 900, "dark"), "narrow": (900, 800, "light")}


def main(folder: Path) -> None:
    """Write PAGE-VIEW.png for each page and view."""
    if CHROMIUM is None:
        sys.exit("no Chromium on this machine: install Debian's chromium (or Google Chrome) to take the pictures")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as made:
        home = Path(made) / "demo"
        os.environ |= {"MAPD_HOME": str(home), "MAPD_WORKER": "1"}
        taught = fill()
        app = App(home, free_port())
        app.start()
        try:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
                take(browser, app, folder, taught)
        finally:
            app.stop()


def fill() -> str:
    """A project with the recorded demo; returns the uid of the exam that was taught from."""
    engine = db.open_store(Settings())
    recorded.load(engine, Settings().home, by=owner("ann"))
    with db.reading(engine) as session:
        taught = next(exam.uid for exam in queries.exams(session) if exam.split == "train")
    engine.dispose()
    return taught


def take(browser: Browser, app: App, folder: Path, taught: str) -> None:
    """Visit every page in every view; freeze one snapshot on the way, so that its page has contents."""
    for name, path in PAGES.items():
        if name == "jobs":
            path = f"jobs?job={at_work(taught)}"
        for view, (width, height, scheme) in VIEWS.items():
            page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
            page.context.add_cookies([NAMED])
            page.goto(f"{app.url}/{path}{'&' if '?' in path else '?'}exam={taught}")
            settle(page)
            if name == "triage":
                page.locator(".mapd-focus").wait_for()
            if name == "snapshots":
                page.get_by_role("button", name="Freeze").click(delay=50)
                settle(page)
                page.locator(".mapd-pair").first.wait_for()
                page.locator(".mapd-pair > summary").first.click()
            page.screenshot(path=folder / f"{name}-{view}.png")
            page.close()


def at_work(taught: str) -> str:
    """A committee asked for second samples, and an exam that the real student sits; its uid when it is on its way."""
    engine = db.open_store(Settings())
    exam = {"student": "smollm2", "split": "dev", "temperature": 0.7}
    with db.writing(engine) as session:
        exam["questions"] = queries.exam(session, taught).question_set
        jobs.start(
            session,
            "collect",
            {"exam": taught, "teachers": ["sound", "slips", "lucky"], "samples": 2},
            by=owner("ann"),
        )
        running = jobs.start(session, "exam", exam, by=owner("ann")).uid
    while True:
        with db.reading(engine) as session:
            job = jobs.get(session, running)
            if job.done or job.status not in jobs.ACTIVE:
                break
        time.sleep(1)
    engine.dispose()
    return running


def settle(page: Page) -> None:
    """Wait until the page is drawn and idle."""
    page.wait_for_selector(".st-key-mapd_header", timeout=30_000)
    page.wait_for_timeout(2500)
    page.wait_for_function("() => !document.querySelector('.stSkeleton, [data-testid=stSkeleton]')", timeout=60_000)
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]', timeout=30_000)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
