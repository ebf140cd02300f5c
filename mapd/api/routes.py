"""The five routes. Each asks who it is (access.py), opens one session, and calls one function of review/.

    make(house)            the application that app.py mounts
    describe()             its OpenAPI description

What is refused is answered in one line: {"error": {"code": "dead", "line": "… reload the page"}}.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import Depends, FastAPI, Header, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mapd.api.access import HEADER, Caller, InvalidToken, Visitor, authenticate
from mapd.errors import BadInput, Busy, Damaged, Forbidden, MapdError, NotFound, Stale
from mapd.jobs import kinds
from mapd.people import Right, may
from mapd.review import decisions, history, messages, practice, seats, window
from mapd.review.messages import Answers, Counts, CountsQuery, History, HistoryQuery, Leases, Window, WindowQuery
from mapd.review.queue_index import derivation
from mapd.review.queue_index.derivation import IndexState
from mapd.store import db, queries

LARGEST_BODY = 1_000_000  # bytes
TITLE = "MAPD Studio: triage"
RETRY = {"Retry-After": "1"}


class Preparing(MapdError):  # noqa: N818
    """The exam's queue index is being derived: the same request is answered later."""


class ForeignOrigin(MapdError):  # noqa: N818
    """A request that a page of another site has sent."""


@dataclass(frozen=True, slots=True)
class AppHooks:
    """What the routes need of the app that they are part of."""

    engine: Callable[[], sa.Engine]
    # Whom a request's cookies are of.
    visitor: Callable[[Scope], Visitor | None]
    # The pages from which requests are taken.
    origins: Callable[[Scope], Collection[str]]
    # Makes of a text the document of a sandboxed frame, in a theme.
    render: Callable[[str, str], str]


def make(house: AppHooks) -> FastAPI:
    """Return the application: five routes, and no page that describes them."""
    api = FastAPI(title=TITLE, version="1", openapi_url=None, docs_url=None, redoc_url=None)
    api.add_middleware(BodyLimit)
    for kind, (status, code) in FAULTS.items():
        api.add_exception_handler(kind, _refusal(status, code))
    api.add_exception_handler(RequestValidationError, _refuse_request)

    def entered(request: Request, token: Annotated[str, Header(alias=HEADER)] = "") -> Caller:
        _check_origin(request, house.origins(request.scope))
        with db.reading(house.engine()) as session:
            caller = authenticate(session, token, house.visitor(request.scope))
        if not may(caller.person, Right.JUDGE):
            raise Forbidden(f"{caller.person.name} may not {Right.JUDGE} here; an owner of the project can")
        return caller

    _add_routes(api, house, entered)
    return api


def _add_routes(api: FastAPI, house: AppHooks, entered: Callable[..., Caller]) -> None:
    errors: dict[int | str, dict[str, Any]] = {
        status: {"model": messages.ApiErrorBody} for status in sorted({status for status, _ in FAULTS.values()} | {413})
    }

    @api.get("/window", response_model=Window, responses=errors)
    def read_window(query: Annotated[WindowQuery, Query()], caller: Annotated[Caller, Depends(entered)]) -> Response:
        """Return the person's next cards of a queue, or the one that a link names."""
        engine = _require_index(house.engine(), caller.exam_id)
        with db.reading(engine) as session:
            exam = queries.exam(session, caller.exam_id)
            if query.render is not None:
                document = house.render(window.load_text(session, exam.id, query.render), query.theme)
                page = window.load_window(session, caller.person, caller.exam_id, query)
                rendered = messages.Rendered(uid=query.render, document=document)
                return _json(page.model_copy(update={"rendered": rendered}))
            if not practice.is_enabled(exam):
                return _json(window.load_window(session, caller.person, caller.exam_id, query))
        with db.writing(engine) as session:
            return _json(window.load_window(session, caller.person, caller.exam_id, query))

    @api.post("/decisions", response_model=Answers, responses=errors)
    def write_decisions(body: messages.Decisions, caller: Annotated[Caller, Depends(entered)]) -> Response:
        """Save decisions in the order in which they were made, and answer each."""
        engine = _require_index(house.engine(), caller.exam_id)
        with db.writing(engine) as session:
            return _json(decisions.apply(session, caller.person, caller.exam_id, body.decisions))

    @api.post("/lease", response_model=Leases, responses=errors)
    def write_lease(body: messages.LeaseWish, caller: Annotated[Caller, Depends(entered)]) -> Response:
        """Take, renew or give back what is in front of the person."""
        engine = _require_index(house.engine(), caller.exam_id)
        with db.writing(engine) as session:
            return _json(seats.renew_leases(session, caller.person, caller.exam_id, body))

    @api.get("/history", response_model=History, responses=errors)
    def read_history(query: Annotated[HistoryQuery, Query()], caller: Annotated[Caller, Depends(entered)]) -> Response:
        """Return what was said of a card; without one the person's last acts."""
        engine = _require_index(house.engine(), caller.exam_id)
        with db.reading(engine) as session:
            if query.mistake is not None:
                return _json(history.load_card_history(session, caller.person, caller.exam_id, query))
            return _json(history.load_person_history(session, caller.person, caller.exam_id, query.acts))

    @api.get("/counts", response_model=Counts, responses=errors)
    def read_counts(query: Annotated[CountsQuery, Query()], caller: Annotated[Caller, Depends(entered)]) -> Response:
        """Return every queue's counts, and a class's panel if that is asked for."""
        engine = _require_index(house.engine(), caller.exam_id)
        with db.reading(engine) as session:
            return _json(window.load_counts(session, caller.person, caller.exam_id, query))


