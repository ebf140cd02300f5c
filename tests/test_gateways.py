"""Committees of teachers whose servers answer as real ones do: every call's fate in the ledger, no request too many."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import col, select
from tenacity import wait_none

from mapd import committee, teacher_models, teachers
from mapd.committee import faults
from mapd.models import served
from mapd.models.base import Completion, FaultKind, Finish
from mapd.people import owner
from mapd.settings import Settings
from mapd.store import db, queries
from mapd.store import tables as t
from tests import samples
from tests.commands import Mapd
from tests.conftest import import_files
from tests.pages.running import errors, open_page
from tests.provider import SERVERS, Asked, OutOfCredit, Provider, gateway

ANN = owner("ann")
OWN = 12 + 12  # calls of a teacher: rationales and feedback
on_sqlite = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # where the database makes no difference


@pytest.fixture(autouse=True)
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(served, "BACKOFF", wait_none())


def add(engine: sa.Engine, folder: Path, server: Provider, *names: str, **given: Any) -> None:
    """Twelve mistakes, and a teacher on each of these servers."""
    settings = {"model": "m", "limits": {"concurrency": 4}, "sampling": {"temperature": 0.3}} | given
    with db.writing(engine) as session:
        import_files(session, *samples.files(folder))
        for name in names:
            teachers.add(session, name, kind="openai", base_url=f"{server.url}/{name}/v1", by=ANN, **settings)


def collect(engine: sa.Engine, *names: str, **given: Any) -> committee.CollectResult:
    with db.reading(engine) as session:
        models = {name: teacher_models.open_model(engine, teachers.get(session, name)) for name in names}
    return committee.collect(engine, exam=1, teachers=names, models=models, by=ANN, **given)


def requests(server: Provider) -> Counter[str]:
    return Counter(asked.path.split("/")[1] for asked in server.asked)


def outcomes(engine: sa.Engine) -> dict[str, dict[str, int]]:
    """By teacher, how many calls ended how."""
    query = select(t.Teacher.name, t.Call.outcome).join(t.Teacher, col(t.Call.teacher_id) == t.Teacher.id)
    with db.reading(engine) as session:
        rows = session.exec(query).all()
    return {name: dict(Counter(outcome for who, outcome in rows if who == name)) for name in {who for who, _ in rows}}


@on_sqlite
def test_every_kind_of_server_gives_its_texts_with_the_fewest_requests(engine: sa.Engine, tmp_path: Path) -> None:
    plain = ("chunks", "thinks", "tags", "json", "xml")
    names = (*plain, "error-in-200", "wait-in-body", "refuses-parameters")
    every = OWN + 12 * (len(names) - 1)
    with Provider(gateway) as server:
        add(engine, tmp_path, server, *names)
        done = collect(engine, *names)
        assert (done.failed, done.no_vote, done.reasons) == (0, 0, ())
        assert (done.feedback, done.rationales, done.reviews) == (12 * 8, 12 * 8, 12 * 8 * 7)
        assert requests(server) == {
            **dict.fromkeys(plain, every),
            "error-in-200": 2 * every,
            "wait-in-body": 2 * every,
            "refuses-parameters": every + 3,  # each form is refused once
        }
        collect(engine, *names)
        assert requests(server).total() == 10 * every + 3, "run again, it calls nobody"
    assert outcomes(engine) == {name: {"ok": every} for name in names}
    with db.reading(engine) as session:
        rows = [*session.exec(select(t.Explanation)), *session.exec(select(t.Review))]
        learned = teachers.get(session, "refuses-parameters").learned
        assert teacher_models.list_notes(teachers.get(session, "refuses-parameters"))[-1].startswith(
            "temperature isn't taken"
        )
        thinkers = {teachers.get(session, name).id for name in ("chunks", "thinks", "tags")}
    new = [row for row in rows if (row.author_id if isinstance(row, t.Explanation) else row.reviewer_id) > 3]
    assert len(new) == 12 * 8 * (2 + 7)
    assert not any("Half is 9" in row.text for row in new)
    for row in new:
        teacher = row.author_id if isinstance(row, t.Explanation) else row.reviewer_id
        assert row.thought == ("Half is 9 … [1]" if teacher in thinkers else None)
    assert learned == {"max_tokens": "max_completion_tokens", "temperature": None, "system": "user"}


@on_sqlite
def test_what_a_server_refused_is_known_to_the_next_process(engine: sa.Engine, tmp_path: Path) -> None:
    with Provider(gateway) as server:
        add(engine, tmp_path, server, "refuses-parameters")
        with db.reading(engine) as session:
            tested = teacher_models.test(engine, teachers.get(session, "refuses-parameters"))
        assert (tested.ok, len(server.asked)) == (True, 4)
        assert "temperature isn't taken by this model: left out" in tested.notes
        assert collect(engine, "refuses-parameters").calls_made == OWN
        assert len(server.asked) == 4 + OWN
        with db.writing(engine) as session:
            assert teachers.change_settings(session, "refuses-parameters", by=ANN, forget=True).learned == {}


def test_a_bad_key_stops_its_teacher_and_the_others_go_on(engine: sa.Engine, tmp_path: Path) -> None:
    told: list[committee.CommitteeProgress] = []
    with Provider(gateway) as server:
        add(engine, tmp_path, server, "well", "thinks", "bad-key")
        done = collect(engine, "well", "thinks", "bad-key", progress=told.append)
        assert requests(server) == {"well": OWN + 12, "thinks": OWN + 12, "bad-key": 1}
        again = collect(engine, "well", "thinks", "bad-key")
        assert requests(server)["bad-key"] == 2, "once a run"
    assert (done.feedback, done.rationales, done.reviews, done.failed) == (24, 24, 24, 1)
    reason = committee.FailureReason(
        "bad-key", "HTTP 401: Incorrect API key provided.", 1, faults.CURES[FaultKind.KEY], stopped=True
    )
    assert done.reasons == again.reasons == (reason,)
    assert outcomes(engine)["bad-key"] == {"failed": 2}, "no row for what was never sent"
    assert told[-1].completed == told[-1].total
    assert "bad-key stopped" in told[-1].in_words
    with db.reading(engine) as session:
        exam = queries.exam(session, 1)
        assert [stop.reason for stop in committee.stops(session, exam.uid)] == [reason.reason]
        assert session.exec(select(t.Claim)).all() == []


def test_credit_that_runs_out_ends_with_every_calls_true_fate(engine: sa.Engine, tmp_path: Path) -> None:
    broke = OutOfCredit(calls=10)
    with Provider(lambda asked: broke(asked) if asked.path.startswith("/broke") else gateway(asked)) as server:
        add(engine, tmp_path, server, "well", "broke")
        done = collect(engine, "well", "broke")
        failed = requests(server)["broke"] - 10
    assert 1 <= failed <= 4, "what was in flight, and no more"
    assert outcomes(engine)["broke"] == {"ok": 10, "failed": failed}
    (reason,) = done.reasons
    assert (reason.reason, reason.calls, reason.stopped) == ("HTTP 402: Insufficient credits", failed, True)
    broke.calls = 1000
    with Provider(lambda asked: broke(asked) if asked.path.startswith("/broke") else gateway(asked)) as server:
        with db.writing(engine) as session:
            for row in teachers.list_teachers(session):
                row.base_url = row.base_url and f"{server.url}/{row.name}/v1"
                session.add(row)
        whole = collect(engine, "well", "broke")
    assert (whole.feedback, whole.rationales, whole.reviews, whole.reasons) == (24, 24, 24, ())


@on_sqlite
def test_two_names_of_one_server_wait_for_each_other_and_one_may_be_stopped(engine: sa.Engine, tmp_path: Path) -> None:
    """Both teachers' calls have the same keys in the ledger; where one is stopped, the other sends its calls."""

    def of_key(asked: Asked) -> Any:
        return SERVERS["bad-key"](asked) if asked.key.startswith("sk-old") else "ok"

    with pytest.MonkeyPatch.context() as patch, Provider(of_key) as server:
        patch.setenv("OLD_KEY", "sk-old-0123456789")
        patch.setenv("NEW_KEY", "sk-new-0123456789")
        add(engine, tmp_path, server)
        with db.writing(engine) as session:
            for name, key_env in (("old", "OLD_KEY"), ("new", "NEW_KEY")):
                url = f"{server.url}/v1"
                teachers.add(session, name, kind="openai", model="m", base_url=url, key_env=key_env, by=ANN)
        done = collect(engine, "old", "new")
    assert [(reason.teacher, reason.stopped) for reason in done.reasons] == [("old", True)]
    with db.reading(engine) as session:
        new = teachers.get(session, "new")
        texts = session.exec(select(t.Explanation).where(t.Explanation.author_id == new.id)).all()
    assert len(texts) >= OWN - 1, "all but the one that waited for the call that failed"


