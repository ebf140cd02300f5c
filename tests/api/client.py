"""A browser's client of the routes, without a browser: it keeps a token, and sends what triage's client sends."""

from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx2
import sqlalchemy as sa
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from mapd.api import access, routes
from mapd.api.access import Visitor
from mapd.people import READER, Person
from mapd.store import db

ORIGIN = "http://testserver"
Json = dict[str, Any]


@dataclass
class Server:
    """The routes as app.py mounts them, where nobody signs in unless `visitor` says so."""

    engine: sa.Engine
    visitor: Visitor | None = field(default_factory=lambda: Visitor(READER, ""))

    def __post_init__(self) -> None:
        house = routes.AppHooks(lambda: self.engine, lambda _: self.visitor, lambda _: {ORIGIN}, _document)
        self.http = TestClient(Starlette(routes=[Mount("/api", routes.make(house))]), base_url=ORIGIN)

    def token(self, person: Person, exam_id: int, sign_in: str = "") -> str:
        """A token as the page mints it."""
        with db.writing(self.engine) as session:
            return access.issue_token(session, person, exam_id, sign_in)

    def client(self, person: Person, exam_id: int, sign_in: str = "") -> "Client":
        """A client of this person's."""
        return Client(self.http, self.token(person, exam_id, sign_in))


@dataclass
class Client:
    """One tab."""

    http: TestClient | httpx2.Client
    token: str
    origin: str = ORIGIN

    def get(self, route: str, **query: Any) -> Json:
        """What a route answers, which has to be 200."""
        return self._ok(self.http.get(f"/api/{route}", params=query, headers={access.HEADER: self.token}))

    def post(self, route: str, body: Json) -> Json:
        """What a route answers, which has to be 200."""
        return self._ok(self.http.post(f"/api/{route}", json=body, headers=self.headers))

    @property
    def headers(self) -> dict[str, str]:
        """As a page of the app's own sends them."""
        return {access.HEADER: self.token, "Origin": self.origin}

    def window(self, **query: Any) -> Json:
        """The next cards."""
        return self.get("window", **query)

    def decide(self, *decisions: Json) -> Json:
        """What is answered to these decisions."""
        return self.post("decisions", {"decisions": list(decisions)})

    def _ok(self, response: Any) -> Json:
        assert response.status_code == 200, response.text
        found: Json = response.json()
        return found


def decision(card: Json, act: str, text: Json | None = None, **more: Any) -> Json:
    """A decision on a text of a card as it is shown, by default the one to begin with."""
    text = text or entered(card)
    made = {"token": uuid4().hex, "act": act, "card": card["id"], "mistake": card["mistake"]}
    made |= {"queue": card["queue"], "judge": card["judge"], "draw": card["draw"], "seconds": 1.5}
    return made | {"kind": text["kind"], "target": text["uid"], "seen": text["seen"]} | more


def on_attempt(card: Json, act: str, **more: Any) -> Json:
    """A decision on the attempt."""
    return decision(card, act, card["attempt"] | {"kind": "attempt"}, **more)


def on_question(card: Json, act: str, **more: Any) -> Json:
    """A decision on the question."""
    return decision(card, act, card["question"] | {"kind": "question"}, **more)


def undo(of: Json, **more: Any) -> Json:
    """A decision that takes another back."""
    kept = {key: of[key] for key in ("card", "mistake", "queue", "judge", "draw")}
    return {"token": uuid4().hex, "act": "undo", "undoes": of["token"]} | kept | more


def entered(card: Json) -> Json:
    """The text to begin with."""
    return next(text for text in card["texts"] if text["uid"] == card["enter"])


def rest(card: Json, kind: str = "rationale", **more: Any) -> Json:
    """Enter: accept what is marked as waiting."""
    by_uid = {text["uid"]: text for text in card["texts"]}
    texts = [{"uid": uid, "seen": by_uid[uid]["seen"]} for uid in card["rest"][kind]]
    return decision(card, "rest", kind=kind, target=None, seen=None, texts=texts) | more


def _document(text: str, theme: str) -> str:
    return f"<html data-theme={theme}>{len(text)}</html>"
