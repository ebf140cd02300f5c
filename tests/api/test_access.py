"""Who gets an answer: each route, for each role, signed out, with another's token, expired, from another origin."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import select

from mapd.api import access, routes
from mapd.api.access import Visitor
from mapd.people import READER, Person, Role, owner
from mapd.store import db
from mapd.store import tables as t
from tests.api.client import ORIGIN, Server
from tests.api.conftest import EXAM
from tests.conftest import writing

ROUTES: dict[str, tuple[str, dict[str, Any] | None]] = {
    "window": ("GET", None),
    "history": ("GET", None),
    "counts": ("GET", None),
    "decisions": ("POST", {"decisions": [{"token": "0123456789abcdef", "act": "undo", "undoes": "nothing"}]}),
    "lease": ("POST", {"front": None}),
}
OWNER, ANNOTATOR = Person("ann@x.org", Role.OWNER), Person("ann@x.org", Role.ANNOTATOR)
BOB = Person("bob@x.org", Role.OWNER)
HERE, ELSEWHERE = Visitor(OWNER, "sign-in 1"), Visitor(OWNER, "sign-in 2")


@dataclass(frozen=True)
class Case:
    """Who was handed the token, whom the request is of, what it carries, and how it is answered."""

    minted: tuple[Person, str]
    visitor: Visitor | None
    status: int
    code: str = ""
    origin: str | None = ORIGIN
    token: Callable[[str], str] = lambda token: token
    lived: timedelta = timedelta(0)
    posts: int = 0  # the status of what writes, where it is another


CASES = {
    "an owner": Case((OWNER, "sign-in 1"), HERE, 200),
    "an annotator": Case((ANNOTATOR, "sign-in 1"), Visitor(ANNOTATOR, "sign-in 1"), 200),
    "a name where nobody signs in": Case((owner("ann"), ""), Visitor(READER, ""), 200),
    "no name where nobody signs in": Case((READER, ""), Visitor(READER, ""), 200, posts=400),
    "signed out": Case((OWNER, "sign-in 1"), None, 401, "dead"),
    "signed out and in again": Case((OWNER, "sign-in 1"), ELSEWHERE, 401, "dead"),
    "somebody else signed in": Case((OWNER, "sign-in 1"), Visitor(BOB, "sign-in 1"), 401, "dead"),
    "a role that was lost": Case((OWNER, "sign-in 1"), Visitor(ANNOTATOR, "sign-in 1"), 401, "dead"),
    "a role that was won": Case((ANNOTATOR, "sign-in 1"), HERE, 401, "dead"),
    "a token of before people signed in": Case((owner("ann"), ""), HERE, 401, "dead"),
    "a token of a sign-in where nobody signs in": Case((OWNER, "sign-in 1"), Visitor(READER, ""), 401, "dead"),
    "expired": Case((OWNER, "sign-in 1"), HERE, 401, "dead", lived=access.LIFE),
    "no token": Case((OWNER, "sign-in 1"), HERE, 401, "dead", token=lambda _: ""),
    "a token that is none": Case((OWNER, "sign-in 1"), HERE, 401, "dead", token=lambda token: token[::-1]),
    "another origin": Case((OWNER, "sign-in 1"), HERE, 403, "origin", origin="http://evil.test"),
    "another port": Case((OWNER, "sign-in 1"), HERE, 403, "origin", origin=f"{ORIGIN}:81"),
    "no origin": Case((OWNER, "sign-in 1"), HERE, 200, origin=None, posts=403),
}


def requests(server: Server, case: Case) -> Iterator[tuple[str, Any]]:
    """Each route's response."""
    server.visitor = case.visitor
    token = server.token(case.minted[0], EXAM, case.minted[1])
    with db.writing(server.engine) as session:
        session.execute(sa.update(t.AccessToken).values(until=t.now() + access.LIFE - case.lived))
    headers = {access.HEADER: case.token(token)} | ({"Origin": case.origin} if case.origin else {})
    for route, (method, body) in ROUTES.items():
        yield method, server.http.request(method, f"/api/{route}", json=body, headers=headers)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_each_route_asks_who_it_is(server: Server, case: Case) -> None:
    for method, response in requests(server, case):
        wanted = case.posts if case.posts and method == "POST" else case.status
        assert response.status_code == wanted, (response.url, response.text)
        assert response.headers["content-type"] == "application/json"
        if wanted != 200:
            error = response.json()["error"]
            assert error["code"] == case.code or {400: "bad_request", 403: "origin"}[wanted]
            assert "\n" not in error["line"]