def describe() -> dict[str, Any]:
    """Return the OpenAPI description of the routes."""

    def nothing(*_: object) -> Any:
        raise NotImplementedError("the description calls nothing")

    return make(AppHooks(nothing, nothing, nothing, nothing)).openapi()


# -- what every route does --------------------------------------------------------------------------------------------


def _json(message: Window | Answers | Leases | History | Counts) -> Response:
    """Return the message as it is: it was checked as it was made."""
    headers = {"Cache-Control": "no-store"}
    return Response(message.model_dump_json(by_alias=True), media_type="application/json", headers=headers)


def _require_index(engine: sa.Engine, exam_id: int) -> sa.Engine:
    """Return the engine, where the exam's queue index can be read. Raises: Preparing, and a job prepares it."""
    with db.reading(engine) as session:
        state = derivation.find_state(session, exam_id)
    if state is IndexState.CURRENT:
        return engine
    try:
        kinds.prepare_index(engine.execution_options(patience=db.Patience(0)), exam_id)
    except Busy:
        # The rows that are there can be shown, although some wait; an index that isn't derived can't.
        if state is IndexState.MISSING:
            raise
    if state is IndexState.MISSING:
        raise Preparing("this exam's queues are being prepared, by a job on the page Jobs: they open once it is done")
    return engine


def _check_origin(request: Request, origins: Collection[str]) -> None:
    """Refuse what a page of another site sends; what changes something has to say which page it comes from."""
    sent = [origin.lower() for origin in request.headers.getlist("origin")]
    # A browser names the page that sent a request; one that says nothing may only read.
    foreign_site = request.headers.get("sec-fetch-site") in ("cross-site", "same-site")
    foreign = foreign_site or any(origin not in origins for origin in sent)
    if foreign or (request.method != "GET" and len(sent) != 1):
        raise ForeignOrigin(f"this app takes that from its own pages alone, at {', '.join(sorted(origins))}")


Handler = Callable[[Request, Exception], Response]
FAULTS: dict[type[Exception], tuple[int, str]] = {
    InvalidToken: (401, "dead"),
    ForeignOrigin: (403, "origin"),
    Forbidden: (403, "forbidden"),
    NotFound: (404, "unknown"),
    BadInput: (400, "bad_request"),
    Busy: (503, "busy"),
    Preparing: (503, "busy"),
    Stale: (503, "busy"),  # somebody wrote a row of the same name at the same moment: sent again, it is found
    Damaged: (503, "busy"),
}


def _refusal(status: int, code: str) -> Handler:
    def refuse(_: Request, error: Exception) -> Response:
        return _failure(status, code, str(error))

    return refuse


def _refuse_request(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place = ".".join(map(str, first["loc"]))[:100]
    return _failure(400, "bad_request", f"{place}: {first['msg']}; reload the page"[:400])


def _failure(status: int, code: str, line: str) -> Response:
    body = messages.ApiErrorBody(error=messages.ApiError.model_validate({"code": code, "line": line}))
    return JSONResponse(body.model_dump(), status, headers=RETRY if status == 503 else None)


class BodyLimit:
    """ASGI middleware that reads no body larger than LARGEST_BODY."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, its body once it is whole."""
        if scope["type"] != "http" or scope["method"] == "GET":
            await self.app(scope, receive, send)
            return
        # Counted as it arrives: a length in the headers may be a lie.
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if len(body) > LARGEST_BODY:
                line = f"a request has at most {LARGEST_BODY:,} bytes; send fewer decisions at once"
                await _failure(413, "too_large", line)(scope, receive, send)
                return
            if message["type"] != "http.request" or not message.get("more_body", False):
                break

        sent = False

        async def receive_whole() -> Message:
            nonlocal sent
            if sent:
                return await receive()
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self.app(scope, receive_whole, send)