@on_sqlite
def test_thoughts_that_leave_no_text_are_said_and_counted(engine: sa.Engine, tmp_path: Path) -> None:
    body = {
        "choices": [{"finish_reason": "stop", "message": {"content": None, "reasoning_content": "All of it."}}],
        "usage": {"prompt_tokens": 30, "completion_tokens": 12},
    }
    with Provider(lambda _: (200, {}, json.dumps(body))) as server:
        add(engine, tmp_path, server, "well", price={"usd_in": 0, "usd_out": 100_000})
        done = collect(engine, "well")
    assert len(server.asked) == OWN
    (reason,) = done.reasons
    assert reason.reason.startswith("12 tokens went into reasoning_content: ")
    assert (reason.calls, reason.stopped) == (OWN, False)
    assert done.spent_usd == pytest.approx(1.2 * OWN), "what is billed is counted"


def test_reasons_that_differ_in_a_number_are_one() -> None:
    tally = faults.Tally()
    for count in (3, 700):
        error = f"{count} tokens went into reasoning: raise max_tokens"
        tally.note("mini", Completion("k", "", Finish.CUT_OFF, error))
    for status in (500, 502):
        tally.note(
            "mini", Completion("k", "", Finish.FAILED, f"tried 5 times, the last: HTTP {status}", fault=FaultKind.BUSY)
        )
    for fault in (FaultKind.OTHER, FaultKind.OTHER, FaultKind.DOWN):
        tally.note("mini", Completion("k", "", Finish.FAILED, "HTTP 413: too large", fault=fault))
    assert [(reason.calls, reason.reason) for reason in tally.reasons] == [
        (3, "HTTP 413: too large"),
        (2, "3 tokens went into reasoning: raise max_tokens"),
        (1, "HTTP 500"),
        (1, "HTTP 502"),
    ]
    assert [reason.stopped for reason in tally.reasons] == [True, False, False, False]
    assert all(faults.cure(kind, "mini") for kind in (*FaultKind, *(f for f in Finish if f is not Finish.OK)))


