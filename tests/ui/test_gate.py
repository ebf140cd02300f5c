"""What a running app answers to whom: raw requests and websockets, path by host by origin by sign-in."""

import asyncio
import http.client
import itertools
import json
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import nullcontext
from http import HTTPStatus
from typing import Any

import pytest
from starlette.datastructures import Headers
from streamlit.auth_util import set_cookie_with_chunks
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.web.server.starlette.starlette_app_utils import create_signed_value
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from mapd.api import access
from mapd.people import Person, Role
from mapd.settings import Settings
from mapd.store import db, sign_ins
from mapd.ui.kit import gate
from mapd.ui.kit.gate import Need, app_origins, need_of
from tests import samples
from tests.browser.conftest import App, free_port
from tests.conftest import import_files, writing

SECRET = "a secret of at least thirty-two characters"
SECRETS = f"""[auth]
redirect_uri = "http://127.0.0.1:{{port}}/oauth2callback"
cookie_secret = "{SECRET}"
client_id = "mapd"
client_secret = "secret"
server_metadata_url = "http://127.0.0.1:1/.well-known/openid-configuration"
"""
XSRF = "2|01020304|02030405060708090a0b0c0d0e0f1011|1700000000"  # any token that stands in cookie and header


# -- two apps: one for this machine, one to sign in at ----------------------------------------------------------------


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """An app where nobody signs in."""
    app = App(tmp_path_factory.mktemp("local") / "pilot", free_port())
    app.home.mkdir()
    app.start()
    yield app
    app.stop(kill=True)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """An app that asks people to sign in; their cookies are made here, as streamlit makes them."""
    folder = tmp_path_factory.mktemp("guarded")
    app = App(folder / "pilot", free_port())
    (folder / ".streamlit").mkdir()
    (folder / ".streamlit" / "secrets.toml").write_text(SECRETS.format(port=app.port))
    app.home.mkdir()
    engine = db.open_store(Settings(home=app.home, database_url=None))
    with writing(engine) as session:
        import_files(session, *samples.files(folder))
    engine.dispose()
    app.more = {"HOME": str(folder), "MAPD_OWNERS": "ann@x.org", "MAPD_ANNOTATORS": "bob@x.org"}
    app.start()
    yield app
    app.stop(kill=True)


NUMBERS = itertools.count()


def claims_of(email: str, **more: Any) -> dict[str, Any]:
    """What a provider says of somebody who signed in just now."""
    said = {"iss": "http://provider", "sub": email, "email": email, "email_verified": True, "iat": int(time.time())}
    return said | {"nonce": f"n{next(NUMBERS)}"} | more


def cookie_of(app: App, claims: dict[str, Any], secret: str = SECRET) -> str:
    """The cookies that streamlit keeps of it, and the token against forged requests."""
    cookies = {"_streamlit_xsrf": XSRF}
    value = claims | {"origin": app.url, "is_logged_in": True, "provider": "default"}
    set_cookie_with_chunks(
        lambda name, text: cookies.update({name: create_signed_value(secret, name, text).decode()}),
        lambda name, text: create_signed_value(secret, name, text),
        "_streamlit_user",
        value,
        cookie_attr_size=60,
    )
    return "; ".join(f"{name}={text}" for name, text in cookies.items())


def ask(
    app: App, path: str, method: str = "GET", *, host: str | None = None, body: bytes = b"", **more: str
) -> tuple[int, str]:
    """Status and body of one raw request. `host=""` sends none."""
    connection = http.client.HTTPConnection("127.0.0.1", app.port, timeout=60)
    connection.putrequest(method, path, skip_host=True)
    if host != "":
        connection.putheader("Host", host or f"127.0.0.1:{app.port}")
    for name, value in more.items():
        connection.putheader(name.replace("_", "-"), value)
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    answer = connection.getresponse()
    text = answer.read().decode("utf-8", "replace")
    connection.close()
    return answer.status, text


def listen(
    app: App, *, host: str | None = None, origin: str | None = "own", cookie: str = "", path: str = "_stcore/stream"
) -> ClientConnection:
    """A websocket, as a browser opens it."""
    raw = socket.create_connection(("127.0.0.1", app.port))
    return connect(
        f"ws://{host or f'127.0.0.1:{app.port}'}/{path}",
        sock=raw,
        origin=app.url if origin == "own" else origin,  # type: ignore[arg-type]
        subprotocols=["streamlit", XSRF],  # type: ignore[list-item]
        additional_headers={"Cookie": cookie} if cookie else {},
        max_size=None,
        proxy=None,
    )


