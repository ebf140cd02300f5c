"""A scripted server that speaks triage's routes: mistakes made up, faults on demand, every decision kept in a list.

    with scripted.serve(cards=40) as server:
        page.goto(server.url)
        server.fault = 503          # or "stale"
        server.decisions            # what was saved, in order

Only faults that the real server can't be told to make are tested against it (tests/browser/test_client.py).
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from mapd.ui.kit import scripts
from mapd.ui.triage.element import STYLE, element

UI = STYLE.parents[1]
STYLES = (UI / "kit" / "style.css", UI / "kit" / "tables.css", STYLE)
REASONS = ("wrong_answer", "false_step", "right_by_luck", "no_work", "contradicts_question", "unclear", "other")
TEACHERS = ("gpt", "mistral", "gemini")
NOW = "2026-11-29T09:12:44Z"
POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'; script-src 'self'"
PAGE = """<!doctype html><html lang="en"><head><title>Triage</title><meta name="viewport" content="width=device-width">
{styles}<style>body {{ margin: 0; font: 15px 'Source Sans', sans-serif }} .stMain {{ height: 100dvh; overflow: auto }}
.stApp {{ color-scheme: {scheme}; color: {ink}; background: {paper} }}</style></head><body><div class="stApp">
<main class="stMain"><div class="stMainBlockContainer"><div class="stVerticalBlock">
<div class="st-key-mapd_header">project demo</div><div class="stElementContainer"><div class="stHtml">{body}</div></div>
</div></div></main></div></body></html>"""


def passage(text: str, *ranges: tuple[int, int, str, str]) -> dict[str, Any]:
    """A passage as the routes send it."""
    parts = [{"start": start, "end": end, "kind": kind, "label": label} for start, end, kind, label in ranges]
    return {"text": text, "cut": 0, "ranges": parts}


def reasons() -> dict[str, list[dict[str, str]]]:
    """The reasons of every kind."""
    listed = [{"code": code, "words": code.replace("_", " "), "key": str(n)} for n, code in enumerate(REASONS, 1)]
    question = [
        {"code": code, "words": code.replace("_", " "), "key": str(n)}
        for n, code in enumerate(("gold_wrong", "question_unclear", "other"), 1)
    ]
    return {"rationale": listed, "feedback": listed, "attempt": [], "question": question}


def text(mistake: int, kind: str, number: int, *, long: bool) -> dict[str, Any]:
    """One open text."""
    words = f"We add the pens: 13 + 6 = 20. So mistake {mistake} has 20 pens.\r\nAnswer: 20"
    if kind == "feedback":
        words = "The student took the pens away instead of adding them: the answer is not 7."
    if long and number == 1:
        words = "\n".join(f"Step {n}: we add {n} and {n}, which is {2 * n}, and carry the rest." for n in range(1, 70))
    start = words.find("13 + 6")
    false = [(start, start + 11, "false_equation", "false equation")] if start > 0 else []
    criticised = [(0, 34, "criticised_step", "criticises a step of the answer")] if kind == "feedback" else []
    return {
        "uid": f"{kind[0]}{mistake}-{number}",
        "kind": kind,
        "number": number,
        "of": 3,
        "covered": False,
        "text": passage(words, *false, *criticised),
        "thought": passage("Is it 19? I say 20.") if number < 3 else None,
        "words": len(words.split()),
        "markup": number == 2,
        "seen": "all:",
        "adjudicate": False,
        "mark": "waits",
        "said": None,
        "author": {"name": TEACHERS[number - 1], "place": number - 1, "simulated": True, "person": False},
        "repairs": None,
        "answer": "20" if kind == "rationale" else None,
        "checks": [
            {
                "name": "matches_gold",
                "state": "fails",
                "words": "answer 20 ≠ gold 19" if kind == "rationale" else "doesn’t state the gold",
            },
            {"name": "equations_true", "state": "fails", "words": "0 of 1 equations true"},
            *([{"name": "shows_work", "state": "holds", "words": "shows work"}] if kind == "rationale" else []),
        ],
        "limit": None,
        "reviews": [
            {
                "reviewer": {"name": other, "place": TEACHERS.index(other), "simulated": False, "person": False},
                "score": 2 + n,
                "status": "ok",
                "raw": None,
                "counts": True,
                "names_step": n == 0,
                "text": passage(f"A review by {other}: the sum is not 20.") if n else None,
                "thought": None,
            }
            for n, other in enumerate(name for name in TEACHERS if name != TEACHERS[number - 1])
        ],
        "committee": {
            "verdict": "accepted" if number < 3 else "rejected",
            "mean": 3.5,
            "p": None,
            "why": "mean 3.50 is above 3",
        },
        "people": [],
        "verdict": "accepted" if number < 3 else "rejected",
        "overridden": False,
        "conflict": False,
        "why_here": "perhaps wrongly: its answer is not the gold" if kind == "rationale" else None,
        "steps": passage("", *[(32, 42, "criticised_step", "by the feedback")] if kind == "feedback" else [])["ranges"],
    }


COVERED = ("uid", "kind", "number", "of", "text", "words", "markup", "seen", "adjudicate", "said")


@dataclass
class Server:
    """The script: what it holds, and how it fails."""

    number: int
    judge: str = "assisted"
    about: str = "texts"
    person: str = "ann"
    beat: float = 0.0  # seconds before an answer
    fault: int | str | None = None  # of decisions: a status, "stale", or "cut" (saved, and no answer)
    decisions: list[dict[str, Any]] = field(default_factory=list)
    posts: int = 0
    leases: list[dict[str, Any]] = field(default_factory=list)
    others: dict[str, str] = field(default_factory=dict)  # by mistake: who has it
    texts: int = 7  # of the queue's class
    at_once: int = 5_000  # texts of a class that one request decides
    words: list[dict[str, Any]] = field(default_factory=list)  # what the history says
    order: str = "order: default fit"  # what the queue's tooltip names
    places: list[tuple[str | None, int]] = field(default_factory=list)  # behind which card, and how many are held
    progress: dict[str, int] = field(default_factory=dict)  # by token: texts of a class that are decided
    url: str = ""

    # -- what is true now ---------------------------------------------------------------------------------------------

    def standing(self) -> dict[str, dict[str, Any]]:
        """By target what stands, skips too."""
        words: dict[str, dict[str, Any]] = {}
        by_token = {d["token"]: d for d in self.decisions}
        taken: set[str] = set()
        for decision in reversed(self.decisions):
            if decision["act"] == "undo" and decision["token"] not in taken:
                taken.add(decision["undoes"])
        for decision in self.decisions:
            about = decision
            if decision["act"] in ("note", "undo", "class") or decision["token"] in taken:
                continue
            for target in [t["uid"] for t in decision.get("texts") or []] or [decision["target"]]:
                words[target] = about
        assert all(token in by_token for token in taken), "an undo names a decision that was saved before it"
        return words

    def card(self, mistake: int) -> dict[str, Any]:
        """The mistake as it may be seen now."""
        words = self.standing()
        texts = [text(mistake, kind, n, long=mistake % 3 == 0) for kind in ("rationale", "feedback") for n in (1, 2, 3)]
        drawn = []
        for one in texts:
            word = words.get(one["uid"])
            if word:
                act = {"rest": "accept", "repair": "reject"}.get(word["act"], word["act"])
                one["mark"] = "skipped" if act == "skip" else "judged"
                one["seen"] = f"all:{word['token']}"
                if act != "skip":
                    one["said"] = {
                        "decision": act,
                        "reason": word.get("reason"),
                        "note": word.get("note"),
                        "value": word.get("value"),
                        "act": word["token"],
                    }
            if self.judge == "first" and not one["said"]:
                one = {key: one[key] for key in COVERED} | {
                    "covered": True,
                    "mark": one["mark"] if one["mark"] == "skipped" else None,
                }
            drawn.append(one)
        attempt = words.get(f"m{mistake}")
        about_texts = self.about == "texts"
        open_ = [one["uid"] for one in drawn[:3] if one["uid"] not in words] if about_texts else []
        covered = any(one["covered"] for one in drawn)
        rest = {
            kind: [one["uid"] for one in drawn if one["kind"] == kind and one["uid"] not in words]
            for kind in ("rationale", "feedback")
        }
        holder = self.others.get(f"m{mistake}")
        return {
            "id": f"c{mistake}",
            "mistake": f"m{mistake}",
            "queue": "smart",
            "judge": self.judge,
            "draw": 1,
            "number": mistake + 1,
            "all": self.number,
            "where": "queue",
            "waits": bool(open_) if about_texts else attempt is None,
            "about": self.about,
            "beside": None,
            "blind": covered,
            "enter": f"r{mistake}-1",
            "open": open_,
            "rest": {kind: [] if covered else uids for kind, uids in rest.items()},
            "question": {
                "uid": f"q{mistake}",
                "number": str(mistake),
                "task": "numeric",
                "text": passage(f"Ann has 13 pens and gets 6 more (question {mistake}). How many has she now?"),
                "context": None,
                "options": [],
                "solution": passage("13 + 6 = 19"),
                "gold": "19",
                "gold_was": None,
                "seen": "all:",
                "adjudicate": False,
                "people": [],
                "said": None,
            },
            "attempt": {
                "uid": f"m{mistake}",
                "thought": None,
                "cut_off": False,
                "text": passage("I take the pens away.\n\nAnswer:\n\n13 - 6 = 7"),
                "answer": "7",
                "outcome": "incorrect",
                "limit": None,
                "reread": False,
                "doubt": None,
                "seen": "all:",
                "adjudicate": False,
                "people": [],
                "said": attempt
                and {
                    "decision": attempt["act"],
                    "reason": None,
                    "note": None,
                    "value": attempt.get("value"),
                    "act": attempt["token"],
                },
            },
            "texts": drawn,
            "people_here": [{"person": holder, "since": NOW}] if holder else [],
            "free": not holder,
            "explained": None,
        }

    def counts(self) -> dict[str, Any]:
        """The queue's counts."""
        waiting = sum(self.card(n)["waits"] for n in range(self.number)) if self.number < 60 else self.number
        return {
            "name": "smart",
            "title": "most likely decided wrongly" if self.judge == "assisted" else None,
            "waiting": waiting,
            "decided": self.number - waiting,
            "skipped": 0,
            "all": self.number,
        }

    # -- the routes ---------------------------------------------------------------------------------------------------

    def window(self, query: Any) -> dict[str, Any]:
        """The next cards."""
        if query.get("render"):
            style = f"<style>:root {{ color-scheme: {query.get('theme')} }} body {{ font: 15px sans-serif }}</style>"
            return self._around([]) | {
                "rendered": {
                    "uid": query["render"],
                    "document": f"<!doctype html>{style}<h1>Accept a rationale if</h1><p>each step follows.</p>",
                }
            }
        has, start = set(query.getlist("has")), int((query.get("after") or "m-1")[1:]) + 1
        self.places.append((query.get("after"), len(has)))
        order = [*range(start, self.number), *range(start)]
        if query.get("mistake"):
            order = [int(query["mistake"][1:]), *(n for n in order if n != int(query["mistake"][1:]))]
        if query.get("before"):
            cards = [self.card(n) for n in reversed(range(int(query["before"][1:])))]
        else:
            named = query.get("mistake")
            cards = [
                card
                for n in order
                if (card := self.card(n))["mistake"] not in has and (card["waits"] or card["mistake"] == named)
            ]
            cards = [card for card in cards if card["free"] or card["mistake"] == named]
        most = int(query.get("number", 12))
        return self._around(cards[:most]) | {"end": len(cards) <= most}

    def _around(self, cards: list[dict[str, Any]]) -> dict[str, Any]:
        queue = self.counts() | {
            "judge": self.judge,
            "own_judge": "assisted",
            "draw": 1,
            "by_lot": False,
            "about": self.about,
            "again": False,
            "class": {"reason": "no_work", "words": "no work shown"} if self.judge == "assisted" else None,
            "order": self.order,
        }
        return {
            "person": self.person,
            "role": "owner",
            "exam": {"uid": "exam1", "name": "Tiny-1b on pens", "wanted": 1},
            "queue": queue,
            "cards": cards,
            "end": True,
            "missing": None,
            "problems": [],
            "others": [],
            "lacking": None,
            "guidelines": {"uid": "g1", "text": "# Accept", "person": "eve", "since": NOW},
            "rendered": None,
            "reasons": reasons(),
            "longest": {"note": 2000, "repair": 20000, "value": 200, "marks": 20},
        }

    def decide(self, decisions: list[dict[str, Any]]) -> dict[str, Any]:
        """Save what isn't saved yet."""
        saved, answers, cards = {d["token"] for d in self.decisions}, [], {}
        for decision in decisions:
            answer = {
                "token": decision["token"],
                "status": "saved",
                "act": decision["token"],
                "line": None,
                "since": [],
                "decided": 1,
                "of": 1,
            }
            stale = self.fault == "stale" and decision["token"] not in saved
            if stale:
                answer |= {
                    "status": "stale",
                    "act": None,
                    "line": "bob decided on this rationale in the meantime; nothing was saved: look at it again",
                }
            elif decision["token"] not in saved:
                self.decisions += [decision] if decision["token"] not in self.progress else []
            answers.append(answer | self.part_of_class(decision))
            if answers[-1]["decided"] < answers[-1]["of"]:
                break
        for decision in decisions:
            if decision.get("card"):
                cards[decision["card"]] = self.card(int(decision["card"][1:]))
        return {"answers": answers, "cards": cards, "gone": {}, "queue": self.counts(), "guidelines": "g1"}

    def part_of_class(self, decision: dict[str, Any]) -> dict[str, int]:
        """How far a class, or its undo, is by now."""
        token = decision["token"]
        if decision["act"] != "class" and decision.get("undoes") not in self.progress:
            return {"decided": 1, "of": 1}
        self.progress[token] = min(self.texts, self.progress.get(token, 0) + self.at_once)
        return {"decided": self.progress[token], "of": self.texts}

    def lease(self, wish: dict[str, Any]) -> dict[str, Any]:
        """Give what nobody else has."""
        self.leases.append(wish)
        wanted = [uid for uid in (wish["front"], *wish["next"]) if uid]
        held = [{"mistake": uid, "until": NOW} for uid in wanted if uid not in self.others]
        refused = [
            {"mistake": uid, "people": [{"person": self.others[uid], "since": NOW}]}
            for uid in wanted
            if uid in self.others
        ]
        return {"held": held, "refused": refused, "others": [], "seconds": 180}

    def past(self, query: Any) -> dict[str, Any]:
        """What was said, or the last acts."""
        words = self.words if query.get("mistake") else []
        return {"words": words, "taken_back": [], "acts": [], "undo": None, "redo": None}

    # -- http ---------------------------------------------------------------------------------------------------------

    def answer(self, request: Request, body: Any) -> Response:
        """One answer, or the fault."""
        time.sleep(self.beat)
        path = request.url.path.rsplit("/", 1)[-1]
        self.posts += path == "decisions"
        if isinstance(self.fault, int) and path == "decisions":
            return JSONResponse(
                {
                    "error": {
                        "code": "busy" if self.fault == 503 else "dead",
                        "line": f"the script answers {self.fault}",
                    }
                },
                self.fault,
            )
        match path:
            case "window":
                reply = self.window(request.query_params)
            case "decisions":
                reply = self.decide(body["decisions"])
            case "lease":
                reply = self.lease(body)
            case "history":
                reply = self.past(request.query_params)
            case _:
                panel = {
                    "texts": self.texts,
                    "takes": self.texts,
                    "version": "v1",
                    "reject": {"reason": "no_work", "words": "no work shown"},
                }
                reply = {
                    "queues": [self.counts()],
                    "others": [],
                    "class": panel,
                    "mine": len(self.decisions),
                    "guidelines": "g1",
                }
        if self.fault == "cut" and path == "decisions":
            return Response("", 502)
        return JSONResponse(reply)

    async def route(self, request: Request) -> Response:
        """Every route."""
        body = await request.json() if request.method == "POST" else None
        return await run_in_threadpool(self.answer, request, body)

    def page(self, request: Request) -> HTMLResponse:
        """A page that stands as streamlit's does."""
        scheme = request.query_params.get("theme", "light")
        ink, paper = ("#262420", "#fdfcfa") if scheme == "light" else ("#eae6df", "#1a1917")
        styles = "".join(f"<style>{style.read_text()}</style>" for style in STYLES)
        page = PAGE.format(
            styles=styles, scheme=scheme, ink=ink, paper=paper, body=element("token", "exam1", self.person)
        )
        return HTMLResponse(page, headers={"content-security-policy": POLICY})


@contextmanager
def serve(number: int = 40, **more: Any) -> Iterator[Server]:
    """Serve a script on a free port."""
    script = Server(number, **more)
    app = Starlette(
        routes=[
            Route("/triage", script.page),
            Route("/api/{name}", script.route, methods=["GET", "POST"]),
            *scripts.mounts(),
        ]
    )
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    script.url = f"http://127.0.0.1:{port}/triage"
    try:
        yield script
    finally:
        server.should_exit = True
        thread.join(5)