# --- The command, the page --------------------------------------------------------------------------------------------


def test_the_command_says_what_failed_and_why_and_the_page_too(mapd: Mapd, tmp_path: Path) -> None:
    with Provider(gateway) as server:
        add(db.open_store(Settings()), tmp_path, server, "refuses-parameters", "bad-key")
        code, out, _ = mapd("collect", "--exam", "1", "--teachers", "refuses-parameters,bad-key")
        assert code == 1
        assert "1  bad-key: HTTP 401: Incorrect API key provided. (stopped: this run asked it nothing more)" in out
        assert "cure: set its key anew" in out
        assert "refuses-parameters: temperature isn't taken by this model: left out" in out
        code, out, _ = mapd("collect", "--exam", "1", "--teachers", "refuses-parameters,bad-key", "--json")
        (reason,) = json.loads(out)["reasons"]
        assert (code, reason["teacher"], reason["calls"], reason["stopped"]) == (1, "bad-key", 1, True)
        code, out, _ = mapd("collect", "--exam", "1", "--teachers", "refuses-parameters")
        assert code == 0
    assert not any("bad-key" in error for error in errors(open_page("pages/loop/committee.py")))
    with Provider(gateway) as server:
        with db.writing(db.open_store(Settings())) as session:
            row = teachers.get(session, "bad-key")
            row.base_url = f"{server.url}/bad-key/v1"
        assert mapd("collect", "--exam", "1", "--teachers", "bad-key")[0] == 1
    (error,) = (e for e in errors(open_page("pages/loop/committee.py")) if "bad-key was stopped" in e)
    assert "HTTP 401: Incorrect API key provided." in error


