"""Signing in at oidc-provider-mock, which speaks OpenID Connect over HTTP: the way in and out, and who may do what."""

import re
import shutil
from collections.abc import Iterator

import pytest
from oidc_provider_mock import User, run_server_in_thread
from playwright.sync_api import Page, expect
from sqlmodel import select
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from mapd.settings import Settings
from mapd.store import db
from mapd.store import tables as t
from tests.browser import resting
from tests.browser.conftest import App, free_port
from tests.browser.presses import settle
from tests.conftest import ReadyMade

READ = 450  # ms, as in test_triage
SECRETS = """[auth]
redirect_uri = "http://127.0.0.1:{app}/oauth2callback"
cookie_secret = "a secret of at least thirty-two characters"
client_id = "mapd"
client_secret = "secret"
server_metadata_url = "http://localhost:{provider}/.well-known/openid-configuration"
"""
PEOPLE = {"Ann": ("Ann@x.org", True), "bob": ("bob@y.org", True), "eve": ("ann@x.org", False)}


@pytest.fixture(scope="module")
def guarded_app(ready_made: ReadyMade, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """An app of these tests' own that asks people to sign in at a provider of its own."""
    folder = tmp_path_factory.mktemp("guarded")
    home = folder / "pilot"
    home.mkdir()
    shutil.copyfile(ready_made.imported, home / "mapd.db")
    users = [User(sub=name, claims={"email": m, "email_verified": ok}) for name, (m, ok) in PEOPLE.items()]
    with run_server_in_thread(user_claims=users) as provider:
        port = free_port()
        secrets = folder / ".streamlit" / "secrets.toml"
        secrets.parent.mkdir()
        secrets.write_text(SECRETS.format(app=port, provider=provider.server_port))
        app = App(home, port)
        app.more = {"HOME": str(folder), "MAPD_OWNERS": "ann@x.org", "MAPD_ANNOTATORS": "@y.org"}
        app.start()
        yield app
        app.stop(kill=True)


@pytest.fixture
def guarded(guarded_app: App, monkeypatch: pytest.MonkeyPatch) -> App:
    """The app, and its project as this process's."""
    monkeypatch.setenv("MAPD_HOME", str(guarded_app.home))
    monkeypatch.delenv("MAPD_DATABASE_URL", raising=False)
    return guarded_app


def sign_in(page: Page, name: str) -> None:
    page.get_by_role("button", name="Sign in").click(delay=50)
    page.get_by_role("button", name=name, exact=True).click()
    expect(page.locator('[data-testid="stApp"]')).to_be_visible()  # back from the provider
    resting.rest(page, 0, READ)


def test_people_sign_in_judge_under_their_e_mail_and_sign_out_everywhere(page: Page, guarded: App) -> None:
    resting.load(page, f"{guarded.url}/triage?queue=disagree")
    expect(page.locator(".stMain")).not_to_contain_text("Question")
    sign_in(page, "Ann")
    expect(page.locator(".mapd-textline[aria-current]")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/triage\?.*queue=disagree"))
    page.keyboard.press("a")
    settle(page)
    with db.reading(db.open_store(Settings())) as session:
        assert [(j.person, j.queue) for j in session.exec(select(t.Judgement)).all()] == [("ann@x.org", "disagree")]
    other = page.context.new_page()
    resting.load(other, f"{guarded.url}/triage?queue=disagree", READ)
    expect(other.locator(".mapd-textline[aria-current]")).to_be_visible()
    old = page.context.cookies()
    page.bring_to_front()
    page.locator(".st-key-mapd_header button").last.click(delay=50)
    expect(page.get_by_text("Signed in as ann@x.org, an owner here.")).to_be_visible()
    page.get_by_role("button", name="Sign out").click(delay=50)
    page.get_by_role("button", name="End session").click()  # the provider's own
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    other.bring_to_front()
    other.keyboard.press("a")
    expect(other.locator(".mapd-saved")).to_contain_text("you are signed out here")
    expect(other.locator(".mapd-work")).not_to_contain_text("pens")
    page.context.add_cookies(old)
    resting.load(page, f"{guarded.url}/triage?queue=disagree")
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    with db.reading(db.open_store(Settings())) as session:
        assert len(session.exec(select(t.Judgement)).all()) == 1


def test_one_who_judges_is_led_to_triage_and_a_stranger_away(page: Page, guarded: App) -> None:
    resting.load(page, guarded.url)
    sign_in(page, "bob")
    expect(page.locator(".mapd-textline[aria-current]")).to_be_visible()
    resting.load(page, f"{guarded.url}/exam")
    expect(page.locator(".mapd-error")).to_contain_text("Exam is for this project's owners")
    links = page.locator('.stSidebar [data-testid="stPageLink"]')
    expect(links).to_have_text([re.compile(f"{name}$") for name in ("Triage", "Browse", "People", "Guidelines")])
    page.context.clear_cookies()
    resting.load(page, guarded.url)
    sign_in(page, "eve")
    expect(page.locator(".mapd-error")).to_contain_text("doesn't say that 'ann@x.org' is verified")
    expect(page.locator(".stSidebar")).to_have_count(0)


def session_of(page: Page, url: str) -> str:
    """The session that the server has for a page, as it tells the browser."""
    session_ids: list[str] = []

    def read_message(payload: str | bytes) -> None:
        message = ForwardMsg()
        message.ParseFromString(payload if isinstance(payload, bytes) else payload.encode())
        if message.WhichOneof("type") == "new_session":
            session_ids.append(message.new_session.initialize.session_id)

    page.on("websocket", lambda socket: socket.on("framereceived", read_message))
    resting.load(page, url)
    return session_ids[-1]


PUT = """async (address) => (await fetch(address, {method: 'PUT', body: (() => {
  const form = new FormData(); form.append('file', new Blob(['x'.repeat(1000)]), 'x.json'); return form })(),
  headers: {'X-Xsrftoken': (document.cookie.match(/_streamlit_xsrf=([^;]+)/) || [])[1] || ''}})).status"""


def test_nobody_uploads_before_signing_in(page: Page, guarded: App) -> None:
    session = session_of(page, guarded.url)
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    assert page.evaluate(PUT, f"/_stcore/upload_file/{session}/x") == 403


def test_who_only_judges_uploads_nothing(page: Page, guarded: App) -> None:
    resting.load(page, guarded.url)
    sign_in(page, "bob")
    session = session_of(page, f"{guarded.url}/data")
    assert page.evaluate(PUT, f"/_stcore/upload_file/{session}/x") == 403


def test_an_owner_uploads_where_files_are_taken(page: Page, guarded: App) -> None:
    resting.load(page, guarded.url)
    sign_in(page, "Ann")
    session = session_of(page, f"{guarded.url}/data")
    assert page.evaluate(PUT, f"/_stcore/upload_file/{session}/x") == 204