def rerun(page: str = "") -> bytes:
    message = BackMsg()
    message.rerun_script.page_name = page
    return message.SerializeToString()


def drawn(socket_: ClientConnection) -> str:
    """All that is drawn until the run has ended, as text."""
    said = []
    while True:
        message = ForwardMsg.FromString(socket_.recv(timeout=60))
        said.append(str(message))
        if message.WhichOneof("type") == "script_finished" and message.script_finished == 0:
            return " ".join(said)


# -- hosts and origins ------------------------------------------------------------------------------------------------

HOSTS = {
    "own": True,
    "localhost:{port}": True,
    "LOCALHOST:{port}": True,
    "localhost:1": True,  # a tunnel's: no browser sends another port than it connects to
    "evil.org": False,
    "evil.org:{port}": False,
    "127.0.0.1.evil.org": False,
    "localhost.evil.org": False,
    "evil.org@127.0.0.1:{port}": False,
    "0.0.0.0:{port}": False,
    "127.0.0.1:{port}/x": False,
    "": False,
}
PATHS = ("/", "/triage", "/static/favicon.png", "/_stcore/health", "/_stcore/host-config", "/media/x.png")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(("host", "taken"), HOSTS.items())
def test_every_path_answers_to_the_apps_own_names_alone(local: App, path: str, host: str, taken: bool) -> None:
    named = None if host == "own" else host.format(port=local.port)
    status, text = ask(local, path, host=named)
    assert (status != HTTPStatus.BAD_REQUEST) is taken
    assert taken or "this app isn't at" in text or "Invalid" in text  # uvicorn itself refuses what is no HTTP


ORIGINS = {
    "own": True,
    None: False,
    "null": False,
    "http://localhost:{port}": False,  # the page is at 127.0.0.1
    "http://127.0.0.1:3000": False,
    "http://localhost:3000": False,
    "http://127.0.0.1": False,
    "https://127.0.0.1:{port}": False,
    "http://127.0.0.1:{port}.evil.org": False,
    "http://127.0.0.1:{port}@evil.org": False,
    "http://evil.org": False,
    "http://0.0.0.0:{port}": False,
}


@pytest.mark.parametrize(("origin", "taken"), ORIGINS.items())
def test_a_websocket_is_opened_by_the_apps_own_pages_alone(local: App, origin: str | None, taken: bool) -> None:
    said = origin and origin.format(port=local.port)
    with nullcontext() if taken else pytest.raises(InvalidStatus, match="HTTP 403"), listen(local, origin=said):
        pass


@pytest.mark.parametrize("host", ["evil.org", "localhost.evil.org"])
def test_a_websocket_of_a_rebound_name_is_refused(local: App, host: str) -> None:
    with pytest.raises(InvalidStatus, match="HTTP 403"), listen(local, host=host, origin=f"http://{host}"):
        pass


def test_a_websocket_leads_nowhere_else(local: App) -> None:
    with pytest.raises(InvalidStatus, match="HTTP 403"), listen(local, path="_stcore/other"):
        pass


@pytest.mark.parametrize("method", ["PUT", "DELETE", "POST", "PATCH", "OPTIONS"])
@pytest.mark.parametrize(("origin", "taken"), ORIGINS.items())
def test_what_may_change_something_comes_from_the_apps_own_pages(
    local: App, method: str, origin: str | None, taken: bool
) -> None:
    said = (local.url if origin == "own" else origin.format(port=local.port)) if origin else None
    status, _ = ask(local, "/_stcore/upload_file/x/y", method, **({"Origin": said} if said else {}))
    assert (status != HTTPStatus.FORBIDDEN or method in ("PUT", "DELETE")) if taken else status == HTTPStatus.FORBIDDEN


def test_a_foreign_page_reads_nothing(local: App) -> None:
    assert ask(local, "/_stcore/health", Origin="http://localhost:3000")[0] == HTTPStatus.FORBIDDEN
    assert ask(local, "/_stcore/health", Origin=local.url)[0] == HTTPStatus.OK