def test_further_fields_headers_and_what_may_change(mapd: Mapd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAPD_TEAM", "team-secret-77")
    field = 'chat_template_kwargs={"enable_thinking": false}'
    with Provider() as server:
        where = ("--kind", "openai", "--model", "m", "--base-url", f"{server.url}/v1")
        own = ("--set", field, "--set", "reasoning_effort=low", "--set", "top_k=5", "--header", "X-Team=MAPD_TEAM")
        code, out, err = mapd("teachers", "add", "mini", *where, *own, "--json")
        assert (code, err) == (0, "")
        row = json.loads(out)
        assert row["sampling"]["chat_template_kwargs"] == {"enable_thinking": False}
        assert row["headers"] == {"x-team": "MAPD_TEAM"}
        assert mapd("teachers", "test", "mini")[0] == 0
        sent = server.asked[0]
    assert (sent.body["top_k"], sent.body["reasoning_effort"]) == (5, "low")
    assert sent.body["chat_template_kwargs"] == {"enable_thinking": False}
    assert sent.headers["x-team"] == "team-secret-77"
    code, out, _ = mapd("teachers", "set", "mini", "--set", "max_tokens=4096", "--limit", "per_minute=30", "--json")
    changed = json.loads(out)
    assert (code, changed["sampling"]["max_tokens"], changed["limits"]) == (0, 4096, {"per_minute": 30})
    assert changed["sampling"]["top_k"] == 5
    assert "team-secret-77" not in mapd("teachers", "list")[1]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("--set", "model=x"), "model can't be set"),
        (("--set", "messages=[]"), "messages can't be set"),
        (("--set", "stream=true"), "stream can't be set"),
        (("--set", "n=2"), "n can't be set"),
        (("--set", "tools=[]"), "tools can't be set"),
        (("--set", "api_key=sk-planted"), "api_key may hold a key"),
        (("--set", 'provider={"api_key": "sk-planted"}'), "api_key may hold a key"),
        (("--set", "max_completion_tokens=9"), "set max_tokens"),
        (("--set", "enable_thinking=False"), "takes JSON: false, not False"),
        (("--set", "chat_template_kwargs={enable_thinking: false}"), "takes JSON in straight double quotes"),
        (("--set", "top_k=NaN"), "without NaN and Infinity"),
        (("--base-url", "http://x/v1/chat/completions"), "which each call adds: http://x/v1\n"),
        (("--base-url=http://x/v1/", "--kind=anthropic"), "which each call adds: http://x\n"),
        (("--base-url=http://x/v1?api-version=3", "--key-env=A_KEY"), "may hold no user, password, ? or #"),
        (("--header", "x-team"), "takes HEADER=NAME"),
        (("--header", "x-team=sk-planted"), "takes the NAME of the variable"),
        (("--header", "host=MAPD_HOST"), "none of the connection's own"),
    ],
)
def test_what_cannot_be_set_is_refused_in_one_line(mapd: Mapd, words: tuple[str, str], line: str) -> None:
    code, out, err = mapd("teachers", "add", "mini", "--kind", "openai", "--model", "m", *words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert line in err
    assert "sk-planted" not in err


def test_another_setting_than_the_longest_reply_is_another_teacher(mapd: Mapd) -> None:
    assert mapd("teachers", "add", "mini", "--kind", "openai", "--model", "m")[0] == 0
    code, _, err = mapd("teachers", "set", "mini", "--set", "temperature=0.5")
    assert code == 2
    assert "another teacher" in err
    assert mapd("teachers", "set", "plato", "--limit", "concurrency=2")[0] == 1