def test_every_route_is_in_the_table(server: Server) -> None:
    described = {path.removeprefix("/"): list(ways) for path, ways in routes.describe()["paths"].items()}
    assert described == {name: [method.lower()] for name, (method, _) in ROUTES.items()}
    served = list(server.http.app.routes[0].routes)  # type: ignore[attr-defined]
    assert len(served) == len(ROUTES), "and there is no other"


def test_the_database_holds_no_token(server: Server) -> None:
    token = server.token(OWNER, EXAM)
    with db.reading(server.engine) as session:
        assert token not in str(session.exec(select(t.AccessToken)).all())


def test_another_name_at_the_browser_ends_the_tokens_of_the_first(server: Server) -> None:
    ann, bea = server.client(owner("ann"), EXAM), server.client(owner("bea"), EXAM)
    with db.writing(server.engine) as session:
        access.revoke_tokens(session, "ann")
    assert server.http.get("/api/counts", headers={access.HEADER: ann.token}).status_code == 401
    assert bea.get("counts")["mine"] == 0


def test_a_token_speaks_for_one_person_whatever_the_request_says(server: Server) -> None:
    ann = server.client(owner("ann"), EXAM)
    for field in ("person", "by", "role", "exam"):
        response = server.http.get("/api/window", params={field: "bob"}, headers={access.HEADER: ann.token})
        assert response.status_code == 400, f"{field} is no parameter"
    assert ann.window()["person"] == "ann"


def test_an_annotator_has_no_last_word(server: Server) -> None:
    server.visitor = Visitor(ANNOTATOR, "sign-in 1")
    client = server.client(ANNOTATOR, EXAM, "sign-in 1")
    assert "conflicts" not in [queue["name"] for queue in client.get("counts")["queues"]]
    window = client.window(queue="conflicts")
    assert window["problems"][0].startswith("unknown queue: conflicts")
    assert window["queue"]["name"] == "everything"


@pytest.mark.parametrize(
    ("route", "body", "named"),
    [
        ("decisions", {"decisions": []}, "decisions"),
        ("decisions", {"decisions": [{"token": "short", "act": "undo"}]}, "token"),
        ("decisions", {"decisions": [{"token": "a" * 32, "act": "burn"}]}, "act"),
        ("decisions", {"decisions": [{"token": "a" * 32, "act": "undo", "person": "bob"}]}, "person"),
        ("decisions", {"decisions": [{"token": "a" * 32, "act": "note", "note": "x" * 2001}]}, "note"),
        ("lease", {"next": ["a", "b", "c"]}, "next"),
        ("lease", "nothing", "body"),
    ],
)
def test_a_body_that_is_none_gets_one_line(server: Server, route: str, body: Any, named: str) -> None:
    ann = server.client(owner("ann"), EXAM)
    response = server.http.post(f"/api/{route}", json=body, headers=ann.headers)
    assert response.status_code == 400
    error = response.json()["error"]
    assert error["code"] == "bad_request"
    assert named in error["line"]
    assert "\n" not in error["line"]


def test_a_body_that_is_too_large_is_not_read(server: Server) -> None:
    ann = server.client(owner("ann"), EXAM)
    body = b'{"decisions": "' + b"x" * routes.LARGEST_BODY + b'"}'
    response = server.http.post("/api/decisions", content=body, headers=ann.headers)
    assert (response.status_code, response.json()["error"]["code"]) == (413, "too_large")


def test_an_exam_that_is_gone_gets_one_line(server: Server) -> None:
    token = server.token(owner("ann"), EXAM)
    with writing(server.engine) as session:
        session.execute(sa.update(t.AccessToken).values(exam_id=EXAM))
        row = session.exec(select(t.AccessToken)).one()
        other = t.Exam(name="gone", student_id=1, set_id=1, split="dev", graded_by="ours")
        session.add(other)
        session.flush()
        row.exam_id = other.id or 0
    assert server.http.get("/api/window", headers={access.HEADER: token}).status_code == 200, "one without a mistake"
