"""A real app on a free port, and the machine's own Chromium to look at it."""

import contextlib
import itertools
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from mapd.settings import Settings
from mapd.store import db
from tests import samples
from tests.browser import resting, scripted
from tests.conftest import import_files, writing

expect.set_options(timeout=int(os.environ.get("EXPECT_MS", 60_000)))  # a busy machine is no fault of the code

STARTS = itertools.count(0, 60)  # so far apart that the rows keep their kinds
NAMED: Any = {"name": "mapd_person", "value": "me", "domain": "127.0.0.1", "path": "/"}
ROOT = Path(__file__).parents[2]
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    """Playwright drives the Chromium found on the machine; it never fetches one."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: install Debian's chromium (or Google Chrome) for the browser tests")
    return {"executable_path": CHROMIUM, "args": FLAGS}


@pytest.fixture(scope="session")
def kept_context(browser: Browser, browser_context_args: dict[str, Any]) -> Iterator[BrowserContext]:
    """One for all tests, in which one can wait for the app: what it has read and compiled once it needn't again."""
    context = browser.new_context(**browser_context_args)
    context.set_default_timeout(60_000)  # as above
    resting.listen(context)
    yield context
    context.close()


@pytest.fixture
def context(kept_context: BrowserContext) -> Iterator[BrowserContext]:
    """The tests' browser: it has a name, but nothing that streamlit keeps there: whether the sidebar is folded."""
    kept_context.add_cookies([NAMED])
    yield kept_context
    for number, page in enumerate(kept_context.pages):
        page.evaluate("try { localStorage.clear(); sessionStorage.clear() } catch {}")  # about:blank has none
        if number:
            page.close()
    kept_context.clear_cookies()


@pytest.fixture
def page(context: BrowserContext, monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    """The page that the test before left, as good as new: a new one is a window, which takes Chromium three seconds."""
    page = context.pages[0] if context.pages else context.new_page()
    size, listen, listeners = page.viewport_size, page.on, list[tuple[Any, Any]]()
    monkeypatch.setattr(page, "on", lambda event, hear: (listeners.append((event, hear)), listen(event, hear)))
    yield page
    if page.is_closed():
        return
    for event, hear in listeners:
        page.remove_listener(event, hear)
    page.unroute_all()
    page.evaluate("try { localStorage.clear(); sessionStorage.clear() } catch {}")
    page.goto("about:blank")
    page.emulate_media(color_scheme="light")
    if size and page.viewport_size != size:
        page.set_viewport_size(size)
    session = context.new_cdp_session(page)
    session.send("Page.resetNavigationHistory")
    session.detach()


@dataclass
class App:
    """The app as a process of its own, over one MAPD_HOME."""

    home: Path
    port: int
    process: subprocess.Popen[bytes] | None = field(default=None)
    more: dict[str, str] = field(default_factory=dict)  # of its environment

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it answers: what `mapd app` becomes, whose own imports take five seconds."""
        db.open_store(Settings(home=self.home, database_url=None)).dispose()
        environment = {"MAPD_WORKER": "0"} | os.environ | {"MAPD_HOME": str(self.home.resolve())} | self.more
        command = [sys.executable, "-m", "mapd.ui.kit.server", str(ROOT / "app.py"), str(self.port)]
        log = (self.home.parent / f"app-{self.port}.log").open("ab")
        self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        for _ in range(900):
            if self.process.poll() is not None:
                raise RuntimeError(f"the app ended with {self.process.returncode}: {Path(log.name).read_text()}")
            try:
                with urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=1):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        raise RuntimeError("the app didn't answer in 90 s")

    def stop(self, *, kill: bool = False) -> None:
        """End it, at once with `kill`."""
        if self.process is not None:
            self.process.kill() if kill else self.process.terminate()
            self.process.wait(timeout=20)
            self.process = None


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def run_app() -> Iterator[Callable[[Path], App]]:
    """Start an app over a home; all are ended with the test."""
    apps: list[App] = []

    def start(home: Path) -> App:
        app = App(home, free_port())
        apps.append(app)
        app.start()
        return app

    yield start
    for app in apps:
        app.stop(kill=True)


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """One app for every test that needs no project of its own: an app's start takes longer than most tests."""
    app = App(tmp_path_factory.mktemp("shared") / "pilot", free_port())
    yield app
    app.stop(kill=True)


@pytest.fixture
def shared(running: App, monkeypatch: pytest.MonkeyPatch) -> App:
    """The shared app, at work: its project may hold other tests' exams."""
    monkeypatch.setenv("MAPD_HOME", str(running.home))
    monkeypatch.delenv("MAPD_DATABASE_URL", raising=False)
    if running.process is None:
        running.home.mkdir(parents=True, exist_ok=True)
        running.start()
    return running


@pytest.fixture
def mistakes() -> int:
    """How many the test's exam has; a test may ask for another number by parametrizing this name."""
    return 12


@pytest.fixture
def sample_files(tmp_path: Path, mistakes: int) -> tuple[Path, Path]:
    """Files of mistakes that no other test imports."""
    return samples.files(tmp_path, mistakes, start=next(STARTS))


@pytest.fixture
def app(shared: App, sample_files: tuple[Path, Path]) -> App:
    """The shared app with mistakes of this test's own, in its newest exam."""
    engine = db.open_store(Settings())
    with writing(engine) as session:
        import_files(session, *sample_files)
    engine.dispose()
    return shared


@pytest.fixture
def serve() -> Iterator[Callable[..., scripted.Server]]:
    """Start a script (scripted.py); it ends with the test."""
    with contextlib.ExitStack() as running:
        yield lambda number=40, **more: running.enter_context(scripted.serve(number, **more))


@pytest.fixture
def requests(page: Page) -> list[str]:
    """Every address that the page asks for, to prove that nothing leaves the app."""
    seen: list[str] = []
    page.on("request", lambda request: seen.append(request.url))
    return seen