def test_behind_a_proxy_the_page_is_where_people_sign_in() -> None:
    public = "https://mapd.example.org"
    assert app_origins("mapd.example.org", public, "http") == {public}, "not the same name without TLS"
    assert app_origins("127.0.0.1:8501", public, "http") == {public, "http://127.0.0.1:8501"}
    assert app_origins("127.0.0.1:8501", None, "http") == {"http://127.0.0.1:8501"}
    for forged in ({"x-forwarded-host": "evil.org"}, {"forwarded": "host=evil.org"}):
        headers = Headers({"host": "127.0.0.1:8501", "origin": "https://evil.org"} | forged)
        assert gate.refuse_origin(headers, is_unsafe=False, public=public, scheme="http") is not None
    twice = Headers(raw=[(b"host", b"127.0.0.1:1"), (b"host", b"evil.org")])
    assert gate.refuse_origin(twice, is_unsafe=False, public=None, scheme="http") is not None


# -- paths ------------------------------------------------------------------------------------------------------------

CLOSED = [
    *("/_stcore/metrics", "/_stcore/metrics/", "/_stcore/%6detrics", "/_stcore", "/_stcore/", "/_stcore/stream"),
    *("/_stcore/agent/openapi.json", "/_stcore/agent/mcp", "/_stcore/script-health-check"),
    *("/_stcore/bidi-components/x/y.js", "/component/x/y.js", "/app/static/x"),
]


@pytest.mark.parametrize("path", CLOSED)
def test_what_needn_t_be_open_isnt_there(local: App, guarded: App, path: str) -> None:
    for app, cookie in ((local, ""), (guarded, ""), (guarded, cookie_of(guarded, claims_of("ann@x.org")))):
        status, text = ask(app, path, Cookie=cookie)
        assert (status, text) == (HTTPStatus.NOT_FOUND, "nothing is here"), path


@pytest.mark.parametrize("path", ["/auth/login", "/auth/logout", "/oauth2callback"])
def test_there_is_no_way_in_where_nobody_signs_in(local: App, guarded: App, path: str) -> None:
    assert ask(local, path)[0] == HTTPStatus.NOT_FOUND
    assert ask(guarded, path)[0] in (HTTPStatus.FOUND, HTTPStatus.TEMPORARY_REDIRECT)


def test_no_page_around_this_one_may_steer_it(local: App) -> None:
    assert json.loads(ask(local, "/_stcore/host-config")[1])["allowedOrigins"] == []


@pytest.mark.parametrize(
    ("path", "need"),
    [
        ("/", Need.NOTHING),
        ("/metrics", Need.NOTHING),  # a page's address
        ("//_stcore/metrics", Need.CLOSED),
        ("/_stcore/healthy", Need.CLOSED),
        ("/_stcore/upload_file/a/b", Need.UPLOAD),
        ("/_stcore/upload_file", Need.CLOSED),
        ("/media/a.csv", Need.SIGN_IN),
        ("/auth/logout", Need.SIGN_OUT),
        ("/auth/other", Need.NOTHING),
    ],
)
def test_what_a_path_needs(path: str, need: Need) -> None:
    assert need_of(path, is_signing_in=True) is need


# -- who signed in ----------------------------------------------------------------------------------------------------

BOUNDARY = b"--x\r\nContent-Disposition: form-data; name=f; filename=a.json\r\n\r\n[]\r\n--x--\r\n"


def reaches_uploads(app: App, cookie: str, session: str) -> bool:
    """Whether the gate lets an upload pass. No page that takes files is open, so the uploads' own gate refuses it."""
    head = {"Content-Type": "multipart/form-data; boundary=x", "X-Xsrftoken": XSRF, "Origin": app.url}
    status, text = ask(app, f"/_stcore/upload_file/{session}/file", "PUT", body=BOUNDARY, Cookie=cookie, **head)
    assert status == HTTPStatus.FORBIDDEN
    return "only a page that takes files lets you upload" in text


def session_of(socket_: ClientConnection) -> str:
    """The session's id, which a page uploads under."""
    socket_.send(rerun())
    while True:
        message = ForwardMsg.FromString(socket_.recv(timeout=60))
        if message.WhichOneof("type") == "new_session":
            return message.new_session.initialize.session_id


