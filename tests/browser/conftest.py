"""A real app on a free port, and the machine's own Chromium to look at it."""

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
from playwright.sync_api import Page, expect

expect.set_options(timeout=30_000)  # a busy machine is no fault of the code

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


@dataclass
class App:
    """The app as a process of its own, over one MAPD_HOME."""

    home: Path
    port: int
    process: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        environment = {"MAPD_WORKER": "0"} | os.environ | {"MAPD_HOME": str(self.home)}
        command = [sys.executable, "-m", "mapd.cli", "app", "--port", str(self.port)]
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


@pytest.fixture
def app(full_home: Path, run_app: Callable[[Path], App]) -> App:
    """An app over twelve imported mistakes."""
    return run_app(full_home)


@pytest.fixture
def requests(page: Page) -> list[str]:
    """Every address that the page asks for, to prove that nothing leaves the app."""
    seen: list[str] = []
    page.on("request", lambda request: seen.append(request.url))
    return seen