WHO = {
    "ann@x.org": (True, True),  # may upload; sees the project
    "ANN@X.ORG": (True, True),
    "bob@x.org": (False, True),
    "eve@y.org": (False, False),
    "ann@x.org ": (False, False),
    "ann@x.org\t": (False, False),
    '"ann"@x.org': (False, False),
    "ann@x.org@x.org": (False, False),
    "": (False, False),
}


@pytest.mark.parametrize(("email", "may"), WHO.items())
def test_who_signed_in_sees_the_project_and_an_owner_uploads(guarded: App, email: str, may: tuple[bool, bool]) -> None:
    cookie = cookie_of(guarded, claims_of(email)) if email else f"_streamlit_xsrf={XSRF}"
    with listen(guarded, cookie=cookie) as socket_:
        uploading = reaches_uploads(guarded, cookie, session_of(socket_))
        said = drawn(socket_)
    uploads, sees = may
    assert uploading is uploads
    assert ("pilot" in said) is sees
    media = ask(guarded, "/media/nothing.csv", Cookie=cookie)[0]
    assert media == (HTTPStatus.NOT_FOUND if sees else HTTPStatus.FORBIDDEN)


@pytest.mark.parametrize(
    ("more", "secret"),
    [
        ({}, "another secret of at least thirty-two chars"),
        ({"email_verified": False}, SECRET),
        ({"iat": int(time.time()) - 8 * 24 * 3600}, SECRET),
        ({"iat": int(time.time()) + 8 * 24 * 3600}, SECRET),
        ({"iat": None}, SECRET),
        ({"iat": "now"}, SECRET),
        ({"iat": 1e300}, SECRET),
    ],
)
def test_a_sign_in_that_is_forged_or_too_old_opens_nothing(guarded: App, more: dict[str, Any], secret: str) -> None:
    cookie = cookie_of(guarded, claims_of("ann@x.org", **more), secret)
    with listen(guarded, cookie=cookie) as socket_:
        assert not reaches_uploads(guarded, cookie, session_of(socket_))
        assert "pilot" not in drawn(socket_)


def test_a_sign_in_in_several_cookies_is_one(guarded: App) -> None:
    cookie = cookie_of(guarded, claims_of("ann@x.org", picture=secrets.token_hex(6000)))
    assert "_streamlit_user_2=" in cookie
    assert ask(guarded, "/media/nothing.csv", Cookie=cookie)[0] == HTTPStatus.NOT_FOUND


def test_signing_out_ends_every_tab_and_every_copy_of_the_cookie_at_its_next_act(guarded: App) -> None:
    claims = claims_of("ann@x.org")
    cookie, again = cookie_of(guarded, claims), cookie_of(guarded, claims_of("ann@x.org"))
    with listen(guarded, cookie=cookie) as one, listen(guarded, cookie=cookie) as other:
        for tab in (one, other):
            session = session_of(tab)
            assert "pilot" in drawn(tab)
        assert ask(guarded, "/auth/logout", Cookie=cookie, Sec_Fetch_Site="cross-site")[0] == HTTPStatus.FORBIDDEN
        one.send(rerun("people"))
        assert "pilot" in drawn(one), "another site's link signs nobody out"
        assert ask(guarded, "/auth/logout", Cookie=cookie)[0] == HTTPStatus.FOUND
        for tab in (one, other):
            tab.send(rerun("people"))
            said = drawn(tab)
            assert "pilot" not in said
            assert "You signed out" in said
        assert not reaches_uploads(guarded, cookie, session)
        assert ask(guarded, "/media/nothing.csv", Cookie=cookie)[0] == HTTPStatus.FORBIDDEN
    with listen(guarded, cookie=cookie) as copy:
        copy.send(rerun())
        assert "pilot" not in drawn(copy), "the old cookie"
    with listen(guarded, cookie=again) as later:
        later.send(rerun())
        assert "pilot" in drawn(later), "signing in again is another sign-in"


# -- what a page may say ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [field.name for field in BackMsg.DESCRIPTOR.oneofs_by_name["type"].fields])
def test_a_page_says_what_a_page_needs(kind: str) -> None:
    """Streamlit lets anybody clear the caches of all, and tells the names of the checkout's changed files."""
    message = BackMsg()
    field = BackMsg.DESCRIPTOR.fields_by_name[kind]
    getattr(message, kind).SetInParent() if field.message_type else setattr(message, kind, True)
    frames = [message.SerializeToString(), BackMsg(app_heartbeat=True).SerializeToString()]

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.receive", "bytes": frames.pop(0)}

    async def send(_: Any) -> None: ...

    heard = asyncio.run(gate.only_messages(receive, send, is_stranger=False)())  # type: ignore[arg-type]
    heard_kind = BackMsg.FromString(heard["bytes"]).WhichOneof("type")
    needed = kind in ("rerun_script", "stop_script", "app_heartbeat", "file_urls_request")
    assert heard_kind == (kind if needed else "app_heartbeat")


def test_the_names_of_the_checkouts_files_are_not_told(guarded: App) -> None:
    with listen(guarded) as socket_:
        session_of(socket_)
        drawn(socket_)
        for message in (BackMsg(load_git_info=True), BackMsg(set_run_on_save=True), BackMsg(app_heartbeat=True)):
            socket_.send(message.SerializeToString())
        kinds = []
        while "heartbeat_ack" not in kinds:
            kinds.append(ForwardMsg.FromString(socket_.recv(timeout=60)).WhichOneof("type"))
        assert set(kinds) <= {"session_status_changed", "heartbeat_ack"}


def test_a_stranger_says_little(guarded: App) -> None:
    long = BackMsg()
    long.rerun_script.query_string = "x" * (gate.STRANGER_FRAME_BYTES + 1)
    with listen(guarded) as socket_:
        socket_.send(long.SerializeToString())
        with pytest.raises(ConnectionClosed, match="1009"):
            drawn(socket_)


# -- the routes of triage's client ------------------------------------------------------------------------------------


def token_of(app: App, person: Person, sign_in: str) -> str:
    """A token as the triage page mints it."""
    engine = db.open_store(Settings(home=app.home, database_url=None))
    with db.writing(engine) as session:
        token = access.issue_token(session, person, 1, sign_in)
    engine.dispose()
    return token


def test_a_route_answers_to_whom_the_page_gave_its_token(guarded: App) -> None:
    claims = claims_of("ann@x.org")
    cookie, key = cookie_of(guarded, claims), sign_ins.key_of(claims)
    ann, bob = Person("ann@x.org", Role.OWNER), Person("bob@x.org", Role.ANNOTATOR)
    token = token_of(guarded, ann, key)

    def counts(**more: str) -> int:
        return ask(guarded, "/api/counts", **{"Cookie": cookie, access.HEADER: token} | more)[0]

    assert counts() == HTTPStatus.OK
    assert counts(**{access.HEADER: ""}) == HTTPStatus.UNAUTHORIZED
    assert counts(Cookie="") == HTTPStatus.UNAUTHORIZED
    assert counts(Cookie=cookie_of(guarded, claims_of("bob@x.org"))) == HTTPStatus.UNAUTHORIZED
    assert counts(Cookie=cookie_of(guarded, claims_of("ann@x.org"))) == HTTPStatus.UNAUTHORIZED, "of another sign-in"
    assert counts(Cookie=cookie_of(guarded, claims, "another secret, as long as the first one")) == 401
    assert counts(**{access.HEADER: token_of(guarded, bob, key)}) == HTTPStatus.UNAUTHORIZED
    assert counts(Origin="http://evil.org") == HTTPStatus.FORBIDDEN
    body = json.dumps({"front": None}).encode()
    given = {"Cookie": cookie, access.HEADER: token, "Content-Type": "application/json"}
    assert ask(guarded, "/api/lease", "POST", body=body, Origin=guarded.url, **given)[0] == HTTPStatus.OK
    for origin in ({}, {"Origin": "http://evil.org"}, {"Origin": "null"}):
        assert ask(guarded, "/api/lease", "POST", body=body, **given, **origin)[0] == HTTPStatus.FORBIDDEN
    assert ask(guarded, "/auth/logout", Cookie=cookie)[0] in (HTTPStatus.FOUND, HTTPStatus.TEMPORARY_REDIRECT)
    assert counts() == HTTPStatus.UNAUTHORIZED, "signed out, the token is dead"


@pytest.mark.parametrize("path", ["/api/", "/api/other", "/api/openapi.json", "/api/docs", "/api/window/x"])
def test_there_is_no_other_route(local: App, path: str) -> None:
    status, text = ask(local, path)
    assert status in (HTTPStatus.NOT_FOUND, HTTPStatus.TEMPORARY_REDIRECT, HTTPStatus.UNAUTHORIZED), text
